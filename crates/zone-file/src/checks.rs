//! Whether the records of a zone file fit together, and to what else the fleet file says.
//!
//! # Rules
//! 1. The fleet file makes the zone's SOA and NS records and has the addresses of its name
//!    servers; a zone file repeats none of them. The addresses of an endpoint are its targets.
//! 2. Names lie in the zone, and in no other zone of the fleet.
//! 3. The records of an RRset differ, and have one TTL (RFC 2181, 5).
//! 4. An alias has no other records (RFC 2181, 10.1), so the apex is none, and aliases form no loop. A name server
//!    and a target of MX or SRV is no alias (RFC 2181, 10.3).
//! 5. Below a delegation there is nothing but the addresses of name servers (*glue*). A name
//!    server that lies there has such an address. DS records stand at delegations alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use control_plane::{DnsZone, Fleet, FleetEndpoint, ZoneRecords};
use domain::base::iana::Rtype;
use plan_store::{EndpointName, Rrset, StaticRecords};

use crate::entries::Entry;

/// The longest chain of aliases, as in the DNS server.
const MAX_ALIASES: usize = 16;

/// A mistake, and the line it is on.
pub(crate) type Mistake = (usize, String);

/// The records of one type at one name.
type Same<'e> = Vec<&'e Entry>;
type Names<'e> = BTreeMap<EndpointName, BTreeMap<u16, Same<'e>>>;

/// What the fleet file says of a zone.
struct Surroundings<'f> {
    apex: &'f EndpointName,
    /// The other zones in this one.
    below: Vec<&'f EndpointName>,
    /// In this zone, and in none of those; so are the name servers.
    endpoints: BTreeSet<&'f EndpointName>,
    name_servers: BTreeSet<&'f EndpointName>,
}

/// The records by name, or all mistakes in the order of the lines.
pub(crate) fn checked(
    entries: &[Entry],
    fleet: &Fleet,
    zone: &DnsZone,
) -> Result<ZoneRecords, Vec<Mistake>> {
    let around = Surroundings::of(fleet, zone);
    let mut mistakes = Vec::new();
    let mut names = Names::new();
    for entry in entries {
        match around.place(entry) {
            Ok(name) => {
                let types = names.entry(name).or_default();
                types
                    .entry(entry.record_type.to_int())
                    .or_default()
                    .push(entry);
            }
            Err(mistake) => mistakes.push((entry.line, mistake)),
        }
    }
    around.delegations(&names, &mut mistakes);
    aliases(&names, &mut mistakes);
    let mut records = ZoneRecords::new();
    for (name, types) in names {
        match static_records(&name, &types) {
            Ok(made) => drop(records.insert(name, made)),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    mistakes.sort();
    if mistakes.is_empty() {
        Ok(records)
    } else {
        Err(mistakes)
    }
}

impl<'f> Surroundings<'f> {
    fn of(fleet: &'f Fleet, zone: &'f DnsZone) -> Self {
        let apex = &zone.apex;
        let endpoints = fleet.endpoints().iter().map(FleetEndpoint::name);
        let others = fleet.dns_zones().iter().map(|other| &other.apex);
        let servers = fleet.dns_zones().iter().flat_map(|zone| &zone.name_servers);
        let inside = servers.filter(|(_, addresses)| !addresses.is_empty());
        let servers = inside.map(|(name, _)| name);
        let below: Vec<_> = others.filter(|other| other.is_below(apex)).collect();
        let is_here = |name: &&EndpointName| {
            name.is_at_or_below(apex) && !below.iter().any(|other| name.is_at_or_below(other))
        };
        Self {
            apex,
            endpoints: endpoints.filter(is_here).collect(),
            name_servers: servers.filter(is_here).collect(),
            below,
        }
    }

    /// The name of this record, if it may stand there.
    fn place(&self, entry: &Entry) -> Result<EndpointName, String> {
        let (apex, record_type) = (self.apex, entry.record_type);
        let name: EndpointName = entry
            .owner
            .parse()
            .map_err(|error: plan_store::InvalidName| error.to_string())?;
        if !name.is_at_or_below(apex) {
            return Err(format!(
                "{name} is outside of zone {apex}; remove the record, or end its name in {apex}"
            ));
        }
        if let Some(other) = self.below.iter().find(|other| name.is_at_or_below(other)) {
            return Err(format!(
                "{name} lies in zone {other} of the fleet file; put the record into the file of that zone"
            ));
        }
        let mistake = match record_type {
            Rtype::SOA => {
                "the fleet file makes the SOA record of the zone; remove this one, and set `ttl` and `negative_ttl` there".into()
            }
            Rtype::NS if name == *apex => {
                "the name servers of the zone are in the fleet file, as `name_server`; remove this record".into()
            }
            Rtype::DNSKEY | Rtype::RRSIG | Rtype::NSEC | Rtype::NSEC3 | Rtype::NSEC3PARAM => {
                format!("{record_type} records are those of a signed zone, and the server does not sign; remove them")
            }
            Rtype::DNAME => "DNAME records are not supported; write CNAME records".into(),
            Rtype::NS | Rtype::DS if name.is_wildcard() => {
                "a wildcard cannot be delegated (RFC 4592, 4.2); name the zones one by one".into()
            }
            Rtype::CNAME if name == *apex => {
                "the apex of the zone has SOA and NS records, so it cannot be an alias (RFC 2181, 10.1); write the A and AAAA records that it shall have".into()
            }
            Rtype::A | Rtype::AAAA | Rtype::CNAME | Rtype::NS => return self.place_address(name, record_type),
            _ => return Ok(name),
        };
        Err(mistake)
    }

    /// The name of a record that is an address, or that says that the data is elsewhere.
    fn place_address(
        &self,
        name: EndpointName,
        record_type: Rtype,
    ) -> Result<EndpointName, String> {
        if self.endpoints.contains(&name) {
            return Err(format!(
                "{name} is an endpoint, whose addresses are its targets; remove this {record_type} record, or the endpoint"
            ));
        }
        if self.name_servers.contains(&name) {
            return Err(format!(
                "{name} is a name server, whose addresses are in the fleet file; remove this {record_type} record"
            ));
        }
        Ok(name)
    }

    /// Rule 5.
    fn delegations(&self, names: &Names<'_>, mistakes: &mut Vec<Mistake>) {
        let delegating = names.values().filter_map(|types| get(types, Rtype::NS));
        let servers = delegating.flatten().filter_map(|ns| ns.target.as_deref());
        let servers: BTreeSet<&str> = servers.collect();
        let mut cut: Option<(&EndpointName, usize)> = None;
        for (name, types) in names {
            cut = cut.filter(|(cut, _)| name.is_below(cut));
            if cut.is_none()
                && let Some([first, ..]) = get(types, Rtype::NS).map(Vec::as_slice)
            {
                cut = Some((name, first.line));
                self.delegation(name, names, types, mistakes);
            }
            if let (Some([ds, ..]), None) = (get(types, Rtype::DS).map(Vec::as_slice), cut) {
                let mistake = format!(
                    "{name} has a DS record and is not delegated; add its NS records, or remove the DS record"
                );
                mistakes.push((ds.line, mistake));
            }
            let Some((cut, line)) = cut else {
                continue;
            };
            for entry in types.values().flatten() {
                let at_cut = matches!(entry.record_type, Rtype::NS | Rtype::DS) && name == cut;
                let is_address = matches!(entry.record_type, Rtype::A | Rtype::AAAA);
                let is_glue = is_address && servers.contains(name.as_str());
                if !at_cut && !is_glue {
                    let mistake = format!(
                        "{name} belongs to {cut}, which line {line} delegates; only addresses of name servers may stand there; remove the {} record",
                        entry.record_type
                    );
                    mistakes.push((entry.line, mistake));
                }
            }
        }
    }

    /// What a delegation has to do with the endpoints, the name servers and its glue.
    fn delegation(
        &self,
        cut: &EndpointName,
        names: &Names<'_>,
        types: &BTreeMap<u16, Same<'_>>,
        mistakes: &mut Vec<Mistake>,
    ) {
        let servers = get(types, Rtype::NS).into_iter().flatten();
        let Some(line) = servers.clone().map(|ns| ns.line).next() else {
            return;
        };
        for (what, all) in [
            ("endpoint", &self.endpoints),
            ("name server", &self.name_servers),
        ] {
            let inside = all
                .range::<&EndpointName, _>(cut..)
                .take_while(|name| name.is_at_or_below(cut));
            mistakes.extend(inside.map(|name| {
                let mistake = format!(
                    "{what} {name} of the fleet file lies in {cut}, which is delegated here; remove one of the two"
                );
                (line, mistake)
            }));
        }
        for (line, server) in servers.filter_map(|ns| Some((ns.line, ns.target.as_deref()?))) {
            let Ok(server) = server.parse::<EndpointName>() else {
                continue;
            };
            let types = names.get(&server);
            let has = |of: Rtype| types.and_then(|types| get(types, of)).is_some();
            if server.is_at_or_below(cut) && !has(Rtype::A) && !has(Rtype::AAAA) {
                let mistake = format!(
                    "name server {server} lies in {cut}, which is delegated here; add its A or AAAA record (glue)"
                );
                mistakes.push((line, mistake));
            }
        }
    }
}

fn get<'t, 'e>(types: &'t BTreeMap<u16, Same<'e>>, of: Rtype) -> Option<&'t Same<'e>> {
    types.get(&of.to_int())
}

/// Rule 4, as far as it is about several names.
fn aliases(names: &Names<'_>, mistakes: &mut Vec<Mistake>) {
    let of = |(name, types): (&EndpointName, &BTreeMap<u16, Same<'_>>)| {
        let alias = *get(types, Rtype::CNAME)?.first()?;
        Some((name.to_string(), (alias.line, alias.target.clone()?)))
    };
    let aliases: HashMap<String, (usize, String)> = names.iter().filter_map(of).collect();
    for (name, (line, target)) in &aliases {
        let mut next = Some(target);
        for _ in 0..MAX_ALIASES {
            next = next.and_then(|name| Some(&aliases.get(name)?.1));
        }
        if next.is_some() {
            let mistake = format!(
                "the alias {name} leads into a loop, or over more than {MAX_ALIASES} other aliases; point it to a name with addresses"
            );
            mistakes.push((*line, mistake));
        }
    }
    let pointing = names.values().flat_map(BTreeMap::values).flatten();
    for entry in pointing.filter(|entry| entry.record_type != Rtype::CNAME) {
        let Some((name, (line, target))) = entry
            .target
            .as_ref()
            .and_then(|name| aliases.get_key_value(name))
        else {
            continue;
        };
        let mistake = format!(
            "{} points to {name}, which is an alias (line {line}); point it to {target} (RFC 2181, 10.3)",
            entry.record_type
        );
        mistakes.push((entry.line, mistake));
    }
}

/// The records of a name.
fn static_records(
    name: &EndpointName,
    types: &BTreeMap<u16, Same<'_>>,
) -> Result<StaticRecords, Mistake> {
    let mut last = 0;
    let mut rrsets = Vec::with_capacity(types.len());
    for (&code, same) in types {
        let [first, others @ ..] = same.as_slice() else {
            continue;
        };
        let record_type = first.record_type;
        let mut lines = HashMap::from([(first.canonical.as_slice(), first.line)]);
        for other in others {
            let mistake = if other.ttl != first.ttl {
                format!(
                    "this {record_type} record of {name} has the TTL {}, and the one on line {} has {}; give them the same TTL (RFC 2181, 5.2)",
                    other.ttl, first.line, first.ttl
                )
            } else if let Some(before) = lines.insert(&other.canonical, other.line) {
                format!(
                    "this {record_type} record of {name} is on line {before} already; remove one of the two"
                )
            } else {
                continue;
            };
            return Err((other.line, mistake));
        }
        let data = same.iter().map(|entry| entry.data.as_slice());
        let rrset = Rrset::new(code, first.ttl, data);
        let mistake = |error| {
            (
                first.line,
                format!("{record_type} records of {name}: {error}"),
            )
        };
        rrsets.push(rrset.map_err(mistake)?);
        last = last.max(same.iter().map(|entry| entry.line).max().unwrap_or(0));
    }
    let line = get(types, Rtype::CNAME).and_then(|same| same.last());
    let line = line.map_or(last, |cname| cname.line);
    StaticRecords::new(rrsets).map_err(|error| (line, format!("{name}: {error}")))
}
