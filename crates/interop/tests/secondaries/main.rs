//! NSD, Knot and BIND as secondaries of our DNS server, and dig as a client that transfers.
//! Install them with `apt-get install nsd knot bind9 bind9-dnsutils`. If one is missing, its
//! tests fail.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod dig;
mod follow;
mod primary;
mod secondary;
