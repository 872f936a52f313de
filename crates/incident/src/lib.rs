//! The DNS automation of October 2025 as it was, and with its race repaired.
//!
//! - [`IncidentStore`] is the protocol as it was, and variants of it, behind the
//!   same trait as the repaired store. The Planner and the Enactors that run on
//!   it are the same too.
//! - [`Leased`] puts a lease around each pass, in ways that look like a repair.
//! - [`Observed`] writes down what each actor does into a [`Journal`], whose
//!   witness names each [`Invariant`] that broke, and the step that broke it.
//! - A [`Client`] resolves the names over UDP, from a DNS front on the store.
//! - A [`Gate`] holds a thread at a named [`Point`], which makes an interleaving
//!   exact and repeatable on real threads. [`drill`] plays the outage so, and
//!   [`diagram`] draws it.

pub mod chance;
mod client;
pub mod diagram;
pub mod drill;
mod error;
mod fault;
mod gate;
mod journal;
mod lease;
mod observed;
pub mod probe;
mod stage;
mod store;
mod variant;
mod witness;

pub use client::{Client, Told};
pub use error::Error;
pub use fault::Fault;
pub use gate::{Gate, Open, Point};
pub use journal::{Actor, Event, Journal, Step, Tally};
pub use lease::{Fencing, Leased};
pub use observed::{Observed, ObservedPin};
pub use stage::Stage;
pub use store::{IncidentPin, IncidentReader, IncidentStore};
pub use variant::Variant;
pub use witness::{Breach, Invariant, Verdict, Witness};
