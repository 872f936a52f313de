//! Checks of each kind against real servers: what is a success, and what is said otherwise.
//!
//! Each server takes a free port. Tests wait for what a check says, with a bound.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod certificates;
mod command;
mod grpc;
mod http;
mod tcp;
mod tls;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use control_plane::{Fleet, HealthCheck, TargetState, Watchlist};
use health_checks::{CheckedHealth, HealthChecks, TargetStatus};

/// The bound of every wait; a test that reaches it fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// Running checks of some targets.
struct Checked {
    health: CheckedHealth,
    checks: HealthChecks,
}

impl Checked {
    /// Checks each of these targets in its way: fields of a `health_check` table.
    fn start<'a>(targets: impl IntoIterator<Item = (SocketAddr, &'a str)>) -> Self {
        Self::of(&watchlist(targets))
    }

    fn of(list: &Watchlist) -> Self {
        let checks = HealthChecks::start(list, 1, ()).unwrap();
        Self {
            health: checks.source(),
            checks,
        }
    }

    fn status(&self, target: SocketAddr) -> TargetStatus {
        let mut all = self.health.status().into_iter();
        all.find(|status| status.target.address == target.ip())
            .unwrap()
    }

    /// Waits until a target is as wanted.
    fn until(&self, target: SocketAddr, wanted: impl Fn(&TargetStatus) -> bool) -> TargetStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status(target);
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "not as wanted: {status:?}");
            look_again();
        }
    }
}

/// These targets, checked once a second. One check decides. A check may take as long as the
/// interval, unless the fields say otherwise.
fn watchlist<'a>(targets: impl IntoIterator<Item = (SocketAddr, &'a str)>) -> Watchlist {
    let targets = targets.into_iter().map(|(target, check)| {
        let (address, port) = (target.ip(), target.port());
        let mut fields = format!("port = {port}, rise = 1, fall = 1");
        if !check.contains("interval_ms") {
            fields += ", interval_ms = 1000, timeout_ms = 1000";
        }
        format!(
            "{{ address = \"{address}\", zone = \"z\", capacity = 1, health_check = {{ {fields}, {check} }} }}"
        )
    });
    let targets: Vec<_> = targets.collect();
    let targets = targets.join(",\n");
    let text = format!("[[endpoint]]\nname = \"a.example\"\ntarget = [\n{targets}\n]");
    let fleet = Fleet::parse(&text, Path::new("fleet.toml")).unwrap();
    Watchlist::of(&fleet)
}

/// The first check of each target begins at once, and not somewhere in its interval.
fn at_once(mut list: Watchlist) -> Watchlist {
    for watched in list.targets.values_mut() {
        let mut check = HealthCheck::clone(&watched.check);
        check.interval = Duration::from_millis(1);
        watched.check = Arc::new(check);
    }
    list
}

/// Waits until a check of this target succeeds.
fn succeeds(target: SocketAddr, check: &str) -> TargetStatus {
    let checked = Checked::start([(target, check)]);
    let status = checked.until(target, |status| status.state == TargetState::Up);
    assert_eq!(status.error, None);
    status
}

/// Waits until a check of this target fails with this error.
fn fails(target: SocketAddr, check: &str, error: &str) -> TargetStatus {
    let checked = Checked::start([(target, check)]);
    let status = checked.until(target, |status| status.error.as_deref() == Some(error));
    assert!(
        matches!(status.state, TargetState::Down { was_up: false, .. }),
        "{status:?}"
    );
    assert!(!status.not_made);
    status
}

/// Waits until it is said that a check of this target cannot be made.
fn is_not_made(target: SocketAddr, check: &str, error: &str) {
    let checked = Checked::start([(target, check)]);
    let status = checked.until(target, |status| {
        status.error.as_deref().is_some_and(|e| e.contains(error))
    });
    assert_eq!(status.state, TargetState::Unknown);
    assert!(status.not_made);
}

/// Waits between two looks at the same thing. No order depends on it.
fn look_again() {
    thread::sleep(Duration::from_millis(2));
}

/// A listener on a free port.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A server that does this with each connection, one after another.
fn server(mut serve: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let (listener, address) = listener();
    // It ends with the process.
    thread::spawn(move || {
        // An error is a connection that its check has reset already.
        for stream in listener.incoming().flatten() {
            serve(stream);
        }
    });
    address
}
