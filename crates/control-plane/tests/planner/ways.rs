//! An address that is checked in several ways, and checks that change.

use control_plane::{CheckedTarget, Fleet, TargetState};

use crate::parse;
use crate::serves;
use crate::sim::{Fate, Sim};

fn address(last: u8) -> std::net::IpAddr {
    [192, 0, 2, last].into()
}

/// An endpoint whose targets are checked on this port.
fn endpoint(name: &str, port: u16, targets: &[u8]) -> String {
    let targets = targets
        .iter()
        .map(|last| format!("{{ address = \"192.0.2.{last}\", zone = \"z\", capacity = 1 }}"));
    let targets: Vec<_> = targets.collect();
    format!(
        "[[endpoint]]\nname = \"{name}.example\"\nhealth_check = {{ port = {port} }}\ntarget = [{}]\n",
        targets.join(", ")
    )
}

fn fleet(endpoints: &[String]) -> Fleet {
    let settings = "planner = { suspect_percent = 100 }\n";
    parse(&format!("{settings}{}", endpoints.concat()))
}

#[test]
fn an_endpoint_loses_a_target_whose_service_for_it_is_down_and_no_other_endpoint_does() {
    let both = [endpoint("a", 81, &[1, 2]), endpoint("b", 82, &[1, 2])];
    let mut sim = Sim::new(fleet(&both), 500);
    sim.run(3000);
    sim.set_port(address(1), 81, Fate::Refuses);
    sim.run(5000);
    assert_eq!(serves(&sim.store, "a"), "2");
    assert_eq!(serves(&sim.store, "b"), "1 2");
    // And after a restart.
    sim.restart(fleet(&both));
    sim.run_to(sim.now + 10_000, |sim| {
        assert_eq!(serves(&sim.store, "a"), "2");
        assert_eq!(serves(&sim.store, "b"), "1 2");
    });
    sim.set_port(address(1), 81, Fate::Lives);
    sim.run(5000);
    assert_eq!(serves(&sim.store, "a"), "1 2");
}

/// The same address is up at another endpoint, where something else is asked of it.
#[test]
fn a_target_is_new_to_an_endpoint_that_checks_it_in_a_way_of_its_own() {
    let a = endpoint("a", 81, &[1, 2]);
    let mut sim = Sim::new(fleet(&[a.clone(), endpoint("b", 82, &[3])]), 100);
    sim.run(3000);
    sim.set_port(address(1), 82, Fate::Refuses);
    sim.reload(fleet(&[a, endpoint("b", 82, &[1, 3])]));
    sim.run_to(sim.now + 5000, |sim| {
        assert_eq!(serves(&sim.store, "b"), "3");
        assert_eq!(serves(&sim.store, "a"), "1 2");
    });
}

/// Target 2 is down and stays out; target 1 is up and stays in until the new check says more.
#[test]
fn a_check_that_takes_the_place_of_another_begins_with_what_is_known() {
    let b = endpoint("b", 81, &[1, 2, 3]);
    let mut sim = Sim::new(fleet(&[endpoint("a", 81, &[1, 2, 3]), b.clone()]), 100);
    sim.run(3000);
    sim.set(address(2), Fate::BlackHole);
    sim.run(5000);
    sim.set_port(address(3), 82, Fate::Refuses);
    // The check of before is still made, for `b`.
    sim.reload(fleet(&[endpoint("a", 82, &[1, 2, 3]), b]));
    let mut seen = Vec::new();
    sim.run_to(sim.now + 5000, |sim| {
        assert_eq!(serves(&sim.store, "b"), "1 3");
        let served = serves(&sim.store, "a");
        if seen.last() != Some(&served) {
            seen.push(served);
        }
    });
    assert_eq!(seen, ["1 3", "1"]);
}

/// The new check is already made elsewhere, and has not ended yet when the old one gives way to it.
#[test]
fn a_check_that_has_not_ended_leaves_what_the_check_before_it_knows() {
    let (before, after) = (endpoint("a", 82, &[1, 2]), endpoint("a", 81, &[1, 2]));
    let added = endpoint("c", 81, &[1, 2]);
    let mut sim = Sim::new(fleet(std::slice::from_ref(&before)), 100);
    sim.run(3000);
    assert_eq!(serves(&sim.store, "a"), "1 2");
    // Its check takes longer than this test looks.
    sim.set_port(address(1), 81, Fate::BlackHole);
    sim.reload(fleet(&[before, added.clone()]));
    sim.run(100);
    let new = fleet(&[after, added]);
    let checked = CheckedTarget::from(&new.endpoints()[0].targets()[0]);
    assert_eq!(sim.state(checked), TargetState::Unknown);
    sim.reload(new);
    sim.run_to(sim.now + 100, |sim| {
        assert_eq!(serves(&sim.store, "a"), "1 2");
    });
}

/// The held targets are not in the file, so only the plan has them after a restart.
#[test]
fn held_targets_are_checked_like_the_rest_of_their_endpoint_also_after_a_restart() {
    let (all, few) = (endpoint("a", 81, &[1, 2, 3, 4]), endpoint("a", 81, &[1]));
    let mut sim = Sim::new(fleet(&[all]), 500);
    sim.run(3000);
    // Nothing listens on the fleet's own port.
    for last in 1..=4 {
        sim.set_port(address(last), 443, Fate::Refuses);
    }
    let few = [few];
    sim.reload(fleet(&few));
    sim.restart(fleet(&few));
    sim.run_to(sim.now + 20_000, |sim| {
        assert_eq!(serves(&sim.store, "a"), "1 2 3 4");
    });
    assert_eq!(sim.planner.status().held.len(), 1);
    sim.set_port(address(3), 81, Fate::Refuses);
    sim.run(5000);
    assert_eq!(serves(&sim.store, "a"), "1 2 4");
}

/// How a target is checked is no loss of it.
#[test]
fn another_check_takes_effect_at_once_also_while_a_change_is_held() {
    let mut sim = Sim::new(fleet(&[endpoint("a", 81, &[1, 2, 3, 4])]), 500);
    sim.run(3000);
    sim.reload(fleet(&[endpoint("a", 82, &[1])]));
    sim.run(3000);
    assert_eq!(sim.planner.status().held.len(), 1);
    let list = &sim.planner.watchlist().targets;
    let port = |last: u8| {
        let mut all = list.iter().filter(|(t, _)| t.address == address(last));
        let port = all.next().unwrap().1.check.port;
        assert_eq!(all.count(), 0, "in one way");
        port
    };
    // The file says nothing of the others any more.
    assert_eq!([1, 2, 3, 4].map(port), [82, 81, 81, 81]);
}

/// A way is known by what it asks, so it is the same after the file is read again.
#[test]
fn the_same_file_read_again_has_the_same_ways() {
    let text = [endpoint("a", 81, &[1]), endpoint("b", 82, &[1])];
    let ways = || {
        let fleet = fleet(&text);
        let targets = fleet.targets().map(CheckedTarget::from);
        targets.collect::<Vec<_>>()
    };
    assert_eq!(ways(), ways());
    assert_ne!(ways()[0], ways()[1]);
    let mut sim = Sim::new(fleet(&text), 500);
    sim.run(3000);
    for way in ways() {
        assert_eq!(sim.state(way), TargetState::Up);
    }
}

/// One of three machines dies. It has more ports than the other two together.
#[test]
fn a_machine_counts_once_in_a_suspicion_whatever_number_of_ports_it_has() {
    let mut endpoints = vec![endpoint("a", 81, &[1, 2, 3]), endpoint("b", 82, &[1, 2, 3])];
    let own = ["c", "d", "e", "f"].iter().zip(83..);
    endpoints.extend(own.map(|(name, port)| endpoint(name, port, &[1])));
    let planner = "planner = { suspect_percent = 50, suspect_for_ms = 30000 }\n";
    let mut sim = Sim::new(parse(&format!("{planner}{}", endpoints.concat())), 500);
    sim.run(3000);
    assert_eq!(serves(&sim.store, "a"), "1 2 3");
    sim.set(address(1), Fate::BlackHole);
    sim.run(6000);
    assert_eq!(serves(&sim.store, "a"), "2 3");
    // Two of three are more than half.
    sim.set(address(2), Fate::BlackHole);
    sim.set(address(1), Fate::Lives);
    sim.run(6000);
    sim.set(address(2), Fate::Lives);
    sim.run(6000);
    sim.set(address(1), Fate::BlackHole);
    sim.set(address(2), Fate::BlackHole);
    sim.run(6000);
    assert_eq!(serves(&sim.store, "a"), "1 2 3");
    sim.run(30_000);
    assert_eq!(serves(&sim.store, "a"), "3");
}
