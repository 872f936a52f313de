//! Each Enactor of a control plane backs off for a time of its own. Only the log says for
//! how long.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use control_plane::{ControlPlane, Enactor, Pace, Planner};
use crossbeam::channel::{Receiver, Sender, unbounded};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::hooked::{Fate, Hooked};
use crate::{FLEET, Fed, NEVER, fleet, next};

/// Sends on the fields of all warnings.
struct Warnings(Sender<BTreeMap<&'static str, String>>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let _ = self.0.send(fields.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = self.0.entry(field.name()).or_default();
        write!(text, "{value:?}").unwrap();
    }
}

/// How long this Enactor waits after its next failure.
fn wait_of(enactor: &str, warnings: &Receiver<BTreeMap<&'static str, String>>) -> String {
    loop {
        let mut fields = next(warnings);
        if fields.get("enactor").map(String::as_str) == Some(enactor) {
            return fields.remove("wait").unwrap();
        }
    }
}

#[test]
fn enactors_that_fail_together_do_not_retry_together() {
    let (send, warnings) = unbounded();
    tracing::subscriber::set_global_default(Warnings(send)).unwrap();
    let names = ["jitter-1", "jitter-2", "jitter-3"];
    let store = Hooked::new(|_, _| Fate::Failed);
    let (_feed, readings) = unbounded();
    let pace = Pace {
        backoff_first: NEVER,
        backoff_max: NEVER,
        recheck: None,
        // The Enactors' own seeds begin with it, and go on from zero.
        seed: u64::MAX,
    };
    let control_plane = ControlPlane::start(
        Planner::new(store.clone(), fleet(FLEET)),
        Fed(readings),
        Duration::from_millis(1),
        names.map(|name| Enactor::new(name, store.clone())),
        pace,
        |_| {},
    );
    let control_plane = control_plane.unwrap();
    let mut waits = Vec::new();
    for (name, enactor) in names.iter().zip(control_plane.enactors()) {
        enactor.resume();
        waits.push(wait_of(name, &warnings));
    }
    let [first, second, third] = &waits[..] else {
        unreachable!("one for each")
    };
    assert!(
        first != second && second != third && third != first,
        "{waits:?}"
    );
    assert!(waits.iter().all(|wait| wait.ends_with('s')), "{waits:?}");
}
