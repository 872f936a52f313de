//! What can keep a drill from being played.

use incident::Actor;
use thiserror::Error;

/// What went wrong, where, and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
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

    /// The incident's store failed.
    #[error(transparent)]
    Incident(#[from] incident::Error),

    /// The fleet could not be loaded.
    #[error(transparent)]
    Fleet(#[from] control_plane::FleetError),

    /// The DNS server failed.
    #[error(transparent)]
    Server(#[from] dns_server::Error),

    /// A query cannot be made.
    #[error("cannot make a DNS query: {0}")]
    Query(#[from] hickory_proto::ProtoError),

    /// The operating system would not start a thread or open a socket.
    #[error("no thread or socket could be had: {0}; lower the load on this machine")]
    Thread(#[from] std::io::Error),
}
