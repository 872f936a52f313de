//! The zones that the DNS server answers for, as the fleet file names them.

use std::net::IpAddr;

use control_plane::{DnsSecondary, DnsZone};
use dns_server::{NameServer, Secondary, Zone, Zones};
use plan_store::EndpointName;

use crate::tsig_keys::TsigKeys;

/// Why the zones of a fleet file cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidZones {
    #[error(transparent)]
    Zones(#[from] dns_server::Error),
    /// A secondary has a key that is not known.
    #[error(
        "zone {zone}: secondary {secondary} has the TSIG key `{key}`, which the file of --tsig-keys does not have; add the line `hmac-sha256:{key}:SECRET` to it"
    )]
    NoKey {
        zone: EndpointName,
        secondary: IpAddr,
        key: EndpointName,
    },
}

/// These zones, for the server.
pub(crate) fn of<'a>(
    zones: impl IntoIterator<Item = &'a DnsZone>,
    keys: &TsigKeys,
) -> Result<Zones, InvalidZones> {
    let zones = zones.into_iter().map(|zone| {
        let secondaries = zone.secondaries.iter();
        let secondaries = secondaries.map(|one| secondary(zone, one, keys));
        let secondaries: Result<Vec<_>, _> = secondaries.collect();
        Ok(self::zone(zone)?.with_secondaries(secondaries?))
    });
    Ok(Zones::new(
        zones.collect::<Result<Vec<_>, InvalidZones>>()?,
    )?)
}

/// Whether the zones can be served, by a process that has the keys.
pub(crate) fn check(zones: &[DnsZone]) -> Result<(), dns_server::Error> {
    let zones: Result<Vec<_>, _> = zones.iter().map(zone).collect();
    Zones::new(zones?).map(drop)
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

fn secondary(
    zone: &DnsZone,
    secondary: &DnsSecondary,
    keys: &TsigKeys,
) -> Result<Secondary, InvalidZones> {
    let no_key = |name: &EndpointName| InvalidZones::NoKey {
        zone: zone.apex.clone(),
        secondary: secondary.address,
        key: name.clone(),
    };
    let key = |name| keys.get(name).cloned().ok_or_else(|| no_key(name));
    Ok(Secondary {
        address: secondary.address,
        port: secondary.port,
        notify: secondary.notify,
        key: secondary.tsig_key.as_ref().map(key).transpose()?,
    })
}
