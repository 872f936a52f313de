//! The errors of a drill.

use incident::Actor;
use thiserror::Error;

/// Why a drill could not be played to its end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The schedule needs another plan, but the fleet's drift changes none.
    #[error(
        "no drift of a target's capacity changed a plan, but the schedule needs another plan; use a fleet with an endpoint that has at least two targets of one address family"
    )]
    NothingToPlan,

    /// An actor did not reach a point of the schedule in time.
    #[error("{actor} did not reach {point}; the schedule does not fit this fleet or store")]
    NobodyThere {
        /// The actor.
        actor: Actor,
        /// The point that it should have reached.
        point: String,
    },

    /// The store failed.
    #[error(transparent)]
    Store(#[from] plan_store::Error),

    /// A name is not a DNS name.
    #[error(transparent)]
    Name(#[from] plan_store::InvalidName),

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
    #[error("cannot make a DNS query")]
    Query(#[from] hickory_proto::ProtoError),

    /// The operating system did not start a thread or open a socket.
    #[error("cannot start a thread or open a socket; lower the load on this machine")]
    Thread(#[from] std::io::Error),
}
