//! The log: one line when something begins, and one when it ends.

use std::cell::RefCell;
use std::fmt::Write as _;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber, subscriber};

use crate::{at, fleet, health, planner, unhealthy};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the Planner's lines of level INFO and above, for each thread its own.
struct Lines;

/// Keeps lines from now on.
fn listen() {
    // Another test may have done it.
    let _ = subscriber::set_global_default(Lines);
}

/// The lines since the last call.
fn taken() -> Vec<String> {
    LINES.take()
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with("control_plane")
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
        LINES.with_borrow_mut(|lines| lines.push(text.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Asserts that there is one line with each of these texts, and no other line.
#[track_caller]
fn assert_lines(says: &[&str]) {
    let lines = taken();
    assert_eq!(lines.len(), says.len(), "{lines:#?}");
    for says in says {
        let found = lines.iter().filter(|line| line.contains(says)).count();
        assert_eq!(found, 1, "`{says}` in {lines:#?}");
    }
}

/// 200 endpoints of which every target goes down at once.
#[test]
fn row_8_one_line_for_each_change_of_state() {
    let names: Vec<_> = (0..200).map(|n| format!("e{n}.example")).collect();
    let targets: Vec<_> = (1..=6).map(|n| format!("192.0.2.{n}")).collect();
    let targets: Vec<_> = targets.iter().map(|t| (t.as_str(), 1, 1)).collect();
    let endpoints: Vec<_> = names.iter().map(|n| (n.as_str(), &targets[..])).collect();
    listen();
    let (mut planner, _) = planner(fleet(30, &endpoints));
    planner.tick(&health(&[])).unwrap();
    assert_lines(&["targets=6 names=192.0.2.1, 192.0.2.2, "]);
    let all: Vec<_> = targets.iter().map(|t| t.0).collect();
    for tick in 0..25 {
        planner.tick(&unhealthy(&all)).unwrap();
        let begins: &[_] = match tick {
            0 => &["message=unhealthy targets=6", "fail open"],
            _ => &[],
        };
        assert_lines(begins);
    }
    planner.tick(&health(&[])).unwrap();
    let ends = "fail open ends endpoints=200 names=e0.example, e1.example, ";
    assert_lines(&[ends, "message=healthy targets=6"]);
}

#[test]
fn a_hold_has_a_line_when_it_begins_and_when_it_ends() {
    let two: &[_] = &[("192.0.2.1", 1, 1), ("192.0.2.2", 1, 1)];
    let three = [("a.example", two), ("b.example", two), ("c.example", two)];
    listen();
    let (mut planner, _) = planner(fleet(30, &three));
    planner.tick(&health(&[])).unwrap();
    taken();
    planner.set_fleet(fleet(30, &three[..2]), at(0));
    let id = planner.status().held[0].id;
    assert_lines(&[&format!(
        "id={id} endpoint=c.example reason=the fleet does not name"
    )]);
    for _ in 0..3 {
        planner.set_fleet(fleet(30, &three[..2]), at(0));
        planner.tick(&health(&[])).unwrap();
        assert_lines(&[]);
    }
    assert!(planner.confirm(id, at(0)));
    assert_lines(&["held change confirmed"]);
    planner.tick(&health(&[])).unwrap();
    // Many at once are one line.
    planner.set_fleet(fleet(30, &[("d.example", two)]), at(0));
    assert_lines(&["endpoints=2 names=a.example, b.example"]);
    planner.set_fleet(fleet(30, &three[..2]), at(0));
    let withdrawn = "held changes withdrawn";
    assert!(taken().iter().any(|line| line.contains(withdrawn)));
}

#[test]
fn a_suspicion_has_a_line_when_it_begins_and_when_it_ends() {
    let six: Vec<_> = (1..=6).map(|n| format!("192.0.2.{n}")).collect();
    let targets: Vec<_> = six
        .iter()
        .map(|t| format!("{{ address = \"{t}\", zone = \"z\", capacity = 1 }}"))
        .collect();
    let text = format!(
        "[[endpoint]]\nname = \"a.example\"\ntarget = [{}]",
        targets.join(", ")
    );
    listen();
    let (mut planner, _) = planner(crate::parse(&text));
    planner.tick(&health(&[])).unwrap();
    taken();
    let down: Vec<_> = six[..4]
        .iter()
        .map(|t| (t.as_str(), crate::down()))
        .collect();
    for second in 0..30 {
        planner
            .tick(&crate::health_at(second * 1000, &down))
            .unwrap();
        let begins: &[_] = match second {
            0 => &[
                "unhealthy targets=4",
                "they stay until the wait is over targets=4 wait=30.0s",
            ],
            _ => &[],
        };
        assert_lines(begins);
    }
    planner.tick(&crate::health_at(30_000, &down)).unwrap();
    assert_lines(&["suspicion ends"]);
}
