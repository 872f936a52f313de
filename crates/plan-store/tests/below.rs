//! What a reader says of names and of what lies below them, while endpoints come and go.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::sync::Arc;

use plan_store::{
    EndpointName, MemoryStore, Pin, Plan, PlanStore, RecordSet, Resolution, Resolve, Retention,
    Target,
};

fn name(text: &str) -> EndpointName {
    text.parse().unwrap()
}

/// Publishes a plan in which each endpoint has an address that ends in this octet. Activates
/// it there, withdraws the others, and sweeps.
fn pass(store: &MemoryStore, endpoints: &[(&str, u8)]) {
    publish(store, endpoints);
    let pin = store.latest().unwrap().unwrap();
    assert!(store.activate_all(&pin).all(|(_, outcome)| outcome.is_ok()));
    for endpoint in store.stale_endpoints(&pin).unwrap() {
        let _ = store.withdraw(&pin, &endpoint).unwrap();
    }
    store.sweep(pin.generation()).unwrap();
}

fn publish(store: &MemoryStore, endpoints: &[(&str, u8)]) {
    let named = endpoints.iter().map(|&(text, octet)| {
        let target = Target::new([192, 0, 2, octet].into(), 1);
        let records = RecordSet::new(5, [target]).unwrap();
        (name(text), records)
    });
    store.publish(Arc::new(Plan::new(named).unwrap())).unwrap();
}

/// The last octet of what the reader answers, or `None` if the endpoint is not known.
fn octet(reader: &mut impl Resolve, endpoint: &str) -> Option<u8> {
    match reader.resolve(&name(endpoint)) {
        Resolution::Unknown => None,
        resolution => Some(resolution.records().unwrap().a()[0].address.octets()[3]),
    }
}

#[test]
fn nothing_lies_below_a_name_once_the_endpoint_below_it_is_forgotten() {
    let store = MemoryStore::new(Retention::newest(1));
    publish(&store, &[("a.one.example", 1), ("two.example", 1)]);
    let mut reader = store.reader();
    assert!(reader.has_descendant(&name("one.example")));
    // It was never active, so the next sweep forgets it without a withdrawal.
    publish(&store, &[("two.example", 2)]);
    let newest = store.latest().unwrap().unwrap().generation();
    store.sweep(newest).unwrap();
    assert_eq!(octet(&mut store.reader(), "a.one.example"), None);
    assert!(!reader.has_descendant(&name("one.example")));
    assert!(!store.reader().has_descendant(&name("one.example")));
    assert!(store.reader().has_descendant(&name("example")));
}

/// Also with endpoints beside it, whose names begin or end alike.
#[test]
fn an_endpoint_lies_below_another_one_and_not_below_itself() {
    let store = MemoryStore::new(Retention::newest(1));
    let endpoints = [
        ("one.example", 1),
        ("b.a.one.example", 2),
        ("zone.example", 3),
    ];
    pass(&store, &endpoints);
    let mut reader = store.reader();
    for above in ["example", "one.example", "a.one.example"] {
        assert!(reader.has_descendant(&name(above)), "{above}");
    }
    for not in ["b.a.one.example", "zone.example", "ne.example", "a.example"] {
        assert!(!reader.has_descendant(&name(not)), "{not}");
    }
}

#[test]
fn an_endpoint_that_comes_back_lies_below_its_name_again() {
    let store = MemoryStore::new(Retention::newest(1));
    let mut reader = store.reader();
    pass(&store, &[("a.one.example", 1), ("two.example", 1)]);
    for _ in 0..3 {
        pass(&store, &[("two.example", 2)]);
    }
    assert_eq!(octet(&mut reader, "a.one.example"), None);
    assert!(!reader.has_descendant(&name("one.example")));
    pass(&store, &[("a.one.example", 3), ("two.example", 3)]);
    assert!(reader.has_descendant(&name("one.example")));
    assert_eq!(octet(&mut reader, "a.one.example"), Some(3));
}

/// A withdrawn endpoint does not count, and its new cell does.
#[test]
fn the_cell_of_an_endpoint_that_comes_back_is_the_one_that_counts() {
    let store = MemoryStore::new(Retention::newest(1));
    pass(&store, &[("a.one.example", 1), ("two.example", 1)]);
    pass(&store, &[("two.example", 2)]);
    pass(&store, &[("two.example", 3)]);
    let mut reader = store.reader();
    assert!(!reader.has_descendant(&name("one.example")));
    pass(&store, &[("two.example", 4)]);
    pass(&store, &[("a.one.example", 5), ("two.example", 5)]);
    assert!(reader.has_descendant(&name("one.example")));
    assert!(store.reader().has_descendant(&name("one.example")));
}

#[test]
fn a_reader_answers_each_name_with_its_own_records_after_others_are_gone() {
    let store = MemoryStore::new(Retention::newest(1));
    let all = [
        ("a.example", 1),
        ("b.example", 2),
        ("c.example", 3),
        ("d.example", 4),
    ];
    pass(&store, &all);
    let mut reader = store.reader();
    for (endpoint, records) in all {
        assert_eq!(octet(&mut reader, endpoint), Some(records));
    }
    for _ in 0..3 {
        pass(&store, &all[1..]);
    }
    for _ in 0..2 {
        assert_eq!(octet(&mut reader, "a.example"), None);
        for (endpoint, records) in &all[1..] {
            assert_eq!(octet(&mut reader, endpoint), Some(*records), "{endpoint}");
        }
    }
}
