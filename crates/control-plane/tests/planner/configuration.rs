//! Change control: what a new fleet file may take away, and how a person decides the rest.

use std::net::IpAddr;

use control_plane::{ChangeId, Fleet, HoldReason, Planner};
use plan_store::MemoryStore;

use crate::sim::{Fate, Sim};
use crate::{at, health, parse, planner, published, serves, unchanged, unhealthy};

/// Endpoints with targets `192.0.2.N`; a number in brackets is drained, one from 101 on is
/// an IPv6 address.
fn fleet(percent: u8, endpoints: &[(&str, &[i16])]) -> Fleet {
    let mut text =
        format!("planner = {{ max_removal_percent = {percent}, suspect_percent = 100 }}\n");
    for (name, targets) in endpoints {
        text += &format!("[[endpoint]]\nname = \"{name}.example\"\ntarget = [\n");
        for target in *targets {
            let (last, weight) = (target.unsigned_abs(), if *target < 0 { 0 } else { 255 });
            let address = match last {
                101.. => format!("2001:db8::{}", last - 100),
                _ => format!("192.0.2.{last}"),
            };
            text += &format!(
                "{{ address = \"{address}\", zone = \"z\", capacity = 1, weight = {weight} }},\n"
            );
        }
        text += "]\n";
    }
    parse(&text)
}

/// The endpoints that are held, with the reasons.
fn held(planner: &Planner<MemoryStore>) -> Vec<(String, String)> {
    let held = planner.status().held.iter();
    held.map(|h| (h.endpoint.to_string(), h.reason.to_string()))
        .collect()
}

fn ids(planner: &Planner<MemoryStore>) -> Vec<ChangeId> {
    planner.status().held.iter().map(|held| held.id).collect()
}

/// A Planner that has published this fleet, with everything up.
fn planned(fleet: Fleet) -> (Planner<MemoryStore>, MemoryStore) {
    let (mut planner, store) = planner(fleet);
    planner.tick(&health(&[])).unwrap();
    (planner, store)
}

/// Why the change of endpoint `a` from one list of targets to another is held, if it is.
fn judged(percent: u8, from: &[i16], to: &[i16]) -> Option<HoldReason> {
    let (mut planner, store) = planned(fleet(percent, &[("a", from)]));
    let before = serves(&store, "a");
    planner.set_fleet(fleet(percent, &[("a", to)]), at(0));
    let reason = planner.status().held.first().map(|held| held.reason);
    planner.tick(&health(&[])).unwrap();
    assert_eq!(
        reason.is_some(),
        serves(&store, "a") == before,
        "{from:?} to {to:?}"
    );
    reason
}

#[test]
fn of_four_targets_or_more_the_set_share_may_go_and_of_fewer_all_but_the_last() {
    let loses = |removed, of| Some((removed, of));
    let ten: Vec<i16> = (1..=10).collect();
    for (percent, from, to, expected) in [
        (30, &ten[..], &ten[3..], None),
        (30, &ten, &ten[4..], loses(4, 10)),
        (39, &ten, &ten[3..], None),
        (29, &ten, &ten[3..], loses(3, 10)),
        (0, &ten, &ten[1..], loses(1, 10)),
        (99, &ten, &[1], None),
        (99, &ten, &[11], loses(10, 10)),
        (100, &ten, &[11], None),
        (30, &[1, 2, 3, 4], &[1, 2, 3], None),
        (24, &[1, 2, 3, 4], &[1, 2, 3], loses(1, 4)),
        (30, &[1, 2, 3, 4], &[1, 2], loses(2, 4)),
        (0, &[1, 2, 3], &[1], None),
        (0, &[1, 2, 3], &[4], loses(3, 3)),
        (0, &[1, 2], &[2], None),
        (99, &[1], &[2], loses(1, 1)),
        // To drain is to take away; what was drained may go.
        (30, &[1, 2, 3, 4], &[-1, -2, 3, 4], loses(2, 4)),
        (30, &[1, 2, 3, 4], &[-1, 2, 3, 4], None),
        (30, &[-1, -2, 3, 4], &[3, 4], None),
        (30, &[-1, -2, 3, 4], &[-1, -2, 5], loses(2, 2)),
        // A whole family does not go freely.
        (30, &[1, 2, 3, 4, 101], &[1, 2, 3, 4], loses(1, 5)),
        (90, &[1, 102, 103, 104], &[102, 103, 104], loses(1, 4)),
        (30, &[1, 2, 3, 4, 101, 102], &[1, 2, 3, 4, 101], None),
    ] {
        let named = to.len();
        let expected = expected.map(|(removed, of)| HoldReason::Loses { removed, of, named });
        assert_eq!(
            judged(percent, from, to),
            expected,
            "{percent} %: {from:?} to {to:?}"
        );
    }
}

#[test]
fn an_endpoint_whose_change_is_held_keeps_its_records_and_the_others_move() {
    let (mut planner, store) = planned(fleet(
        30,
        &[("a", &[1, 2, 3, 4]), ("b", &[5, 6]), ("c", &[7, 8])],
    ));
    let new = || fleet(30, &[("a", &[1, 9]), ("b", &[6]), ("d", &[10])]);
    planner.set_fleet(new(), at(0));
    assert_eq!(planner.tick(&health(&[])).unwrap(), published(2));
    let all = crate::served(&store).into_iter().collect::<Vec<_>>();
    let all: Vec<_> = all.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    assert_eq!(
        all,
        [("a", "1 2 3 4"), ("b", "6"), ("c", "7 8"), ("d", "10")]
    );
    let goes = "the fleet does not name the endpoint any more";
    let loses = "the fleet or a drain would leave 1 of the 4 targets that may still serve (2 in the fleet file)";
    let reasons = [("a.example", loses), ("c.example", goes)];
    assert_eq!(
        held(&planner),
        reasons.map(|(n, r)| (n.to_owned(), r.to_owned()))
    );
    // Health decides on what is held as well.
    planner
        .tick(&unhealthy(&["192.0.2.1", "192.0.2.7"]))
        .unwrap();
    assert_eq!(
        (serves(&store, "a"), serves(&store, "c")),
        ("2 3 4".into(), "8".into())
    );
    // Nothing passes by itself, and the id and the time stay.
    let before = planner.status().held.clone();
    planner.set_fleet(new(), at(60_000));
    planner.tick(&health(&[])).unwrap();
    assert_eq!(planner.status().held, before);
}

#[test]
fn row_9_a_confirmation_names_one_change_and_flapping_does_not_void_it() {
    let (mut planner, store) = planned(fleet(30, &[("a", &[1, 2, 3, 4]), ("b", &[5, 6, 7, 8])]));
    planner.set_fleet(fleet(30, &[("a", &[1]), ("b", &[5])]), at(0));
    let [a, b] = ids(&planner)[..] else {
        panic!("both are held")
    };
    // Targets flap between the look and the confirmation.
    for down in ["192.0.2.2", "192.0.2.7", "192.0.2.1"] {
        planner.tick(&unhealthy(&[down])).unwrap();
        assert_eq!(ids(&planner), [a, b]);
    }
    assert!(planner.confirm(a, at(1)));
    assert_eq!(ids(&planner), [b], "only the one that was named");
    planner.tick(&health(&[])).unwrap();
    assert_eq!(
        (serves(&store, "a"), serves(&store, "b")),
        ("1".into(), "5 6 7 8".into())
    );
    // It works once, and an id that is not held confirms nothing.
    assert!(!planner.confirm(a, at(1)));
    assert!(!planner.confirm("0123456789abcdef".parse().unwrap(), at(1)));
    assert_eq!(ids(&planner), [b]);
}

#[test]
fn a_confirmation_is_for_the_change_that_was_looked_at() {
    let four: &[i16] = &[1, 2, 3, 4];
    let (mut planner, store) = planned(fleet(30, &[("a", four)]));
    planner.set_fleet(fleet(30, &[("a", &[1])]), at(0));
    let looked_at = ids(&planner)[0];
    planner.set_fleet(fleet(30, &[("a", &[2])]), at(1));
    assert_ne!(ids(&planner), [looked_at], "another change, another id");
    assert_eq!(planner.status().held[0].since, at(1));
    assert!(!planner.confirm(looked_at, at(2)));
    // The same change again has the same id.
    planner.set_fleet(fleet(30, &[("a", &[1])]), at(3));
    assert_eq!(ids(&planner), [looked_at]);
    // Restored: nothing is held any more.
    planner.set_fleet(fleet(30, &[("a", four)]), at(4));
    assert_eq!(ids(&planner), []);
    assert!(!planner.confirm(looked_at, at(5)));
    assert_eq!(planner.tick(&health(&[])).unwrap(), unchanged(1));
    assert_eq!(serves(&store, "a"), "1 2 3 4");
}

#[test]
fn an_id_is_the_same_in_another_process_and_after_a_restart() {
    let (mut planner, store) = planned(fleet(30, &[("a", &[1, 2, 3, 4, 6]), ("b", &[5])]));
    let new = || fleet(30, &[("a", &[1])]);
    planner.set_fleet(new(), at(0));
    planner.tick(&unhealthy(&["192.0.2.2"])).unwrap();
    let before = ids(&planner);
    let mut restarted = Planner::new(store.clone(), new());
    assert_eq!(restarted.tick(&health(&[])).unwrap(), unchanged(2));
    assert_eq!(ids(&restarted), before);
    assert_eq!(serves(&store, "a"), "1 3 4 6");
    assert!(restarted.confirm(before[1], at(0)));
    restarted.tick(&health(&[])).unwrap();
    assert_eq!(serves(&store, "b"), "");
    let text = before[0].to_string();
    assert_eq!(text.len(), 16);
    assert_eq!(text.parse(), Ok(before[0]));
}

#[test]
fn row_11_the_target_of_an_endpoint_that_is_held_is_still_checked() {
    let mut sim = Sim::new(fleet(30, &[("a", &[1, 2]), ("b", &[3, 4])]), 1000);
    sim.run(3000);
    sim.reload(fleet(30, &[("a", &[1, 2])]));
    sim.run(3000);
    assert_eq!(serves(&sim.store, "b"), "3 4", "held");
    sim.set([192, 0, 2, 3].into(), Fate::Refuses);
    sim.run(6000);
    assert_eq!(serves(&sim.store, "b"), "4");
    // After a restart, too.
    sim.restart(fleet(30, &[("a", &[1, 2])]));
    sim.run(3000);
    assert_eq!(serves(&sim.store, "b"), "4");
    sim.set([192, 0, 2, 4].into(), Fate::Refuses);
    sim.run(60_000);
    assert_eq!(sim.planner.status().fail_open.len(), 1);
    // Once it is gone its targets are not checked any more.
    assert!(sim.confirm("b.example"));
    sim.run(2000);
    assert_eq!(serves(&sim.store, "b"), "");
    let watched = sim.planner.watchlist().targets.keys();
    let watched: Vec<_> = watched.map(|target| target.address).collect();
    assert_eq!(watched, [1, 2].map(|last| IpAddr::from([192, 0, 2, last])));
}

/// A target of a held change has been checked when a person confirms it.
#[test]
fn the_targets_of_a_change_that_is_held_are_checked() {
    let mut sim = Sim::new(fleet(30, &[("a", &[1, 2])]), 1000);
    sim.run(3000);
    sim.reload(fleet(30, &[("a", &[3])]));
    sim.run(3000);
    assert_eq!(serves(&sim.store, "a"), "1 2");
    assert!(sim.confirm("a.example"));
    sim.tick();
    assert_eq!(serves(&sim.store, "a"), "3");
}

#[test]
fn row_12_another_fleet_brings_other_settings_of_the_checks() {
    let text = |interval| {
        format!(
            "[health_check]\ninterval_ms = {interval}\n[[endpoint]]\nname = \"a.example\"\n\
             target = [{{ address = \"192.0.2.1\", zone = \"z\", capacity = 1 }}]"
        )
    };
    let (mut planner, _) = planned(parse(&text(1000)));
    let before = planner.watchlist().clone();
    planner.set_fleet(parse(&text(1000)), at(0));
    assert!(
        std::sync::Arc::ptr_eq(planner.watchlist(), &before),
        "no change"
    );
    planner.set_fleet(parse(&text(2000)), at(0));
    let mut watched = planner.watchlist().targets.values();
    assert!(watched.all(|watched| watched.check.interval.as_millis() == 2000));
}

/// A fleet file with default limits and this before its only endpoint.
fn three_zones(before: &str, check: &str) -> Fleet {
    let targets = (1..=6).map(|n| {
        let zone = n % 3;
        format!("{{ address = \"192.0.2.{n}\", zone = \"z{zone}\", capacity = 1 }}")
    });
    let targets: Vec<_> = targets.collect();
    parse(&format!(
        "{before}\n[[endpoint]]\nname = \"a.example\"\n{check}\ntarget = [{}]",
        targets.join(", ")
    ))
}

#[test]
fn one_zone_of_three_may_be_drained_by_default_and_two_may_not() {
    for (zones, held) in [("\"z1\"", 0), ("\"z1\", \"z2\"", 1)] {
        let (mut planner, _) = planned(three_zones("", ""));
        let drained = format!("planner = {{ drained_zones = [{zones}] }}");
        planner.set_fleet(three_zones(&drained, ""), at(0));
        assert_eq!(planner.status().held.len(), held, "{zones}");
    }
}

/// Also for the targets of a change that is held: the new file says how they are checked.
#[test]
fn a_target_is_checked_as_the_newest_file_says_and_one_that_has_gone_as_before() {
    let ports = |planner: &Planner<MemoryStore>| {
        let targets = planner.watchlist().targets.values();
        targets
            .map(|watched| watched.check.port)
            .collect::<Vec<_>>()
    };
    let one = r#"[[endpoint]]
        name = "a.example"
        health_check = { port = 3 }
        target = [{ address = "192.0.2.6", zone = "z", capacity = 1 }]"#;
    let (mut planner, _) = planned(three_zones("health_check = { port = 1 }", ""));
    assert_eq!(ports(&planner), [1; 6]);
    let own = "health_check = { port = 2 }";
    planner.set_fleet(three_zones("health_check = { port = 1 }", own), at(0));
    assert_eq!(ports(&planner), [2; 6]);
    planner.set_fleet(parse(one), at(0));
    assert_eq!(planner.status().held.len(), 1);
    assert_eq!(ports(&planner), [2, 2, 2, 2, 2, 3]);
}
