//! Controls of the checkers themselves: each finds what it is there to find.

use std::collections::BTreeSet;

use incident::{IncidentStore, Invariant, Variant};
use models::checker::{PlainLoads, RmwLoads};
use models::outage::Protocol;
use models::system::{RETENTION, mixed_answers, slow_enactor};
use models::{Moved, Seen, litmus};
use plan_store::{Loom, MemoryStore};

#[test]
fn only_plain_loads_show_a_stale_value() {
    let (raised, stale) = ((1, 1), (1, 0));
    let plain = litmus::stale_value::<PlainLoads>().findings;
    plain.assert_outcomes([(0, 0), (0, 1), raised, stale]);
    let rmw = litmus::stale_value::<RmwLoads>().findings;
    rmw.assert_outcomes([(0, 0), (0, 1), raised]);
}

#[test]
fn only_rmw_loads_show_what_a_threads_own_load_hides() {
    litmus::hidden_load::<PlainLoads>()
        .findings
        .assert_outcomes([0]);
    litmus::hidden_load::<RmwLoads>()
        .findings
        .assert_outcomes([0, 1]);
}

/// The incident's protocols break all invariants but one, and the table says which
/// protocol breaks which. No protocol mixes two plans; this reader does.
#[test]
fn the_invariant_checker_reports_an_answer_of_two_plans() {
    let mixed = mixed_answers::<PlainLoads, _>(|| MemoryStore::<Loom>::with_primitives(RETENTION));
    mixed.findings.assert_broken(&[Invariant::WholeAnswer]);
}

#[test]
fn each_invariant_is_reported_in_some_model() {
    let table = Protocol::ALL.iter().flat_map(|protocol| protocol.broken());
    let mut reported: BTreeSet<_> = table.copied().collect();
    reported.insert(Invariant::WholeAnswer);
    assert!(
        Invariant::ALL
            .iter()
            .all(|invariant| reported.contains(invariant))
    );
}

#[test]
fn a_resolver_sees_an_answer_go_back_on_the_incidents_store_alone() {
    let incident = || IncidentStore::<Loom>::with_primitives(Variant::Incident, RETENTION);
    let overwritten = slow_enactor::<PlainLoads, _>(incident).findings.seen();
    overwritten.assert_seen(&[Seen::Answer(Moved::Back)]);
    let memory = || MemoryStore::<Loom>::with_primitives(RETENTION);
    let refused = slow_enactor::<PlainLoads, _>(memory).findings.seen();
    refused.assert_seen(&[Seen::Stale, Seen::Answer(Moved::Not)]);
    refused.assert_never(&Seen::Answer(Moved::Back));
}
