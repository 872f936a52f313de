//! Turns a panic into an error, so that one failed step does not end a thread.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Panicked;

/// Runs `work` for `part`; a panic in it becomes [`Panicked`].
///
/// Asserting unwind safety is sound for all callers:
/// 1. A pass runs on a copy of the Enactor, which the panic throws away.
/// 2. The Planner changes its own state only by whole assignments, and starts
///    each step from what the store says.
/// 3. Of a health source only the next reading counts.
/// 4. The store is shared with other threads, so it is consistent between any
///    two steps.
pub(crate) fn supervise<T, E: From<Panicked>>(
    part: &str,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let panicked = Panicked {
            part: part.to_owned(),
            message: message(panic.as_ref()),
        };
        tracing::error!(error = %panicked, "restart");
        Err(panicked.into())
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
        .to_owned()
}
