//! Catching a panic and telling it as an error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Error;

/// Runs `work`; a panic in it becomes [`Error::Panicked`].
///
/// Asserting unwind safety is sound where this is used. An Enactor is thrown away
/// and made anew. The Planner changes its own state only by whole assignments,
/// and starts each step from what the store says. Of a health source only its
/// next reading counts. And what they share with others, the store, is in a good
/// state between any two steps.
pub(crate) fn supervise<T>(who: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let error = Error::Panicked {
            who: who.to_owned(),
            message: message(panic.as_ref()),
        };
        tracing::error!(%error, "restart");
        Err(error)
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}
