//! The outage of October 2025, staged on real threads.
//!
//! - [`outage`] plays the schedule of the outage. A [`Stage`] holds threads at named
//!   [points](incident::Point), so the interleaving is exact and repeatable.
//! - [`free_running`] runs the same threads without a schedule. [`chance`] contains the
//!   stalls and the drifting capacities, which a seed repeats.
//! - A [`Client`] resolves the names over UDP, from a DNS server on the store.
//! - [`diagram`] draws the steps in the terminal.
//! - [`cli`] contains the arguments, log and report that the examples share.

pub mod chance;
pub mod cli;
mod client;
pub mod diagram;
mod error;
mod free_running;
mod outage;
mod rig;
mod stage;
mod wrap;

pub use client::Client;
pub use error::Error;
pub use free_running::free_running;
pub use outage::{Repair, outage};
pub use rig::Outcome;
pub use stage::Stage;
pub use wrap::width;
