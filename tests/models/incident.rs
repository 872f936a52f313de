//! The race of October 2025 on each protocol: loom finds what breaks, and no more than
//! the table says. `cargo run -p report --features models -- verdicts` prints the table
//! from the same runs.

use incident::{Fencing, Variant};
use models::Seen::{Activated, Already, Deleted, Pass, Spared, Stale, Stuck};
use models::checker::{Checker, PlainLoads, RmwLoads};
use models::outage::{Protocol, Setup};
use models::{Ended, Explored, Findings, Seen};
use plan_store::{RetainReason, Retention};

use crate::apart::apart;

/// Has both kinds of loom decide a row of the table, in so many executions with plain
/// loads and with rmw loads.
fn decided(protocol: Protocol, executions: [usize; 2]) -> [Findings<Seen>; 2] {
    let both = [
        protocol.explore::<PlainLoads>(Setup::SMALL),
        protocol.explore::<RmwLoads>(Setup::SMALL),
    ];
    assert_eq!(
        both.each_ref().map(|explored| explored.executions),
        executions
    );
    for Explored { findings, .. } in &both {
        findings.assert_broken(protocol.broken());
        findings.assert_seen(&[Activated, Pass(Ended::Applied)]);
    }
    both.map(|explored| explored.findings)
}

#[test]
fn the_incident_breaks_and_no_enactor_can_go_on() {
    for findings in decided(Protocol::Incident(Variant::Incident), [1_501, 1_952]) {
        findings.assert_seen(&[Stuck, Deleted]);
        findings.assert_never(&Stale);
    }
}

#[test]
fn a_lock_for_each_endpoint_does_not_help() {
    for findings in decided(Protocol::Incident(Variant::LockPerEndpoint), [1_743, 2_206]) {
        findings.assert_seen(&[Stuck, Deleted]);
    }
}

#[test]
fn a_look_before_each_write_is_too_early() {
    for findings in decided(
        Protocol::Incident(Variant::RecheckBeforeEach),
        [1_823, 2_658],
    ) {
        findings.assert_seen(&[Stuck, Deleted, Stale]);
    }
}

#[test]
fn a_large_retention_hides_the_deletion_and_not_the_overwrite() {
    for findings in decided(Protocol::LargeRetention, [1_501, 1_952]) {
        findings.assert_never(&Deleted);
        findings.assert_never(&Stuck);
    }
}

#[test]
fn without_a_clean_up_nothing_is_lost_and_all_is_kept() {
    for findings in decided(Protocol::Incident(Variant::NothingSwept), [1_507, 2_106]) {
        findings.assert_never(&Deleted);
        findings.assert_never(&Stuck);
    }
}

#[test]
fn one_lock_for_each_pass_still_loses_the_rollback_target() {
    for findings in decided(Protocol::LockPerPass, [704, 704]) {
        findings.assert_seen(&[Deleted, Pass(Ended::Applied)]);
        findings.assert_never(&Stuck);
    }
}

#[test]
fn a_lease_that_runs_out_under_its_holder_does_not_help() {
    for findings in decided(Protocol::Lease(Fencing::HolderLooks), [2_648, 2_846]) {
        findings.assert_seen(&[Stuck, Deleted, Pass(Ended::Failed)]);
    }
}

#[test]
fn a_token_that_only_its_holder_knows_fences_nothing() {
    for findings in decided(Protocol::Lease(Fencing::PerEnactor), [1_717, 2_196]) {
        findings.assert_seen(&[Stuck, Deleted]);
    }
}

#[test]
fn a_token_at_the_endpoint_orders_the_leases_and_not_the_plans() {
    apart(|| {
        for findings in decided(Protocol::Lease(Fencing::AtEndpoint), [19_084, 26_022]) {
            findings.assert_seen(&[Stuck, Deleted, Pass(Ended::Failed)]);
        }
    });
}

#[test]
fn to_spare_the_active_does_not_save_what_becomes_active_next() {
    for findings in decided(Protocol::Incident(Variant::SpareActive), [1_507, 2_106]) {
        findings.assert_seen(&[Stuck, Deleted, Spared(RetainReason::Active)]);
    }
}

#[test]
fn to_spare_the_rollback_target_as_well_does_not_save_it_either() {
    for findings in decided(
        Protocol::Incident(Variant::SpareActiveAndRollback),
        [1_507, 2_106],
    ) {
        findings.assert_seen(&[Stuck, Deleted, Spared(RetainReason::Rollback)]);
    }
}

#[test]
fn compare_and_swap_alone_still_loses_the_rollback_target() {
    for findings in decided(
        Protocol::Incident(Variant::CompareAndSwapOnly),
        [1_501, 1_952],
    ) {
        findings.assert_seen(&[Stale, Pass(Ended::Stale), Deleted]);
        findings.assert_never(&Stuck);
    }
}

#[test]
fn without_pins_a_plan_goes_from_under_who_holds_it() {
    for findings in decided(
        Protocol::Incident(Variant::CompareAndSwapBothSpared),
        [1_507, 2_106],
    ) {
        findings.assert_seen(&[
            Stale,
            Pass(Ended::Stale),
            Deleted,
            Spared(RetainReason::Rollback),
        ]);
        findings.assert_never(&Stuck);
    }
}

/// What must have happened on the way for a proof to mean something.
fn proved<J: Checker>(setup: Setup) -> usize {
    let explored = Protocol::Repaired.explore::<J>(setup);
    explored.findings.assert_broken(&[]);
    explored.findings.assert_seen(&[
        Activated,
        Already,
        Stale,
        Pass(Ended::Applied),
        Pass(Ended::Stale),
        Pass(Ended::StaleAtStart),
        Deleted,
        Spared(RetainReason::Rollback),
    ]);
    explored.findings.assert_never(&Pass(Ended::Failed));
    explored.executions
}

/// The same with both kinds of loads, in so many executions.
fn assert_proved(setup: Setup, executions: [usize; 2]) {
    let tried = [proved::<PlainLoads>(setup), proved::<RmwLoads>(setup)];
    assert_eq!(tried, executions, "{setup:?}");
}

#[test]
fn the_memory_store_holds() {
    assert_proved(Setup::SMALL, [2_268, 2_534]);
}

#[test]
fn the_memory_store_holds_at_two_endpoints() {
    apart(|| {
        let setup = Setup {
            endpoints: 2,
            ..Setup::SMALL
        };
        assert_proved(setup, [4_879, 4_028]);
    });
}

#[test]
fn the_memory_store_holds_at_a_bound_of_three() {
    apart(|| {
        let setup = Setup {
            bound: 3,
            ..Setup::SMALL
        };
        assert_proved(setup, [23_849, 36_770]);
    });
}

#[test]
fn the_memory_store_holds_when_generations_are_skipped_whatever_is_retained() {
    apart(|| {
        for (newest, executions) in [
            (0, [2_744, 2_828]),
            (1, [2_744, 2_828]),
            (2, [2_307, 2_204]),
        ] {
            let setup = Setup {
                last_plan: 4,
                retention: Retention::newest(newest),
                ..Setup::SMALL
            };
            assert_proved(setup, executions);
        }
    });
}
