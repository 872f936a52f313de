//! How an invariant was broken.

use std::fmt;

use plan_store::{EndpointName, Generation};

/// What happened when an invariant broke. Displays in English; a
/// [`diagram`](crate::diagram) has words in other languages too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Violation {
    /// An older plan was activated over a newer one.
    StaleOverwrite {
        /// Where.
        endpoint: EndpointName,
        /// The older plan.
        generation: Generation,
        /// The newer plan, which was active.
        newer: Generation,
    },
    /// The plan that is active was deleted.
    ActiveDeleted {
        /// Where it is active.
        endpoint: EndpointName,
        /// The plan.
        generation: Generation,
    },
    /// A rollback target was deleted.
    RollbackDeleted {
        /// Whose rollback target.
        endpoint: EndpointName,
        /// The plan.
        rollback: Generation,
    },
    /// A plan was deleted while somebody held it.
    HeldDeleted {
        /// The plan.
        generation: Generation,
    },
    /// An endpoint has resolved before, and now to nothing.
    Emptied {
        /// The endpoint.
        endpoint: EndpointName,
    },
    /// An answer's records are not those of the plan that it names.
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
    /// All is quiet, and an endpoint is not on the newest plan.
    LeftBehind {
        /// The endpoint.
        endpoint: EndpointName,
        /// The newest plan.
        newest: Generation,
    },
    /// A plan that nobody needs is still there.
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
            } => write!(f, "{endpoint}: plan {generation} over plan {newer}"),
            Self::ActiveDeleted {
                endpoint,
                generation,
            } => write!(f, "{endpoint}: active plan {generation} is deleted"),
            Self::RollbackDeleted { endpoint, rollback } => {
                write!(f, "{endpoint}: rollback target {rollback} is deleted")
            }
            Self::HeldDeleted { generation } => {
                write!(f, "plan {generation} was deleted while it was held")
            }
            Self::Emptied { endpoint } => {
                write!(f, "{endpoint} has resolved before, and now to nothing")
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
                write!(f, "plan {generation} is needed by nobody, and still there")
            }
        }
    }
}
