//! An authoritative DNS server that answers from a plan store.
//!
//! A resolver is answered from the plan that is active: a query costs one atomic load to
//! find it.
//!
//! # Parts
//! ```text
//!   Server ── threads and sockets
//!     ├─ UDP, a socket for each thread ─┐
//!     └─ TCP, one thread ───────────────┴─► Responder: a packet in, a reply out
//!                                             ├─ fast path: answers made in advance
//!                                             └─ everything else: hickory-proto
//! ```
//! A [`Responder`] has no sockets and can be called with any packet.
//!
//! # What it answers
//! | asked for | answered with |
//! |---|---|
//! | addresses of an endpoint | up to [`ServerConfig::max_targets`] targets, drawn by weight |
//! | the zone's apex | its SOA and NS records |
//! | another type, or a name above an endpoint | no records, SOA (RFC 2308) |
//! | another name in a zone | NXDOMAIN, SOA |
//! | an endpoint that is in a plan but active nowhere yet | SERVFAIL |
//! | an endpoint whose active plan is gone | no records, SOA: the outage |
//! | a name outside the zones, another class, a zone transfer | REFUSED |
//! | everything (ANY) | one HINFO record (RFC 8482) |
//!
//! Over UDP no reply is longer than the client accepts, nor than [`MAX_UDP`] bytes. A reply
//! that would be longer is sent without records and with TC set.
//!
//! ```
//! use dns_server::{Server, ServerConfig, NameServer, Zone, Zones};
//! # use plan_store::{EndpointName, MemoryStore, Retention};
//! # let store = MemoryStore::new(Retention::newest(3));
//! let name_server = NameServer {
//!     name: "ns1.shop.example".parse()?,
//!     addresses: vec!["192.0.2.53".parse()?],
//! };
//! let zone = Zone::new("shop.example".parse()?, [name_server])?;
//! let config = ServerConfig::on("127.0.0.1:0".parse()?);
//! let server = Server::start(&store, Zones::new([zone])?, &config)?;
//! println!("dig @127.0.0.1 -p {} shop.example NS", server.addresses()[0].port());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod authority;
mod compiled;
mod contain;
mod counters;
mod draw;
mod error;
mod query;
mod reply;
mod responder;
mod server;
mod tcp;
mod udp;
mod zone;
mod zone_updates;

pub use counters::{Counters, Counts};
pub use error::Error;
pub use reply::{MAX_UDP, Outcome, Transport};
pub use responder::Responder;
pub use server::{Server, ServerConfig};
pub use tcp::TcpLimits;
pub use zone::{NameServer, Zone, Zones};

/// The upper bound of [`ServerConfig::max_targets`].
pub const MAX_TARGETS: usize = plan_store::RecordSet::MAX_TARGETS;
