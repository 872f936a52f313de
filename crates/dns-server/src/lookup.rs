//! What exists at a name: the zone's own records, what the plan has there, a delegation above
//! it, or a wildcard that stands for it.
//!
//! # The order (RFC 1034, 4.3.2; RFC 4592)
//! 1. The zone's own records come first. No plan changes them.
//! 2. From the apex down to the name, the first name with NS records is a *delegation*: what
//!    is there and below belongs to another zone, except the DS records at the delegation
//!    itself (RFC 4035, 3.1.4.1).
//! 3. What the plan has at the name: targets, which are drawn, and static records.
//! 4. A name without records exists if a name below it does (an *empty non-terminal*).
//! 5. The name does not exist. The last name on the way down that exists is its *closest
//!    encloser*. If there is a wildcard directly below that one, it stands for the name.
//!
//! The way down ends at the first name that does not exist, so a long name costs no more than
//! the tree is deep.
//!
//! While a pass is under way, the names on the way may stand on different plans. Each record
//! set still comes from exactly one plan, and `Found` says from which one.
//!
//! # Names that are new
//! A name is *new* if a plan names it and no plan has been active there. It does not exist yet. If
//! nothing stands for it, the answer is SERVFAIL: it is about to exist, so it is not denied.
//!
//! A wildcard stands for a new name, as before, if the wildcard's plan is active everywhere. For
//! then that plan does not name the new name, or that plan would be active there. A wildcard on
//! a later plan does not: that plan may name both, and give the new name other records.
//!
//! A name above a new one may exist for no other reason, which nobody can tell from here. So what
//! lies below it is not denied either, if the name itself is new too.

use std::sync::Arc;

use fastrand::Rng;
use hickory_proto::rr::rdata::{self, HINFO};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use plan_store::{EndpointName, Generation, RecordSet, Resolution, Resolve, Rrset};

use crate::compiled::addresses;
use crate::draw::Draw;
use crate::query::{WILDCARD, endpoint, labels};
use crate::serial::Serial;
use crate::zone::{self, ZoneData, Zones, suffixes};

/// What answers are looked up in.
pub(crate) struct Lookup<'a, R> {
    pub(crate) zones: &'a Zones,
    pub(crate) reader: &'a mut R,
    pub(crate) rng: &'a mut Rng,
    pub(crate) max_targets: usize,
    /// The serial number of the SOA records.
    pub(crate) serial: &'a Serial,
    /// The wildcard that stood for the last name that was looked up, in wire format.
    pub(crate) wildcard: Option<Box<[u8]>>,
}

/// What exists at a name.
pub(crate) enum Found {
    /// Records of the type.
    Records {
        records: Vec<Record>,
        /// The plan that they are from; `None` if they are the zone's own.
        generation: Option<Generation>,
    },
    /// The name is an alias: its CNAME record, and where it points to.
    Alias {
        cname: Vec<Record>,
        target: Name,
        generation: Option<Generation>,
    },
    /// The name lies in a zone that is delegated.
    Referral(Referral),
    /// The name exists, but has no records of the type.
    NoData,
    NxDomain,
    Dangling,
    NotReady,
}

/// Which servers have the answer.
pub(crate) struct Referral {
    /// The plan that the delegation is from.
    pub(crate) generation: Generation,
    pub(crate) name_servers: Vec<Record>,
    /// The addresses of those that lie in the delegated zone. A resolver finds them nowhere else.
    pub(crate) glue: Vec<Record>,
    /// The addresses of others.
    pub(crate) more: Vec<Record>,
}

/// Where the way down from the apex ends.
enum Place<'n> {
    /// At a delegation.
    Delegation(Delegation<'n>),
    /// At the name itself, which resolves to this.
    Name(Resolution),
    /// The name does not exist, or is new.
    Below {
        /// Its closest encloser.
        encloser: &'n [u8],
        /// Whether the name is new.
        is_new: bool,
        /// Whether it may be denied: neither it nor its closest encloser is new.
        may_deny: bool,
    },
}

/// A delegation: its name in wire format, its records, and the plan that they are from.
struct Delegation<'n> {
    cut: &'n [u8],
    records: Arc<RecordSet>,
    generation: Generation,
}

const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const MX: u16 = 15;
const AAAA: u16 = 28;

impl<R: Resolve> Lookup<'_, R> {
    /// What exists at this name of the zone, for a query for this type. `lower` is the name in
    /// wire format and lower case.
    pub(crate) fn find(
        &mut self,
        zone: &ZoneData,
        name: &Name,
        lower: &[u8],
        record_type: RecordType,
    ) -> Found {
        self.wildcard = None;
        if let Some(own) = self.own(zone, name, lower, record_type) {
            return own;
        }
        match self.descend(zone, lower, record_type) {
            Place::Delegation(delegation) => self.refer(zone, &delegation),
            Place::Name(resolution) => self.at(zone, name, &resolution, record_type),
            Place::Below { .. } if !self.zones.may_deny => Found::NotReady,
            Place::Below {
                encloser,
                is_new,
                may_deny,
            } => match self.wildcard_below(encloser, is_new) {
                Some(resolution) => self.at(zone, name, &resolution, record_type),
                None if may_deny => Found::NxDomain,
                None => Found::NotReady,
            },
        }
    }

    /// What the wildcard below this closest encloser resolves to, if it stands for the name.
    fn wildcard_below(&mut self, encloser: &[u8], is_new: bool) -> Option<Resolution> {
        let wildcard = endpoint([WILDCARD].into_iter().chain(labels(encloser)))?;
        let resolution = self.resolve(&wildcard);
        match &resolution {
            Resolution::Unknown | Resolution::Withdrawn { .. } => return None,
            known if is_new && known.generation() > self.serial.everywhere() => return None,
            _ => {}
        }
        self.wildcard = Some([b"\x01*", encloser].concat().into());
        Some(resolution)
    }

    /// What the zone itself has of the type, if no plan has a say in it.
    fn own(
        &self,
        zone: &ZoneData,
        name: &Name,
        lower: &[u8],
        record_type: RecordType,
    ) -> Option<Found> {
        let own = zone.own_records(name, self.serial.get());
        let mut records: Vec<_> = own.filter(|r| r.record_type() == record_type).collect();
        let at_apex = zone.apex == *name;
        if record_type == RecordType::ANY && (at_apex || zone.has_own(lower)) {
            records = vec![minimal_any(zone, name)];
        }
        let are_addresses = matches!(record_type, RecordType::A | RecordType::AAAA);
        if !records.is_empty() {
            let generation = None;
            return Some(Found::Records {
                records,
                generation,
            });
        }
        // An endpoint may be at the apex, but not at a name server.
        (are_addresses && !at_apex && zone.has_own(lower)).then_some(Found::NoData)
    }

    /// Goes from the apex down to the name.
    fn descend<'n>(
        &mut self,
        zone: &ZoneData,
        lower: &'n [u8],
        record_type: RecordType,
    ) -> Place<'n> {
        let below_apex = suffixes(lower).take_while(|name| name.len() > zone.apex_length());
        let way: Vec<&[u8]> = below_apex.collect();
        let mut encloser = &lower[lower.len() - zone.apex_length()..];
        if way.is_empty() {
            return Place::Name(self.at_apex(encloser));
        }
        let mut may_deny = true;
        for name in way.into_iter().rev() {
            let below = |is_new| Place::Below {
                encloser,
                is_new,
                may_deny: may_deny && !is_new,
            };
            let Some(endpoint) = endpoint(labels(name)) else {
                return below(false);
            };
            let is_last = name.len() == lower.len();
            let resolution = self.resolve(&endpoint);
            match &resolution {
                Resolution::Answer {
                    records,
                    generation,
                } if is_delegation(records) && !(is_last && record_type == RecordType::DS) => {
                    return Place::Delegation(Delegation {
                        cut: name,
                        records: Arc::clone(records),
                        generation: *generation,
                    });
                }
                Resolution::Unknown | Resolution::Withdrawn { .. } | Resolution::Vacant
                    if !self.has_more(zone, name, &endpoint) =>
                {
                    return below(is_last && matches!(resolution, Resolution::Vacant));
                }
                _ if is_last => return Place::Name(resolution),
                _ => {}
            }
            encloser = name;
            may_deny = !matches!(resolution, Resolution::Vacant);
        }
        Place::Name(Resolution::Unknown) // The way ends at the name.
    }

    fn at_apex(&mut self, apex: &[u8]) -> Resolution {
        endpoint(labels(apex)).map_or(Resolution::Unknown, |apex| self.resolve(&apex))
    }

    /// Whether the name exists without being in a plan: as the zone's own, or because a name
    /// below it exists.
    fn has_more(&mut self, zone: &ZoneData, lower: &[u8], endpoint: &EndpointName) -> bool {
        zone.has_own_at_or_below(lower)
            || self.zones.are_below(lower)
            || self.reader.has_descendant(endpoint)
    }

    fn resolve(&mut self, endpoint: &EndpointName) -> Resolution {
        let resolution = self.reader.resolve(endpoint).clone();
        if let Some(generation) = resolution.generation() {
            self.serial.at_least(generation);
        }
        resolution
    }

    /// What a name that resolves to this has of the type.
    fn at(
        &mut self,
        zone: &ZoneData,
        name: &Name,
        resolution: &Resolution,
        record_type: RecordType,
    ) -> Found {
        let (generation, set) = match resolution {
            Resolution::Vacant => return Found::NotReady,
            Resolution::Dangling { .. } => return Found::Dangling,
            Resolution::Answer {
                generation,
                records,
            } => (Some(*generation), Some(records)),
            Resolution::Unknown | Resolution::Withdrawn { .. } => (None, None),
        };
        if set.is_none() && !self.zones.may_deny {
            return Found::NotReady;
        }
        if record_type == RecordType::ANY {
            let records = vec![minimal_any(zone, name)];
            return Found::Records {
                records,
                generation,
            };
        }
        let Some(set) = set else {
            return Found::NoData;
        };
        if let Some(cname) = set.static_records().rrset(CNAME)
            && record_type != RecordType::CNAME
        {
            return alias(name, cname, generation);
        }
        let mut records = static_records(name, set, record_type.into());
        if records.is_empty() {
            records = self.draw(name, set, record_type);
        }
        if records.is_empty() {
            return Found::NoData;
        }
        Found::Records {
            records,
            generation,
        }
    }

    /// Records of targets drawn by weight.
    fn draw(&mut self, name: &Name, set: &RecordSet, record_type: RecordType) -> Vec<Record> {
        let targets = addresses(set, record_type);
        let weights: Vec<u8> = targets.iter().map(|&(_, weight)| weight).collect();
        let mut records = Vec::new();
        let mut draw = Draw::new(weights);
        draw.each(self.max_targets, self.rng, |target| {
            let data = targets[target].0.clone();
            records.push(Record::from_rdata(name.clone(), set.ttl(), data));
        });
        records
    }

    /// The referral to the zone of this name.
    fn refer(&mut self, zone: &ZoneData, delegation: &Delegation<'_>) -> Found {
        let servers = delegation.records.static_records().rrset(NS);
        let Some((cut, servers)) = name_of(delegation.cut).zip(servers) else {
            return Found::NoData; // A delegation has a name and NS records.
        };
        let mut referral = Referral {
            generation: delegation.generation,
            name_servers: records_of(&cut, servers),
            glue: Vec::new(),
            more: Vec::new(),
        };
        for server in servers.data().filter_map(name_of) {
            let addresses = self.addresses(zone, &server);
            if cut.zone_of(&server) {
                referral.glue.extend(addresses);
            } else {
                referral.more.extend(addresses);
            }
        }
        Found::Referral(referral)
    }

    /// The addresses that the zone has for a name server.
    fn addresses(&mut self, zone: &ZoneData, server: &Name) -> Vec<Record> {
        let own = zone.glue.iter().filter(|record| record.name == *server);
        let mut records: Vec<_> = own.cloned().collect();
        if !records.is_empty() || !zone.apex.zone_of(server) {
            return records;
        }
        let Ok(lower) = zone::lower(server) else {
            return records;
        };
        let set = endpoint(labels(&lower)).map(|server| self.resolve(&server));
        if let Some(Resolution::Answer { records: set, .. }) = set {
            for (code, record_type) in [(A, RecordType::A), (AAAA, RecordType::AAAA)] {
                records.extend(static_records(server, &set, code));
                records.extend(self.draw(server, &set, record_type));
            }
        }
        records
    }
}

fn is_delegation(records: &RecordSet) -> bool {
    records.static_records().rrset(NS).is_some()
}

fn alias(name: &Name, cname: &Rrset, generation: Option<Generation>) -> Found {
    let Some(target) = cname.data().next().and_then(name_of) else {
        return Found::NoData; // Its data is no name.
    };
    Found::Alias {
        cname: records_of(name, cname),
        target,
        generation,
    }
}

/// The static records of this type at a name.
fn static_records(name: &Name, set: &RecordSet, code: u16) -> Vec<Record> {
    let rrset = set.static_records().rrset(code);
    rrset.map_or_else(Vec::new, |rrset| records_of(name, rrset))
}

/// The records of an RRset.
fn records_of(name: &Name, rrset: &Rrset) -> Vec<Record> {
    let code = rrset.record_type();
    let record = |data| Record::from_rdata(name.clone(), rrset.ttl(), record_data(code, data));
    rrset.data().map(record).collect()
}

/// The data of a record. In the first types of the DNS, names may be compressed (RFC 3597, 4).
/// Everything else is copied into the answer as it is.
fn record_data(code: u16, data: &[u8]) -> RData {
    let read = match code {
        NS => name_of(data).map(|name| RData::NS(rdata::NS(name))),
        CNAME => name_of(data).map(|name| RData::CNAME(rdata::CNAME(name))),
        MX => data.split_first_chunk().and_then(|(preference, name)| {
            let preference = u16::from_be_bytes(*preference);
            Some(RData::MX(rdata::MX::new(preference, name_of(name)?)))
        }),
        _ => None,
    };
    read.unwrap_or_else(|| RData::Unknown {
        code: code.into(),
        rdata: rdata::NULL::with(data.to_vec()),
    })
}

/// The name in these bytes, which are in wire format.
fn name_of(bytes: &[u8]) -> Option<Name> {
    Name::read(&mut BinDecoder::new(bytes)).ok()
}

/// The answer to a query for everything (RFC 8482, 4.2).
fn minimal_any(zone: &ZoneData, name: &Name) -> Record {
    let data = RData::HINFO(HINFO::new("RFC8482".into(), String::new()));
    Record::from_rdata(name.clone(), zone.negative_ttl, data)
}
