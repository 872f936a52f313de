//! The DNS automation of October 2025 as it was, and with its race repaired.
//!
//! - [`IncidentStore`] is the protocol as it was, and variants of it, behind the
//!   same trait as the repaired store. The Planner and the Enactors that run on
//!   it are the same too.
//! - [`Leased`] puts a lease around each pass, in ways that look like a repair.
//! - [`Observed`] writes down what each actor does into a [`Journal`], whose
//!   [`InvariantChecker`] names each [`Invariant`] that broke, and the step that
//!   broke it. It calls a [`Hook`] before each step, which may hold the thread there.

mod error;
mod event;
mod hook;
mod invariant_checker;
mod journal;
mod lease;
mod observed;
pub mod probe;
mod store;
mod variant;
mod violation;

pub use error::Error;
pub use event::{Actor, ClientAnswer, Event, Step};
pub use hook::{Hook, NoHook, Point};
pub use invariant_checker::{Breach, Invariant, InvariantChecker, Verdict};
pub use journal::{Journal, Tally};
pub use lease::{Fencing, Leased};
pub use observed::{Observed, ObservedPin};
pub use store::{IncidentPin, IncidentReader, IncidentStore};
pub use variant::Variant;
pub use violation::Violation;
