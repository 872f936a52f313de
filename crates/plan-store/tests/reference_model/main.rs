//! Any sequence of operations on [`MemoryStore`] agrees, result for result, with
//! a plain sequential reference, and keeps every invariant after every step.
//!
//! `reference.rs` is the reference, `session.rs` the operations, `invariants.rs`
//! the invariants, and `wrong.rs` the faulty stores that show that the tests can
//! fail. More cases: `PROPTEST_CASES=100000 cargo test -p plan-store --test
//! reference_model`.

// The helpers of tests are tests too.
#![allow(clippy::unwrap_used)]

mod invariants;
mod reference;
mod session;
mod wrong;

use std::cell::RefCell;
use std::fmt::Write as _;

use plan_store::{MemoryStore, Needed, PlanStore};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};

use crate::invariants::watch;
use crate::reference::Reference;
use crate::session::{Script, Session};
use crate::wrong::{Fault, Wrong};

/// Performs a script on a store and on the reference, and compares.
fn compare<S: PlanStore>(store: S, script: &Script) -> Result<(), String> {
    let reference = Reference::new(script.retention(), script.last());
    let mut subject = Session::new(store, script);
    let mut model = Session::new(reference, script);
    for op in &script.ops {
        let (said, expected) = (subject.perform(op), model.perform(op));
        if said != expected {
            return Err(format!("{op:?}: {said:?}, but should be {expected:?}"));
        }
        let (is, expected) = (subject.audit(), model.audit());
        if is != expected {
            return Err(format!("after {op:?}: {is:?}, but should be {expected:?}"));
        }
    }
    Ok(())
}

fn memory_store(script: &Script) -> MemoryStore {
    match script.last() {
        None => MemoryStore::new(script.retention()),
        Some(last) => MemoryStore::continuing(script.retention(), last),
    }
}

/// Eight times the cases that proptest or the environment asks for. A failing
/// script is printed, not filed.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.saturating_mul(8),
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_store_agrees_with_the_reference(script in Script::any()) {
        compare(memory_store(&script), &script).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn the_store_keeps_every_invariant(script in Script::any()) {
        watch(memory_store(&script), &script).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn the_reference_keeps_every_invariant(script in Script::any()) {
        let reference = Reference::new(script.retention(), script.last());
        watch(reference, &script).map_err(TestCaseError::fail)?;
    }
}

fn same_every_time(config: ProptestConfig) -> TestRunner {
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Why `judge` rejects a store with this fault; empty if it does not.
fn rejection(fault: Fault, judge: impl Fn(Wrong, &Script) -> Result<(), String>) -> String {
    let config = ProptestConfig {
        max_shrink_iters: 0,
        ..config()
    };
    let verdict = same_every_time(config).run(&Script::any(), |script| {
        let store = Wrong::new(memory_store(&script), fault);
        judge(store, &script).map_err(TestCaseError::fail)
    });
    match verdict {
        Err(TestError::Fail(reason, _)) => reason.message().to_owned(),
        _ => String::new(),
    }
}

#[test]
fn the_comparison_rejects_every_fault() {
    for fault in [
        Fault::StaleOverwrites,
        Fault::StaleSaysActivated,
        Fault::SweepDeletes(Needed::Active),
        Fault::SweepDeletes(Needed::Rollback),
        Fault::SweepDeletes(Needed::Pinned),
        Fault::SweepDeletesNothing,
        Fault::SweepHidesSpared,
        Fault::AnswersNothing,
        Fault::AnswersFromAnotherPlan,
        Fault::ForgetsTooEarly,
        Fault::HidesWhatIsBelow,
    ] {
        let why = rejection(fault, compare);
        assert!(why.contains("but should be"), "{fault:?} passes: {why}");
    }
}

#[test]
fn the_watch_names_the_invariant_that_a_fault_breaks() {
    for (fault, invariant) in [
        (Fault::StaleOverwrites, "Monotonic"),
        (Fault::SweepDeletes(Needed::Active), "ActiveKept"),
        (Fault::SweepDeletes(Needed::Rollback), "RollbackKept"),
        (Fault::SweepDeletes(Needed::Pinned), "PinnedKept"),
        (Fault::AnswersNothing, "NeverEmpty"),
        (Fault::AnswersFromAnotherPlan, "WholeAnswer"),
        (Fault::SweepDeletesNothing, "Reclaimed"),
    ] {
        let why = rejection(fault, watch);
        assert!(
            why.starts_with(invariant),
            "{fault:?} breaks {invariant}: {why}"
        );
    }
}

/// Agreement proves little where nothing happens.
#[test]
fn the_scripts_come_to_everything() {
    let seen = RefCell::new(String::new());
    let verdict = same_every_time(config()).run(&Script::any(), |script| {
        let store = Reference::new(script.retention(), script.last());
        let mut session = Session::new(store, &script);
        for op in &script.ops {
            let _ = write!(seen.borrow_mut(), "{:?}", session.perform(op));
        }
        Ok(())
    });
    assert!(verdict.is_ok(), "{verdict:?}");
    for outcome in [
        "Activated {",
        "Activation(Already)",
        "Stale {",
        "deleted: [#",
        "Active)]",
        "Rollback)]",
        "Pinned)]",
        "Answer {",
        "Withdrawn {",
        "Unknown)",
        "Vacant)",
        "was the last one",
        "is not in the store",
        "cannot be activated there",
        "cannot withdraw it",
    ] {
        assert!(seen.borrow().contains(outcome), "never seen: {outcome}");
    }
}
