//! Each race of the store on its own: with two threads all interleavings there are,
//! with three those of up to three preemptions. Every model runs on `MemoryStore`, where it must hold,
//! and again without the protection that it is about, where it must break:
//!
//! | race | without |
//! |---|---|
//! | activate against activate | a compare-and-swap that is one step |
//! | withdraw against activate | the same |
//! | pin against sweep | the same |
//! | reader against activate and sweep | the reader's second look at the word |
//! | reader against an endpoint that comes and goes | the count of comings and goings |
//! | publish against sweep | sparing what is pinned |

mod model;

use incident::{IncidentStore, Variant};
use model::judge::{LoomOn, PlainLoads, RmwLoads};
use model::races::{
    OneLook, RETENTION, activate_against_activate, memory, pin_against_sweep,
    publish_against_sweep, reader_against_activate, reader_against_coming_and_going,
    withdraw_against_activate,
};
use model::weakened::{Torn, Uncounted};
use plan_store::{Loom, MemoryStore, PlanStore, Resolution};

#[test]
fn activate_against_activate_keeps_the_newer() {
    for findings in [
        activate_against_activate::<PlainLoads>(),
        activate_against_activate::<RmwLoads>(),
    ] {
        findings.assert_outcomes(&[
            "activated",
            "stale",
            "Active(#3) after Some(#2)",
            "Active(#3) after Some(#1)",
        ]);
    }
}

#[test]
fn activate_against_activate_needs_its_compare_and_swap() {
    let torn = activate_against_activate::<LoomOn<Torn>>();
    torn.assert_seen(&["Active(#2) after Some(#1)"]);
}

#[test]
fn withdraw_against_activate_leaves_it_withdrawn() {
    for findings in [
        withdraw_against_activate::<PlainLoads>(),
        withdraw_against_activate::<RmwLoads>(),
    ] {
        findings.assert_outcomes(&[
            "Withdrawn(#3) after Some(#1)",
            "Withdrawn(#3) after Some(#2)",
        ]);
    }
}

#[test]
fn withdraw_against_activate_needs_its_compare_and_swap() {
    let torn = withdraw_against_activate::<LoomOn<Torn>>();
    torn.assert_seen(&["Active(#2) after Some(#1)"]);
}

#[test]
fn pin_against_sweep_keeps_what_is_pinned() {
    for findings in [
        pin_against_sweep::<PlainLoads>(),
        pin_against_sweep::<RmwLoads>(),
    ] {
        findings.assert_outcomes(&["held", "gone", "deleted 2", "spared 2"]);
    }
}

#[test]
fn pin_against_sweep_needs_its_compare_and_swap() {
    pin_against_sweep::<LoomOn<Torn>>().assert_seen(&["PinnedKept broken"]);
}

#[test]
fn reader_against_activate_sees_one_whole_plan_after_another() {
    for findings in [
        reader_against_activate::<PlainLoads, _>(None, MemoryStore::reader),
        reader_against_activate::<RmwLoads, _>(None, MemoryStore::reader),
    ] {
        findings.assert_outcomes(&["answer from 1", "answer from 2", "answer from 3", "deleted"]);
    }
}

#[test]
fn reader_against_activate_needs_its_second_look() {
    let one_look = |store: &MemoryStore<Loom>| OneLook(store.clone(), Resolution::Unknown);
    let findings = reader_against_activate::<PlainLoads, _>(Some(3), one_look);
    findings.assert_seen(&["NeverEmpty broken"]);
}

#[test]
fn reader_against_coming_and_going_follows() {
    for findings in [
        reader_against_coming_and_going::<PlainLoads>(),
        reader_against_coming_and_going::<RmwLoads>(),
    ] {
        findings.assert_outcomes(&[
            "withdrawn, then withdrawn",
            "withdrawn, then unknown",
            "withdrawn, then vacant",
            "withdrawn, then answer from 4",
            "unknown, then unknown",
            "unknown, then vacant",
            "unknown, then answer from 4",
            "vacant, then vacant",
            "vacant, then answer from 4",
            "answer from 4, then answer from 4",
            "deleted",
            "in the end answer from 4",
        ]);
    }
}

#[test]
fn reader_against_coming_and_going_needs_the_count() {
    let findings = reader_against_coming_and_going::<LoomOn<Uncounted>>();
    findings.assert_seen(&["in the end withdrawn"]);
}

#[test]
fn publish_against_sweep_loses_nothing() {
    for findings in [
        publish_against_sweep::<PlainLoads, _>(memory::<PlainLoads>),
        publish_against_sweep::<RmwLoads, _>(memory::<RmwLoads>),
    ] {
        findings.assert_outcomes(&[
            "picked up 2",
            "picked up 3",
            "spared: Rollback",
            "deleted",
            "the newest is 3",
        ]);
    }
}

#[test]
fn publish_against_sweep_needs_to_spare_what_is_pinned() {
    let unprotected =
        || IncidentStore::<Loom>::with_primitives(Variant::CompareAndSwapOnly, RETENTION);
    let findings = publish_against_sweep::<PlainLoads, _>(unprotected);
    findings.assert_seen(&["PinnedKept broken"]);
}
