//! The steps of all actors, in order.

use std::sync::Arc;

use parking_lot::Mutex;
use plan_store::{Activation, Generation};

use crate::event::{Actor, Event, Step};
use crate::invariant_checker::{InvariantChecker, Verdict};

/// Records steps, and passes each to an [`InvariantChecker`].
///
/// A step is recorded right after it was taken. In a schedule or a model, one thread runs
/// at a time, so the order is exact. When threads run freely, two concurrent steps may be
/// recorded in the other order; the checker draws no conclusion that depends on it.
#[derive(Debug)]
pub struct Journal {
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    keeps_steps: bool,
    steps: Vec<Step>,
    tally: Tally,
    checker: InvariantChecker,
}

/// How many steps of each kind there were.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Steps of all kinds.
    pub steps: usize,
    /// Plans published.
    pub published: usize,
    /// Plans deleted by sweeps.
    pub swept: usize,
    /// Activations and withdrawals that the store refused as stale.
    pub stale: usize,
}

impl Tally {
    fn count(&mut self, event: &Event) {
        self.steps += 1;
        match event {
            Event::Published { .. } => self.published += 1,
            Event::Swept { swept, .. } => self.swept += swept.deleted.len(),
            Event::Stepped {
                outcome: Activation::Stale { .. },
                ..
            } => self.stale += 1,
            _ => {}
        }
    }
}

impl Journal {
    /// A journal that keeps its steps, for runs that end soon.
    pub fn keeping_steps() -> Arc<Self> {
        Self::new(true)
    }

    /// A journal that counts and checks but keeps no steps, for runs of any length.
    pub fn judging_only() -> Arc<Self> {
        Self::new(false)
    }

    fn new(keeps_steps: bool) -> Arc<Self> {
        let record = Record {
            keeps_steps,
            ..Record::default()
        };
        Arc::new(Self {
            record: Mutex::new(record),
        })
    }

    /// Records a step.
    pub fn record(&self, actor: Actor, event: Event) {
        let mut record = self.record.lock();
        record.tally.count(&event);
        let number = record.tally.steps;
        let step = Step {
            number,
            actor,
            event,
        };
        record.checker.see(&step);
        if record.keeps_steps {
            record.steps.push(step);
        }
    }

    /// Notes that an actor has pinned a plan.
    pub(crate) fn hold(&self, generation: Generation) {
        self.record.lock().checker.hold(generation);
    }

    /// Notes that an actor is about to release its pin.
    pub(crate) fn let_go(&self, generation: Generation) {
        self.record.lock().checker.let_go(generation);
    }

    /// The steps so far. Empty if the journal keeps none.
    pub fn steps(&self) -> Vec<Step> {
        self.record.lock().steps.clone()
    }

    /// Calls `read` with the steps so far. They are empty if the journal keeps none.
    pub fn read<R>(&self, read: impl FnOnce(&[Step]) -> R) -> R {
        read(&self.record.lock().steps)
    }

    /// How many steps of each kind there were so far.
    pub fn tally(&self) -> Tally {
        self.record.lock().tally
    }

    /// The newest plan that any Enactor picked up.
    pub fn newest_picked_up(&self) -> Option<Generation> {
        self.record.lock().checker.newest_picked_up()
    }

    /// Which invariants broke so far.
    pub fn verdict(&self) -> Verdict {
        self.record.lock().checker.verdict()
    }
}
