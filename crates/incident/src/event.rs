//! What actors do, as events.

use std::fmt;
use std::sync::Arc;

use plan_store::{Activation, EndpointName, Generation, Plan, Resolution, Swept};

use crate::Error;

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
        told: Option<ClientAnswer>,
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

/// What a client was told of a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ClientAnswer {
    /// So many addresses.
    Addresses(usize),
    /// NOERROR, and no records: what the outage looked like.
    Nothing,
    /// NXDOMAIN.
    NoSuchName,
    /// Anything else, or no answer at all: ask later.
    Later,
}

impl fmt::Display for ClientAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses(count) => f.pad(&format!("{count} addresses")),
            Self::Nothing => f.pad("NOERROR, no records"),
            Self::NoSuchName => f.pad("no such name"),
            Self::Later => f.pad("no answer"),
        }
    }
}
