use std::io;
use std::net::SocketAddr;

use plan_store::EndpointName;

/// What can go wrong when a server is set up. Nothing that a client sends is an
/// error here: it gets its answer, or is dropped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A zone without name servers.
    #[error("zone {zone} has no name server; name at least one")]
    NoNameServers {
        /// The zone's apex.
        zone: EndpointName,
    },
    /// A name server that is named twice.
    #[error("zone {zone} names the name server {name_server} twice; remove one")]
    DuplicateNameServer {
        /// The zone's apex.
        zone: EndpointName,
        /// The name server.
        name_server: EndpointName,
    },
    /// A name server inside its zone, of which nobody could learn the address.
    #[error("name server {name_server} lies inside zone {zone}; give its addresses")]
    NoGlue {
        /// The zone's apex.
        zone: EndpointName,
        /// The name server.
        name_server: EndpointName,
    },
    /// A name server outside its zone, whose addresses this zone cannot hold.
    #[error("name server {name_server} lies outside zone {zone}; leave its addresses out")]
    ForeignGlue {
        /// The zone's apex.
        zone: EndpointName,
        /// The name server.
        name_server: EndpointName,
    },
    /// A zone that is there twice.
    #[error("zone {zone} is there twice; remove one")]
    DuplicateZone {
        /// The zone's apex.
        zone: EndpointName,
    },
    /// A zone whose apex leaves no room for the names that belong to it.
    #[error("zone {zone} has a name too long for its SOA record; use a shorter name")]
    NameTooLong {
        /// The zone's apex.
        zone: EndpointName,
        /// What does not fit.
        source: hickory_proto::ProtoError,
    },
    /// No zone, so every query would be refused.
    #[error("there is no zone to serve; name at least one")]
    NoZones,
    /// No address to listen on.
    #[error("there is no address to listen on; name at least one")]
    NoAddress,
    /// A setting out of its bounds.
    #[error("{setting} is {value}; it must be {bounds}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// What it was set to.
        value: usize,
        /// What it may be.
        bounds: &'static str,
    },
    /// What all replies share cannot be encoded.
    #[error("cannot encode an OPT record")]
    Encoder {
        /// What the encoder said.
        source: hickory_proto::ProtoError,
    },
    /// An address that cannot be listened on.
    #[error("cannot listen on {address} ({protocol})")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// UDP or TCP.
        protocol: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A thread that the system would not start.
    #[error("the system would not start a thread for the DNS server")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
}
