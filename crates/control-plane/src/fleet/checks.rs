//! What a single value cannot tell: whether the values of a fleet file fit together.
//!
//! Each check notes the mistakes that it finds and leaves out what they concern. A check that
//! compares a value with all values of a kind is made only if all of those could be read.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use plan_store::{EndpointName, InvalidRecordSet, Plan, RecordSet, Target};

use super::file::{
    DnsZoneTable, EndpointPiece, EndpointTable, FleetFile, HealthStepTable, NameServerTable,
    SecondaryTable, TargetTable, TimingsTable,
};
use super::health_checks::{Checks, longest};
use super::pieces::Pieces;
use super::reader::{self, Field};
use super::source::Source;
use super::values::{Address, Fail, Percent, Ttl, ZoneName};
use super::{DnsZone, FailPolicy, Fleet, FleetEndpoint, FleetTarget, HealthStep, Timings, above};
use crate::{CheckKind, HealthCheck};

/// The path of a zone file, and where it is in the fleet file.
pub(super) type PlacedZoneFile = (usize, PathBuf);

/// Reads the fleet without its zone files, and notes all mistakes. Without a mistake there is a
/// fleet, with the zone file of each zone that has one.
pub(super) fn fleet(source: &Source<'_>) -> Option<(Fleet, Vec<Option<PlacedZoneFile>>)> {
    let pieces = Pieces::of(source.text);
    let file: Field<FleetFile> = reader::read(&pieces.rest, &source.mistakes);
    let file = file.into_inner().unwrap_or_default();
    let planner = file.planner.into_inner().unwrap_or_default();
    let drained = planner.drained_zones.all();
    let zones = dns_zones(source, &file.dns_zone);
    let checks = Checks::new(source, &file.health_check);
    let mut endpoints = Endpoints {
        source,
        drained: drained.iter().filter_map(zone_name).collect(),
        name_servers: name_servers_inside(&zones.all),
        dns_zones: &zones,
        checks,
        seen: HashMap::new(),
        zones: Known::default(),
        addresses: Known::default(),
        knows_addresses: !file.health.all().is_empty(),
        read: Vec::new(),
        count: 0,
        first_too_many: None,
    };
    endpoints.add_all(file.endpoint, &pieces);
    for zone in drained {
        endpoints.has_zone(zone);
    }
    let health_script = health_script(source, &file.health, &endpoints.addresses);
    let timings = timings(source, &file.timings.into_inner().unwrap_or_default());
    let (seen, endpoints, check) = (
        endpoints.seen,
        endpoints.read,
        endpoints.checks.into_fleet(),
    );
    wildcards_have_hosts(source, &endpoints, &check, &seen);
    if source.mistakes.count() > 0 {
        return None;
    }
    let zone_files = zones.files;
    let fleet = Fleet {
        detection: longest(&check, &endpoints, HealthCheck::detection),
        first_round: longest(&check, &endpoints, HealthCheck::first_round),
        health_script,
        endpoints,
        timings,
        change_limits: planner.change_limits(),
        retention: file.store.into_inner().unwrap_or_default().retention(),
        health_check: check,
        dns_zones: zones.all,
    };
    Some((fleet, zone_files))
}

/// A wildcard is no name that a check could send.
fn wildcards_have_hosts(
    source: &Source<'_>,
    endpoints: &[FleetEndpoint],
    fleet: &Arc<HealthCheck>,
    places: &HashMap<EndpointName, usize>,
) {
    for endpoint in endpoints.iter().filter(|e| e.name.is_wildcard()) {
        let checks = endpoint
            .targets
            .iter()
            .map(|t| t.check.as_ref().map_or(fleet, |own| own.check()));
        let mut needs_host = checks.map(|check| match &check.kind {
            CheckKind::Tls(check) => check.host.is_none(),
            CheckKind::Http(check) => check.host.is_none(),
            CheckKind::Grpc(check) => check.host.is_none(),
            CheckKind::Tcp | CheckKind::Command(_) => false,
        });
        if needs_host.any(|needs_host| needs_host) {
            let mistake = format!(
                "endpoint {} is a wildcard, whose checks need a name; add `host` to its `health_check`",
                endpoint.name
            );
            source.mistake(places.get(&endpoint.name).copied().unwrap_or(0), mistake);
        }
    }
}

/// A plan has room for all names.
pub(super) fn are_not_too_many(source: &Source<'_>, fleet: &Fleet) {
    let names = fleet.endpoints.len() + fleet.static_records().count();
    if names > Plan::MAX_ENDPOINTS {
        let mistake = format!(
            "the fleet has {names} endpoints and names with static records, more than {}; split it over several control planes",
            Plan::MAX_ENDPOINTS
        );
        source.mistake(0, mistake);
    }
}

/// The values of a kind that the file has.
struct Known<T> {
    values: HashSet<T>,
    /// Whether one of them is missing or was refused.
    lacks_some: bool,
}

/// The zones, and whether all could be read.
struct DnsZones {
    all: Vec<DnsZone>,
    /// The zone file of each.
    files: Vec<Option<PlacedZoneFile>>,
    lacks_some: bool,
}

/// The endpoints, as they are read one after another.
struct Endpoints<'a> {
    source: &'a Source<'a>,
    drained: HashSet<String>,
    dns_zones: &'a DnsZones,
    name_servers: HashSet<&'a EndpointName>,
    checks: Checks,
    /// Where each name was found.
    seen: HashMap<EndpointName, usize>,
    /// The availability zones of targets.
    zones: Known<String>,
    addresses: Known<IpAddr>,
    /// Whether `addresses` is needed.
    knows_addresses: bool,
    read: Vec<FleetEndpoint>,
    count: usize,
    first_too_many: Option<usize>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self {
            values: HashSet::new(),
            lacks_some: false,
        }
    }
}

impl<T: Hash + Eq> Known<T> {
    /// Adds this value, if there is one.
    fn add(&mut self, value: Option<T>) {
        match value {
            Some(value) => _ = self.values.insert(value),
            None => self.lacks_some = true,
        }
    }

    /// Whether the file certainly does not have this value.
    fn lacks(&self, value: &T) -> bool {
        !self.lacks_some && !self.values.contains(value)
    }
}

fn zone_name(zone: &Field<ZoneName>) -> Option<String> {
    zone.get().map(|zone| zone.get().to_owned())
}

/// Notes that the table at this byte must have this field, if it has not.
fn required<T>(source: &Source<'_>, table: usize, name: &str, field: &Field<T>) {
    if matches!(field, Field::Missing) {
        source.mistake(table, format!("missing field `{name}`; add it"));
    }
}

impl Endpoints<'_> {
    /// There is at least one endpoint, and there are not too many.
    fn add_all(&mut self, in_rest: Field<Vec<Field<EndpointTable>>>, pieces: &Pieces<'_>) {
        let has_list = !in_rest.is_refused();
        for table in in_rest.into_inner().unwrap_or_default() {
            self.add(table);
        }
        for piece in pieces.endpoints() {
            let piece = reader::read::<EndpointPiece>(&piece, &self.source.mistakes);
            let endpoints = piece
                .into_inner()
                .and_then(|piece| piece.endpoint.into_inner());
            match endpoints {
                Some(tables) => tables.into_iter().for_each(|table| self.add(table)),
                None => self.add(Field::Refused),
            }
        }
        if self.count == 0 && has_list {
            let mistake = "the fleet has no endpoint; add an [[endpoint]]";
            // Mistakes with a place of their own come first.
            let is_alone = self.source.mistakes.count() == 0;
            let at = if is_alone { 0 } else { self.source.text.len() };
            self.source.mistake(at, mistake);
        }
        if let Some(at) = self.first_too_many {
            let mistake = format!(
                "the fleet has {} endpoints, more than {}; split it over several control planes",
                self.count,
                Plan::MAX_ENDPOINTS
            );
            self.source.mistake(at, mistake);
        }
    }

    fn add(&mut self, table: Field<EndpointTable>) {
        self.count += 1;
        let is_whole = table.is_whole();
        let Some((at, table)) = table.into_placed() else {
            (self.zones.lacks_some, self.addresses.lacks_some) = (true, true);
            return;
        };
        if self.count > Plan::MAX_ENDPOINTS {
            self.first_too_many
                .get_or_insert(table.name.at().unwrap_or(at));
            return;
        }
        required(self.source, at, "name", &table.name);
        if let Some((at, name)) = table.name.placed() {
            self.is_new(at, name.get());
            self.in_a_zone(at, name.get());
            self.is_no_name_server(at, name.get());
        }
        let endpoint = self.endpoint(at, table, is_whole);
        self.read.extend(endpoint);
    }

    /// No two endpoints have the same name.
    fn is_new(&mut self, at: usize, name: &EndpointName) {
        if let Some(&first) = self.seen.get(name) {
            let line = self.source.line(first);
            let mistake = format!("endpoint {name} is on line {line} already; merge the two");
            self.source.mistake(at, mistake);
        } else {
            self.seen.insert(name.clone(), at);
        }
    }

    /// An endpoint lies in one of the zones, if there are any.
    fn in_a_zone(&self, at: usize, name: &EndpointName) {
        let mut zones = self.dns_zones.all.iter();
        let is_in_one = zones.any(|zone| name.is_at_or_below(&zone.apex));
        if self.dns_zones.all.is_empty() || self.dns_zones.lacks_some || is_in_one {
            return;
        }
        let mistake =
            format!("endpoint {name} lies in no zone of the file; add a [[dns_zone]] for it");
        self.source.mistake(at, mistake);
    }

    /// An endpoint's addresses are the plan's, so it is no name server.
    fn is_no_name_server(&self, at: usize, name: &EndpointName) {
        if self.name_servers.contains(name) {
            let mistake = format!(
                "endpoint {name} is a name server with `addresses` too; use another name for one of them"
            );
            self.source.mistake(at, mistake);
        }
    }

    /// The targets are a valid record set, and the policies fit together.
    fn endpoint(
        &mut self,
        at: usize,
        table: EndpointTable,
        is_whole: bool,
    ) -> Option<FleetEndpoint> {
        let source = self.source;
        let (fail, min_healthy_percent) = policies(source, &table);
        if table.target.is_refused() {
            (self.zones.lacks_some, self.addresses.lacks_some) = (true, true);
        }
        let check = self.checks.of_endpoint(source, &table.health_check);
        let at_name = table.name.at().unwrap_or(at);
        let (mut places, mut targets) = (Vec::new(), Vec::new());
        let tables = table.target.into_inner().unwrap_or_default();
        let all = tables.len();
        for target in tables {
            let place = target.get().and_then(|target| target.address.at());
            if let Some(target) = self.target(target, check.as_ref()) {
                places.push(place.unwrap_or(at_name));
                targets.push(target);
            }
        }
        let name = table.name.into_inner()?.into_inner();
        let ttl = table.ttl.value();
        let ttl = ttl.map_or(FleetEndpoint::DEFAULT_TTL, Ttl::get);
        if !is_whole || targets.len() < all {
            return None;
        }
        // A record set of all targets is checked like one of a plan.
        let records = targets.iter().map(|t| Target::new(t.address, t.weight));
        if let Err(error) = RecordSet::new(ttl, records) {
            let target = refused_target(&error, &targets);
            let at = target.and_then(|target| places.get(target).copied());
            source.mistake(at.unwrap_or(at_name), format!("endpoint {name}: {error}"));
            return None;
        }
        Some(FleetEndpoint {
            name,
            ttl,
            fail,
            min_healthy_percent,
            check: check.and_then(|check| self.checks.own(&check)),
            targets: targets.into(),
        })
    }

    /// A client can reach the target.
    fn target(
        &mut self,
        table: Field<TargetTable>,
        check: Option<&Arc<HealthCheck>>,
    ) -> Option<FleetTarget> {
        let source = self.source;
        let placed = table.into_placed();
        self.knows(placed.as_ref().map(|(_, table)| table));
        let (at, table) = placed?;
        required(source, at, "address", &table.address);
        required(source, at, "zone", &table.zone);
        required(source, at, "capacity", &table.capacity);
        if let Some((at, address)) = table.address.placed() {
            let address = address.get();
            if let Some(what) = unreachable(address) {
                let mistake = format!("{address} is {what}; use the address of a load balancer");
                source.mistake(at, mistake);
                return None;
            }
        }
        let check = self.checks.of_target(source, &table.health_check, check);
        table.target(&self.drained, check)
    }

    /// Remembers the target's zone and address.
    fn knows(&mut self, table: Option<&TargetTable>) {
        let zone = table.and_then(|table| table.zone.get());
        match zone.map(ZoneName::get) {
            Some(zone) if self.zones.values.contains(zone) => {}
            zone => self.zones.add(zone.map(str::to_owned)),
        }
        if self.knows_addresses {
            let address = table.and_then(|table| table.address.value());
            self.addresses.add(address.map(Address::get));
        }
    }

    /// A drained zone has a target: a mistyped name would drain nothing.
    fn has_zone(&self, zone: &Field<ZoneName>) {
        if let Some((at, name)) = zone.placed()
            && self.zones.lacks(&name.get().to_owned())
        {
            let name = name.get();
            let mistake = format!("no target is in zone {name:?}; use the `zone` of a target");
            self.source.mistake(at, mistake);
        }
    }
}

/// The name servers inside their zones. Their addresses are the zone's.
fn name_servers_inside(zones: &[DnsZone]) -> HashSet<&EndpointName> {
    let servers = zones.iter().flat_map(|zone| &zone.name_servers);
    let inside = servers.filter(|(_, addresses)| !addresses.is_empty());
    inside.map(|(name, _)| name).collect()
}

/// What the endpoint serves when too few of its targets are healthy.
fn policies(source: &Source<'_>, table: &EndpointTable) -> (FailPolicy, u8) {
    let fail = table.fail.value().map(Fail::get).unwrap_or_default();
    let least = table.min_healthy_percent.value().map_or(0, Percent::get);
    if let (Some(at), 1.., FailPolicy::Last) = (table.min_healthy_percent.at(), least, fail) {
        let mistake = format!(
            "`min_healthy_percent` is {least} beside `fail = \"last\"`, which never serves a tier whole; leave one of the two out"
        );
        source.mistake(at, mistake);
    }
    (fail, least)
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
fn timings(source: &Source<'_>, table: &TimingsTable) -> Timings {
    let timings = table.timings();
    let (first, longest) = (&table.backoff_first_ms, &table.backoff_max_ms);
    let can_compare = !first.is_refused() && !longest.is_refused();
    if can_compare && timings.backoff_first > timings.backoff_max {
        let first_ms = timings.backoff_first.as_millis();
        let mistake = format!(
            "`backoff_max_ms` is {}, less than `backoff_first_ms`, {first_ms}; use at least {first_ms}",
            timings.backoff_max.as_millis(),
        );
        source.mistake(longest.at().or(first.at()).unwrap_or(0), mistake);
    }
    timings
}

/// Every step changes something, at a target of some endpoint.
fn health_script(
    source: &Source<'_>,
    tables: &Field<Vec<Field<HealthStepTable>>>,
    known: &Known<IpAddr>,
) -> Vec<HealthStep> {
    let steps = tables.all().iter();
    let mut steps: Vec<HealthStep> = steps
        .filter_map(|table| health_step(source, table, known))
        .collect();
    steps.sort_by_key(|step| step.at);
    steps
}

fn health_step(
    source: &Source<'_>,
    field: &Field<HealthStepTable>,
    known: &Known<IpAddr>,
) -> Option<HealthStep> {
    let (at, table) = field.placed()?;
    required(source, at, "at", &table.at);
    required(source, at, "target", &table.target);
    if let Some((at, address)) = table.target.placed()
        && known.lacks(&address.get())
    {
        let mistake = format!(
            "`target` {} is at no endpoint; use the address of a target of an endpoint",
            address.get()
        );
        source.mistake(at, mistake);
    }
    let changes_nothing = [table.healthy.at(), table.capacity.at()] == [None, None];
    if changes_nothing && field.is_whole() {
        let mistake = "the health step changes nothing; add `healthy` or `capacity`";
        source.mistake(at, mistake);
    }
    table.step()
}

/// No two zones have the same apex.
fn dns_zones(source: &Source<'_>, tables: &Field<Vec<Field<DnsZoneTable>>>) -> DnsZones {
    let mut zones = DnsZones {
        all: Vec::with_capacity(tables.all().len()),
        files: Vec::new(),
        lacks_some: tables.is_refused(),
    };
    for table in tables.all() {
        let zone = table.placed();
        let Some(zone) = zone.and_then(|(at, table)| dns_zone(source, at, table)) else {
            zones.lacks_some = true;
            continue;
        };
        if zones.all.iter().any(|other| other.apex == zone.apex) {
            let name = &zone.apex;
            let mistake = format!("zone {name} is there already; remove one of the two");
            let at = table.get().and_then(|table| table.apex.at());
            source.mistake(at.unwrap_or(0), mistake);
        }
        zones.all.push(zone);
        let records = table.get().and_then(|table| table.records.placed());
        let records = records.map(|(at, file)| (at, file.get().to_owned()));
        zones.files.push(records);
    }
    if !zones.lacks_some {
        let by_apex: HashMap<&str, &DnsZone> = zones
            .all
            .iter()
            .map(|zone| (zone.apex.as_str(), zone))
            .collect();
        for table in tables.all().iter().filter_map(Field::get) {
            name_servers_below(source, table, &by_apex);
        }
    }
    zones
}

/// A name server that lies in another zone of the fleet, below its own zone, has the same
/// addresses there. For the lower zone is the one that a resolver asks for them. `zones` are all
/// zones, by the text of their apex.
fn name_servers_below(source: &Source<'_>, table: &DnsZoneTable, zones: &HashMap<&str, &DnsZone>) {
    let Some((_, apex)) = table.apex.placed() else {
        return;
    };
    let apex = apex.get();
    for server in table.name_server.all().iter().filter_map(Field::get) {
        let placed = server.name.placed().zip(server.name_server());
        let Some(((at, _), (name, addresses))) = placed else {
            continue;
        };
        let lowest = above(name.as_str()).find_map(|name| zones.get(name));
        let Some(below) = lowest.filter(|zone| zone.apex.is_below(apex)) else {
            continue;
        };
        let there = below.name_servers.iter().find(|(other, _)| *other == name);
        let sorted =
            |addresses: &[IpAddr]| -> BTreeSet<IpAddr> { addresses.iter().copied().collect() };
        if there.is_none_or(|(_, there)| sorted(there) != sorted(&addresses)) {
            let mistake = format!(
                "name server {name} of zone {apex} lies in zone {}; add it there too, with the same `addresses`",
                below.apex
            );
            source.mistake(at, mistake);
        }
    }
}

/// The zone has at least one name server and not too many.
fn dns_zone(source: &Source<'_>, at: usize, table: &DnsZoneTable) -> Option<DnsZone> {
    required(source, at, "apex", &table.apex);
    let (at, apex) = table.apex.placed()?;
    let (apex, servers) = (apex.get(), table.name_server.all());
    if servers.is_empty() && !table.name_server.is_refused() {
        let mistake = format!("zone {apex} has no name server; add a [[dns_zone.name_server]]");
        source.mistake(at, mistake);
    }
    let mut seen = HashSet::new();
    for server in servers {
        name_server(source, apex, server, &mut seen);
    }
    if let Some(first_too_many) = servers.get(DnsZone::MAX_NAME_SERVERS) {
        let mistake = format!(
            "zone {apex} has {} name servers; use at most {}",
            servers.len(),
            DnsZone::MAX_NAME_SERVERS
        );
        let name = first_too_many.get().and_then(|server| server.name.at());
        source.mistake(name.unwrap_or(at), mistake);
    }
    secondaries(source, apex, table);
    let servers = servers.iter().filter_map(Field::get);
    let secondaries = table.secondary.all().iter().filter_map(Field::get);
    Some(DnsZone {
        apex: apex.clone(),
        ttl: table.ttl(),
        negative_ttl: table.negative_ttl(),
        name_servers: servers.filter_map(NameServerTable::name_server).collect(),
        secondaries: secondaries.filter_map(SecondaryTable::secondary).collect(),
        records: Arc::default(),
    })
}

/// No secondary is there twice, and there are not too many.
fn secondaries(source: &Source<'_>, apex: &EndpointName, table: &DnsZoneTable) {
    let secondaries = table.secondary.all();
    let mut seen = HashSet::new();
    for one in secondaries {
        secondary(source, apex, one, &mut seen);
    }
    if let Some((at, _)) = secondaries
        .get(DnsZone::MAX_SECONDARIES)
        .and_then(Field::placed)
    {
        let (count, most) = (secondaries.len(), DnsZone::MAX_SECONDARIES);
        let mistake = format!("zone {apex} has {count} secondaries; use at most {most}");
        source.mistake(at, mistake);
    }
}

/// A name server is there once. It has addresses (*glue*), but not too many, if its name lies
/// inside the zone, and only then.
fn name_server<'a>(
    source: &Source<'_>,
    apex: &EndpointName,
    server: &'a Field<NameServerTable>,
    seen: &mut HashSet<&'a EndpointName>,
) {
    let Some((at, server)) = server.placed() else {
        return;
    };
    required(source, at, "name", &server.name);
    let Some((at, name)) = server.name.placed() else {
        return;
    };
    let (name, addresses) = (name.get(), server.addresses.all());
    let is_new = seen.insert(name);
    let mistake = match (name.is_at_or_below(apex), addresses.is_empty()) {
        _ if !is_new => {
            format!("zone {apex} has name server {name} twice; remove one of the two")
        }
        _ if server.addresses.is_refused() => return,
        (true, true) => format!("name server {name} lies inside zone {apex}; add `addresses`"),
        (false, false) => {
            format!("name server {name} lies outside zone {apex}; leave its `addresses` out")
        }
        (true, false) if addresses.len() > DnsZone::MAX_ADDRESSES => format!(
            "name server {name} has {} addresses; use at most {}",
            addresses.len(),
            DnsZone::MAX_ADDRESSES
        ),
        _ => return,
    };
    source.mistake(at, mistake);
}

/// A secondary is there once, and is one machine.
fn secondary(
    source: &Source<'_>,
    apex: &EndpointName,
    secondary: &Field<SecondaryTable>,
    seen: &mut HashSet<IpAddr>,
) {
    let Some((at, secondary)) = secondary.placed() else {
        return;
    };
    required(source, at, "address", &secondary.address);
    let Some((at, address)) = secondary.address.placed() else {
        return;
    };
    let address = address.get();
    if address.is_unspecified() || address.is_multicast() {
        let mistake = format!("{address} is no machine's address; use the secondary's own");
        source.mistake(at, mistake);
    } else if !seen.insert(address) {
        let mistake = format!("zone {apex} has secondary {address} twice; remove one of the two");
        source.mistake(at, mistake);
    }
}
