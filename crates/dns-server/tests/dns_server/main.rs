//! The responder packet by packet, and the server on real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed step is a failed test"
)]

mod check;
mod extras;
mod hardening;
mod packets;
mod responder;
mod rfcs;
mod server;
#[cfg(feature = "transfer")]
mod signed;
#[cfg(feature = "transfer")]
mod signing;
mod static_records;
#[cfg(feature = "transfer")]
mod transfer;
mod world;
