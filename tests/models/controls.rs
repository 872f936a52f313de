//! Controls of the checkers themselves: each finds what it is meant to find.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

use incident::{IncidentStore, Invariant, Variant};
use models::checker::{Loads, Loom};
use models::outage::{Protocol, Setup};
use models::system::{RETENTION, mixed_answers, slow_enactor};
use models::{Instrumented, Moved, Seen, litmus};
use plan_store::LoomRmw;
use plan_store::dns::MemoryStore;

use crate::apart::{APART, apart};

#[test]
fn only_plain_loads_show_a_stale_value() {
    let (raised, stale) = ((1, 1), (1, 0));
    let plain = litmus::stale_value().findings;
    plain.assert_outcomes([(0, 0), (0, 1), raised, stale]);
    let rmw = Loads::Rmw.during(litmus::stale_value).findings;
    rmw.assert_outcomes([(0, 0), (0, 1), raised]);
}

#[test]
fn only_rmw_loads_show_what_a_threads_own_load_hides() {
    litmus::hidden_load::<Loom>().findings.assert_outcomes([0]);
    Loads::Rmw
        .during(litmus::hidden_load::<Loom>)
        .findings
        .assert_outcomes([0, 1]);
}

/// Whether the checker refuses to explore a store on these primitives.
fn refused(model: impl FnOnce()) -> bool {
    let panic = catch_unwind(AssertUnwindSafe(model)).err();
    let message = panic
        .as_ref()
        .and_then(|panic| panic.downcast_ref::<String>());
    message.is_some_and(|message| message.contains("ran on other primitives"))
}

#[test]
fn a_model_on_another_checkers_primitives_is_refused() {
    fn plain() {
        let _ = slow_enactor(|| MemoryStore::<plan_store::Loom>::with_primitives(RETENTION));
    }
    fn rmw() {
        let store = || MemoryStore::<LoomRmw>::with_primitives(RETENTION);
        let _ = Loads::Rmw.during(|| slow_enactor(store));
    }
    assert!(refused(plain));
    assert!(refused(rmw));
}

/// The model fails in its own process, so the test that started it must fail too.
#[test]
fn a_model_that_fails_in_its_own_process_fails_its_test() {
    let fails = || assert!(env::var_os(APART).is_none(), "planned");
    if env::var_os(APART).is_some() {
        return apart(fails);
    }
    let failed = catch_unwind(|| apart(fails));
    assert!(failed.is_err(), "the model was not run");
}

/// The incident's protocols break all invariants except `WholeAnswer`; the table says which
/// protocol breaks which. No protocol mixes two plans, but this reader does.
#[test]
fn the_invariant_checker_reports_an_answer_of_two_plans() {
    let mixed = mixed_answers(|| MemoryStore::<Instrumented>::with_primitives(RETENTION));
    mixed.findings.assert_broken(&[Invariant::WholeAnswer]);
}

/// Uses three stores. Each of them breaks invariants that the others cannot break.
#[test]
fn each_invariant_is_reported_in_some_model() {
    let [overwritten, kept] = [Variant::Incident, Variant::NothingSwept]
        .map(|variant| Protocol::Incident(variant).explore(Setup::SMALL));
    let mixed = mixed_answers(|| MemoryStore::<Instrumented>::with_primitives(RETENTION));
    let reports = [overwritten, kept, mixed].map(|explored| explored.findings.times_broken());
    let reported: BTreeSet<_> = reports.iter().flat_map(BTreeMap::keys).copied().collect();
    assert_eq!(reported, Invariant::ALL.into_iter().collect());
}

#[test]
fn a_resolver_sees_an_answer_go_back_on_the_incidents_store_alone() {
    let incident = || IncidentStore::<Instrumented>::with_primitives(Variant::Incident, RETENTION);
    let overwritten = slow_enactor(incident).findings.seen();
    overwritten.assert_seen(&[Seen::Answer(Moved::Back)]);
    let memory = || MemoryStore::<Instrumented>::with_primitives(RETENTION);
    let refused = slow_enactor(memory).findings.seen();
    refused.assert_seen(&[Seen::Stale, Seen::Answer(Moved::Not)]);
    refused.assert_never(&Seen::Answer(Moved::Back));
}
