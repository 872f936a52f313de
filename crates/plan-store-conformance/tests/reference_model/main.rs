//! The conformance suite can fail: it rejects stores with one defect each, and names
//! the defect. Its reference keeps every invariant, and its scripts reach every outcome.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod wrong;

use std::cell::RefCell;
use std::fmt::Write as _;

use plan_store::RetainReason;
use plan_store_conformance::Effort;
use plan_store_conformance::script::{References, Script, Session, watch};
use plan_store_conformance::scripts::{self, compare};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};

use crate::wrong::{Defect, Wrongs};

fn config() -> ProptestConfig {
    scripts::config(Effort::FULL)
}

#[test]
fn the_reference_keeps_every_invariant() {
    scripts::the_store_keeps_every_invariant(&References);
}

fn same_every_time(config: ProptestConfig) -> TestRunner {
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::XorShift))
}

/// Why `check` rejects a store with this defect; empty if it does not.
fn rejection(defect: Defect, check: impl Fn(&Wrongs, &Script) -> Result<(), String>) -> String {
    let config = ProptestConfig {
        max_shrink_iters: 0,
        ..config()
    };
    let verdict = same_every_time(config).run(&Script::any(&Wrongs(defect)), |script| {
        check(&Wrongs(defect), &script).map_err(TestCaseError::fail)
    });
    match verdict {
        Err(TestError::Fail(reason, _)) => reason.message().to_owned(),
        _ => String::new(),
    }
}

#[test]
fn the_comparison_rejects_every_defect() {
    for defect in [
        Defect::StaleOverwrites,
        Defect::StaleSaysActivated,
        Defect::SweepDeletes(RetainReason::Active),
        Defect::SweepDeletes(RetainReason::Rollback),
        Defect::SweepDeletes(RetainReason::Pinned),
        Defect::SweepDeletesNothing,
        Defect::SweepHidesSpared,
        Defect::AnswersNothing,
        Defect::AnswersFromAnotherPlan,
        Defect::ForgetsTooEarly,
        Defect::HidesWhatIsBelow,
    ] {
        let why = rejection(defect, compare);
        assert!(why.contains("but should be"), "{defect:?} passes: {why}");
    }
}

#[test]
fn the_watch_names_the_invariant_that_a_defect_breaks() {
    for (defect, invariant) in [
        (Defect::StaleOverwrites, "Monotonic"),
        (Defect::SweepDeletes(RetainReason::Active), "ActiveKept"),
        (Defect::SweepDeletes(RetainReason::Rollback), "RollbackKept"),
        (Defect::SweepDeletes(RetainReason::Pinned), "PinnedKept"),
        (Defect::AnswersNothing, "NeverEmpty"),
        (Defect::AnswersFromAnotherPlan, "WholeAnswer"),
        (Defect::SweepDeletesNothing, "Reclaimed"),
    ] {
        let why = rejection(defect, watch);
        assert!(
            why.starts_with(invariant),
            "{defect:?} breaks {invariant}: {why}"
        );
    }
}

/// Agreement proves little where nothing happens.
#[test]
fn the_scripts_reach_every_outcome() {
    let seen = RefCell::new(String::new());
    let verdict = same_every_time(config()).run(&Script::any(&References), |script| {
        let mut session = Session::new(&References, &script);
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
