//! What a single value cannot tell: whether the values of a fleet file fit together.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use plan_store::{EndpointName, InvalidRecordSet, Plan, RecordSet, Target};
use toml::Spanned;

use super::file::{
    DnsZoneTable, EndpointTable, FleetFile, HealthStepTable, NameServerTable, PlannerTable,
    TargetTable, TimingsTable,
};
use super::health_checks::{self, Checks, longest};
use super::source::Source;
use super::values::{Name, Ttl, ZoneName};
use super::{DnsZone, FailPolicy, Fleet, FleetEndpoint, FleetTarget, HealthStep, Timings, start};
use crate::{FleetError, HealthCheck};

/// The fleet, if the values of the file fit together.
pub(super) fn fleet(source: &Source<'_>, file: FleetFile) -> Result<Fleet, FleetError> {
    let drained = drained_zones(source, &file.planner, &file.endpoint)?;
    let dns_zones = dns_zones(source, file.dns_zone)?;
    let name_servers = name_servers_inside(&dns_zones);
    for table in &file.endpoint {
        in_a_zone(source, &table.name, &dns_zones)?;
        is_no_name_server(source, &table.name, &name_servers)?;
    }
    let check = health_checks::resolve(source, &file.health_check, &HealthCheck::default())?;
    let mut checks = Checks::new(check, &file.endpoint);
    let endpoints = endpoints(source, file.endpoint, &drained, &mut checks)?;
    let check = checks.fleet;
    Ok(Fleet {
        detection: longest(&check, &endpoints, HealthCheck::detection),
        first_round: longest(&check, &endpoints, HealthCheck::first_round),
        health_script: health_script(source, &file.health, &endpoints)?,
        endpoints,
        timings: timings(source, &file.timings)?,
        change_limits: file.planner.change_limits(),
        retention: file.store.retention(),
        health_check: check,
        dns_zones,
    })
}

/// The zones that are drained. Each has a target: a mistyped name would drain nothing.
fn drained_zones(
    source: &Source<'_>,
    planner: &PlannerTable,
    endpoints: &[EndpointTable],
) -> Result<HashSet<String>, FleetError> {
    let targets = endpoints.iter().flat_map(|endpoint| &endpoint.target);
    let known: HashSet<&str> = targets.map(TargetTable::zone).collect();
    let zone = |zone: &Spanned<ZoneName>| {
        let name = zone.get_ref().get();
        if known.contains(name) {
            return Ok(name.to_owned());
        }
        let mistake = format!("no target is in zone {name:?}; use the `zone` of a target");
        Err(source.mistake(start(zone), mistake))
    };
    planner.drained_zones.iter().map(zone).collect()
}

/// An endpoint lies in one of the zones, if there are any.
fn in_a_zone(
    source: &Source<'_>,
    name: &Spanned<Name>,
    zones: &[DnsZone],
) -> Result<(), FleetError> {
    let endpoint = name.get_ref().get();
    if zones.is_empty() || zones.iter().any(|zone| endpoint.is_at_or_below(&zone.apex)) {
        return Ok(());
    }
    let mistake =
        format!("endpoint {endpoint} lies in no zone of the file; add a [[dns_zone]] for it");
    Err(source.mistake(start(name), mistake))
}

/// The name servers inside their zones. Their addresses are the zone's.
fn name_servers_inside(zones: &[DnsZone]) -> HashSet<&EndpointName> {
    let servers = zones.iter().flat_map(|zone| &zone.name_servers);
    let inside = servers.filter(|(_, addresses)| !addresses.is_empty());
    inside.map(|(name, _)| name).collect()
}

/// An endpoint's addresses are the plan's, so it is no name server.
fn is_no_name_server(
    source: &Source<'_>,
    name: &Spanned<Name>,
    name_servers: &HashSet<&EndpointName>,
) -> Result<(), FleetError> {
    let endpoint = name.get_ref().get();
    if !name_servers.contains(endpoint) {
        return Ok(());
    }
    let mistake = format!(
        "endpoint {endpoint} is a name server with `addresses` too; use another name for one of them"
    );
    Err(source.mistake(start(name), mistake))
}

/// There is at least one endpoint, there are not too many, and no two have the same
/// name.
fn endpoints(
    source: &Source<'_>,
    tables: Vec<EndpointTable>,
    drained: &HashSet<String>,
    checks: &mut Checks,
) -> Result<Vec<FleetEndpoint>, FleetError> {
    if tables.is_empty() {
        return Err(source.mistake(0, "the fleet has no endpoint; add an [[endpoint]]"));
    }
    if let Some(first_too_many) = tables.get(Plan::MAX_ENDPOINTS) {
        let mistake = format!(
            "the fleet has {} endpoints, more than {}; split it over several control planes",
            tables.len(),
            Plan::MAX_ENDPOINTS
        );
        return Err(source.mistake(start(&first_too_many.name), mistake));
    }
    let mut seen = HashMap::with_capacity(tables.len());
    for table in &tables {
        let (name, at) = (table.name.get_ref().get(), start(&table.name));
        if let Some(first) = seen.insert(name, at) {
            let (line, _) = source.place(first);
            let mistake = format!("endpoint {name} is on line {line} already; merge the two");
            return Err(source.mistake(at, mistake));
        }
    }
    let endpoints = tables.into_iter();
    endpoints
        .map(|table| endpoint(source, table, drained, checks))
        .collect()
}

/// The targets are a valid record set, and the policies fit together.
fn endpoint(
    source: &Source<'_>,
    table: EndpointTable,
    drained: &HashSet<String>,
    checks: &mut Checks,
) -> Result<FleetEndpoint, FleetError> {
    let (fail, min_healthy_percent) = policies(source, &table)?;
    for target in &table.target {
        let address = target.address.get_ref().get();
        if let Some(what) = unreachable(address) {
            let mistake = format!("{address} is {what}; use the address of a load balancer");
            return Err(source.mistake(start(&target.address), mistake));
        }
    }
    let checks = checks.of_targets(source, &table)?;
    let places: Vec<usize> = table.target.iter().map(|t| start(&t.address)).collect();
    let targets = table.target.into_iter().zip(checks);
    let targets = targets.map(|(target, check)| target.target(drained, check));
    let targets: Vec<FleetTarget> = targets.collect();
    let (at_name, name) = (start(&table.name), table.name.into_inner().into_inner());
    let ttl = table.ttl.map_or(FleetEndpoint::DEFAULT_TTL, Ttl::get);
    // A record set of all targets is checked like one of a plan.
    let records = targets.iter().map(|t| Target::new(t.address, t.weight));
    if let Err(error) = RecordSet::new(ttl, records) {
        let target = refused_target(&error, &targets);
        let at = target.and_then(|target| places.get(target).copied());
        return Err(source.mistake(at.unwrap_or(at_name), format!("endpoint {name}: {error}")));
    }
    Ok(FleetEndpoint {
        name,
        ttl,
        fail,
        min_healthy_percent,
        targets: targets.into(),
    })
}

/// What the endpoint serves when too few of its targets are healthy.
fn policies(source: &Source<'_>, table: &EndpointTable) -> Result<(FailPolicy, u8), FleetError> {
    let fail = table.fail.as_ref().map(|fail| fail.get_ref().get());
    let fail = fail.unwrap_or_default();
    let percent = table.min_healthy_percent.as_ref();
    match percent.map(|percent| (percent, percent.get_ref().get())) {
        Some((at, least @ 1..)) if fail == FailPolicy::Last => {
            let mistake = format!(
                "`min_healthy_percent` is {least} beside `fail = \"last\"`, which never serves a tier whole; leave one of the two out"
            );
            Err(source.mistake(start(at), mistake))
        }
        least => Ok((fail, least.map_or(0, |(_, least)| least))),
    }
}

/// Why no client can reach this unicast address, if none can.
fn unreachable(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) if v4.is_broadcast() || v4.is_unspecified() => None, // A record set says so.
        IpAddr::V4(v4) if v4.octets()[0] == 0 => Some("on \"this network\" (0.0.0.0/8)"),
        IpAddr::V4(v4) if v4.octets()[0] >= 240 => Some("reserved (240.0.0.0/4)"),
        IpAddr::V4(v4) if v4.is_link_local() => Some("link-local (169.254.0.0/16)"),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            Some("an IPv4 address in IPv6 (::ffff:0:0/96)")
        }
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("link-local (fe80::/10)"),
        _ => None,
    }
}

/// The last target with the address that the error names, if it names one.
fn refused_target(error: &InvalidRecordSet, targets: &[FleetTarget]) -> Option<usize> {
    match error {
        InvalidRecordSet::DuplicateTarget { address }
        | InvalidRecordSet::UnusableAddress { address } => targets
            .iter()
            .rposition(|target| target.address == *address),
        _ => None,
    }
}

/// The first back-off is not longer than the longest one.
fn timings(source: &Source<'_>, table: &TimingsTable) -> Result<Timings, FleetError> {
    let timings = table.timings();
    if timings.backoff_first <= timings.backoff_max {
        return Ok(timings);
    }
    let given = table.backoff_max_ms.as_ref();
    let given = given.or(table.backoff_first_ms.as_ref());
    let first = timings.backoff_first.as_millis();
    let mistake = format!(
        "`backoff_max_ms` is {}, less than `backoff_first_ms`, {first}; use at least {first}",
        timings.backoff_max.as_millis(),
    );
    Err(source.mistake(given.map_or(0, start), mistake))
}

/// Every step changes something, at a target of some endpoint.
fn health_script(
    source: &Source<'_>,
    tables: &[Spanned<HealthStepTable>],
    endpoints: &[FleetEndpoint],
) -> Result<Vec<HealthStep>, FleetError> {
    let targets = endpoints.iter().flat_map(FleetEndpoint::targets);
    let known: HashSet<IpAddr> = targets.map(|target| target.address).collect();
    let steps = tables
        .iter()
        .map(|table| health_step(source, table, &known));
    let mut steps: Vec<HealthStep> = steps.collect::<Result<_, _>>()?;
    steps.sort_by_key(|step| step.at);
    Ok(steps)
}

fn health_step(
    source: &Source<'_>,
    table: &Spanned<HealthStepTable>,
    known: &HashSet<IpAddr>,
) -> Result<HealthStep, FleetError> {
    let step = table.get_ref().step();
    if !known.contains(&step.target) {
        let mistake = format!(
            "`target` {} is at no endpoint; use the address of a target of an endpoint",
            step.target
        );
        return Err(source.mistake(start(&table.get_ref().target), mistake));
    }
    if step.healthy.is_none() && step.capacity.is_none() {
        let mistake = "the health step changes nothing; add `healthy` or `capacity`";
        return Err(source.mistake(start(table), mistake));
    }
    Ok(step)
}

/// Every zone has at least one name server and not too many, and no two have the same apex.
fn dns_zones(source: &Source<'_>, tables: Vec<DnsZoneTable>) -> Result<Vec<DnsZone>, FleetError> {
    let mut zones: Vec<DnsZone> = Vec::with_capacity(tables.len());
    for table in tables {
        let apex: &Spanned<Name> = &table.apex;
        let (name, at) = (apex.get_ref().get(), start(apex));
        if table.name_server.is_empty() {
            let mistake = format!("zone {name} has no name server; add a [[dns_zone.name_server]]");
            return Err(source.mistake(at, mistake));
        }
        if zones.iter().any(|other| other.apex == *name) {
            let mistake = format!("zone {name} is there already; remove one of the two");
            return Err(source.mistake(at, mistake));
        }
        for (at, server) in table.name_server.iter().enumerate() {
            name_server(source, name, server, &table.name_server[..at])?;
        }
        if let Some(first_too_many) = table.name_server.get(DnsZone::MAX_NAME_SERVERS) {
            let mistake = format!(
                "zone {name} has {} name servers; use at most {}",
                table.name_server.len(),
                DnsZone::MAX_NAME_SERVERS
            );
            return Err(source.mistake(start(&first_too_many.name), mistake));
        }
        zones.push(DnsZone {
            ttl: table.ttl(),
            negative_ttl: table.negative_ttl(),
            name_servers: table
                .name_server
                .into_iter()
                .map(NameServerTable::name_server)
                .collect(),
            apex: table.apex.into_inner().into_inner(),
        });
    }
    Ok(zones)
}

/// A name server is there once. It has addresses (*glue*), but not too many, if its name lies
/// inside the zone, and only then.
fn name_server(
    source: &Source<'_>,
    apex: &EndpointName,
    server: &NameServerTable,
    before: &[NameServerTable],
) -> Result<(), FleetError> {
    let name = server.name.get_ref().get();
    let mistake = if before
        .iter()
        .any(|other| other.name.get_ref().get() == name)
    {
        format!("zone {apex} has name server {name} twice; remove one of the two")
    } else {
        match (name.is_at_or_below(apex), server.addresses.is_empty()) {
            (true, true) => format!("name server {name} lies inside zone {apex}; add `addresses`"),
            (false, false) => {
                format!("name server {name} lies outside zone {apex}; leave its `addresses` out")
            }
            (true, false) if server.addresses.len() > DnsZone::MAX_ADDRESSES => format!(
                "name server {name} has {} addresses; use at most {}",
                server.addresses.len(),
                DnsZone::MAX_ADDRESSES
            ),
            _ => return Ok(()),
        }
    };
    Err(source.mistake(start(&server.name), mistake))
}
