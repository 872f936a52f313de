//! Models of the plan store and the control plane, for model checkers to explore.
//!
//! - [`checker`] has the checkers: loom with two kinds of loads, and shuttle.
//! - [`races`] has the races of the store, one per file.
//! - [`outage`] has the race of October 2025, on each protocol of the table.
//! - [`system`] has a Planner, Enactors that sweep and a resolver, all at once.
//! - `whole` has the whole system, for shuttle.
//! - [`passes`] has two real passes, one of which is overtaken.
//! - [`wakeups`] has the Enactor's loop with its signals.
//! - [`litmus`] shows what one kind of loads finds and the other misses.
//! - [`walkthrough`] writes a page on which a reader steps through a counterexample.
//! - [`observer`] holds each atomic step of the store against the protocol.
//! - [`mutant`] weakens one access of the store; then at least one model must fail.
//!
//! How to read a model: A checker runs the execution once for each interleaving that it
//! tries. An execution asserts nothing. It returns one typed value, its outcome: the
//! answers that its threads got, and the state at the end. Afterwards the test asserts the
//! whole set of outcomes. So a test shows both that nothing bad happened and that
//! everything expected did happen.

pub mod checker;
mod findings;
mod instrumented;
pub mod litmus;
pub mod mutant;
pub mod observer;
pub mod outage;
mod outcome;
pub mod passes;
pub mod races;
#[cfg(feature = "shuttle")]
mod randomized;
mod recorded;
mod serial;
pub mod system;
pub mod wakeups;
pub mod walkthrough;
mod watched;
#[cfg(feature = "shuttle")]
pub mod whole;
mod world;

use std::fmt;
use std::io::Write as _;

pub use findings::{Explored, Findings, explore};
pub use instrumented::{Instrumented, InstrumentedWord};
pub use observer::Tally;
pub use outcome::{End, Ended, Moved, Outcome, PassTold, Seen, Told};
pub use recorded::{Recorded, Threads};
pub use watched::Watched;
pub use world::{Part, World, endpoints, plan};

/// Prints a line at once, past the test runner's capture.
pub fn say(line: &str) {
    // If standard error is closed, there is no place to report that.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Unwraps the result of a step that cannot fail in this model. If it fails, the model is
/// wrong, and the execution panics here.
#[track_caller]
#[expect(clippy::panic, reason = "a failed step is a failed model")]
pub(crate) fn must<T, E: fmt::Debug>(step: Result<T, E>) -> T {
    match step {
        Ok(value) => value,
        Err(error) => panic!("a step of the model failed: {error:?}"),
    }
}

/// Unwraps a value that is always there in this model.
#[track_caller]
pub(crate) fn must_be<T>(value: Option<T>) -> T {
    must(value.ok_or("no value"))
}
