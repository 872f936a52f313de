//! Fleet files in order: what they say is taken, and what they leave out is as the
//! documentation of `Fleet` says.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::Path;
use std::time::Duration;

use control_plane::{ChangeLimits, FailPolicy, Fleet, FleetTarget, HealthCheck, Timings};
use plan_store::Retention;

const SMALL: &str = r#"
    [[endpoint]]
    name = "db.example"
    target = [{ address = "192.0.2.1", zone = "z1", capacity = 100 }]
"#;

fn parse(text: &str) -> Fleet {
    Fleet::parse(text, Path::new("fleet.toml")).unwrap()
}

#[test]
fn what_a_file_leaves_out_is_as_documented() {
    let fleet = parse(SMALL);
    let millis = Duration::from_millis;
    assert_eq!(fleet.timings().planner_interval, millis(1000));
    assert_eq!(fleet.timings().backoff_first, millis(50));
    assert_eq!(fleet.timings().backoff_max, millis(5000));
    assert_eq!(fleet.timings().recheck, millis(1000));
    let limits = ChangeLimits {
        max_removal_percent: 34,
        suspect_percent: 50,
        suspect_for: millis(30_000),
    };
    assert_eq!(fleet.change_limits(), limits);
    assert_eq!(fleet.retention(), Retention::newest(3));
    assert_eq!(fleet.health_script(), []);
    assert_eq!(**fleet.health_check(), HealthCheck::default());
    let endpoint = &fleet.endpoints()[0];
    assert_eq!((endpoint.ttl(), endpoint.min_healthy_percent()), (5, 0));
    assert_eq!(endpoint.fail(), FailPolicy::All);
    let target = &endpoint.targets()[0];
    assert_eq!(
        (target.weight, target.tier, target.drained),
        (255, 0, false)
    );
}

/// A check ends before the next one begins.
#[test]
fn the_time_out_that_a_file_leaves_out_is_at_most_the_interval() {
    for (interval, timeout) in [(100, 100), (500, 500), (2000, 500)] {
        let fleet = parse(&format!(
            "[health_check]\ninterval_ms = {interval}\n{SMALL}"
        ));
        assert_eq!(fleet.health_check().timeout, Duration::from_millis(timeout));
    }
}

#[test]
fn a_target_is_drained_by_its_weight_or_by_its_zone() {
    let fleet = parse(
        r#"
        [planner]
        drained_zones = ["z2", "z3"]
        [[endpoint]]
        name = "db.example"
        fail = "drained"
        min_healthy_percent = 40
        target = [
            { address = "192.0.2.1", zone = "z1", capacity = 1 },
            { address = "192.0.2.2", zone = "z2", capacity = 1, tier = 3 },
            { address = "192.0.2.3", zone = "z1", capacity = 1, weight = 0 },
        ]
        [[endpoint]]
        name = "all-in-one.example"
        fail = "last"
        target = [{ address = "192.0.2.9", zone = "z3", capacity = 1 }]
        "#,
    );
    let endpoint = &fleet.endpoints()[0];
    let drained: Vec<_> = endpoint.targets().iter().map(|t| t.drained).collect();
    assert_eq!(drained, [false, true, true]);
    assert_eq!(endpoint.targets()[1].tier, 3);
    assert_eq!(endpoint.fail(), FailPolicy::Drained);
    assert_eq!(endpoint.min_healthy_percent(), 40);
    assert_eq!(fleet.endpoints()[1].fail(), FailPolicy::Last);
}

#[test]
fn what_a_file_says_is_taken() {
    let fleet = parse(
        r#"
        timings = { planner_interval_ms = 1, backoff_first_ms = 2, backoff_max_ms = 3, recheck_ms = 600_000 }
        planner = { max_removal_percent = 100, suspect_percent = 1, suspect_for_ms = 0 }
        store = { keep_newest = 10_000 }
        [[endpoint]]
        name = "DB.example."
        ttl = 0
        [[endpoint.target]]
        address = "2001:db8::1"
        zone = "z1"
        capacity = 1_000_000
        weight = 1
        [[health]]
        at = 9
        target = "2001:db8:0::1"
        capacity = 0
        [[health]]
        at = 1
        target = "2001:db8::1"
        healthy = false
        "#,
    );
    let millis = Duration::from_millis;
    let timings = Timings {
        planner_interval: millis(1),
        backoff_first: millis(2),
        backoff_max: millis(3),
        recheck: millis(600_000),
    };
    assert_eq!(fleet.timings(), timings);
    let limits = ChangeLimits {
        max_removal_percent: 100,
        suspect_percent: 1,
        suspect_for: millis(0),
    };
    assert_eq!(fleet.change_limits(), limits);
    assert_eq!(fleet.retention(), Retention::newest(10_000));
    let endpoint = &fleet.endpoints()[0];
    assert_eq!(
        (endpoint.name().as_str(), endpoint.ttl()),
        ("db.example", 0)
    );
    let target = FleetTarget {
        address: "2001:db8::1".parse().unwrap(),
        zone: "z1".to_owned(),
        capacity: 1_000_000,
        weight: 1,
        tier: 0,
        drained: false,
        check: None,
    };
    assert_eq!(endpoint.targets(), [target]);
    let steps: Vec<_> = fleet.health_script().iter().collect();
    let said: Vec<_> = steps
        .iter()
        .map(|s| (s.at, s.healthy, s.capacity))
        .collect();
    assert_eq!(said, [(1, Some(false), None), (9, None, Some(0))]);
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_accepted() {
    let text = format!("\u{feff}{}", SMALL.replace('\n', "\r\n"));
    assert_eq!(parse(&text), parse(SMALL));
}
