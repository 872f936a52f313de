//! The race of October 2025 on each protocol: loom finds exactly the broken invariants that
//! the table has. `cargo run -p report --features models -- verdicts` prints the table from
//! the same runs.

use std::collections::BTreeSet;

use incident::{Fencing, Variant};
use models::Seen::{Activated, Already, Deleted, Pass, Refused, Spared, Stale, Stuck};
use models::checker::Loads;
use models::outage::{Protocol, Setup};
use models::{Ended, Explored, Findings, Outcome, Seen};
use plan_store::{RetainReason, Retention};

use crate::apart::apart;

/// Decides a row of the table with loom, with plain loads and with rmw loads. `executions`
/// are the numbers of executions, and `seen` is everything that was seen.
fn decided(protocol: Protocol, executions: [usize; 2], seen: &[Seen]) -> [Findings<Outcome>; 2] {
    let both = [
        protocol.explore(Setup::SMALL),
        Loads::Rmw.during(|| protocol.explore(Setup::SMALL)),
    ];
    assert_eq!(
        both.each_ref().map(|explored| explored.executions),
        executions
    );
    let always = [Activated, Already, Pass(Ended::Applied)];
    for Explored { findings, .. } in &both {
        findings.assert_broken(protocol.broken());
        findings
            .seen()
            .assert_outcomes(always.iter().chain(seen).copied());
    }
    both.map(|explored| explored.findings)
}

/// A newer plan was active when the pass began.
const LATE: Seen = Pass(Ended::StaleAtStart);

#[test]
fn the_incident_breaks_and_no_enactor_can_go_on() {
    let incident = Protocol::Incident(Variant::Incident);
    let findings = decided(incident, [1_501, 1_952], &[LATE, Deleted, Stuck]);
    let allowed = Setup::SMALL.serial(false);
    assert_eq!(allowed.len(), 20);
    assert_allowed(&findings, &allowed, [17, 17]);
}

/// Asserts the numbers of joint outcomes, with plain loads and with rmw loads, and that
/// each outcome can also result from taking the steps one after another.
fn assert_allowed(both: &[Findings<Outcome>; 2], serial: &BTreeSet<Outcome>, counts: [usize; 2]) {
    for (findings, count) in both.iter().zip(counts) {
        findings.assert_within(serial, count);
    }
}

#[test]
fn a_lock_for_each_endpoint_does_not_help() {
    let locked = Protocol::Incident(Variant::LockPerEndpoint);
    decided(locked, [1_743, 2_206], &[LATE, Deleted, Stuck]);
}

#[test]
fn a_look_before_each_write_is_too_early() {
    let seen = [LATE, Stale, Pass(Ended::Stale), Deleted, Stuck];
    let look = Protocol::Incident(Variant::RecheckBeforeEach);
    decided(look, [1_823, 2_658], &seen);
}

#[test]
fn a_large_retention_hides_the_deletion_and_not_the_overwrite() {
    decided(Protocol::LargeRetention, [1_501, 1_952], &[LATE]);
}

#[test]
fn without_a_clean_up_nothing_is_lost_and_all_is_kept() {
    let no_clean_up = Protocol::Incident(Variant::NothingSwept);
    decided(no_clean_up, [1_507, 2_106], &[LATE]);
}

#[test]
fn one_lock_for_each_pass_still_loses_the_rollback_target() {
    decided(Protocol::LockPerPass, [704, 704], &[Deleted]);
}

#[test]
fn a_lease_that_runs_out_under_its_holder_does_not_help() {
    let seen = [LATE, Refused, Pass(Ended::Failed), Deleted, Stuck];
    decided(Protocol::Lease(Fencing::HolderLooks), [2_648, 2_846], &seen);
}

#[test]
fn a_token_that_only_its_holder_knows_fences_nothing() {
    let seen = [LATE, Deleted, Stuck];
    decided(Protocol::Lease(Fencing::PerEnactor), [1_717, 2_196], &seen);
}

#[test]
fn a_token_at_the_endpoint_orders_the_leases_and_not_the_plans() {
    apart(|| {
        let seen = [LATE, Refused, Pass(Ended::Failed), Deleted, Stuck];
        let fenced = Protocol::Lease(Fencing::AtEndpoint);
        decided(fenced, [19_084, 26_022], &seen);
    });
}

#[test]
fn sparing_active_plans_does_not_save_the_plan_that_becomes_active_next() {
    let seen = [LATE, Deleted, Spared(RetainReason::Active), Stuck];
    let spared = Protocol::Incident(Variant::SpareActive);
    decided(spared, [1_507, 2_106], &seen);
}

#[test]
fn sparing_rollback_targets_too_does_not_save_it_either() {
    let spared = [RetainReason::Active, RetainReason::Rollback].map(Spared);
    let seen = [&[LATE, Deleted, Stuck][..], &spared].concat();
    let both_spared = Protocol::Incident(Variant::SpareActiveAndRollback);
    decided(both_spared, [1_507, 2_106], &seen);
}

#[test]
fn compare_and_swap_alone_still_loses_the_rollback_target() {
    let seen = [LATE, Stale, Pass(Ended::Stale), Deleted];
    let compared = Protocol::Incident(Variant::CompareAndSwapOnly);
    decided(compared, [1_501, 1_952], &seen);
}

#[test]
fn without_pins_a_plan_is_deleted_while_an_enactor_holds_it() {
    let spared = Spared(RetainReason::Rollback);
    let seen = [LATE, Stale, Pass(Ended::Stale), Deleted, spared];
    let unpinned = Protocol::Incident(Variant::CompareAndSwapBothSpared);
    decided(unpinned, [1_507, 2_106], &seen);
}

/// Explores the race on the repaired store, and asserts what was seen: everything that must
/// happen for the proof to mean something, and nothing else.
fn proved(setup: Setup) -> Explored<Outcome> {
    let explored = Protocol::Repaired.explore(setup);
    explored.findings.assert_broken(&[]);
    explored.findings.seen().assert_outcomes([
        Activated,
        Already,
        Stale,
        Deleted,
        Spared(RetainReason::Rollback),
        Spared(RetainReason::Pinned),
        Pass(Ended::Applied),
        Pass(Ended::Stale),
        LATE,
    ]);
    explored
}

/// Does the same with both kinds of loads, and asserts the numbers of executions and joint
/// outcomes. Each joint outcome can also result from taking the steps one after another.
fn assert_proved(setup: Setup, executions: [usize; 2], outcomes: [usize; 2]) {
    let both = [proved(setup), Loads::Rmw.during(|| proved(setup))];
    let tried = both.each_ref().map(|explored| explored.executions);
    assert_eq!(tried, executions, "{setup:?}");
    let both = both.map(|explored| explored.findings);
    assert_allowed(&both, &setup.serial(true), outcomes);
}

/// With plain loads, all allowed joint outcomes happen.
#[test]
fn the_memory_store_holds() {
    assert_proved(Setup::SMALL, [2_268, 2_534], [16, 14]);
    assert_eq!(Setup::SMALL.serial(true).len(), 16);
}

#[test]
fn the_memory_store_holds_at_two_endpoints() {
    apart(|| {
        let setup = Setup {
            endpoints: 2,
            ..Setup::SMALL
        };
        assert_proved(setup, [4_879, 4_028], [24, 20]);
        assert_eq!(setup.serial(true).len(), 24);
    });
}

#[test]
fn the_memory_store_holds_at_a_bound_of_three() {
    apart(|| {
        let setup = Setup {
            bound: 3,
            ..Setup::SMALL
        };
        assert_proved(setup, [23_849, 36_770], [16, 15]);
    });
}

#[test]
fn the_memory_store_holds_when_generations_are_skipped_whatever_is_retained() {
    apart(|| {
        // A retention of 0 keeps the same plans as a retention of 1.
        for (newest, executions, outcomes, allowed) in [
            (1, [2_744, 2_828], [35, 29], 50),
            (2, [2_307, 2_204], [23, 21], 26),
        ] {
            let setup = Setup {
                last_plan: 4,
                retention: Retention::newest(newest),
                ..Setup::SMALL
            };
            assert_proved(setup, executions, outcomes);
            assert_eq!(setup.serial(true).len(), allowed);
        }
    });
}
