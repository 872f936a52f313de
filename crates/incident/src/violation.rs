//! What happened when an invariant broke.

use std::fmt;

use plan_store::{EndpointName, Generation};

/// What broke an invariant, with the endpoint and the plans that it is about. `Display`
/// says it in English.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Violation {
    /// An older plan replaced a newer one.
    StaleOverwrite {
        /// The endpoint.
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
        /// The plan.
        generation: Generation,
    },
    /// A rollback target was deleted.
    RollbackDeleted {
        /// The endpoint whose rollback target it was.
        endpoint: EndpointName,
        /// The plan.
        generation: Generation,
    },
    /// A plan was deleted while an actor had pinned it.
    PinnedDeleted {
        /// The plan.
        generation: Generation,
    },
    /// An endpoint that resolved before has no records now.
    Emptied {
        /// The endpoint.
        endpoint: EndpointName,
    },
    /// An answer's records are not those of the plan it is said to be from.
    OtherRecords {
        /// The endpoint.
        endpoint: EndpointName,
        /// The plan.
        generation: Generation,
    },
    /// A plan was published and could not be applied.
    NotApplied {
        /// The plan.
        generation: Generation,
    },
    /// At rest, an endpoint is not on the newest plan.
    LeftBehind {
        /// The endpoint.
        endpoint: EndpointName,
        /// The newest plan.
        newest: Generation,
    },
    /// At rest, after a sweep, a plan is there that is neither active, nor a rollback
    /// target, nor retained.
    NotReclaimed {
        /// The plan.
        generation: Generation,
    },
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
