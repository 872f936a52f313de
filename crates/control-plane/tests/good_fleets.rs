//! Fleet files in order: what they say is taken, and what they leave out is as the
//! documentation of `Fleet` says.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::Path;
use std::time::Duration;

use control_plane::{Fleet, FleetTarget, Timings};
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
    assert_eq!(fleet.max_removal_percent(), 30);
    assert_eq!(fleet.retention(), Retention::newest(3));
    assert_eq!(fleet.health_script(), []);
    assert_eq!(fleet.endpoints()[0].ttl(), 5);
    assert_eq!(fleet.endpoints()[0].targets()[0].weight, 255);
}

#[test]
fn what_a_file_says_is_taken() {
    let fleet = parse(
        r#"
        timings = { planner_interval_ms = 1, backoff_first_ms = 2, backoff_max_ms = 3, recheck_ms = 600_000 }
        planner = { max_removal_percent = 100 }
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
    assert_eq!(fleet.max_removal_percent(), 100);
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
