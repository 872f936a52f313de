//! What can go wrong, in one place.

use std::io;
use std::path::PathBuf;

use plan_store::{EndpointName, Generation};
use thiserror::Error;

use crate::Fleet;

/// What went wrong, where, and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The plan store refused or failed.
    #[error(transparent)]
    Store(#[from] plan_store::Error),

    /// The store could not say whether an activation or a withdrawal happened.
    #[error(
        "endpoint {endpoint}: after {reads} reads the store could not say whether it is on plan {generation}; the next pass looks again"
    )]
    OutcomeUnknown {
        /// The endpoint.
        endpoint: EndpointName,
        /// The plan that was to take effect there.
        generation: Generation,
        /// How often the store was asked.
        reads: u32,
    },

    /// A pass could not do all endpoints.
    #[error(
        "the pass on plan {generation} failed at {failed} of {of} endpoints, and the next pass tries them again; the first failure: {first}"
    )]
    Incomplete {
        /// The plan.
        generation: Generation,
        /// How many endpoints it could not do.
        failed: usize,
        /// How many there were to do.
        of: usize,
        /// What went wrong at the first of them.
        #[source]
        first: Box<Error>,
    },

    /// A pass, the Planner or a health source panicked. It is started anew.
    #[error("{who} panicked: {message}; it is started anew, and this is a bug to report")]
    Panicked {
        /// Who.
        who: String,
        /// What the panic said.
        message: String,
    },

    /// A fleet file that cannot be read at all.
    #[error("{} cannot be read: {source}; give the path of a fleet file in TOML", file.display())]
    UnreadableFleet {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// A fleet file that is too large.
    #[error(
        "{} is larger than {} bytes, the most that a fleet file may have; split the fleet over several control planes",
        file.display(),
        Fleet::MAX_BYTES
    )]
    FleetTooLarge {
        /// The file.
        file: PathBuf,
    },

    /// A fleet file with a mistake in it.
    #[error("{}:{line}:{column}: {fault}", file.display())]
    BadFleet {
        /// The file.
        file: PathBuf,
        /// The line of the mistake, from 1.
        line: usize,
        /// Its column in characters, from 1.
        column: usize,
        /// The field, what is wrong with it, and what to write instead.
        fault: String,
    },

    /// The health source could not be read.
    #[error("the health source failed: {0}; the plan stays as it is")]
    HealthFailed(#[source] Box<dyn std::error::Error + Send + Sync>),

    /// The health source was read, and knew of no target.
    #[error(
        "the health reading names no target, which counts as a failed one; the plan stays as it is; look at the health source"
    )]
    NoHealth,

    /// The guard refused a plan that takes away too much at once.
    #[error(
        "the plan takes {removed} of {of} targets from endpoint {endpoint}, more than {allowed_percent} %, and too many from {endpoints} endpoints in all; it is not published: restore the targets, remove them in smaller steps, or confirm this plan"
    )]
    TooManyRemoved {
        /// The endpoint; the first by name, if there are several.
        endpoint: EndpointName,
        /// How many of its targets the plan takes away.
        removed: usize,
        /// How many it has in the store's latest plan.
        of: usize,
        /// The share in per cent that a plan may take away.
        allowed_percent: u8,
        /// From how many endpoints the plan takes more than that.
        endpoints: usize,
    },
}
