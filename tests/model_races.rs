//! Each race of the store on its own: with two threads all interleavings there are,
//! with three those of up to two or three preemptions. Every model runs on
//! `MemoryStore`, where it must hold, and again without the protection that it is
//! about, where it must break:
//!
//! | race | without |
//! |---|---|
//! | activate against activate | a compare-and-swap that is one step |
//! | withdraw against activate | the same |
//! | pin against sweep | the same |
//! | activate against sweep | the ordering between letting go and deleting |
//! | sweep against sweep | a compare-and-swap that is one step |
//! | activate hands on | the orderings of the endpoint's word |
//! | reader against activate and sweep | the reader's second look at the word |
//! | reader against an endpoint that comes and goes | the count of comings and goings |
//! | denial against endpoints that change places | the reader's second look at all of them |
//! | publish against sweep | sparing what is pinned |
//!
//! `tests/model_mutants.rs` takes away each atomic access of the store in turn.

use std::sync::atomic::Ordering;

use incident::{IncidentStore, Variant};
use models::checker::{LoomOn, PlainLoads, RmwLoads};
use models::mutant::{Change, Mutable, Mutation};
use models::races::{
    self, Followed, OneLook, RETENTION, activate_against_activate, activate_against_sweep,
    activate_hands_on, denial_against_changing_places, pin_against_sweep, publish_against_sweep,
    reader_against_activate, reader_against_coming_and_going, sweep_against_sweep,
    withdraw_against_activate,
};
use plan_store::{Loom, MemoryStore, PlanStore as _, Resolution};

#[test]
fn activate_against_activate_keeps_the_newer() {
    races::activate_against_activate_keeps_the_newer::<PlainLoads>();
    races::activate_against_activate_keeps_the_newer::<RmwLoads>();
}

/// With every compare-and-swap of the store torn in two.
const TORN: Mutation = Mutation {
    site: None,
    change: Change::Torn,
};

/// With a store that counts nothing.
const UNCOUNTED: Mutation = Mutation {
    site: None,
    change: Change::AddsNothing,
};

#[test]
fn activate_against_activate_needs_its_compare_and_swap() {
    let torn = TORN.during(activate_against_activate::<LoomOn<Mutable>>);
    torn.assert_seen(&["Active(#2) after Some(#1)"]);
}

#[test]
fn withdraw_against_activate_leaves_it_withdrawn() {
    races::withdraw_against_activate_leaves_it_withdrawn::<PlainLoads>();
    races::withdraw_against_activate_leaves_it_withdrawn::<RmwLoads>();
}

#[test]
fn withdraw_against_activate_needs_its_compare_and_swap() {
    let torn = TORN.during(withdraw_against_activate::<LoomOn<Mutable>>);
    torn.assert_seen(&["Active(#2) after Some(#1)"]);
}

#[test]
fn pin_against_sweep_keeps_what_is_pinned() {
    races::pin_against_sweep_keeps_what_is_pinned::<PlainLoads>();
    races::pin_against_sweep_keeps_what_is_pinned::<RmwLoads>();
}

#[test]
fn pin_against_sweep_needs_its_compare_and_swap() {
    let torn = TORN.during(pin_against_sweep::<LoomOn<Mutable>>);
    torn.assert_seen(&["PinnedKept broken"]);
}

#[test]
fn reader_against_activate_sees_one_whole_plan_after_another() {
    races::reader_against_activate_sees_one_whole_plan_after_another::<PlainLoads>();
    races::reader_against_activate_sees_one_whole_plan_after_another::<RmwLoads>();
}

#[test]
fn reader_against_activate_needs_its_second_look() {
    let one_look = |store: &MemoryStore<Loom>| OneLook(store.clone(), Resolution::Unknown);
    let findings = reader_against_activate::<PlainLoads, _>(Some(3), one_look);
    findings.assert_seen(&["NeverEmpty broken"]);
}

#[test]
fn reader_against_coming_and_going_follows() {
    races::reader_against_coming_and_going_follows::<PlainLoads>();
    races::reader_against_coming_and_going_follows::<RmwLoads>();
}

#[test]
fn reader_against_coming_and_going_needs_the_count() {
    let reader = || reader_against_coming_and_going::<LoomOn<Mutable>, _>(MemoryStore::reader);
    let follower = || reader_against_coming_and_going::<LoomOn<Mutable>, _>(Followed::of);
    for findings in [UNCOUNTED.during(reader), UNCOUNTED.during(follower)] {
        findings.assert_seen(&["in the end withdrawn"]);
    }
}

#[test]
fn publish_against_sweep_loses_nothing() {
    races::publish_against_sweep_loses_nothing::<PlainLoads>();
    races::publish_against_sweep_loses_nothing::<RmwLoads>();
}

#[test]
fn publish_against_sweep_needs_to_spare_what_is_pinned() {
    let unprotected =
        || IncidentStore::<Loom>::with_primitives(Variant::CompareAndSwapOnly, RETENTION);
    let findings = publish_against_sweep::<PlainLoads, _>(unprotected);
    findings.assert_seen(&["PinnedKept broken"]);
}

#[test]
fn activate_against_sweep_keeps_the_active() {
    races::activate_against_sweep_keeps_the_active::<PlainLoads>();
    races::activate_against_sweep_keeps_the_active::<RmwLoads>();
}

#[test]
fn activate_hands_on_what_came_before() {
    races::activate_hands_on_what_came_before::<PlainLoads>();
    races::activate_hands_on_what_came_before::<RmwLoads>();
}

#[test]
fn sweep_against_sweep_deletes_once() {
    races::sweep_against_sweep_deletes_once::<PlainLoads>();
    races::sweep_against_sweep_deletes_once::<RmwLoads>();
}

#[test]
fn denial_against_changing_places_never_denies() {
    races::denial_against_changing_places_never_denies::<PlainLoads>();
    races::denial_against_changing_places_never_denies::<RmwLoads>();
}

#[test]
fn denial_against_changing_places_needs_its_second_look() {
    let one_look = |store: &MemoryStore<Loom>| OneLook(store.clone(), Resolution::Unknown);
    let findings = denial_against_changing_places::<PlainLoads, _>(one_look);
    findings.assert_seen(&["denied"]);
}

#[test]
fn activate_hands_on_needs_the_words_release() {
    let relaxed = Mutation {
        site: None,
        change: Change::Order(Ordering::Relaxed),
    };
    let findings = relaxed.during(activate_hands_on::<LoomOn<Mutable>>);
    findings.assert_seen(&["told of 2, and does not see it"]);
}

#[test]
fn activate_against_sweep_needs_its_orderings() {
    let relaxed = Mutation {
        site: None,
        change: Change::Order(Ordering::Relaxed),
    };
    let findings = relaxed.during(activate_against_sweep::<LoomOn<Mutable>>);
    findings.assert_seen(&["NeverEmpty broken"]);
}

#[test]
fn sweep_against_sweep_needs_its_compare_and_swap() {
    let findings = TORN.during(sweep_against_sweep::<LoomOn<Mutable>>);
    findings.assert_seen(&["both deleted 2"]);
}
