//! Events are what actors do. A step is an event with its place in the order. The journal
//! and the invariant checker are both built on these.

use std::fmt;
use std::sync::Arc;

use control_plane::chain;
use plan_store::{Activation, EndpointName, Generation, Plan, Resolution, Swept};

use crate::Error;

/// A part of the system that takes steps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Actor {
    /// The Planner.
    Planner,
    /// An Enactor, 1 to 3.
    Enactor(u8),
    /// A client that resolves names.
    Resolver,
    /// A person, or a check of the store from outside.
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

/// What an actor did, with the result. `generation` is the generation of the plan.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs, reason = "the name of a field says what it is")]
pub enum Event {
    /// A plan was published.
    Published {
        generation: Generation,
        plan: Arc<Plan>,
    },
    /// The latest plan was picked up, and pinned.
    PickedUp { generation: Generation },
    /// The check at the start of a pass.
    Checked {
        /// The newest generation that was active anywhere.
        newest: Option<Generation>,
    },
    /// An Enactor activated a plan at an endpoint, or withdrew the endpoint, or tried to.
    Stepped {
        endpoint: EndpointName,
        generation: Generation,
        /// Whether the plan withdraws the endpoint.
        withdraws: bool,
        outcome: Activation,
    },
    /// Old plans were swept.
    Swept {
        /// The plan that the Enactor had applied.
        applied: Generation,
        /// The plans that were deleted, and those that were spared.
        swept: Swept,
    },
    /// A name was resolved.
    Resolved {
        endpoint: EndpointName,
        resolution: Resolution,
        /// The answer that a client got over the wire, if a client asked.
        told: Option<ClientAnswer>,
    },
    /// An endpoint's rollback target was found deleted.
    RollbackGone {
        endpoint: EndpointName,
        /// The plan that is gone.
        rollback: Generation,
    },
    /// The store returned an error.
    Failed {
        /// The error's message, for people.
        error: String,
        /// The plan that is active and deleted, if the error is [`Error::Stuck`]. No pass
        /// by any Enactor can succeed then.
        gone: Option<Generation>,
    },
    /// One publish and one undisturbed pass did not make the plan active
    /// everywhere.
    NoProgress { generation: Generation },
    /// At rest, an endpoint is not on the newest plan that any Enactor picked up.
    LeftBehind {
        endpoint: EndpointName,
        /// The newest plan.
        newest: Generation,
    },
    /// At rest, after a sweep, a plan exists that is not active, not a rollback target and
    /// not retained.
    NotReclaimed { generation: Generation },
    /// An endpoint was repaired by hand.
    Repaired {
        endpoint: EndpointName,
        /// The plan that it was pointed at.
        generation: Generation,
    },
}

impl Event {
    /// The event for this error of the store.
    pub(crate) fn failed(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut causes = std::iter::successors(Some(error), |error| error.source());
        let gone = causes.find_map(|cause| match cause.downcast_ref() {
            Some(Error::Stuck { active, .. }) => Some(*active),
            _ => None,
        });
        let error = chain(error);
        Self::Failed { error, gone }
    }
}

/// An event and its place in the order.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// 1 for the first.
    pub number: usize,
    /// The actor.
    pub actor: Actor,
    /// What the actor did.
    pub event: Event,
}

/// The answer that a client got for a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ClientAnswer {
    /// This many addresses.
    Addresses(usize),
    /// NOERROR with no records, as in the outage.
    Nothing,
    /// NXDOMAIN.
    NoSuchName,
    /// Another response code, or no answer at all.
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
