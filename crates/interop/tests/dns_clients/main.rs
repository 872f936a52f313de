//! The front as other people's programs see it: `dig`, `kdig`, `drill`, dnspython,
//! and NSD beside it on the same zone. They must be installed: a program that is
//! missing is a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod clients;
mod dnspython;
mod nsd;
mod rfc8906;
mod world;
