//! The errors of the incident's protocol and its variants.

use std::convert::Infallible;

use plan_store::{EndpointName, Generation};
use thiserror::Error;

/// What went wrong, where, and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the name of a field says what it is")]
pub enum Error {
    /// The transaction must make the active plan the rollback target, but the active plan
    /// is deleted. Every pass of every Enactor fails here.
    #[error(
        "endpoint {endpoint}: plan {active} is active and deleted, so it cannot become the rollback target; repair the endpoint by hand"
    )]
    Stuck {
        endpoint: EndpointName,
        /// The plan that is active there and deleted.
        active: Generation,
    },

    /// No plan has named the endpoint.
    #[error("endpoint {endpoint} is not in the zone; publish a plan that names it first")]
    UnknownEndpoint { endpoint: EndpointName },

    /// Another Enactor has taken the lease since, or has written with a later token.
    #[error(
        "the lease with token {token} is over, the lease with token {highest} replaced it; start another pass"
    )]
    LeaseLost {
        /// The token of the lease that is over.
        token: u64,
        /// The highest token that the check found.
        highest: u64,
    },

    /// The store failed.
    #[error(transparent)]
    Store(#[from] plan_store::Error),
}

/// A store that cannot fail may be wrapped too.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
