//! What the incident's protocol can run into.

use plan_store::{EndpointName, Generation};
use thiserror::Error;

use crate::Actor;

/// What went wrong, where, and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The transaction must make the active plan the rollback target, and the
    /// active plan is gone. No Enactor can get past this.
    #[error(
        "endpoint {endpoint}: plan {active} is active and deleted, so it cannot become the rollback target; repair the endpoint by hand"
    )]
    Stuck {
        /// The endpoint.
        endpoint: EndpointName,
        /// The plan that is active there, and gone.
        active: Generation,
    },

    /// No plan has named the endpoint.
    #[error("endpoint {endpoint} is not in the zone; publish a plan that names it first")]
    UnknownEndpoint {
        /// The endpoint.
        endpoint: EndpointName,
    },

    /// Somebody has taken the lease since, or has written with a later one.
    #[error("the lease with token {token} is over, {highest} came after it; start another pass")]
    LeaseLost {
        /// The token of the lease that is over.
        token: u64,
        /// The highest that the check has met.
        highest: u64,
    },

    /// A drill needs more plans than the fleet gives rise to.
    #[error(
        "no target's drift of capacity changed a plan, and the schedule needs another one; use a fleet with an endpoint that has two targets or more of one address family"
    )]
    NothingToPlan,

    /// A scripted schedule waited in vain for an actor.
    #[error("{actor} did not get to {point}; the schedule does not fit this fleet or store")]
    NobodyThere {
        /// Who was waited for.
        actor: Actor,
        /// Where.
        point: String,
    },

    /// The store failed.
    #[error(transparent)]
    Store(#[from] plan_store::Error),

    /// The control plane failed.
    #[error(transparent)]
    ControlPlane(#[from] control_plane::Error),

    /// The DNS front failed.
    #[error(transparent)]
    Front(#[from] dns_front::Error),

    /// A query cannot be made.
    #[error("cannot make a DNS query: {0}")]
    Query(#[from] hickory_proto::ProtoError),

    /// The operating system would not start a thread or open a socket.
    #[error("no thread or socket could be had: {0}; lower the load on this machine")]
    Thread(#[from] std::io::Error),
}

impl From<Error> for plan_store::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error,
            other => Self::Backend(Box::new(other)),
        }
    }
}
