//! The outage, its stage and its diagram.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod diagram;
mod fleets;
mod outage;
mod stage;
