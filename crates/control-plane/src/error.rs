//! What can go wrong: one small type for each operation.
//!
//! Each message says what is wrong, where, and what to do. It does not repeat its
//! [`source`](std::error::Error::source): [`chain`] puts the two on one line.

use std::error::Error as StdError;
use std::io;
use std::iter::successors;
use std::path::{Path, PathBuf};

use plan_store::{EndpointName, Generation, InvalidPlan, InvalidRecordSet};
use thiserror::Error;

use crate::Fleet;

/// The error and all of its sources on one line, separated by `: `.
pub fn chain(error: &dyn StdError) -> String {
    let all = successors(Some(error), |&error| error.source());
    let texts: Vec<_> = all.map(ToString::to_string).collect();
    texts.join(": ")
}

/// Why a fleet could not be loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The file cannot be read at all.
    #[error("{} cannot be read; give the path of a fleet file in TOML", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The file is too large.
    #[error(
        "{} is larger than {} bytes, the most that a fleet file may have; split the fleet over several control planes",
        file.display(),
        Fleet::MAX_BYTES
    )]
    TooLarge {
        /// The file.
        file: PathBuf,
    },

    /// The file has mistakes in it.
    #[error("{}", first(file, mistakes, *more))]
    Mistakes {
        /// The file.
        file: PathBuf,
        /// The mistakes, in the order of the file; at least one, and at most 1,000.
        mistakes: Vec<FleetMistake>,
        /// How many there are beside these.
        more: usize,
    },
}

/// A mistake in a fleet file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FleetMistake {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The field with the tables around it, such as `endpoint.target.zone`. `None` if the
    /// mistake is in no field: in the syntax, or about the file as a whole.
    pub field: Option<String>,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// The first mistake with its place, on one line, and how many there are beside it.
fn first(file: &Path, mistakes: &[FleetMistake], more: usize) -> String {
    let file = file.display();
    let Some(first) = mistakes.first() else {
        return format!("{file} has {more} mistakes; `enact check` lists them");
    };
    let (line, column, message) = (first.line, first.column, &first.message);
    let text = format!("{file}:{line}:{column}: {message}");
    match mistakes.len() - 1 + more {
        0 => text,
        1 => text + " (and one more mistake; `enact check` lists both)",
        more => format!("{text} (and {more} more mistakes; `enact check` lists all)"),
    }
}

/// Why a health source has no reading.
#[derive(Debug, Error)]
#[error("the health source failed; the plan stays as it is")]
pub struct HealthError(#[source] Box<dyn StdError + Send + Sync>);

impl HealthError {
    /// A failure, with the source's own error.
    pub fn new(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Why a tick of the Planner made no plan, or did not publish it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The plan store refused or failed.
    #[error(transparent)]
    Store(#[from] plan_store::Error),

    /// Fleet and health do not make valid records for an endpoint.
    #[error("endpoint {endpoint}: fleet and health make no valid records; nothing is published")]
    InvalidRecords {
        /// The endpoint.
        endpoint: EndpointName,
        /// What is wrong with the records.
        source: InvalidRecordSet,
    },

    /// Fleet and health do not make a valid plan.
    #[error(transparent)]
    InvalidPlan(#[from] InvalidPlan),

    /// The health source could not be read.
    #[error(transparent)]
    Health(#[from] HealthError),

    /// The reading names no target.
    #[error(
        "the health reading names no target, which counts as a failed reading; the plan stays as it is; look at the health source"
    )]
    NoHealth,

    /// The tick or the health source panicked.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

/// Why a pass of an Enactor failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PassError {
    /// The plan store refused or failed.
    #[error(transparent)]
    Store(#[from] plan_store::Error),

    /// The pass failed at some endpoints.
    #[error(
        "the pass on plan {generation} failed at {failed} of {of} endpoints, and the next pass tries them again"
    )]
    Incomplete {
        /// The plan.
        generation: Generation,
        /// At how many endpoints the pass failed.
        failed: usize,
        /// How many endpoints there were.
        of: usize,
        /// What went wrong at the first of them.
        #[source]
        first: StepError,
    },

    /// The pass panicked.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

/// Why a pass could not activate or withdraw at one endpoint.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StepError {
    /// The plan store refused or failed.
    #[error("endpoint {endpoint}: the step failed; the next pass tries it again")]
    Store {
        /// The endpoint.
        endpoint: EndpointName,
        /// The store's error.
        source: plan_store::Error,
    },

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
}

/// A part of the control plane panicked. It is restarted.
#[derive(Debug, Error)]
#[error("{part} panicked: {message}; it is restarted; report this bug")]
pub struct Panicked {
    /// The part: an Enactor's name, the Planner or the health source.
    pub part: String,
    /// What the panic said.
    pub message: String,
}
