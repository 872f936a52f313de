//! The store in a folder, through its public interface.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod backup;
mod conformance;
mod cuts;
mod damage;
mod faults;
mod folder;
mod kills;
mod linear;
mod medium;
mod notes;
mod restart;
mod world;
