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
//! | other records of a name | the static records that the plan has there |
//! | an alias (CNAME) | the chain, as far as it is in the zone and on one plan |
//! | a name at or below a delegation | a referral with glue; DS at the delegation itself |
//! | the zone's apex | its SOA and NS records |
//! | another type, or a name above another one | no records, SOA (RFC 2308) |
//! | another name in a zone | what a wildcard has (RFC 4592), else NXDOMAIN, SOA |
//! | an endpoint that is in a plan but active nowhere yet | SERVFAIL |
//! | a name server inside its zone | its addresses as the zone has them; no plan changes them |
//! | DS at a zone that lies in another zone | no records, with the upper zone's SOA (RFC 4035) |
//! | anything, signed with TSIG | the same, signed; NOTAUTH if the key is not known or the signature is wrong (RFC 8945) |
//! | a zone transfer, by a secondary of the zone | the zone, or what has changed (with the feature `transfer`) |
//! | an endpoint whose active plan is gone | no records, SOA: the outage |
//! | a name outside the zones, another class, another zone transfer | REFUSED |
//! | `version.bind` or `id.server` in class CH | what [`Extras`] has, else REFUSED |
//! | everything (ANY) | one HINFO record (RFC 8482) |
//!
//! It acts on the EDNS options for cookies (RFC 7873), NSID (RFC 5001) and TCP keepalive (RFC
//! 7828), and ignores all others. Over UDP no reply is longer than the client accepts, nor than [`MAX_UDP`] bytes. Addresses of
//! name servers that do not fit are left out. A reply that would still be longer is sent without
//! records and with TC set.
//!
//! Before any plan is active, an owner starts the server with [`Zones::without_denials`], so
//! that names which are only not known yet are not denied. The serial number of the SOA records
//! is the newest generation that is active ([`Server::plan_is_active`]).
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
mod cookies;
mod counters;
mod draw;
mod error;
mod extras;
mod lookup;
#[cfg(feature = "transfer")]
mod notify;
mod query;
mod rate_limit;
mod reply;
mod request;
mod responder;
mod serial;
mod server;
mod tcp;
#[cfg(feature = "transfer")]
mod transfer;
#[cfg(feature = "transfer")]
mod tsig;
#[cfg(not(feature = "transfer"))]
#[path = "unsigned.rs"]
mod tsig;
mod udp;
mod zone;
mod zone_updates;

pub use cookies::CookieKeys;
pub use counters::{Counters, Counts};
pub use error::Error;
pub use extras::{Client, Extras, ServerText};
pub use reply::{MAX_UDP, Outcome, Transport};
pub use responder::Responder;
pub use server::{Server, ServerConfig};
pub use tcp::TcpLimits;
#[cfg(feature = "transfer")]
pub use transfer::{AppliedPlans, Secondary, TransferCounts};
#[cfg(feature = "transfer")]
pub use tsig::{InvalidTsigKey, TsigKey};
pub use zone::{NameServer, Zone, Zones};

/// The upper bound of [`ServerConfig::max_targets`].
pub const MAX_TARGETS: usize = plan_store::RecordSet::MAX_TARGETS;
