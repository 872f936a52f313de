//! What a store's operations can fail with: one small type for each kind of operation.
//!
//! Losing a race is not an error: [`Activation::Stale`](crate::Activation::Stale) says so and
//! names the winner. No error names the endpoint of its operation, which the caller knows.
//!
//! `E` is the store's own error ([`PlanStore::Error`](crate::PlanStore::Error)). The in-process
//! store has none, so its `E` is [`Infallible`].

use std::convert::Infallible;
use std::error::Error as StdError;

use thiserror::Error;

use crate::{Generation, GenerationsExhausted};

/// Why a plan was not published.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum PublishError<E = Infallible> {
    /// The last generation is published.
    #[error(transparent)]
    GenerationsExhausted(GenerationsExhausted),

    /// The store failed. The plan may or may not be there: look at
    /// [`PlanStore::latest`](crate::PlanStore::latest) before you publish again.
    #[error("the store failed")]
    Store(#[source] E),
}

/// Why a plan was not pinned.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum PinError<E = Infallible> {
    /// There is no such plan: a sweep deleted it, or it was never published.
    #[error(
        "plan {generation} is not in the store: it was swept, or never published; pick up the latest"
    )]
    NoSuchPlan {
        /// The generation asked for.
        generation: Generation,
    },

    /// The plan cannot be pinned again.
    #[error("plan {generation} cannot be pinned again: {}", .held.map_or("its lifetime's pins are used up; publish its content anew".into(), |n| format!("{n} pins are held; drop some")))]
    PinsExhausted {
        /// The plan.
        generation: Generation,
        /// How many pins are held, if that is the bound that was reached.
        held: Option<u64>,
    },

    /// The store failed.
    #[error("the store failed")]
    Store(#[source] E),
}

/// Why the content of an older plan was not published again.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RepublishError<E = Infallible> {
    /// The older plan was not pinned. Nothing is published.
    #[error(transparent)]
    Pin(#[from] PinError<E>),

    /// The older plan was pinned, but its content was not published.
    #[error(transparent)]
    Publish(#[from] PublishError<E>),
}

/// Why a pinned plan could not be activated, could not withdraw an endpoint, or could not be
/// compared with the endpoints of the store.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum StepError<E = Infallible> {
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

    /// The store failed.
    #[error("the store failed")]
    Store(#[source] E),
}

/// The store failed: the only error of a sweep, and of a question about the store's state.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("the store failed")]
pub struct Failed<E = Infallible>(#[source] pub E);

/// An error of any operation of any store, for callers that pass it on. It shows what the
/// operation's error shows, and has the same sources.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct Error(Box<dyn StdError + Send + Sync>);

impl Error {
    /// An error that is none of an operation's, for a caller that adds failures of its own.
    pub fn new(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl<E> PublishError<E> {
    /// The same with another error of the store.
    pub fn map<F>(self, store: impl FnOnce(E) -> F) -> PublishError<F> {
        match self {
            Self::GenerationsExhausted(last) => PublishError::GenerationsExhausted(last),
            Self::Store(error) => PublishError::Store(store(error)),
        }
    }
}

impl<E> PinError<E> {
    /// The same with another error of the store.
    pub fn map<F>(self, store: impl FnOnce(E) -> F) -> PinError<F> {
        match self {
            Self::NoSuchPlan { generation } => PinError::NoSuchPlan { generation },
            Self::PinsExhausted { generation, held } => {
                PinError::PinsExhausted { generation, held }
            }
            Self::Store(error) => PinError::Store(store(error)),
        }
    }
}

impl<E> StepError<E> {
    /// The same with another error of the store.
    pub fn map<F>(self, store: impl FnOnce(E) -> F) -> StepError<F> {
        match self {
            Self::NotInPlan { generation } => StepError::NotInPlan { generation },
            Self::StillInPlan { generation } => StepError::StillInPlan { generation },
            Self::ForeignPin { generation } => StepError::ForeignPin { generation },
            Self::Store(error) => StepError::Store(store(error)),
        }
    }
}

impl<E> Failed<E> {
    /// The same with another error of the store.
    pub fn map<F>(self, store: impl FnOnce(E) -> F) -> Failed<F> {
        Failed(store(self.0))
    }
}

/// The conversion of the store's own error to an operation's error.
macro_rules! from_the_stores_error {
    ($($error:ident, $from:expr;)*) => {$(
        impl<E> From<E> for $error<E> {
            fn from(error: E) -> Self {
                $from(error)
            }
        }
    )*};
}

from_the_stores_error! {
    PublishError, Self::Store;
    PinError, Self::Store;
    StepError, Self::Store;
    Failed, Self;
}

/// The conversion of an operation's error to [`Error`].
macro_rules! into_error {
    ($($error:ident)*) => {$(
        impl<E: StdError + Send + Sync + 'static> From<$error<E>> for Error {
            fn from(error: $error<E>) -> Self {
                Self::new(error)
            }
        }
    )*};
}

into_error! { PublishError PinError RepublishError StepError Failed }

/// An operation may begin with a question about the store's state.
impl<E> From<Failed<E>> for StepError<E> {
    fn from(Failed(error): Failed<E>) -> Self {
        Self::Store(error)
    }
}
