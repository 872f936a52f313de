//! The outage of October 2025, staged on real threads.
//!
//! - A [`Stage`] holds threads at named [points](incident::Point), which makes an
//!   interleaving exact and repeatable. [`outage`] plays the schedule of the outage so.
//! - A [`Client`] resolves the names over UDP, from a DNS server on the store.
//! - [`diagram`] draws what happened.
//! - [`chance`] has stalls and drifts that a seed repeats, for runs without a schedule.

pub mod chance;
pub mod cli;
mod client;
pub mod diagram;
mod error;
mod outage;
mod stage;

pub use client::Client;
pub use error::Error;
pub use outage::{Outcome, Repair, free_running, outage};
pub use stage::Stage;
