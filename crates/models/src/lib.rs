//! Models of the plan store and the control plane: what a model checker explores.
//!
//! - [`checker`] has the checkers: loom on two kinds of loads, and shuttle.
//! - [`races`] has each race of the store on its own, one per file.
//! - [`outage`] has the race of October 2025, on each protocol of the table.
//! - [`system`] has a Planner, Enactors that sweep and a resolver, all at once.
//! - `whole` has the whole system, for shuttle.
//! - [`passes`] has two real passes, one of which is overtaken.
//! - [`wakeups`] has the Enactor's loop with its signals.
//! - [`litmus`] has what one kind of loads shows and the other does not.
//! - [`mutant`] weakens one access of the store, so that a model must fail.
//!
//! How to read a model. A checker runs the execution once for each interleaving that
//! it tries. An execution asserts nothing: it returns what its threads were told and
//! the state at the end as one typed value, its outcome. The test asserts the whole
//! set of outcomes afterwards. So a model says that nothing bad happened, and also
//! that what should have happened did.

pub mod checker;
mod findings;
mod instrumented;
pub mod litmus;
pub mod mutant;
pub mod outage;
mod outcome;
pub mod passes;
pub mod races;
#[cfg(feature = "shuttle")]
mod randomized;
mod serial;
pub mod system;
pub mod wakeups;
#[cfg(feature = "shuttle")]
pub mod whole;
mod world;

use std::fmt;
use std::io::Write as _;

pub use findings::{Explored, Findings, explore};
pub use instrumented::{Instrumented, InstrumentedWord};
pub use outcome::{End, Ended, Moved, Outcome, PassTold, Seen, Told};
pub use world::{Part, World, endpoints, plan};

/// Prints a line at once, past the test runner's capture.
pub fn say(line: &str) {
    // There is nobody to tell if standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The value of a step that does not fail in this model. If it does fail, the model
/// is wrong, and the execution ends here.
#[track_caller]
#[expect(clippy::panic, reason = "a failed step is a failed model")]
pub(crate) fn must<T, E: fmt::Debug>(step: Result<T, E>) -> T {
    match step {
        Ok(value) => value,
        Err(error) => panic!("a step of the model failed: {error:?}"),
    }
}

/// The same for a value that is there in this model.
#[track_caller]
pub(crate) fn must_be<T>(value: Option<T>) -> T {
    must(value.ok_or("no value"))
}
