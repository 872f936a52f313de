//! The DNS automation of October 2025, as it was and with attempts to repair its race.
//!
//! - [`IncidentStore`] is the protocol as it was, and [variants](Variant) of it. It
//!   implements the same trait as the repaired store, so the same Planner and Enactors run
//!   on both.
//! - [`Leased`] puts a lease around each pass. That looks like a repair but is not one.
//! - [`Observed`] records each [`Event`] in a [`Journal`] and calls a [`Hook`] before each
//!   step.
//! - The [`InvariantChecker`] watches the journal's steps. It names each [`Invariant`]
//!   that broke, and the step that broke it.
//! - [`probe`] checks a store from outside.

mod error;
mod event;
mod hook;
mod invariant_checker;
mod journal;
mod lease;
mod observed;
mod one_by_one;
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
pub use one_by_one::OneByOne;
pub use store::{IncidentPin, IncidentReader, IncidentStore};
pub use variant::Variant;
pub use violation::Violation;
