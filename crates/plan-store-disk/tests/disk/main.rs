//! The store in a folder, through its public interface.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod conformance;
mod cuts;
mod damage;
mod faults;
mod folder;
mod kills;
mod linear;
mod medium;
mod restart;
mod world;
