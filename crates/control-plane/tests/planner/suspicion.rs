//! Suspicion: when so many targets become unhealthy at once that the checks may be at
//! fault.

use std::time::Duration;

use control_plane::{Fleet, Health, Planner};
use plan_store::MemoryStore;

use crate::{at, down_since, health, health_at, parse, planner, serves};

/// Twenty targets at two endpoints of ten, and `suspect_for_ms` of 30,000.
fn fleet(more: &str) -> Fleet {
    let mut text = format!("[planner]\n{more}\n");
    for (name, first) in [("a", 1), ("b", 11)] {
        text += &format!("[[endpoint]]\nname = \"{name}.example\"\ntarget = [\n");
        for last in first..first + 10 {
            text += &format!("{{ address = \"192.0.2.{last}\", zone = \"z\", capacity = 1 }},\n");
        }
        text += "]\n";
    }
    parse(&text)
}

/// A reading at which these targets are down since these moments.
fn reading(now: u64, down: &[(u8, u64)]) -> Health {
    let down = down.iter().map(|&(last, since)| {
        let address = format!("192.0.2.{last}");
        (address, down_since(since))
    });
    let down: Vec<_> = down.collect();
    let down: Vec<_> = down.iter().map(|(a, h)| (a.as_str(), *h)).collect();
    health_at(now, &down)
}

fn planned(more: &str) -> (Planner<MemoryStore>, MemoryStore) {
    let (mut planner, store) = planner(fleet(more));
    planner.tick(&health(&[])).unwrap();
    (planner, store)
}

/// How many targets are served.
fn count(store: &MemoryStore) -> usize {
    let all = serves(store, "a") + " " + &serves(store, "b");
    all.split_whitespace().count()
}

/// Targets 1 to `count` go down at this moment.
fn fall(count: u8, since: u64) -> Vec<(u8, u64)> {
    (1..=count).map(|last| (last, since)).collect()
}

#[test]
fn more_than_half_at_once_stay_for_a_while_and_then_go() {
    let (mut planner, store) = planned("");
    let down = fall(11, 1000);
    for (now, left, suspected) in [
        (1000, 20, 11),
        (15_000, 20, 11),
        (30_999, 20, 11),
        // The endpoint of which nothing is left fails open.
        (31_000, 10 + 9, 0),
    ] {
        planner.tick(&reading(now, &down)).unwrap();
        assert_eq!(count(&store), left, "{now}");
        assert_eq!(planner.status().suspected, suspected, "{now}");
        let until = (suspected > 0).then(|| at(31_000));
        assert_eq!(planner.status().suspected_until, until);
    }
    assert_eq!(planner.status().fail_open.len(), 1);
}

#[test]
fn half_and_less_go_at_once() {
    let (mut planner, store) = planned("");
    planner.tick(&reading(1000, &fall(10, 1000))).unwrap();
    assert_eq!(serves(&store, "b").split(' ').count(), 10);
    assert_eq!(planner.status().fail_open.len(), 1, "all of one endpoint");
    assert_eq!(planner.status().suspected, 0);
    let (mut planner, store) = planned("");
    planner.tick(&reading(1000, &fall(9, 1000))).unwrap();
    assert_eq!(count(&store), 11);
}

#[test]
fn a_slow_loss_is_never_suspected_however_large() {
    // One target every two seconds; the window is 3.8 s.
    let (mut planner, store) = planned("");
    let down: Vec<_> = (1..=9).chain(11..=19).zip((0..).step_by(2000)).collect();
    for now in (0..40_000).step_by(1000) {
        let so_far: Vec<_> = down.iter().copied().filter(|d| d.1 <= now).collect();
        planner.tick(&reading(now, &so_far)).unwrap();
        assert_eq!(count(&store), 20 - so_far.len(), "{now}");
        assert_eq!(planner.status().suspected, 0, "{now}");
    }
}

/// Detection takes a while, so the first targets have been removed when the finding
/// becomes suspicious.
#[test]
fn targets_that_were_removed_before_come_back_while_the_finding_is_suspected() {
    let (mut planner, store) = planned("");
    planner.tick(&reading(1000, &fall(8, 1000))).unwrap();
    assert_eq!(count(&store), 12);
    let mut down = fall(8, 1000);
    down.extend((11..=18).map(|last| (last, 2000)));
    planner.tick(&reading(2000, &down)).unwrap();
    assert_eq!(count(&store), 20);
    planner.tick(&reading(31_999, &down)).unwrap();
    assert_eq!(count(&store), 20);
    planner.tick(&reading(32_000, &down)).unwrap();
    assert_eq!(count(&store), 4);
}

#[test]
fn the_suspicion_ends_when_the_targets_recover() {
    let (mut planner, store) = planned("");
    planner.tick(&reading(1000, &fall(12, 1000))).unwrap();
    assert_eq!(planner.status().suspected, 12);
    planner.tick(&reading(5000, &fall(9, 1000))).unwrap();
    assert_eq!(planner.status().suspected, 0);
    assert_eq!(count(&store), 11, "what is left of the finding is believed");
    planner.tick(&reading(6000, &[])).unwrap();
    assert_eq!(count(&store), 20);
}

#[test]
fn only_one_detection_window_counts() {
    let window = fleet("").detection();
    assert_eq!(window, Duration::from_millis(3 * 1100 + 500));
    for (second, suspected) in [(3800, 12), (3801, 0)] {
        let (mut planner, _) = planned("");
        let mut down = fall(6, 0);
        down.extend((11..=16).map(|last| (last, second)));
        planner.tick(&reading(second, &down)).unwrap();
        assert_eq!(planner.status().suspected, suspected, "{second}");
    }
}

#[test]
fn the_share_and_the_time_can_be_set() {
    let (mut planner, store) = planned("suspect_percent = 10\nsuspect_for_ms = 500");
    planner.tick(&reading(1000, &fall(3, 1000))).unwrap();
    assert_eq!(count(&store), 20);
    planner.tick(&reading(1500, &fall(3, 1000))).unwrap();
    assert_eq!(count(&store), 17);
    let (mut planner, _) = planned("suspect_percent = 100");
    planner.tick(&reading(1000, &fall(20, 1000))).unwrap();
    assert_eq!(planner.status().suspected, 0, "100 turns it off");
}

/// Each wave is suspected from its own moment on.
#[test]
fn a_second_wave_does_not_keep_the_first() {
    let (mut planner, store) = planned("suspect_percent = 10\nsuspect_for_ms = 10000");
    let mut down = fall(3, 0);
    down.extend((11..=13).map(|last| (last, 9000)));
    planner.tick(&reading(9999, &down)).unwrap();
    assert_eq!(count(&store), 20);
    planner.tick(&reading(10_000, &down)).unwrap();
    assert_eq!(count(&store), 17);
    planner.tick(&reading(19_000, &down)).unwrap();
    assert_eq!(count(&store), 14);
}

/// What the latest plan left out is not news.
#[test]
fn a_restart_into_a_long_outage_is_not_suspected() {
    let (mut planner, store) = planned("");
    let mut down = fall(9, 1000);
    down.extend((11..=17).map(|last| (last, 9000)));
    planner.tick(&reading(60_000, &down)).unwrap();
    assert_eq!(count(&store), 4);
    // The new checks find all of it within one window.
    let again: Vec<_> = down.iter().map(|&(last, _)| (last, 70_000)).collect();
    let reading = |now| {
        let health = reading(now, &again);
        let never = |since| control_plane::TargetState::Down {
            since,
            was_up: false,
        };
        let reports = health.reports().map(|(target, mut report)| {
            if let control_plane::TargetState::Down { since, .. } = report.state {
                report.state = never(since);
            }
            (target, report)
        });
        Health::new(health.at(), reports)
    };
    let mut restarted = Planner::new(store.clone(), fleet(""));
    restarted.tick(&reading(70_000)).unwrap();
    assert_eq!(restarted.status().suspected, 0);
    assert_eq!(count(&store), 4);
}
