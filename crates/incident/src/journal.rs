//! What happened, in order, and by whom.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use plan_store::{Activation, EndpointName, Generation, Plan, Resolution, Swept};

use crate::witness::{Verdict, Witness};
use crate::{Error, Told};

/// Somebody who does something.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Actor {
    /// The Planner.
    Planner,
    /// An Enactor, 1 to 3.
    Enactor(u8),
    /// A client that resolves names.
    Resolver,
    /// A person.
    Operator,
}

impl Actor {
    /// The three Enactors.
    pub const ENACTORS: [Self; 3] = [Self::Enactor(1), Self::Enactor(2), Self::Enactor(3)];
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planner => f.pad("Planner"),
            Self::Enactor(number) => f.pad(&format!("Enactor {number}")),
            Self::Resolver => f.pad("Resolver"),
            Self::Operator => f.pad("Operator"),
        }
    }
}

/// Something that was done, and what came of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// A plan was published.
    Published {
        /// Its generation.
        generation: Generation,
        /// Its content.
        plan: Arc<Plan>,
    },
    /// The latest plan was picked up, and pinned.
    PickedUp {
        /// Its generation.
        generation: Generation,
    },
    /// The check at the start of a pass.
    Checked {
        /// The newest generation that was active anywhere.
        newest: Option<Generation>,
    },
    /// A plan was to be activated at an endpoint, or to withdraw it.
    Stepped {
        /// The endpoint.
        endpoint: EndpointName,
        /// The plan.
        generation: Generation,
        /// Whether the plan withdraws the endpoint.
        withdraws: bool,
        /// What came of it.
        outcome: Activation,
    },
    /// Old plans were swept.
    Swept {
        /// The plan applied before.
        applied: Generation,
        /// What was deleted, what was spared.
        swept: Swept,
    },
    /// A name was resolved.
    Resolved {
        /// The endpoint.
        endpoint: EndpointName,
        /// What it answers from, by the store.
        resolution: Resolution,
        /// What a client was told over the wire, if one asked.
        told: Option<Told>,
    },
    /// An endpoint's rollback target was found deleted.
    RollbackGone {
        /// The endpoint.
        endpoint: EndpointName,
        /// The plan that is gone.
        rollback: Generation,
    },
    /// The store refused.
    Failed {
        /// What it said.
        error: String,
        /// The plan that is active and gone, if that is why.
        gone: Option<Generation>,
    },
    /// One publish and one undisturbed pass did not make the plan active
    /// everywhere.
    NoProgress {
        /// The plan.
        generation: Generation,
    },
    /// All is quiet, and an endpoint is not on the newest plan picked up.
    LeftBehind {
        /// The endpoint.
        endpoint: EndpointName,
        /// The newest plan.
        newest: Generation,
    },
    /// All is quiet and swept, and a plan that nobody needs is still there.
    NotReclaimed {
        /// The plan.
        generation: Generation,
    },
    /// An endpoint was repaired by hand.
    Repaired {
        /// The endpoint.
        endpoint: EndpointName,
        /// The plan it was pointed at.
        generation: Generation,
    },
}

impl Event {
    /// The store refused, with this error.
    pub(crate) fn failed(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut causes = std::iter::successors(Some(error), |error| error.source());
        let gone = causes.find_map(|cause| match cause.downcast_ref() {
            Some(Error::Stuck { active, .. }) => Some(*active),
            _ => None,
        });
        let error = error.to_string();
        Self::Failed { error, gone }
    }
}

/// An event with its place in the order.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// 1 for the first.
    pub number: usize,
    /// Who did it.
    pub actor: Actor,
    /// What was done.
    pub event: Event,
}

/// Takes down what happens, and has a [`Witness`] look at every step.
///
/// A step is written down right after it was taken. Where one thread runs at a
/// time, in a scripted schedule or a model, the order is exact. Where threads run
/// freely two steps may be written in the other order, and the witness draws no
/// conclusion that depends on that.
#[derive(Debug)]
pub struct Journal {
    record: Mutex<Record>,
}

#[derive(Debug, Default)]
struct Record {
    keeps_steps: bool,
    steps: Vec<Step>,
    tally: Tally,
    witness: Witness,
}

/// How much was done.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Steps of all kinds.
    pub steps: usize,
    /// Plans published.
    pub published: usize,
    /// Plans deleted by sweeps.
    pub swept: usize,
    /// Activations and withdrawals that were told *stale*.
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
    /// A journal that keeps its steps, for schedules that end.
    pub fn keeping_steps() -> Arc<Self> {
        Self::new(true)
    }

    /// A journal that only counts and judges, for runs of any length.
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

    /// Takes down a step.
    pub fn record(&self, actor: Actor, event: Event) {
        let mut record = self.record.lock();
        record.tally.count(&event);
        let number = record.tally.steps;
        let step = Step {
            number,
            actor,
            event,
        };
        record.witness.see(&step);
        if record.keeps_steps {
            record.steps.push(step);
        }
    }

    /// Notes that somebody holds a plan from here on.
    pub(crate) fn hold(&self, generation: Generation) {
        self.record.lock().witness.hold(generation);
    }

    /// Notes that somebody is about to let go of a plan.
    pub(crate) fn let_go(&self, generation: Generation) {
        self.record.lock().witness.let_go(generation);
    }

    /// The steps so far; none if they are not kept.
    pub fn steps(&self) -> Vec<Step> {
        self.record.lock().steps.clone()
    }

    /// How much was done so far.
    pub fn tally(&self) -> Tally {
        self.record.lock().tally
    }

    /// The newest plan that anybody picked up.
    pub fn newest_picked_up(&self) -> Option<Generation> {
        self.record.lock().witness.newest_picked_up()
    }

    /// Which invariants broke so far.
    pub fn verdict(&self) -> Verdict {
        self.record.lock().witness.verdict()
    }
}
