//! What the Planner knows when it starts, and what it waits for.

use control_plane::{Fleet, Planned, Planner, TargetState};
use plan_store::MemoryStore;

use crate::sim::{Fate, Sim};
use crate::{FOUR, fleet, health, health_at, parse, planner, published, serves};

fn address(last: u8) -> std::net::IpAddr {
    [192, 0, 2, last].into()
}

fn a(targets: &[u8]) -> Fleet {
    let targets = targets
        .iter()
        .map(|last| format!("{{ address = \"192.0.2.{last}\", zone = \"z\", capacity = 1 }}"));
    let targets: Vec<_> = targets.collect();
    parse(&format!(
        "planner = {{ suspect_percent = 100 }}\n[[endpoint]]\nname = \"a.example\"\ntarget = [{}]",
        targets.join(", ")
    ))
}

#[test]
fn row_4_what_was_out_stays_out_after_a_restart_until_a_check_succeeds() {
    let all = [1, 2, 3, 4, 5, 6];
    let mut sim = Sim::new(a(&all), 500);
    sim.run(3000);
    for last in [1, 2, 3, 4] {
        sim.set(address(last), Fate::BlackHole);
    }
    sim.run(10_000);
    assert_eq!(serves(&sim.store, "a"), "5 6");
    for restart in 0..5 {
        sim.restart(a(&all));
        let end = sim.now + 300 * restart;
        sim.run_to(end, |sim| assert_eq!(serves(&sim.store, "a"), "5 6"));
    }
    sim.set(address(2), Fate::Lives);
    sim.run(3000);
    assert_eq!(serves(&sim.store, "a"), "2 5 6");
}

/// The plan of before is all that is known.
#[test]
fn row_4_what_was_served_is_served_after_a_restart_until_its_checks_fail() {
    let mut sim = Sim::new(a(&[1, 2]), 100);
    sim.run(3000);
    sim.set(address(1), Fate::Refuses);
    sim.restart(a(&[1, 2]));
    let mut seen = Vec::new();
    sim.run_to(sim.now + 5000, |sim| {
        let state = sim.state(address(1));
        seen.push((state, serves(&sim.store, "a")));
    });
    let down = |state: &TargetState| matches!(state, TargetState::Down { .. });
    for (state, served) in &seen {
        assert_eq!(served, if down(state) { "2" } else { "1 2" }, "{state:?}");
    }
    assert!(seen.iter().any(|(state, _)| *state == TargetState::Failing));
    assert!(down(&seen.last().unwrap().0));
}

#[test]
fn row_5_a_new_target_is_not_served_before_its_first_success() {
    let mut sim = Sim::new(a(&[1]), 100);
    sim.run(3000);
    sim.set(address(2), Fate::Refuses);
    sim.reload(a(&[1, 2, 3]));
    let mut first_alone = 0;
    sim.run_to(sim.now + 10_000, |sim| {
        let third = sim.state(address(3)) == TargetState::Up;
        first_alone += u32::from(!third);
        let expected = if third { "1 3" } else { "1" };
        assert_eq!(serves(&sim.store, "a"), expected);
    });
    assert!(first_alone > 0, "the third was served at once");
    // Not even when the others are down: it has never answered.
    for last in [1, 3] {
        sim.set(address(last), Fate::Refuses);
    }
    sim.run(10_000);
    assert_eq!(serves(&sim.store, "a"), "1 3");
    sim.set(address(2), Fate::Lives);
    sim.run(5000);
    assert_eq!(serves(&sim.store, "a"), "2");
}

#[test]
fn row_6_the_first_start_waits_for_a_first_round() {
    let mut sim = Sim::new(a(&[1, 2, 30]), 10);
    sim.set(address(2), Fate::Refuses);
    let mut waited = 0;
    sim.run_to(1200, |sim| {
        let checked = [1, 2, 30].map(|last| sim.state(address(last)) != TargetState::Unknown);
        assert_eq!(!sim.store.generations().is_empty(), checked == [true; 3]);
        waited += u32::from(checked.contains(&false));
    });
    assert!(waited > 10);
    assert_eq!(serves(&sim.store, "a"), "1 30");
}

/// A checker that says nothing does not keep the Planner from its first plan for good.
#[test]
fn row_6_the_first_round_is_bounded() {
    let (mut planner, store) = planner(fleet(30, &[("db.example", FOUR)]));
    let silent = |millis| {
        let unknown = TargetState::Unknown.into();
        let all = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"];
        health_at(millis, &all.map(|target| (target, unknown)))
    };
    // Twice an interval and a time-out.
    for millis in [0, 1000, 2999] {
        let waits = Planned::FirstRound { endpoints: 1 };
        assert_eq!(planner.tick(&silent(millis)).unwrap(), waits);
    }
    assert_eq!(planner.tick(&silent(3000)).unwrap(), published(1));
    assert_eq!(serves(&store, "db"), "1 2 3 4");
}

#[test]
fn a_new_endpoint_comes_with_all_that_its_first_round_finds_and_no_other_waits() {
    let two = |b: &str| {
        parse(&format!(
            r#"
            [[endpoint]]
            name = "a.example"
            target = [
                {{ address = "192.0.2.1", zone = "z", capacity = 1 }},
                {{ address = "192.0.2.2", zone = "z", capacity = 1 }},
            ]
            {b}"#
        ))
    };
    let b = r#"[[endpoint]]
        name = "b.example"
        target = [
            { address = "192.0.2.3", zone = "z", capacity = 1 },
            { address = "192.0.2.4", zone = "z", capacity = 1 },
            { address = "192.0.2.20", zone = "z", capacity = 1 },
        ]"#;
    let mut sim = Sim::new(two(""), 10);
    sim.run(3000);
    sim.set(address(1), Fate::Refuses);
    sim.set(address(3), Fate::Refuses);
    sim.run(2000);
    sim.reload(two(b));
    sim.run_to(sim.now + 5000, |sim| {
        let served = serves(&sim.store, "b");
        assert!(["", "4 20"].contains(&served.as_str()), "{served}");
        assert_eq!(
            sim.planner.status().awaited.len(),
            usize::from(served.is_empty())
        );
    });
    assert_eq!(serves(&sim.store, "b"), "4 20");
    assert_eq!(serves(&sim.store, "a"), "2");
}

/// An operator replaces all targets of an endpoint.
#[test]
fn the_targets_before_serve_until_one_of_the_new_ones_has_answered() {
    let mut sim = Sim::new(a(&[1, 2]), 100);
    sim.run(3000);
    for last in [3, 4] {
        sim.set(address(last), Fate::Refuses);
    }
    sim.reload(a(&[3, 4]));
    assert!(sim.confirm("a.example"));
    sim.run_to(sim.now + 20_000, |sim| {
        assert_eq!(
            serves(&sim.store, "a"),
            "1 2",
            "the new ones never answered"
        );
    });
    // Health decides on the targets before as well.
    sim.set(address(1), Fate::Refuses);
    sim.run(5000);
    assert_eq!(serves(&sim.store, "a"), "2");
    sim.set(address(4), Fate::Lives);
    sim.run(5000);
    assert_eq!(serves(&sim.store, "a"), "4");
    let watched = sim.planner.watchlist().targets.keys();
    let watched: Vec<_> = watched.map(|target| target.address).collect();
    assert_eq!(watched, [address(3), address(4)]);
}

/// A second change comes before the first one's targets have been seen by a tick.
#[test]
fn of_the_configurations_before_the_newest_that_has_answered_serves() {
    let mut sim = Sim::new(a(&[1, 2]), 60_000);
    sim.run(6000);
    sim.tick();
    sim.reload(a(&[3]));
    assert!(sim.confirm("a.example"));
    sim.run(3000); // No tick, but 3 answers.
    sim.set(address(4), Fate::Refuses);
    sim.reload(a(&[4]));
    assert!(sim.confirm("a.example"));
    sim.run(1000);
    sim.tick();
    assert_eq!(serves(&sim.store, "a"), "3");
}

/// The state of the source counts, not what the plan was.
#[test]
fn a_planner_that_starts_beside_a_source_that_knows_takes_its_word() {
    let (mut first, store) = planner(fleet(30, &[("db.example", FOUR)]));
    first
        .tick(&health(&[("192.0.2.1", crate::down())]))
        .unwrap();
    let mut second = Planner::new(
        MemoryStore::clone(&store),
        fleet(30, &[("db.example", FOUR)]),
    );
    second.tick(&health(&[])).unwrap();
    assert_eq!(serves(&store, "db"), "1 2 3 4");
}

#[test]
fn a_source_that_loses_sight_of_a_target_takes_nothing_back() {
    let (mut planner, store) = planner(fleet(30, &[("db.example", FOUR)]));
    let unknown = TargetState::Unknown.into();
    planner
        .tick(&health(&[("192.0.2.1", crate::down())]))
        .unwrap();
    for lost in ["192.0.2.1", "192.0.2.2"] {
        let down = ("192.0.2.1", crate::down());
        planner.tick(&health(&[down, (lost, unknown)])).unwrap();
        assert_eq!(serves(&store, "db"), "2 3 4");
    }
}
