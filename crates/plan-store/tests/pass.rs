//! One pass on one thread: it steps through the plan's endpoints as its caller asks, and the
//! sweep spares the plans in use. Also an operator's return to older content.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;

use plan_store::{
    Activation, EndpointName, EndpointState, Generation, GenerationsExhausted, MemoryStore, Pin,
    PinError, Plan, PlanStore, PublishError, RecordSet, RepublishError, Resolution, RetainReason,
    Retention, Standing, StepError, Swept, Target,
};

fn name(text: &str) -> EndpointName {
    text.parse().unwrap()
}

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

fn publish(store: &MemoryStore, endpoints: &[&str]) -> Generation {
    let target = Target::new([192, 0, 2, 1].into(), 1);
    let records = Arc::new(RecordSet::new(5, [target]).unwrap());
    let names = endpoints.iter().map(|text| name(text));
    let plan = Plan::new(names.map(|name| (name, Arc::clone(&records)))).unwrap();
    store.publish(Arc::new(plan)).unwrap()
}

fn state(store: &MemoryStore, endpoint: &str) -> EndpointState {
    store.state(&name(endpoint)).unwrap()
}

/// Activates the plan everywhere, withdraws what it does not name, and sweeps. Returns the
/// endpoints at which it was activated.
fn pass(store: &MemoryStore, plan: Generation) -> (Vec<String>, Swept) {
    let pin = store.pin(plan).unwrap();
    let steps = store.activate_all(&pin);
    let activated = steps.map(|(endpoint, outcome)| {
        let _ = outcome.unwrap();
        endpoint.to_string()
    });
    let activated = activated.collect();
    for endpoint in store.stale_endpoints(&pin).unwrap() {
        let _ = store.withdraw(&pin, &endpoint).unwrap();
    }
    (activated, store.sweep(plan).unwrap())
}

#[test]
fn a_walk_with_another_stores_pin_changes_nothing() {
    let (ours, theirs) = (
        MemoryStore::new(Retention::newest(1)),
        MemoryStore::new(Retention::newest(1)),
    );
    for store in [&ours, &theirs] {
        publish(store, &["a.example", "b.example"]);
    }
    let pin = theirs.latest().unwrap().unwrap();
    for (_, outcome) in ours.activate_all(&pin) {
        assert!(matches!(outcome, Err(StepError::ForeignPin { .. })));
    }
    for store in [&ours, &theirs] {
        for endpoint in ["a.example", "b.example"] {
            assert_eq!(state(store, endpoint), EndpointState::VACANT);
        }
    }
}

#[test]
fn a_walk_takes_a_step_only_when_it_is_asked_for_the_next() {
    let store = MemoryStore::new(Retention::newest(1));
    publish(&store, &["a.example", "b.example"]);
    let pin = store.latest().unwrap().unwrap();
    let mut steps = store.activate_all(&pin);
    assert_eq!(state(&store, "a.example"), EndpointState::VACANT);
    let (endpoint, outcome) = steps.next().unwrap();
    assert_eq!(*endpoint, name("a.example"));
    let replaced = EndpointState::VACANT;
    assert_eq!(outcome.unwrap(), Activation::Activated { replaced });
    drop(steps);
    let here = Standing::Active(pin.generation());
    assert_eq!(state(&store, "a.example").standing, here);
    assert_eq!(state(&store, "b.example"), EndpointState::VACANT);
}

#[test]
fn walks_and_sweeps_go_along_the_endpoints_that_there_are() {
    let store = MemoryStore::new(Retention::newest(1));
    let steps: [(&[&str], &[u32]); 7] = [
        (&["a.example", "b.example"], &[]),
        (&["a.example", "b.example", "c.example"], &[]),
        (&["a.example", "b.example", "c.example"], &[1]),
        (&["a.example", "d.example"], &[2]),
        (&["d.example", "e.example"], &[3]),
        (&["d.example", "e.example"], &[4]),
        (&["d.example"], &[5]),
    ];
    for (at, (endpoints, deleted)) in steps.into_iter().enumerate() {
        let plan = publish(&store, endpoints);
        let (activated, swept) = pass(&store, plan);
        assert_eq!(activated, endpoints, "step {at}");
        let deleted: Vec<_> = deleted.iter().copied().map(generation).collect();
        assert_eq!(swept.deleted, deleted, "step {at}");
        assert_eq!(store.newest_active().unwrap(), Some(plan), "step {at}");
    }
}

/// An endpoint that comes when the cells had been walked before is looked at by the next
/// walk, also if no plan names more endpoints than the one before.
#[test]
fn a_sweep_spares_what_is_active_at_an_endpoint_that_came_after_the_last_one() {
    let store = MemoryStore::new(Retention::newest(1));
    let first = publish(&store, &["a.example"]);
    let _ = pass(&store, first);
    let second = publish(&store, &["b.example"]);
    let pin = store.pin(second).unwrap();
    let _ = store.activate(&pin, &name("b.example")).unwrap();
    drop(pin);
    let third = publish(&store, &["a.example", "b.example"]);
    let swept = store.sweep(third).unwrap();
    let spared = [first, second].map(|plan| (plan, RetainReason::Active));
    assert_eq!((swept.deleted, swept.spared), (vec![], spared.to_vec()));
}

#[test]
fn endpoints_on_one_plan_keep_each_its_own_rollback_target() {
    let store = MemoryStore::new(Retention::newest(0));
    let endpoints = ["a.example", "b.example"];
    // Plan 1 is active at both, plan 2 at the first, and then plan 3 at both.
    for (plan, count) in [(1, 2), (2, 1), (3, 2)] {
        publish(&store, &endpoints);
        let pin = store.pin(generation(plan)).unwrap();
        for (_, outcome) in store.activate_all(&pin).take(count) {
            let _ = outcome.unwrap();
        }
    }
    let rollback = endpoints.map(|endpoint| state(&store, endpoint).rollback);
    assert_eq!(rollback, [2, 1].map(|plan| Some(generation(plan))));
    let swept = store.sweep(generation(3)).unwrap();
    let spared = [1, 2].map(|plan| (generation(plan), RetainReason::Rollback));
    assert_eq!((swept.deleted, swept.spared), (vec![], spared.to_vec()));
}

#[test]
fn a_sweep_ahead_of_the_newest_plan_retains_as_many_as_one_after_it() {
    let store = MemoryStore::new(Retention::newest(2));
    for _ in 0..4 {
        publish(&store, &["a.example"]);
    }
    let swept = store.sweep(generation(1000)).unwrap();
    assert_eq!(swept.deleted, [1, 2].map(generation));
    assert_eq!(store.generations(), [3, 4].map(generation));
}

/// Two retained plans: the older names `b.example`, the newer has withdrawn it there.
fn withdrawn_and_named_by_an_older_plan() -> MemoryStore {
    let store = MemoryStore::new(Retention::newest(2));
    publish(&store, &["a.example", "b.example"]);
    let newer = publish(&store, &["a.example"]);
    let _ = pass(&store, newer);
    store
}

#[test]
fn a_withdrawal_counts_as_the_newest_active_plan() {
    let store = MemoryStore::new(Retention::newest(2));
    let first = publish(&store, &["b.example"]);
    let _ = pass(&store, first);
    let second = publish(&store, &["a.example"]);
    let pin = store.pin(second).unwrap();
    let _ = store.withdraw(&pin, &name("b.example")).unwrap();
    assert_eq!(store.newest_active().unwrap(), Some(second));
}

#[test]
fn a_sweep_remembers_a_withdrawn_endpoint_while_an_older_plan_names_it() {
    let store = withdrawn_and_named_by_an_older_plan();
    let second = generation(2);
    assert_eq!(
        state(&store, "b.example").standing,
        Standing::Withdrawn(second)
    );
    let older = store.pin(generation(1)).unwrap();
    let late = store.activate(&older, &name("b.example")).unwrap();
    assert_eq!(late, Activation::Stale { newer: second });
}

#[test]
fn a_sweep_forgets_an_endpoint_with_the_last_plan_that_names_it() {
    let store = withdrawn_and_named_by_an_older_plan();
    let third = publish(&store, &["a.example"]);
    assert_eq!(store.sweep(third).unwrap().deleted, [generation(1)]);
    assert_eq!(store.resolve(&name("b.example")), Resolution::Unknown);
}

#[test]
fn a_sweep_counts_what_it_keeps_from_the_applied_plan() {
    let store = MemoryStore::new(Retention::newest(1));
    for _ in 0..4 {
        publish(&store, &["a.example"]);
    }
    assert_eq!(store.sweep(generation(2)).unwrap().deleted, [generation(1)]);
    assert_eq!(store.generations(), [2, 3, 4].map(generation));
}

#[test]
fn an_operators_return_is_a_newer_plan_with_the_old_content() {
    let store = MemoryStore::new(Retention::newest(2));
    let first = publish(&store, &["b.example"]);
    let second = publish(&store, &["a.example"]);
    let third = store.republish(first).unwrap();
    assert!(third > second);
    let (returned, old) = (store.pin(third).unwrap(), store.pin(first).unwrap());
    assert!(Arc::ptr_eq(returned.plan(), old.plan()));
}

#[test]
fn an_operators_return_names_the_operation_that_failed() {
    let last = Generation::MAX;
    let store = MemoryStore::continuing(Retention::newest(1), generation(last.get() - 1));
    assert_eq!(publish(&store, &["a.example"]), last);
    let swept = PinError::NoSuchPlan {
        generation: Generation::FIRST,
    };
    assert_eq!(
        store.republish(Generation::FIRST),
        Err(RepublishError::Pin(swept))
    );
    let exhausted = PublishError::GenerationsExhausted(GenerationsExhausted);
    assert_eq!(
        store.republish(last),
        Err(RepublishError::Publish(exhausted))
    );
}
