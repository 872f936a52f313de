//! A wrapper calls the same methods of the inner store as an Enactor without a wrapper
//! does.

use incident::{Actor, Fencing, Journal, Leased, Observed, OneByOne};
use plan_store::Native;
use plan_store_conformance::counted::activate_all_reaches_the_inner_store;

#[test]
fn an_observed_pass_uses_the_inner_stores_walk() {
    let journal = Journal::judging_only();
    activate_all_reaches_the_inner_store(|store| Observed::new(store, Actor::Enactor(1), &journal));
}

#[test]
fn a_pass_under_a_lease_uses_the_inner_stores_walk() {
    for fencing in [
        Fencing::HolderLooks,
        Fencing::PerEnactor,
        Fencing::AtEndpoint,
    ] {
        activate_all_reaches_the_inner_store(|store| Leased::<_, Native>::new(store, fencing));
    }
}

/// `OneByOne` is the exception: its purpose is to take each step separately.
#[test]
#[should_panic(expected = "one step each time")]
fn a_one_by_one_pass_does_not_use_the_inner_stores_walk() {
    activate_all_reaches_the_inner_store(OneByOne);
}
