//! What happened when an invariant broke.

use std::fmt;

use plan_store::{EndpointName, Generation};

/// What broke an invariant, with the endpoint and the plans concerned. `Display` says it in
/// English.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the name of a field says what it is")]
pub enum Violation {
    /// An older plan replaced a newer one.
    StaleOverwrite {
        endpoint: EndpointName,
        /// The older plan.
        generation: Generation,
        /// The newer plan, which was active.
        newer: Generation,
    },
    /// An active plan was deleted.
    ActiveDeleted {
        /// The endpoint where it is active.
        endpoint: EndpointName,
        generation: Generation,
    },
    /// A rollback target was deleted.
    RollbackDeleted {
        /// The endpoint whose rollback target it was.
        endpoint: EndpointName,
        generation: Generation,
    },
    /// A plan was deleted while an actor had pinned it.
    PinnedDeleted { generation: Generation },
    /// An endpoint that resolved before has no records now.
    Emptied { endpoint: EndpointName },
    /// An answer's records are not those of the plan it is said to be from.
    OtherRecords {
        endpoint: EndpointName,
        generation: Generation,
    },
    /// A plan was published and could not be applied.
    NotApplied { generation: Generation },
    /// At rest, an endpoint is not on the newest plan.
    LeftBehind {
        endpoint: EndpointName,
        /// The newest plan.
        newest: Generation,
    },
    /// At rest, after a sweep, a plan exists that is not active, not a rollback target and
    /// not retained.
    NotReclaimed { generation: Generation },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaleOverwrite {
                endpoint,
                generation,
                newer,
            } => write!(f, "{endpoint}: plan {generation} overwrote plan {newer}"),
            Self::ActiveDeleted {
                endpoint,
                generation,
            } => write!(f, "{endpoint}: active plan {generation} is deleted"),
            Self::RollbackDeleted {
                endpoint,
                generation,
            } => {
                write!(f, "{endpoint}: rollback target {generation} is deleted")
            }
            Self::PinnedDeleted { generation } => {
                write!(f, "plan {generation} was deleted while it was pinned")
            }
            Self::Emptied { endpoint } => {
                write!(f, "{endpoint} resolved before and is empty now")
            }
            Self::OtherRecords {
                endpoint,
                generation,
            } => write!(f, "{endpoint}: the answer is not plan {generation}'s"),
            Self::NotApplied { generation } => {
                write!(
                    f,
                    "plan {generation} was published and could not be applied"
                )
            }
            Self::LeftBehind { endpoint, newest } => {
                write!(f, "{endpoint} is not on plan {newest}")
            }
            Self::NotReclaimed { generation } => {
                write!(f, "plan {generation} is not needed and is still there")
            }
        }
    }
}
