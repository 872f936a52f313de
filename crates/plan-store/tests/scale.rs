//! The store at its full size: 100,000 endpoints with 8 targets each.

// The helpers of tests are tests too.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::net::Ipv4Addr;
use std::sync::Arc;

use plan_store::{
    Activation, EndpointName, Generation, MemoryStore, Pin, Plan, PlanStore, RecordSet, Resolution,
    Resolve, RetainReason, Retention, Swept, Target,
};

const ENDPOINTS: u32 = 100_000;
const TARGETS: u32 = 8;
const CHANGED: u32 = 70_000;

fn endpoint(at: u32) -> EndpointName {
    format!("e{at}.region.example").parse().unwrap()
}

fn records(at: u32, weight: u8) -> RecordSet {
    let target = |n| {
        let address = Ipv4Addr::from_bits(0x0a00_0000 + at * TARGETS + n);
        Target::new(address.into(), weight)
    };
    RecordSet::new(5, (0..TARGETS).map(target)).unwrap()
}

/// A plan built from scratch, in which one endpoint has a weight of its own.
fn plan(weight: u8) -> Plan {
    let weight = |at| if at == CHANGED { weight } else { 100 };
    Plan::new((0..ENDPOINTS).map(|at| (endpoint(at), records(at, weight(at))))).unwrap()
}

/// One full pass on the latest plan: how many steps took effect, and its sweep.
fn pass(store: &MemoryStore) -> (usize, Swept) {
    let pin = store.latest().unwrap().unwrap();
    let activate = |endpoint: &EndpointName| store.activate(&pin, endpoint).unwrap();
    let withdraw = |endpoint: &EndpointName| store.withdraw(&pin, endpoint).unwrap();
    let named = pin
        .plan()
        .endpoints()
        .map(|(endpoint, _)| activate(endpoint));
    let named = named.filter(took_effect).count();
    let stale_endpoints = store.stale_endpoints(&pin).unwrap();
    let stale_endpoints = stale_endpoints
        .iter()
        .map(withdraw)
        .filter(took_effect)
        .count();
    (
        named + stale_endpoints,
        store.sweep(pin.generation()).unwrap(),
    )
}

fn took_effect(outcome: &Activation) -> bool {
    matches!(outcome, Activation::Activated { .. })
}

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

#[test]
fn a_successor_shares_what_it_does_not_change_and_the_old_plan_is_freed() {
    let everywhere = ENDPOINTS as usize;
    let store = MemoryStore::new(Retention::newest(1));
    let mut reader = store.reader();
    let first = Arc::new(plan(1));
    let second = Arc::new(plan(2).sharing(&first));
    let third = Arc::new(plan(3).sharing(&second));
    let old = Arc::downgrade(&first);

    store.publish(first).unwrap();
    assert_eq!(pass(&store), (everywhere, Swept::default()));
    store.publish(Arc::clone(&second)).unwrap();
    let spared = |number| vec![(generation(number), RetainReason::Rollback)];
    let deleted = vec![];
    let swept = Swept {
        deleted,
        spared: spared(1),
    };
    assert_eq!(pass(&store), (everywhere, swept));
    {
        let first = old.upgrade().unwrap();
        let changed = first.endpoints().zip(second.endpoints());
        let changed = changed.filter(|((_, a), (_, b))| !Arc::ptr_eq(a, b));
        let changed: Vec<_> = changed.map(|((endpoint, _), _)| endpoint.clone()).collect();
        assert_eq!(changed, [endpoint(CHANGED)]);
    }

    store.publish(third).unwrap();
    let deleted = vec![generation(1)];
    let swept = Swept {
        deleted,
        spared: spared(2),
    };
    assert_eq!(pass(&store), (everywhere, swept));
    assert!(old.upgrade().is_none(), "Reclaimed: its memory too");
    for (endpoint, shared) in second.endpoints() {
        let resolution = reader.resolve(endpoint);
        assert_eq!(resolution.generation(), Some(generation(3)));
        let records = resolution.records().unwrap();
        let is_shared = Arc::ptr_eq(records, shared);
        assert_eq!(is_shared, *endpoint != self::endpoint(CHANGED));
        assert_eq!(records.a().len(), TARGETS as usize);
    }
}

#[test]
fn endpoints_that_go_are_withdrawn_and_then_forgotten() {
    let last = endpoint(0);
    let alone = || Arc::new(Plan::new([(last.clone(), records(0, 1))]).unwrap());
    let store = MemoryStore::new(Retention::newest(1));
    store.publish(Arc::new(plan(1))).unwrap();
    let _ = pass(&store);
    // Withdrawn, then with nothing to roll back to.
    for number in [2, 3] {
        store.publish(alone()).unwrap();
        assert_eq!(pass(&store).0, ENDPOINTS as usize, "plan {number}");
    }
    store.publish(alone()).unwrap();
    assert_eq!(pass(&store).0, 1, "all others are forgotten");
    assert_eq!(store.generations(), [3, 4].map(generation));
    let gone = (1..ENDPOINTS).map(|at| store.resolve(&endpoint(at)));
    assert_eq!(gone.filter(|gone| *gone != Resolution::Unknown).count(), 0);
    assert!(store.resolve(&last).records().is_some());
}
