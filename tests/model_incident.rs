//! The race of October 2025 on each protocol: loom finds what breaks, and no more
//! than the table says. `cargo run -p report --features models -- verdicts`
//! prints the table from the runs.

use incident::{Fencing, Variant};
use models::Findings;
use models::checker::{Checker, PlainLoads, RmwLoads};
use models::outage::{Protocol, Setup};
use plan_store::Retention;

/// Has both kinds of loom decide a row of the table.
fn decided(protocol: Protocol) -> [Findings; 2] {
    let all = [
        protocol.explore::<PlainLoads>(Setup::SMALL).findings,
        protocol.explore::<RmwLoads>(Setup::SMALL).findings,
    ];
    for findings in &all {
        findings.assert_broken(protocol.broken());
        findings.assert_seen(&["activated", "pass applied"]);
    }
    all
}

#[test]
fn the_incident_breaks_and_no_enactor_can_go_on() {
    for findings in decided(Protocol::Incident(Variant::Incident)) {
        findings.assert_seen(&["stuck", "deleted"]);
        findings.assert_never("stale");
    }
}

#[test]
fn a_lock_for_each_endpoint_does_not_help() {
    for findings in decided(Protocol::Incident(Variant::LockPerEndpoint)) {
        findings.assert_seen(&["stuck", "deleted"]);
    }
}

#[test]
fn a_look_before_each_write_is_too_early() {
    for findings in decided(Protocol::Incident(Variant::RecheckBeforeEach)) {
        findings.assert_seen(&["stuck", "deleted", "stale"]);
    }
}

#[test]
fn a_large_retention_hides_the_deletion_and_not_the_overwrite() {
    for findings in decided(Protocol::LargeRetention) {
        findings.assert_never("deleted");
        findings.assert_never("stuck");
    }
}

#[test]
fn without_a_clean_up_nothing_is_lost_and_all_is_kept() {
    for findings in decided(Protocol::Incident(Variant::NothingSwept)) {
        findings.assert_never("deleted");
        findings.assert_never("stuck");
    }
}

#[test]
fn one_lock_for_each_pass_still_loses_the_rollback_target() {
    for findings in decided(Protocol::LockPerPass) {
        findings.assert_seen(&["deleted", "pass applied"]);
        findings.assert_never("stuck");
    }
}

#[test]
fn a_lease_that_runs_out_under_its_holder_does_not_help() {
    for findings in decided(Protocol::Lease(Fencing::HolderLooks)) {
        findings.assert_seen(&["stuck", "deleted", "pass failed"]);
    }
}

#[test]
fn a_token_that_only_its_holder_knows_fences_nothing() {
    for findings in decided(Protocol::Lease(Fencing::PerEnactor)) {
        findings.assert_seen(&["stuck", "deleted"]);
    }
}

#[test]
fn a_token_at_the_endpoint_orders_the_leases_and_not_the_plans() {
    for findings in decided(Protocol::Lease(Fencing::AtEndpoint)) {
        findings.assert_seen(&["stuck", "deleted", "pass failed"]);
    }
}

#[test]
fn to_spare_the_active_does_not_save_what_becomes_active_next() {
    for findings in decided(Protocol::Incident(Variant::SpareActive)) {
        findings.assert_seen(&["stuck", "deleted", "spared: Active"]);
    }
}

#[test]
fn to_spare_the_rollback_target_as_well_does_not_save_it_either() {
    for findings in decided(Protocol::Incident(Variant::SpareActiveAndRollback)) {
        findings.assert_seen(&["stuck", "deleted", "spared: Rollback"]);
    }
}

#[test]
fn compare_and_swap_alone_still_loses_the_rollback_target() {
    for findings in decided(Protocol::Incident(Variant::CompareAndSwapOnly)) {
        findings.assert_seen(&["stale", "pass stale", "deleted"]);
        findings.assert_never("stuck");
    }
}

#[test]
fn without_pins_a_plan_goes_from_under_who_holds_it() {
    for findings in decided(Protocol::Incident(Variant::CompareAndSwapBothSpared)) {
        findings.assert_seen(&["stale", "pass stale", "deleted", "spared: Rollback"]);
        findings.assert_never("stuck");
    }
}

/// What must have happened on the way for a proof to mean something.
fn assert_proved<J: Checker>(setup: Setup) {
    let findings = Protocol::Repaired.explore::<J>(setup).findings;
    findings.assert_broken(&[]);
    findings.assert_seen(&[
        "activated",
        "already",
        "stale",
        "pass applied",
        "pass stale",
        "pass stale at start",
        "deleted",
        "spared: Rollback",
    ]);
    findings.assert_never("pass failed");
}

#[test]
fn the_memory_store_holds() {
    let two_endpoints = Setup {
        endpoints: 2,
        ..Setup::SMALL
    };
    let deeper = Setup {
        bound: 3,
        ..Setup::SMALL
    };
    for setup in [two_endpoints, deeper] {
        assert_proved::<PlainLoads>(setup);
        assert_proved::<RmwLoads>(setup);
    }
}

#[test]
fn the_memory_store_holds_when_generations_are_skipped_whatever_is_retained() {
    for newest in 0..=2 {
        let setup = Setup {
            last_plan: 4,
            retention: Retention::newest(newest),
            ..Setup::SMALL
        };
        assert_proved::<PlainLoads>(setup);
        assert_proved::<RmwLoads>(setup);
    }
}
