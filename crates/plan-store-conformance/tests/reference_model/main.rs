//! Tests of the conformance suite itself. It rejects stores with one defect each, and names
//! what is wrong. Its reference keeps every invariant, and its scripts reach every outcome.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod wrong;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use plan_store::RetainReason;
use plan_store_conformance::script::{References, Script, Session, watch};
use plan_store_conformance::scripts::{self, compare};
use plan_store_conformance::{Effort, Stores, edges, storm};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};

use crate::wrong::{Defect, Idle, ShortStorms, Wrongs};

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
        Defect::ForgetsNothing,
        Defect::TellsAnotherGeneration,
        Defect::PicksUpOlder,
        Defect::PinsNewest,
        Defect::KeepsPins,
        Defect::WithdrawsNothing,
        Defect::StaleSaysWithdrawn,
        Defect::HidesStaleEndpoints,
        Defect::HidesNewestActive,
        Defect::HidesRollback,
        Defect::ActivatesUnnamed,
        Defect::WithdrawsNamed,
        Defect::SweepDeletesNewest,
        Defect::ActivatesNothing,
        Defect::StaleSaysOlder,
        Defect::StaleDeletesNewer,
        Defect::AlreadySaysActivated,
        Defect::SweepTellsTwice,
        Defect::HidesAStaleEndpoint,
        Defect::AnswersDangling,
        Defect::ReaderGoesBack,
        Defect::ReaderHidesAnswers,
        Defect::ReaderMistakesWhy,
    ] {
        let why = rejection(defect, compare);
        assert!(why.contains("but should be"), "{defect:?} passes: {why}");
    }
}

/// Each edge case fails on a store with the matching defect. The suite itself tests that it
/// holds on a correct store.
#[test]
fn each_edge_case_rejects_its_defect() {
    use edges::{
        a_newer_plan_fences_off_what_an_older_one_had_not_activated_yet as fences,
        an_endpoint_that_no_plan_names_is_forgotten_by_store_and_reader as forgotten,
        an_older_plan_does_not_withdraw_what_a_newer_one_brings as brings,
        another_stores_pin_is_refused_whatever_it_is_for as foreign,
        no_sweep_deletes_the_newest_plan_whatever_it_is_told_is_applied as newest,
    };
    type Case = fn(&Wrongs);
    let cases: [(Case, &[Defect]); 5] = [
        (
            foreign,
            &[
                Defect::ActivatesForeign,
                Defect::WithdrawsForeign,
                Defect::ComparesForeign,
            ],
        ),
        (brings, &[Defect::StaleSaysWithdrawn]),
        (
            fences,
            &[Defect::HidesStaleEndpoints, Defect::StaleSaysActivated],
        ),
        (
            forgotten,
            &[Defect::ForgetsNothing, Defect::HidesWhatIsBelow],
        ),
        (newest, &[Defect::SweepDeletesNewest]),
    ];
    for (case, defects) in cases {
        for &defect in defects {
            let held = catch_unwind(|| case(&Wrongs(defect)));
            assert!(held.is_err(), "{defect:?} passes");
        }
    }
}

/// Asserts that a test with real threads fails on this store, and that its panic message
/// contains `says`.
#[track_caller]
fn assert_fails<M: Stores>(test: fn(&M), stores: &M, defect: impl fmt::Debug, says: &str) {
    let panic = catch_unwind(AssertUnwindSafe(|| test(stores))).err();
    let why = panic.as_ref().and_then(|panic| {
        let string = panic.downcast_ref::<String>().map(String::as_str);
        string.or_else(|| panic.downcast_ref::<&str>().copied())
    });
    assert!(
        why.is_some_and(|why| why.contains(says)),
        "{defect:?} should break {says}: {why:?}"
    );
}

/// A race on real threads that breaks an invariant names it.
#[test]
fn the_races_name_the_invariant_that_a_defect_breaks() {
    use storm::{
        a_sweep_at_the_moment_of_activation_deletes_nothing_active as sweep,
        activations_that_collide_form_a_chain as chain,
    };
    type Race = fn(&Wrongs);
    let cases: [(Race, Defect, &str); 4] = [
        (chain, Defect::StaleSaysActivated, "Monotonic"),
        (chain, Defect::StaleSaysOlder, "Monotonic"),
        (chain, Defect::HidesRollback, "LatestWins"),
        (sweep, Defect::AnswersNothing, "ActiveKept"),
    ];
    for (race, defect, says) in cases {
        assert_fails(race, &Wrongs(defect), defect, says);
    }
}

/// Each check of the storms fails on a store with the matching defect. The effect of each
/// defect on the Enactors and servers does not depend on the schedule.
#[test]
fn the_storms_name_the_check_that_a_defect_fails() {
    use storm::{
        a_held_enactor_is_told_that_it_is_stale as held,
        an_enactor_that_panics_leaves_no_pin_behind as panics,
        every_invariant_holds_while_enactors_crash as crash,
        every_invariant_holds_while_enactors_stall as stall,
    };
    type Storm = fn(&ShortStorms);
    let cases: [(Storm, Defect, &str); 26] = [
        // The Enactors' steps.
        (stall, Defect::StaleOverwrites, "Monotonic: 1 replaced"),
        (stall, Defect::StaleSaysOlder, "is stale against"),
        (stall, Defect::ActivatesNothing, "was here, now"),
        (
            stall,
            Defect::SweepDeletes(RetainReason::Pinned),
            "PinnedKept",
        ),
        (
            stall,
            Defect::SweepDeletes(RetainReason::Active),
            "RollbackKept",
        ),
        (crash, Defect::StaleOverwrites, "Monotonic: 1 replaced"),
        // The servers' answers.
        (stall, Defect::ReaderGoesBack, "Monotonic: Some("),
        (stall, Defect::AnswersFromAnotherPlan, "WholeAnswer"),
        (stall, Defect::AnswersDangling, "ActiveKept: Dangling"),
        (stall, Defect::ReaderHidesAnswers, "NeverEmpty"),
        (stall, Defect::ReaderMistakesWhy, "Settled"),
        // What is left at the end.
        (stall, Defect::HidesAStaleEndpoint, "LatestWins"),
        (crash, Defect::HidesAStaleEndpoint, "Progress"),
        (stall, Defect::KeepsPins, "Reclaimed"),
        (crash, Defect::KeepsPins, "Reclaimed"),
        (stall, Defect::AlreadySaysActivated, "activated twice"),
        (stall, Defect::SweepTellsTwice, "deleted twice"),
        // Whether enough happened.
        (stall, Defect::WithdrawsNothing, "nothing was withdrawn"),
        (stall, Defect::SweepDeletesNothing, "nothing was deleted"),
        (stall, Defect::SweepHidesSpared, "nothing was spared"),
        (crash, Defect::SweepHidesSpared, "nothing was spared"),
        // Single passes.
        (held, Defect::StaleSaysActivated, "Monotonic"),
        (held, Defect::StaleDeletesNewer, "ActiveKept"),
        (held, Defect::SweepHidesSpared, "early, and when it was due"),
        (
            held,
            Defect::HidesAStaleEndpoint,
            "Vacant, rollback: None } } at 2",
        ),
        (panics, Defect::KeepsPins, "Reclaimed"),
    ];
    for (storm, defect, says) in cases {
        assert_fails(storm, &ShortStorms(defect), defect, says);
    }
}

/// A test that is not in the list of `suite!` would never run.
#[test]
fn the_suite_runs_every_test() {
    let files = [
        ("edges", include_str!("../../src/edges.rs")),
        ("scripts", include_str!("../../src/scripts.rs")),
        ("storm", include_str!("../../src/storm/mod.rs")),
        ("storm", include_str!("../../src/storm/races.rs")),
    ];
    let tests = files.into_iter().flat_map(|(module, text)| {
        let name = |line: &str| {
            let line = line.strip_suffix("<M: Stores>(stores: &M) {")?;
            Some(format!("{module}::{}", line.strip_prefix("pub fn ")?))
        };
        text.lines().filter_map(name).collect::<Vec<_>>()
    });
    let suite = include_str!("../../src/lib.rs");
    let listed: BTreeSet<_> = suite.lines().map(str::trim).collect();
    let (mut found, mut missing) = (0, Vec::new());
    for test in tests {
        found += 1;
        missing.extend(Some(test).filter(|test| !listed.contains(test.as_str())));
    }
    assert!(found >= 15, "only {found} tests are found in the source");
    assert_eq!(missing, [""; 0]);
}

/// An effort of nothing proves nothing, so the tests refuse it.
#[test]
fn a_test_that_tries_nothing_fails() {
    type Test = fn(&Idle);
    let tests: [Test; 4] = [
        scripts::the_store_agrees_with_the_reference,
        scripts::the_store_keeps_every_invariant,
        storm::every_invariant_holds_while_enactors_stall,
        storm::a_sweep_at_the_moment_of_activation_deletes_nothing_active,
    ];
    for test in tests {
        assert_fails(test, &Idle, "no effort", "tries nothing");
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

/// If nothing happened in the scripts, agreement would prove little.
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
