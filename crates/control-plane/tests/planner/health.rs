//! What health makes of an endpoint: each is judged by itself, and is never emptied.

use control_plane::{Fleet, Health};
use plan_store::EndpointName;

use crate::sim::{Fate, Sim};
use crate::{at, down_since, health, health_at, held, parse, planner, served, serves, unhealthy};

/// Endpoints of six targets in three zones, `192.0.2.N` for N from 1; zone 1 has the first
/// two of each six.
fn zones(endpoints: u8) -> Fleet {
    let mut text = String::new();
    for endpoint in 0..endpoints {
        text += &format!("[[endpoint]]\nname = \"e{endpoint}.example\"\ntarget = [\n");
        for n in 0..6 {
            let (last, zone) = (endpoint * 6 + n + 1, n / 2 + 1);
            text +=
                &format!("{{ address = \"192.0.2.{last}\", zone = \"z{zone}\", capacity = 1 }},\n");
        }
        text += "]\n";
    }
    parse(&text)
}

fn kill(sim: &mut Sim, targets: impl IntoIterator<Item = u8>) {
    for last in targets {
        sim.set([192, 0, 2, last].into(), Fate::Refuses);
    }
}

/// An endpoint of targets `192.0.2.N`, each with these further fields, and these fields of
/// the endpoint.
fn endpoint(fields: &str, targets: &[&str]) -> Fleet {
    let mut text = format!(
        "planner = {{ suspect_percent = 100 }}\n[[endpoint]]\nname = \"a.example\"\n{fields}\ntarget = [\n"
    );
    for (n, more) in (1..).zip(targets) {
        text += &format!("{{ address = \"192.0.2.{n}\", zone = \"z\", capacity = 1{more} }},\n");
    }
    parse(&(text + "]"))
}

/// What the endpoint serves after all was well, and then came this.
fn after(fleet: &Fleet, health: &Health) -> String {
    let (mut planner, store) = planner(fleet.clone());
    planner.tick(&crate::health(&[])).unwrap();
    planner.tick(health).unwrap();
    serves(&store, "a")
}

#[test]
fn row_1_each_of_two_endpoints_loses_its_dead_target() {
    let fleet = parse(
        r#"
        [[endpoint]]
        name = "a.example"
        target = [
            { address = "192.0.2.1", zone = "z1", capacity = 1 },
            { address = "192.0.2.2", zone = "z2", capacity = 1 },
        ]
        [[endpoint]]
        name = "b.example"
        target = [
            { address = "192.0.2.11", zone = "z1", capacity = 1 },
            { address = "192.0.2.12", zone = "z1", capacity = 1 },
            { address = "192.0.2.13", zone = "z2", capacity = 1 },
            { address = "192.0.2.14", zone = "z2", capacity = 1 },
            { address = "192.0.2.15", zone = "z3", capacity = 1 },
            { address = "192.0.2.16", zone = "z3", capacity = 1 },
        ]
        "#,
    );
    let mut sim = Sim::new(fleet, 1000);
    sim.run(3000);
    kill(&mut sim, [1, 11]);
    sim.run(5000);
    let left = [("a", "2"), ("b", "12 13 14 15 16")];
    let left = left.map(|(name, targets)| (name.to_owned(), targets.to_owned()));
    assert_eq!(served(&sim.store), left.into());
    assert_eq!(sim.planner.status().held, []);
}

/// With the default settings.
#[test]
fn row_2_a_zone_that_goes_down_leaves_within_the_detection_time() {
    let mut sim = Sim::new(zones(40), 1000);
    sim.run(3000);
    kill(&mut sim, (0..240).filter(|n| n % 6 < 2).map(|n| n + 1));
    // One tick after the detection window.
    sim.run(3 * 1100 + 500 + 1000);
    for (name, targets) in served(&sim.store) {
        assert_eq!(targets.split(' ').count(), 4, "{name}: {targets}");
    }
    assert_eq!(sim.planner.status().suspected, 0);
}

#[test]
fn row_3_flapping_targets_freeze_no_endpoint() {
    let mut sim = Sim::new(zones(40), 1000);
    let mut random = fastrand::Rng::with_seed(7);
    sim.run(3000);
    for _ in 0..60 {
        for _ in 0..12 {
            let target = [192, 0, 2, random.u8(1..=240)].into();
            let fate = match sim.fate(target) {
                Fate::Lives => Fate::Refuses,
                _ => Fate::Lives,
            };
            sim.set(target, fate);
        }
        sim.run(1000);
    }
    // At rest, each endpoint has what lives of its own. Nobody has confirmed anything.
    sim.run(40_000);
    for (name, targets) in served(&sim.store) {
        let number: u8 = name[1..].parse().unwrap();
        let own = (1..=6).map(|n| number * 6 + n);
        let lives = own.filter(|&last| sim.fate([192, 0, 2, last].into()) == Fate::Lives);
        let lives: Vec<_> = lives.map(|last| last.to_string()).collect();
        assert!(
            !lives.is_empty(),
            "another seed: {name} has nothing that lives"
        );
        assert_eq!(targets, lives.join(" "), "{name}");
    }
    assert_eq!(sim.planner.status().held, []);
}

#[test]
fn row_13_the_plan_is_the_same_at_any_interval_of_the_planner() {
    let plans = [100, 1000, 5000].map(|interval| {
        let mut sim = Sim::new(zones(2), interval);
        sim.run(10_000);
        kill(&mut sim, [1, 2, 7, 8]);
        sim.run(20_000);
        served(&sim.store)
    });
    assert_eq!(plans[0]["e0"], "3 4 5 6");
    assert_eq!(plans[0]["e1"], "9 10 11 12");
    assert_eq!(plans[0], plans[1]);
    assert_eq!(plans[0], plans[2]);
}

#[test]
fn an_endpoint_of_one_target_keeps_it_and_the_one_beside_it_moves() {
    let fleet = parse(
        r#"
        planner = { suspect_percent = 100 }
        [[endpoint]]
        name = "a.example"
        target = [{ address = "192.0.2.1", zone = "z1", capacity = 1 }]
        [[endpoint]]
        name = "b.example"
        target = [
            { address = "192.0.2.1", zone = "z1", capacity = 1 },
            { address = "192.0.2.2", zone = "z1", capacity = 1 },
        ]
        "#,
    );
    let (mut planner, store) = planner(fleet);
    planner.tick(&health(&[])).unwrap();
    planner.tick(&unhealthy(&["192.0.2.1"])).unwrap();
    assert_eq!(
        (serves(&store, "a"), serves(&store, "b")),
        ("1".into(), "2".into())
    );
    let names: Vec<_> = planner
        .status()
        .fail_open
        .iter()
        .map(EndpointName::as_str)
        .collect();
    assert_eq!(names, ["a.example"]);
    planner.tick(&health(&[])).unwrap();
    assert!(planner.status().fail_open.is_empty());
}

#[test]
fn the_lowest_tier_with_a_healthy_target_serves() {
    let fleet = endpoint("", &["", ", tier = 0", ", tier = 1", ", tier = 7"]);
    for (broken, left) in [
        (&[][..], "1 2"),
        (&["192.0.2.1"], "2"),
        (&["192.0.2.3"], "1 2"),
        (&["192.0.2.1", "192.0.2.2"], "3"),
        (&["192.0.2.1", "192.0.2.2", "192.0.2.3"], "4"),
        // Nothing is healthy: the lowest tier, whole.
        (&["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"], "1 2"),
    ] {
        assert_eq!(after(&fleet, &unhealthy(broken)), left, "{broken:?}");
    }
}

#[test]
fn a_tier_with_too_few_healthy_targets_is_passed_over_or_served_whole() {
    let one_tier = endpoint("min_healthy_percent = 50", &[""; 4]);
    for (broken, left) in [
        (&["192.0.2.1"][..], "2 3 4"),
        (&["192.0.2.1", "192.0.2.2"], "3 4"),
        (&["192.0.2.1", "192.0.2.2", "192.0.2.3"], "1 2 3 4"),
    ] {
        assert_eq!(after(&one_tier, &unhealthy(broken)), left, "{broken:?}");
    }
    let second = ", tier = 1";
    let two_tiers = endpoint("min_healthy_percent = 60", &["", "", second, second]);
    for (broken, left) in [
        (&["192.0.2.1"][..], "3 4"),
        // Both have too few: the lower one, whole.
        (&["192.0.2.1", "192.0.2.3"], "1 2"),
        // The lower one has none at all.
        (&["192.0.2.1", "192.0.2.2", "192.0.2.3"], "3 4"),
    ] {
        assert_eq!(after(&two_tiers, &unhealthy(broken)), left, "{broken:?}");
    }
}

#[test]
fn when_nothing_is_healthy_the_policy_decides() {
    let one_after_another = [
        ("192.0.2.1", down_since(0)),
        ("192.0.2.2", down_since(10_000)),
        ("192.0.2.3", down_since(10_500)),
    ];
    let everything = health_at(20_000, &one_after_another);
    let three = ["", "", ""];
    let with_drained = ["", "", "", ", weight = 0"];
    for (fields, targets, left) in [
        ("", &three[..], "1 2 3"),
        ("fail = \"all\"", &three, "1 2 3"),
        // Those that went down within one detection window with the last one.
        ("fail = \"last\"", &three, "2 3"),
        ("fail = \"all\"", &with_drained, "1 2 3 (4)"),
        ("fail = \"last\"", &with_drained, "2 3 (4)"),
        ("fail = \"drained\"", &with_drained, "4"),
        ("fail = \"drained\"", &three, "1 2 3"),
    ] {
        let fleet = endpoint(fields, targets);
        assert_eq!(after(&fleet, &everything), left, "{fields}");
    }
}

#[test]
fn the_policy_of_drained_targets_falls_back_on_all() {
    let fleet = endpoint("fail = \"drained\"", &["", "", ", weight = 0"]);
    let all = unhealthy(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    assert_eq!(after(&fleet, &all), "1 2");
}

#[test]
fn a_drained_target_gets_no_traffic_when_others_are_out() {
    let fleet = endpoint("", &["", "", ", weight = 0"]);
    assert_eq!(after(&fleet, &health(&[])), "1 2 (3)");
    assert_eq!(after(&fleet, &unhealthy(&["192.0.2.1"])), "2 (3)");
    let both = unhealthy(&["192.0.2.1", "192.0.2.2"]);
    assert_eq!(after(&fleet, &both), "1 2 (3)");
}

#[test]
fn a_zone_can_be_drained_and_an_endpoint_that_lies_in_it_alone_goes_on() {
    let text = r#"
        [planner]
        max_removal_percent = 40
        drained_zones = []
        [[endpoint]]
        name = "a.example"
        target = [
            { address = "192.0.2.1", zone = "z1", capacity = 1 },
            { address = "192.0.2.2", zone = "z2", capacity = 1 },
        ]
        [[endpoint]]
        name = "b.example"
        target = [{ address = "192.0.2.3", zone = "z1", capacity = 1 }]
    "#;
    let drained = parse(&text.replace("[]", "[\"z1\"]"));
    let (mut planner, store) = planner(parse(text));
    planner.tick(&health(&[])).unwrap();
    planner.set_fleet(drained.clone(), at(0));
    planner.tick(&health(&[])).unwrap();
    assert_eq!(serves(&store, "a"), "2 (1)");
    // This change would leave nothing, so it waits for a person.
    assert_eq!(serves(&store, "b"), "3");
    assert_eq!(held(&planner), ["b.example"]);
    // Even then the endpoint is not emptied.
    assert!(planner.confirm(planner.status().held[0].id, at(0)));
    planner.tick(&health(&[])).unwrap();
    assert_eq!(serves(&store, "b"), "3");
    // A first start with the zone drained is the same.
    let (mut planner, store) = crate::planner(drained);
    planner.tick(&health(&[])).unwrap();
    assert_eq!(
        (serves(&store, "a"), serves(&store, "b")),
        ("2 (1)".into(), "3".into())
    );
}

#[test]
fn each_address_family_is_judged_by_itself() {
    let fleet = parse(
        r#"
        planner = { suspect_percent = 100 }
        [[endpoint]]
        name = "a.example"
        target = [
            { address = "192.0.2.1", zone = "z", capacity = 1 },
            { address = "192.0.2.2", zone = "z", capacity = 1 },
            { address = "2001:db8::8", zone = "z", capacity = 1 },
            { address = "2001:db8::9", zone = "z", capacity = 1 },
        ]
        "#,
    );
    for (broken, left) in [
        (&["192.0.2.1", "2001:db8::8"][..], "2 9"),
        (&["192.0.2.1", "192.0.2.2", "2001:db8::8"], "1 2 9"),
        (&["192.0.2.2", "2001:db8::8", "2001:db8::9"], "1 8 9"),
    ] {
        assert_eq!(after(&fleet, &unhealthy(broken)), left, "{broken:?}");
    }
}
