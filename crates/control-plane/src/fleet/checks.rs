//! What a single value cannot tell: whether the values of a fleet file fit together.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use plan_store::{InvalidRecordSet, Plan, RecordSet, Target};
use toml::Spanned;

use super::file::{
    DnsZoneTable, EndpointTable, FleetFile, HealthStepTable, NameServerTable, TargetTable,
    TimingsTable,
};
use super::source::Source;
use super::values::{Name, Ttl};
use super::{DnsZone, Fleet, FleetEndpoint, FleetTarget, HealthStep, Timings};
use crate::FleetError;

/// The fleet, if the values of the file fit together.
pub(super) fn fleet(source: &Source<'_>, file: FleetFile) -> Result<Fleet, FleetError> {
    let endpoints = endpoints(source, file.endpoint)?;
    Ok(Fleet {
        health_script: health_script(source, &file.health, &endpoints)?,
        endpoints,
        timings: timings(source, &file.timings)?,
        max_removal_percent: file.planner.max_removal_percent(),
        retention: file.store.retention(),
        health_check: file.health_check.health_check(),
        dns_zones: dns_zones(source, file.dns_zone)?,
    })
}

/// There is at least one endpoint, there are not too many, and no two have the same
/// name.
fn endpoints(
    source: &Source<'_>,
    tables: Vec<EndpointTable>,
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
    let endpoints = tables.into_iter().map(|table| endpoint(source, table));
    endpoints.collect()
}

/// The targets are a valid record set.
fn endpoint(source: &Source<'_>, table: EndpointTable) -> Result<FleetEndpoint, FleetError> {
    let places: Vec<usize> = table.target.iter().map(|t| start(&t.address)).collect();
    let targets: Vec<FleetTarget> = table.target.into_iter().map(TargetTable::target).collect();
    let (at_name, name) = (start(&table.name), table.name.into_inner().into_inner());
    let ttl = table.ttl.map_or(FleetEndpoint::DEFAULT_TTL, Ttl::get);
    // A record set of all targets is checked like one of a plan.
    let records = targets.iter().map(|t| Target::new(t.address, t.weight));
    match RecordSet::new(ttl, records) {
        Ok(_) => Ok(FleetEndpoint { name, ttl, targets }),
        Err(error) => {
            let target = refused_target(&error, &targets);
            let at = target.and_then(|target| places.get(target).copied());
            let mistake = format!("endpoint {name}: {error}");
            Err(source.mistake(at.unwrap_or(at_name), mistake))
        }
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

/// Every zone has at least one name server, and no two have the same apex.
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

/// Where in the text a value begins.
fn start<T>(value: &Spanned<T>) -> usize {
    value.span().start
}
