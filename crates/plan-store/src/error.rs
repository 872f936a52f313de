//! What a store's operations can fail with.

use thiserror::Error;

use crate::{Generation, GenerationsExhausted};

/// Why an operation of a store failed. It does not name the endpoint of the operation,
/// which the caller knows.
///
/// Losing a race is not an error: [`Activation::Stale`](crate::Activation::Stale)
/// says so and names the winner.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The last generation is published.
    #[error(transparent)]
    GenerationsExhausted(#[from] GenerationsExhausted),

    /// There is no such plan: swept, or never published.
    #[error(
        "plan {generation} is not in the store: it was swept, or never published; pick up the latest"
    )]
    NoSuchPlan {
        /// The generation asked for.
        generation: Generation,
    },

    /// A plan can be pinned no more.
    #[error("plan {generation} cannot be pinned again: {}", .held.map_or("its lifetime's pins are used up; publish its content anew".into(), |n| format!("{n} pins are held; drop some")))]
    PinsExhausted {
        /// The plan.
        generation: Generation,
        /// How many pins are held, if that is the bound that was reached.
        held: Option<u64>,
    },

    /// The plan does not name the endpoint that it is to be activated at.
    #[error(
        "plan {generation} does not name the endpoint, so it cannot be activated there; withdraw the endpoint if it is to go"
    )]
    NotInPlan {
        /// The plan.
        generation: Generation,
    },

    /// The plan names the endpoint that it is to withdraw.
    #[error("plan {generation} names the endpoint, so it cannot withdraw it; activate it instead")]
    StillInPlan {
        /// The plan.
        generation: Generation,
    },

    /// The pin was taken from another store.
    #[error("the pin on plan {generation} is another store's; pin the plan in this one")]
    ForeignPin {
        /// The plan.
        generation: Generation,
    },

    /// The store behind the trait failed in a way of its own.
    #[error("the store failed")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}
