//! Health checks on real sockets.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use control_plane::{Fleet, HealthSource, TcpChecks};

#[test]
fn a_closed_port_is_found_and_an_open_one_too() {
    let open = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = open.local_addr().unwrap().port();
    let text = format!(
        r#"
        [health_check]
        interval_ms = 100
        fall = 2
        max_fall_percent = 100
        port = {port}
        [[endpoint]]
        name = "db.example"
        target = [
            {{ address = "127.0.0.1", zone = "z1", capacity = 1 }},
            {{ address = "127.0.0.2", zone = "z2", capacity = 1 }},
        ]
        "#
    );
    let fleet = Fleet::parse(&text, Path::new("test.toml")).unwrap();
    let checks = TcpChecks::start(&fleet, 1).unwrap();
    let mut source = checks.source();
    let [up, down] = ["127.0.0.1", "127.0.0.2"].map(|a| a.parse().unwrap());
    let patience = Instant::now() + Duration::from_mins(1);
    let mut until = |expected: [bool; 2]| loop {
        let health = source.read().unwrap();
        if [up, down].map(|t| health.of(t).healthy) == expected {
            break;
        }
        assert!(Instant::now() < patience, "never {expected:?}: {health:?}");
        // Leaves the processor to the checks; the time orders nothing.
        thread::sleep(Duration::from_millis(5));
    };
    until([true, false]);
    let late = TcpListener::bind(("127.0.0.2", port)).unwrap();
    until([true, true]);
    drop((open, late));
}
