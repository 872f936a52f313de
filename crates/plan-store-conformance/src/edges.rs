//! Edge cases: pins of another store, endpoints that come and go, generations that do not
//! exist.

use std::sync::Arc;

use plan_store::{
    Activation, DnsStore, EndpointName, EndpointState, Generation, Pin, Plan, PlanStore, RecordSet,
    Resolution, Resolve, Retention, Rrset, Standing, StaticRecords, StepError, Target,
};

use crate::{Stores, generation, generations};

fn name(text: &str) -> EndpointName {
    text.parse().unwrap()
}

/// Publishes a plan of these endpoints.
fn publish(store: &impl DnsStore, endpoints: &[&str]) -> Generation {
    let records = || {
        let target = Target::new([192, 0, 2, 1].into(), 1);
        RecordSet::new(5, [target]).unwrap()
    };
    let names = endpoints.iter().map(|text| name(text));
    let plan = Plan::new(names.map(|name| (name, records()))).unwrap();
    store.publish(Arc::new(plan)).unwrap()
}

fn make<M: Stores>(stores: &M) -> M::Store {
    stores.make(Retention::newest(0), None)
}

fn activate(store: &impl DnsStore, plan: Generation, endpoint: &str) -> Activation {
    let pin = store.pin(plan).unwrap();
    store.activate(&pin, &name(endpoint)).unwrap()
}

fn withdraw(store: &impl DnsStore, plan: Generation, endpoint: &str) -> Activation {
    let pin = store.pin(plan).unwrap();
    store.withdraw(&pin, &name(endpoint)).unwrap()
}

/// Every call that takes a pin refuses a pin of another store.
pub fn another_stores_pin_is_refused_whatever_it_is_for<M: Stores>(stores: &M) {
    let (ours, theirs) = (make(stores), make(stores));
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
        ours.stale_endpoints(&pin).map(|_| ()),
    ];
    let walk = ours.activate_all(&pin).map(|(_, outcome)| outcome);
    let walked: Vec<_> = walk.map(|outcome| outcome.map(|_| ())).collect();
    assert_eq!(walked.len(), 1, "one endpoint is in the plan");
    for result in refused.into_iter().chain(walked) {
        assert!(
            matches!(result, Err(StepError::ForeignPin { .. })),
            "{result:?}"
        );
    }
    let state = ours.state(&name("a.example")).unwrap();
    assert_eq!(state.standing, Standing::Active(generation(1)));
}

/// A layer takes its steps along the walk of the store below it, and so relies on this.
pub fn a_walk_takes_each_endpoint_of_the_plan_once_and_in_its_order<M: Stores>(stores: &M) {
    let store = make(stores);
    let names = ["b.example", "a.b.example", "example", "c.example", "a.z"];
    let pin = store.pin(publish(&store, &names)).unwrap();
    let walk = store.activate_all(&pin).map(|(endpoint, outcome)| {
        assert!(matches!(outcome, Ok(Activation::Activated { .. })));
        endpoint
    });
    let walked: Vec<_> = walk.collect();
    let in_order: Vec<_> = pin.plan().endpoints().map(|(name, _)| name).collect();
    assert_eq!(walked, in_order, "in the plan's order");
}

/// A store keeps static records: beside targets, alone, and at a wildcard.
pub fn static_records_come_back_as_they_were_published<M: Stores>(stores: &M) {
    let store = make(stores);
    let rrset = |record_type| Rrset::new(record_type, 60, [*b"\x01b", *b"\x01a"]).unwrap();
    let text = StaticRecords::new([rrset(16), rrset(65_280)]).unwrap();
    let target = RecordSet::new(5, [Target::new([192, 0, 2, 1].into(), 1)]).unwrap();
    let both = target.with_static_records(text.clone()).unwrap();
    let alone = RecordSet::without_targets(text).unwrap();
    let sets = [
        ("b.example", both),
        ("a.example", alone.clone()),
        ("*.example", alone),
    ];
    let plan = sets.map(|(text, records)| (name(text), Arc::new(records)));
    let pin = {
        let plan = Plan::new(plan.clone()).unwrap();
        store.pin(store.publish(Arc::new(plan)).unwrap()).unwrap()
    };
    for (endpoint, outcome) in store.activate_all(&pin) {
        let activated = matches!(outcome, Ok(Activation::Activated { .. }));
        assert!(activated, "{endpoint}: {outcome:?}");
    }
    stores.settle(&store);
    let mut reader = store.reader();
    for (name, records) in plan {
        assert_eq!(pin.plan().records(&name), Some(&records));
        assert_eq!(reader.resolve(&name).records(), Some(&records), "{name}");
    }
}

/// An older plan does not see an endpoint that a newer plan brings.
pub fn an_older_plan_does_not_withdraw_what_a_newer_one_brings<M: Stores>(stores: &M) {
    let store = make(stores);
    let old = publish(&store, &["a.example"]);
    let slow = store.pin(old).unwrap();
    let new = publish(&store, &["a.example", "b.example"]);
    assert_eq!(store.stale_endpoints(&slow).unwrap(), []);
    let withdrawn = store.withdraw(&slow, &name("b.example")).unwrap();
    assert_eq!(withdrawn, Activation::Stale { newer: new });
    assert_eq!(
        store.state(&name("b.example")).unwrap(),
        EndpointState::VACANT
    );
}

/// A withdrawal refuses an older plan that comes late.
pub fn a_newer_plan_fences_off_what_an_older_one_had_not_activated_yet<M: Stores>(stores: &M) {
    let store = make(stores);
    let old = publish(&store, &["a.example", "b.example"]);
    let slow = store.pin(old).unwrap();
    let new = publish(&store, &["a.example"]);
    let newer = store.pin(new).unwrap();
    assert_eq!(store.stale_endpoints(&newer).unwrap(), [name("b.example")]);
    let _ = withdraw(&store, new, "b.example");
    let late = store.activate(&slow, &name("b.example")).unwrap();
    assert_eq!(late, Activation::Stale { newer: new });
}

/// The next sweep forgets an endpoint that is withdrawn and has no rollback target.
pub fn an_endpoint_that_no_plan_names_is_forgotten_by_store_and_reader<M: Stores>(stores: &M) {
    let store = make(stores);
    let mut reader = store.reader();
    let first = publish(&store, &["a.example", "never.example"]);
    let _ = activate(&store, first, "a.example");
    stores.settle(&store);
    assert_eq!(*reader.resolve(&name("never.example")), Resolution::Vacant);
    let mut last = first;
    for _ in 0..3 {
        last = publish(&store, &["b.example"]);
        let _ = activate(&store, last, "b.example");
        let _ = withdraw(&store, last, "a.example");
        store.sweep(last).unwrap();
    }
    stores.settle(&store);
    for gone in ["a.example", "never.example"] {
        assert_eq!(store.resolve(&name(gone)), Resolution::Unknown, "{gone}");
        assert_eq!(*reader.resolve(&name(gone)), Resolution::Unknown, "{gone}");
        assert_eq!(withdraw(&store, last, gone), Activation::Already);
    }
    assert!(!reader.has_descendant(&name("no.example")));
    assert!(reader.has_descendant(&name("example")));
}

/// A sweep takes a generation beyond the newest plan for the newest plan.
pub fn no_sweep_deletes_the_newest_plan_whatever_it_is_told_is_applied<M: Stores>(stores: &M) {
    let store = make(stores);
    publish(&store, &["a.example"]);
    let newest = publish(&store, &["a.example"]);
    let swept = store.sweep(generation(1000)).unwrap();
    assert_eq!(swept.deleted, [generation(1)]);
    assert_eq!(generations(&store), [newest]);
}
