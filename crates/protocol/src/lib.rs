//! The steps of the plan store's protocol, as a function from state to state: [`next`].
//!
//! This is the one definition of the protocol that runs. It is the same protocol as
//! `proof/memory-store.smt2`, which is proved for any number of plans, endpoints, pins and
//! sweeps, and it uses nothing of `plan-store`. Everything that needs a store to compare with
//! uses it:
//!
//! - The reference of the conformance suite takes its steps.
//! - The models hold each atomic step of the running store against it.
//! - The search of `linearizability` decides each step at an endpoint by [`Standing::moved`].
//! - `cargo run -p proof` compares it with the SMT text, state by state and step by step.
//!
//! A generation is a number; 0 stands for none.
//!
//! ```
//! use protocol::{Refused, State, Step, next};
//!
//! // Plans 1 and 2 name the endpoint `a`. A slow Enactor holds plan 1, a quick one plan 2.
//! let names = || ["a"].into();
//! let steps = [
//!     Step::Publish { names: names() },
//!     Step::Pin { pin: 1, plan: 1 },
//!     Step::Publish { names: names() },
//!     Step::Pin { pin: 2, plan: 2 },
//!     Step::Activate { pin: 2, endpoint: "a" },
//! ];
//! let mut state = State::new(0, 100, 1);
//! for step in &steps {
//!     state = next(&state, step)?;
//! }
//! // The slow Enactor comes too late.
//! let late = Step::Activate { pin: 1, endpoint: "a" };
//! assert_eq!(next(&state, &late), Err(Refused::NotNewer));
//! # Ok::<(), Refused>(())
//! ```
//!
//! # Names
//! A guard of the SMT file is one variant of [`Refused`], and a step is one variant of
//! [`Step`]. The comments of the SMT file say why each guard is there. The file has four more
//! functions of the state, `picked`, `returned`, `origin` and `been`, and remembers what the
//! sweep that removed a plan had read (`gone`). No guard reads them; they only state
//! invariants. So they are not here.

mod standing;
mod state;
mod step;

pub use standing::{Kind, Standing};
pub use state::{Cell, Plan, Seen, State, Sweep};
pub use step::{NAMES, Refused, Step, next};

/// The number of a plan; 0 stands for none.
pub type Generation = u32;

/// A pin that a caller can hold, on one plan at a time.
pub type PinId = u32;

/// A call of `sweep`. Each call is a new one.
pub type SweepId = u32;

/// A cell, by its place among all cells that were ever made.
pub type CellId = usize;
