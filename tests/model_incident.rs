//! The race of October 2025: a stale overwrite, a sweep that deletes what has
//! become active by it, and the stuck state that follows. The same model, the
//! same Planner and Enactors on each store; loom finds what breaks.
//!
//! At the start plan 1 is active and plan 2 published. The Planner publishes
//! plan 3 while two Enactors do a pass each; each sweeps all plans but the one it
//! has applied.

mod model;

use incident::{IncidentStore, Invariant, Variant};
use model::{Findings, World, endpoints, explore, run_all};
use plan_store::{Loom, LoomRmw, MemoryStore, PlanStore, Primitives, Retention};

const RETENTION: Retention = Retention::newest(1);

/// Explores the model on the stores that `store` makes.
fn outage<S: PlanStore + Clone + 'static>(
    name: &str,
    endpoint_count: u8,
    bound: Option<usize>,
    store: impl Fn() -> S + Send + Sync + 'static,
) -> Findings {
    let findings = Findings::default();
    let found = findings.clone();
    explore(name, bound, move || {
        let world = World::new(store(), endpoints(endpoint_count), RETENTION);
        run_all([
            Box::new(world.planner(3..=3)),
            Box::new(world.enactor(1, &found)),
            Box::new(world.enactor(2, &found)),
        ]);
        world.conclude(&found);
    });
    findings
}

fn outage_in<P: Primitives>(variant: Variant, kind: &str) -> Findings {
    let name = format!("stale overwrite, then delete: {variant} ({kind})");
    let findings = outage(&name, 1, Some(2), move || {
        IncidentStore::<P>::with_primitives(variant, RETENTION)
    });
    findings.assert_seen(&["activated", "deleted", "pass applied"]);
    findings
}

/// Everything that broke on the day, and nothing that did not.
const BROKEN_ON_THE_DAY: [Invariant; 7] = [
    Invariant::Monotonic,
    Invariant::ActiveKept,
    Invariant::RollbackKept,
    Invariant::PinnedKept,
    Invariant::NeverEmpty,
    Invariant::Progress,
    Invariant::LatestWins,
];

#[test]
fn the_incident_breaks_and_no_enactor_can_go_on() {
    for findings in [
        outage_in::<Loom>(Variant::Incident, "plain loads"),
        outage_in::<LoomRmw>(Variant::Incident, "rmw loads"),
    ] {
        findings.assert_broken(&BROKEN_ON_THE_DAY);
        findings.assert_seen(&["stuck"]);
        findings.assert_never("stale");
    }
}

#[test]
fn a_lock_for_each_endpoint_does_not_help() {
    for findings in [
        outage_in::<Loom>(Variant::LockPerEndpoint, "plain loads"),
        outage_in::<LoomRmw>(Variant::LockPerEndpoint, "rmw loads"),
    ] {
        findings.assert_broken(&BROKEN_ON_THE_DAY);
        findings.assert_seen(&["stuck"]);
    }
}

#[test]
fn compare_and_swap_alone_still_loses_the_rollback_target() {
    for findings in [
        outage_in::<Loom>(Variant::CompareAndSwapOnly, "plain loads"),
        outage_in::<LoomRmw>(Variant::CompareAndSwapOnly, "rmw loads"),
    ] {
        findings.assert_broken(&[Invariant::RollbackKept, Invariant::PinnedKept]);
        findings.assert_seen(&["stale", "pass stale"]);
        findings.assert_never("stuck");
    }
}

/// What must have happened on the way for a proof to mean something.
fn assert_proved(findings: &Findings) {
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
    for (bound, count) in [(Some(2), 2), (Some(3), 1)] {
        let name = |kind| {
            format!("stale overwrite, then delete: memory store, {count} endpoint(s) ({kind})")
        };
        assert_proved(&outage(&name("plain loads"), count, bound, || {
            MemoryStore::<Loom>::with_primitives(RETENTION)
        }));
        assert_proved(&outage(&name("rmw loads"), count, bound, || {
            MemoryStore::<LoomRmw>::with_primitives(RETENTION)
        }));
    }
}
