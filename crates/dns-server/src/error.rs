use std::io;
use std::net::SocketAddr;

use plan_store::EndpointName;

use crate::zone::{NameServer, Zone};

/// What can go wrong when a server is set up. Nothing that a client sends is an error here:
/// every packet is answered or dropped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A zone has no name server.
    #[error("zone {zone} has no name server; name at least one")]
    NoNameServers {
        /// The zone's apex.
        zone: EndpointName,
    },
    /// A zone names a name server twice.
    #[error("zone {zone} names the name server {name_server} twice; remove one")]
    DuplicateNameServer {
        /// The zone's apex.
        zone: EndpointName,
        /// The name server.
        name_server: EndpointName,
    },
    /// A name server inside its zone has no address, so resolvers could not find it.
    #[error("name server {name_server} lies inside zone {zone}; give its addresses")]
    NoGlue {
        /// The zone's apex.
        zone: EndpointName,
        /// The name server.
        name_server: EndpointName,
    },
    /// A name server outside its zone has addresses, which this zone cannot hold.
    #[error("name server {name_server} lies outside zone {zone}; leave its addresses out")]
    ForeignGlue {
        /// The zone's apex.
        zone: EndpointName,
        /// The name server.
        name_server: EndpointName,
    },
    /// A zone has more name servers than [`Zone::MAX_NAME_SERVERS`](crate::Zone::MAX_NAME_SERVERS).
    #[error(
        "zone {zone} has {count} name servers; name at most {}",
        Zone::MAX_NAME_SERVERS
    )]
    TooManyNameServers {
        /// The zone's apex.
        zone: EndpointName,
        /// How many it has.
        count: usize,
    },
    /// A name server has more addresses than
    /// [`NameServer::MAX_ADDRESSES`](crate::NameServer::MAX_ADDRESSES).
    #[error(
        "name server {name_server} of zone {zone} has {count} addresses; give at most {}",
        NameServer::MAX_ADDRESSES
    )]
    TooManyAddresses {
        /// The zone's apex.
        zone: EndpointName,
        /// The name server.
        name_server: EndpointName,
        /// How many it has.
        count: usize,
    },
    /// Two zones have the same apex.
    #[error("there are two zones {zone}; remove one")]
    DuplicateZone {
        /// The zone's apex.
        zone: EndpointName,
    },
    /// The apex is so long that the names below it do not fit into 255 bytes.
    #[error("zone {zone} has a name too long for its SOA record; use a shorter name")]
    NameTooLong {
        /// The zone's apex.
        zone: EndpointName,
        /// What the encoder says.
        source: hickory_proto::ProtoError,
    },
    /// Two different TSIG keys have the same name.
    #[cfg(feature = "transfer")]
    #[error(
        "zone {zone} has another TSIG key `{key}` than an earlier zone; rename one of the keys"
    )]
    TwoTsigKeys {
        /// The apex of the zone with the second one.
        zone: EndpointName,
        /// The name of both.
        key: EndpointName,
    },
    /// There is no zone, so every query would be refused.
    #[error("there is no zone to serve; name at least one")]
    NoZones,
    /// There is no address to listen on.
    #[error("there is no address to listen on; name at least one")]
    NoAddress,
    /// An unspecified address in a build that cannot reply from the address that was asked.
    #[error(
        "{address} stands for all addresses of the host, and this build cannot reply from the one that was asked; give each address, or build on Linux with the feature `batch`"
    )]
    Unspecified {
        /// The address.
        address: SocketAddr,
    },
    /// A setting is out of its bounds.
    #[error("{setting} is {value}; it must be {bounds}")]
    Setting {
        /// The setting's name.
        setting: &'static str,
        /// Its value.
        value: usize,
        /// The values that are allowed.
        bounds: &'static str,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({protocol})")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// UDP or TCP.
        protocol: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The system would not start a thread.
    #[error("the system would not start a thread for the DNS server")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
}
