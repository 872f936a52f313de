//! A process of its own, which runs out of descriptors.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fmt::Write as _;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use control_plane::{Fleet, TargetState, Watchlist};
use health_checks::{CheckedHealth, HealthChecks, TargetStatus};
use nix::sys::resource::{Resource, setrlimit};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber, subscriber};

/// The bound of every wait; a test that reaches it fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// The wait between two looks at the same thing. No order depends on it.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

static WARNINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps warnings.
struct Warnings;

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().starts_with("health_checks")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                let _ = write!(self.0, "{}={value:?} ", field.name());
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        WARNINGS.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn until(health: &CheckedHealth, wanted: impl Fn(&TargetStatus) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = health.status();
        if status.iter().all(&wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "not as wanted: {status:?}");
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// Ten targets stay up while none of them can be checked. The log has one line with the cause.
#[test]
fn without_descriptors_targets_keep_their_state_and_the_log_has_one_line() {
    subscriber::set_global_default(Warnings).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 400, 400).unwrap();
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let targets = (1..=10).map(|last| {
        let address = SocketAddr::from(([127, 0, 0, last], port)).ip();
        format!("{{ address = \"{address}\", zone = \"z\", capacity = 1 }}")
    });
    let targets: Vec<_> = targets.collect();
    let text = format!(
        "health_check = {{ port = {port}, fall = 1, interval_ms = 100 }}\n\
         [[endpoint]]\nname = \"a.example\"\ntarget = [{}]",
        targets.join(", ")
    );
    let list = Watchlist::of(&Fleet::parse(&text, Path::new("fleet.toml")).unwrap());
    // The connections wait in the queue; they are reset, so it stays short.
    let accepting = listener.try_clone().unwrap();
    thread::spawn(move || accepting.incoming().for_each(drop));
    let checks = HealthChecks::start(&list, 1, ()).unwrap();
    let health = checks.source();
    until(&health, |status| status.state == TargetState::Up);

    let files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    assert!(files.len() > 100, "{} files fill the table", files.len());
    let not_made = health.counts().not_made;
    until(&health, |_| health.counts().not_made > not_made + 30);
    until(&health, |status| status.not_made);
    for status in health.status() {
        assert_eq!(status.state, TargetState::Up);
        let error = status.error.unwrap();
        assert!(error.contains("Too many open files"), "{error}");
    }
    drop(files);
    until(&health, |status| !status.not_made);
    assert!(health.status().iter().all(|s| s.state == TargetState::Up));
    let warnings = WARNINGS.lock().unwrap();
    let about = warnings
        .iter()
        .filter(|line| line.contains("Too many open files"));
    assert_eq!(about.count(), 1, "{warnings:#?}");
}
