//! The DNS server as other programs see it: `dig`, `kdig`, `drill` and dnspython, and NSD
//! beside it on the same zone. Install them with
//! `apt-get install bind9-dnsutils knot-dnsutils ldnsutils python3-dnspython nsd`. If one
//! is missing, its tests fail.

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
mod zone_files;
