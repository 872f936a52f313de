//! Failures of a serving thread: what it survives, and when it gives up.
//!
//! # Rules
//! 1. A panic while a query is answered costs that query and nothing else but, over UDP, the
//!    queries that the same system call received, and over TCP the connection. It is counted,
//!    and the thread goes on.
//! 2. After a panic the thread drops all answers that it made in advance. What remains of the
//!    responder is consistent: the zones are never changed in place, and a store is shared with
//!    other threads, so it is consistent between any two steps.
//! 3. A thread that has failed for [`HOPELESS`] without a single success ends, so that its owner
//!    notices ([`Server::is_serving`](crate::Server::is_serving)). To wait for queries that do not
//!    come is a success.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How long a thread goes on trying if every try fails.
pub(crate) const HOPELESS: Duration = Duration::from_secs(10);

/// Since when a thread has done nothing but fail.
#[derive(Default)]
pub(crate) struct Failures {
    since: Option<Instant>,
}

impl Failures {
    pub(crate) fn succeeded(&mut self) {
        self.since = None;
    }

    /// Notes a failure. Returns whether the thread is to try again.
    #[must_use]
    pub(crate) fn failed(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        now.saturating_duration_since(since) < HOPELESS
    }
}

/// Runs `work`. `None` if it panicked; the panic hook has told of it.
pub(crate) fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}
