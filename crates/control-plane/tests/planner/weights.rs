//! The weights that the targets of an endpoint get.

use std::net::IpAddr;

use control_plane::Health;

use crate::{capacity, fleet, health, latest, planner, unhealthy};

/// The weights in the plan of a single endpoint, by the last part of the address.
fn weights(targets: &[(&str, u32, u8)], health: &Health) -> Vec<(String, u8)> {
    let (mut planner, store) = planner(fleet(30, &[("db.example", targets)]));
    planner.tick(health).unwrap();
    let plan = latest(&store);
    let (_, records) = plan.endpoints().next().unwrap();
    let part = |address: IpAddr| {
        address
            .to_string()
            .split(['.', ':'])
            .next_back()
            .unwrap()
            .to_owned()
    };
    records
        .targets()
        .map(|t| (part(t.address), t.weight))
        .collect()
}

#[test]
fn a_weight_is_the_operators_weight_times_the_capacity_scaled_to_255() {
    let cases: &[(&[(&str, u32, u8)], &[u8])] = &[
        (&[("192.0.2.1", 7, 3)], &[255]),
        (
            &[("192.0.2.1", 100, 100), ("192.0.2.2", 50, 100)],
            &[255, 128],
        ),
        (
            &[("192.0.2.1", 100, 100), ("192.0.2.2", 100, 20)],
            &[255, 51],
        ),
        (
            &[("192.0.2.1", 10, 200), ("192.0.2.2", 20, 100)],
            &[255, 255],
        ),
        // Drained by the operator, and rounded up from almost 0.
        (&[("192.0.2.1", 1, 1), ("192.0.2.2", 9, 0)], &[255, 0]),
        (
            &[("192.0.2.1", 1_000_000, 255), ("192.0.2.2", 1, 1)],
            &[255, 1],
        ),
        // Each family by itself.
        (
            &[
                ("192.0.2.1", 100, 1),
                ("2001:db8::2", 2, 1),
                ("2001:db8::3", 1, 1),
            ],
            &[255, 255, 128],
        ),
    ];
    for (targets, expected) in cases {
        let weights: Vec<u8> = weights(targets, &health(&[])).iter().map(|w| w.1).collect();
        assert_eq!(weights, *expected, "{targets:?}");
    }
}

#[test]
fn a_reported_capacity_overrides_the_fleets_capacity_and_none_overflows() {
    let (most, least) = (u32::MAX, 0);
    let cases = [
        (
            [("192.0.2.1", capacity(50)), ("192.0.2.2", capacity(100))],
            [128, 255],
        ),
        (
            [("192.0.2.1", capacity(most)), ("192.0.2.2", capacity(most))],
            [255, 255],
        ),
        (
            [("192.0.2.1", capacity(most)), ("192.0.2.2", capacity(1))],
            [255, 1],
        ),
        (
            [
                ("192.0.2.1", capacity(most)),
                ("192.0.2.2", capacity(least)),
            ],
            [255, 0],
        ),
        // Nothing left above 0.
        (
            [
                ("192.0.2.1", capacity(least)),
                ("192.0.2.2", capacity(least)),
            ],
            [1, 1],
        ),
    ];
    let targets = [("192.0.2.1", 100, 255), ("192.0.2.2", 100, 255)];
    for (reports, expected) in cases {
        let weights: Vec<u8> = weights(&targets, &health(&reports))
            .iter()
            .map(|w| w.1)
            .collect();
        assert_eq!(weights, expected, "{reports:?}");
    }
}

#[test]
fn unhealthy_targets_are_left_out_unless_all_of_a_family_are_unhealthy_and_drained_ones_never_serve()
 {
    let targets = [
        ("192.0.2.1", 100, 100),
        ("192.0.2.2", 50, 100),
        ("192.0.2.3", 100, 0),
        ("2001:db8::4", 100, 100),
    ];
    let cases: &[(&[&str], &str)] = &[
        (&[], "1=255 2=128 3=0 4=255"),
        (&["192.0.2.1"], "2=255 3=0 4=255"),
        // All IPv4 targets but the drained one look broken: fail open. Then IPv6.
        (&["192.0.2.1", "192.0.2.2"], "1=255 2=128 3=0 4=255"),
        (
            &["192.0.2.1", "192.0.2.2", "192.0.2.3"],
            "1=255 2=128 4=255",
        ),
        (&["2001:db8::4"], "1=255 2=128 3=0 4=255"),
        (&["2001:db8::4", "192.0.2.1"], "2=255 3=0 4=255"),
    ];
    for (broken, expected) in cases {
        let weights = weights(&targets, &unhealthy(broken));
        let said: Vec<_> = weights
            .iter()
            .map(|(last, w)| format!("{last}={w}"))
            .collect();
        assert_eq!(said.join(" "), *expected, "{broken:?}");
    }
}
