//! The zones that the DNS server answers for, as the fleet file names them.

use control_plane::DnsZone;
use dns_server::{NameServer, Zone, Zones};

/// These zones, for the server.
pub(crate) fn of<'a>(
    zones: impl IntoIterator<Item = &'a DnsZone>,
) -> Result<Zones, dns_server::Error> {
    let zones = zones.into_iter().map(zone);
    Zones::new(zones.collect::<Result<Vec<_>, _>>()?)
}

fn zone(zone: &DnsZone) -> Result<Zone, dns_server::Error> {
    let name_servers = zone.name_servers.iter();
    let name_servers = name_servers.map(|(name, addresses)| NameServer {
        name: name.clone(),
        addresses: addresses.clone(),
    });
    let made = Zone::new(zone.apex.clone(), name_servers)?;
    Ok(made.with_ttl(zone.ttl).with_negative_ttl(zone.negative_ttl))
}
