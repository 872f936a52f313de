//! The zones that the DNS server answers for, as the fleet file names them.

use std::error::Error;

use control_plane::{DnsZone, Fleet};
use dns_server::{NameServer, Zone, Zones};

/// The fleet's zones, if every endpoint lies in one.
pub(crate) fn of(fleet: &Fleet) -> Result<Zones, Box<dyn Error>> {
    let zones: Vec<Zone> = fleet
        .dns_zones()
        .iter()
        .map(zone)
        .collect::<Result<_, _>>()?;
    for endpoint in fleet.endpoints() {
        let name = endpoint.name();
        if !zones.iter().any(|zone| zone.contains(name)) {
            return Err(format!(
                "endpoint {name} lies in no zone of the fleet file; add a [[dns_zone]] for it"
            )
            .into());
        }
    }
    Ok(Zones::new(zones)?)
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
