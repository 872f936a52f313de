//! Catching a panic and telling it as an error.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Error;

/// Runs `work`; a panic in it becomes [`Error::Panicked`].
///
/// Asserting unwind safety is sound where this is used: what `work` was about is
/// thrown away and made anew afterwards, and what it shares with others, the
/// store, is only ever in a good state between two of its steps.
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
