//! Code that the benchmarks in `benches/` share.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed benchmark")]

pub mod docs;
pub mod world;
