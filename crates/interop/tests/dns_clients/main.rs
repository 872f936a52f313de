//! The DNS server as other people's programs see it: `dig`, `kdig`, `drill` and dnspython,
//! and NSD beside it on the same zone. They must be installed (`apt-get install
//! bind9-dnsutils knot-dnsutils ldnsutils python3-dnspython nsd`); a program that is
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
