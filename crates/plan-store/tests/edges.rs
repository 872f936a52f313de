//! What a store says at the edges: pins of another store, endpoints that come
//! and go, generations that are not there.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;

use plan_store::{
    Activation, EndpointName, EndpointState, Error, Generation, MemoryStore, Plan, PlanStore,
    RecordSet, Resolution, Resolve, Retention, Standing, Target,
};

fn name(text: &str) -> EndpointName {
    text.parse().unwrap()
}

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

/// Publishes a plan of these endpoints.
fn publish(store: &MemoryStore, endpoints: &[&str]) -> Generation {
    let records = |name: &EndpointName| {
        let target = Target::new([192, 0, 2, 1].into(), 1);
        RecordSet::new(name, 5, [target]).unwrap()
    };
    let names = endpoints.iter().map(|text| name(text));
    let plan = Plan::new(names.map(|name| (name.clone(), records(&name)))).unwrap();
    store.publish(Arc::new(plan)).unwrap()
}

fn store() -> MemoryStore {
    MemoryStore::new(Retention::newest(0))
}

fn activate(store: &MemoryStore, plan: Generation, endpoint: &str) -> Activation {
    let pin = store.pin(plan).unwrap();
    store.activate(&pin, &name(endpoint)).unwrap()
}

fn withdraw(store: &MemoryStore, plan: Generation, endpoint: &str) -> Activation {
    let pin = store.pin(plan).unwrap();
    store.withdraw(&pin, &name(endpoint)).unwrap()
}

#[test]
fn another_stores_pin_is_refused_whatever_it_is_for() {
    let (ours, theirs) = (store(), store());
    for store in [&ours, &theirs] {
        let plan = publish(store, &["a.example"]);
        let _ = activate(store, plan, "a.example");
    }
    publish(&theirs, &["b.example"]);
    let pin = theirs.latest().unwrap().unwrap();
    let refused = [
        ours.activate(&pin, &name("b.example")).map(|_| ()),
        ours.activate(&pin, &name("no.example")).map(|_| ()),
        ours.withdraw(&pin, &name("a.example")).map(|_| ()),
        ours.withdraw(&pin, &name("b.example")).map(|_| ()),
        ours.withdraw(&pin, &name("no.example")).map(|_| ()),
        ours.unnamed(&pin).map(|_| ()),
    ];
    for result in refused {
        assert!(
            matches!(result, Err(Error::ForeignPin { .. })),
            "{result:?}"
        );
    }
    let state = ours.state(&name("a.example")).unwrap();
    assert_eq!(state.standing, Standing::Active(generation(1)));
}

#[test]
fn an_older_plan_does_not_withdraw_what_a_newer_one_brings() {
    let store = store();
    let old = publish(&store, &["a.example"]);
    let slow = store.pin(old).unwrap();
    let new = publish(&store, &["a.example", "b.example"]);
    assert_eq!(store.unnamed(&slow).unwrap(), []);
    let withdrawn = store.withdraw(&slow, &name("b.example")).unwrap();
    assert_eq!(withdrawn, Activation::Stale { active: new });
    assert_eq!(
        store.state(&name("b.example")).unwrap(),
        EndpointState::VACANT
    );
}

#[test]
fn a_newer_plan_fences_off_what_an_older_one_had_not_activated_yet() {
    let store = store();
    let old = publish(&store, &["a.example", "b.example"]);
    let slow = store.pin(old).unwrap();
    let new = publish(&store, &["a.example"]);
    let newer = store.pin(new).unwrap();
    assert_eq!(store.unnamed(&newer).unwrap(), [name("b.example")]);
    let _ = withdraw(&store, new, "b.example");
    let late = store.activate(&slow, &name("b.example")).unwrap();
    assert_eq!(late, Activation::Stale { active: new });
}

#[test]
fn an_endpoint_that_no_plan_names_is_forgotten_by_store_and_reader() {
    let store = store();
    let mut reader = store.reader();
    let first = publish(&store, &["a.example", "never.example"]);
    let _ = activate(&store, first, "a.example");
    assert_eq!(*reader.resolve(&name("never.example")), Resolution::Vacant);
    let mut last = first;
    for _ in 0..3 {
        last = publish(&store, &["b.example"]);
        let _ = activate(&store, last, "b.example");
        let _ = withdraw(&store, last, "a.example");
        store.sweep(last).unwrap();
    }
    for gone in ["a.example", "never.example"] {
        assert_eq!(store.resolve(&name(gone)), Resolution::Unknown, "{gone}");
        assert_eq!(*reader.resolve(&name(gone)), Resolution::Unknown, "{gone}");
        assert_eq!(withdraw(&store, last, gone), Activation::Already);
    }
    assert!(!reader.is_above(&name("no.example")));
    assert!(reader.is_above(&name("example")));
}

#[test]
fn no_sweep_deletes_the_newest_plan_whatever_it_is_told_is_applied() {
    let store = store();
    publish(&store, &["a.example"]);
    let newest = publish(&store, &["a.example"]);
    let swept = store.sweep(generation(1000)).unwrap();
    assert_eq!(swept.deleted, [generation(1)]);
    assert_eq!(store.generations(), [newest]);
}

#[test]
fn what_is_shown_is_what_it_is() {
    assert_eq!(generation(7).to_string(), "7");
    let target = plan_store::Target::new([192, 0, 2, 1].into(), 255);
    let records = plan_store::RecordSet::new(&name("a.example"), 30, [target]).unwrap();
    assert_eq!(records.ttl(), 30);
    let by_name = std::collections::BTreeMap::from([(name("A.example"), 1)]);
    assert_eq!(by_name.get("a.example"), Some(&1));
}
