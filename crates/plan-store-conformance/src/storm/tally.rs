//! Counts what happened in the passes of a storm.

use std::collections::BTreeSet;

use plan_store::{Activation, Generation, RetainReason, Swept};

/// The counts for an Enactor's passes.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) stale: usize,
    pub(super) withdrawals: usize,
    pub(super) activations: Vec<(u32, Generation)>,
    pub(super) deleted: Vec<Generation>,
    pub(super) spared: Vec<(Generation, RetainReason)>,
    /// The newest plan that was picked up.
    pub(super) newest: Option<Generation>,
    pub(super) crashes: usize,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.stale += other.stale;
        self.withdrawals += other.withdrawals;
        self.activations.extend(other.activations);
        self.deleted.extend(other.deleted);
        self.spared.extend(other.spared);
        self.newest = self.newest.max(other.newest);
        self.crashes += other.crashes;
    }

    /// How many steps changed an endpoint.
    pub(super) fn changed(&self) -> usize {
        self.activations.len() + self.withdrawals
    }

    /// Counts a step by plan `by` and checks its outcome. Returns whether the step
    /// changed the endpoint.
    pub(super) fn count(&mut self, outcome: Activation, by: Generation) -> bool {
        match outcome {
            Activation::Activated { replaced } => {
                let before = replaced.standing.generation();
                assert!(before < Some(by), "Monotonic: {by} replaced {replaced:?}");
                return true;
            }
            Activation::Stale { newer } => {
                assert!(newer > by, "Monotonic: {by} is stale against {newer}");
                self.stale += 1;
            }
            Activation::Already => {}
            Activation::Unknown => unreachable!("nothing fails here, so no reply is lost"),
        }
        false
    }

    pub(super) fn swept(&mut self, swept: &Swept) {
        self.deleted.extend(&swept.deleted);
        self.spared.extend(&swept.spared);
    }

    /// Asserts that enough happened to put the invariants to the test.
    pub(super) fn assert_eventful(&self) {
        assert!(self.stale > 0, "no step came too late");
        assert!(self.withdrawals > 0, "nothing was withdrawn");
        assert!(!self.activations.is_empty(), "nothing was activated");
        assert!(!self.deleted.is_empty(), "nothing was deleted");
        for why in [
            RetainReason::Active,
            RetainReason::Rollback,
            RetainReason::Pinned,
        ] {
            let spared = self.spared.iter().any(|&(_, reason)| reason == why);
            assert!(spared, "nothing was spared for being {why:?}");
        }
    }

    /// Asserts that no plan was activated twice at an endpoint, and none was deleted twice.
    pub(super) fn assert_each_once(&self) {
        assert_distinct(&self.activations, "activated");
        assert_distinct(&self.deleted, "deleted");
    }
}

fn assert_distinct<T: Ord>(all: &[T], what: &str) {
    let distinct = all.iter().collect::<BTreeSet<_>>();
    assert_eq!(distinct.len(), all.len(), "a plan was {what} twice");
}
