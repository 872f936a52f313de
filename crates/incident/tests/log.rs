//! The incident's store writes the same log messages as the memory store, so that the two
//! logs of one schedule can be compared.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::io;
use std::sync::{Arc, Mutex};

use incident::{IncidentStore, Variant};
use plan_store::{
    DnsStore, EndpointName, Generation, MemoryStore, Plan, PlanStore, RecordSet, Retention, Target,
};
use tracing_subscriber::filter::LevelFilter;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `work` logs, without the time and the module.
fn logged(work: impl FnOnce()) -> Vec<String> {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::DEBUG)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

fn endpoint(name: &str) -> EndpointName {
    name.parse().unwrap()
}

fn plan(name: &str) -> Arc<Plan> {
    let target = Target::new([192, 0, 2, 1].into(), 255);
    let records = RecordSet::new(5, [target]).unwrap();
    Arc::new(Plan::new([(endpoint(name), records)]).unwrap())
}

/// Every event of a store: two plans for a, then one without it, which leaves
/// the first of them to sweep.
fn every_event(store: &impl DnsStore) {
    let a = endpoint("a.example");
    for _ in 1..=2 {
        let generation = store.publish(plan("a.example")).unwrap();
        let pin = store.pin(generation).unwrap();
        let _ = store.activate(&pin, &a).unwrap();
    }
    let without = store.publish(plan("b.example")).unwrap();
    let without = store.pin(without).unwrap();
    let _ = store.withdraw(&without, &a).unwrap();
    store.sweep(Generation::new(2).unwrap()).unwrap();
}

#[test]
fn both_stores_log_the_same_events_with_the_same_fields() {
    let keep = Retention::newest(1);
    let memory = logged(|| every_event(&MemoryStore::new(keep)));
    let sweeps = |variant: &Variant| *variant != Variant::NothingSwept;
    for variant in Variant::ALL.into_iter().filter(sweeps) {
        let incident = logged(|| every_event(&IncidentStore::new(variant, keep)));
        assert_eq!(incident, memory, "{variant}");
    }
    assert_eq!(memory[0], "INFO publish generation=1 names=1");
    assert_eq!(memory.len(), 7);
    // A person reads them: no field is in the form that `Debug` gives it.
    assert_eq!(memory[6], "INFO sweep applied=2 plans=deleted 1");
    assert!(
        memory.iter().all(|line| !line.contains(['[', '{', '"'])),
        "{memory:#?}"
    );
}

#[test]
fn a_repair_is_logged() {
    let log = logged(|| {
        let store = IncidentStore::new(Variant::Incident, Retention::newest(1));
        let generation = store.publish(plan("a.example")).unwrap();
        let pin = store.pin(generation).unwrap();
        store.repair(&pin, &endpoint("a.example")).unwrap();
    });
    assert_eq!(log[1..], ["INFO repair endpoint=a.example generation=1"]);
}
