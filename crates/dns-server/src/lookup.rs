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
//! A wildcard stands for a new name, as before, if the wildcard's plan is the newest one that is
//! active everywhere. For then that plan does not name the new name, or that plan would be active
//! there. A wildcard on another plan does not: that plan may name both, and give the new name
//! other records. The same holds for what is below a new name, and for a name that an earlier
//! plan than the wildcard's withdrew: the wildcard's plan may have added it again.
//!
//! A server that nobody tells which plans are active everywhere
//! ([`Server::plan_is_everywhere`](crate::Server::plan_is_everywhere)) answers SERVFAIL for a new
//! name below any wildcard. Its wildcards stand for all withdrawn names.
//!
//! A name above a new one may exist for no other reason, which nobody can tell from here. So what
//! lies below it is not denied either, if the name itself is new too. If no plan names it, it is an
//! empty non-terminal as soon as the new name's plan is published: it has no data, and what else
//! would be below it does not exist. A wildcard that stood for it stands for it no more.
//!
//! # Why a wildcard that stands for a name is from a plan that does not name it
//! `find` loads the newest plan that is active everywhere, then reads the names on the way, then
//! the wildcard.
//! 1. If the wildcard is on the plan that was loaded, that plan was active everywhere before the
//!    names were read (`serial.rs`). It is active at the wildcard, so no sweep has deleted it, and
//!    the store knows all of its names. So each of its names was read on that plan or on a later
//!    one, and the name that was found to have none is not one of them.
//! 2. Otherwise `find` looks at everything a second time, and believes what it finds only if the
//!    wildcard has not moved. A wildcard's generation only grows (`Monotonic`), so the wildcard
//!    was on its plan all through the second way down. Meanwhile the store knew all names of that
//!    plan. So that plan does not name a name that the store did not know.

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
    Below(Below<'n>),
}

/// A name that does not exist, or is new.
struct Below<'n> {
    /// Its closest encloser.
    encloser: &'n [u8],
    /// Whether a name on the way is new.
    is_new: bool,
    /// The plan that withdrew the first name that does not exist, if one did.
    withdrawn: Option<Generation>,
    /// Whether it may be denied: neither it nor its closest encloser is new.
    may_deny: bool,
}

impl Below<'_> {
    /// What is there without a wildcard.
    fn without_wildcard(&self) -> Found {
        if self.may_deny {
            Found::NxDomain
        } else {
            Found::NotReady
        }
    }

    /// Whether a wildcard on this plan stands for the name. `everywhere` is the newest plan that
    /// is known to be active everywhere.
    fn is_left_to(&self, plan: Generation, everywhere: Option<Generation>) -> bool {
        let is_added_again =
            everywhere.is_some() && self.withdrawn.is_some_and(|withdrawn| withdrawn < plan);
        everywhere == Some(plan) || !(self.is_new || is_added_again)
    }
}

/// A delegation: its name in wire format, its records, and the plan that they are from.
struct Delegation<'n> {
    cut: &'n [u8],
    records: Arc<RecordSet>,
    generation: Generation,
}

/// How often a name is looked at if plans become active meanwhile.
const MAX_LOOKS: usize = 8;

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
        let everywhere = self.serial.everywhere();
        let mut before = None;
        for _ in 0..MAX_LOOKS {
            let below = match self.descend(zone, lower, record_type) {
                Place::Delegation(delegation) => return self.refer(zone, &delegation),
                Place::Name(resolution) => return self.at(zone, name, &resolution, record_type),
                Place::Below(_) if !self.zones.may_deny => return Found::NotReady,
                Place::Below(below) => below,
            };
            let wildcard = self.wildcard_below(below.encloser);
            let Some(plan) = wildcard.generation() else {
                return match wildcard {
                    Resolution::Vacant => Found::NotReady,
                    _ => below.without_wildcard(),
                };
            };
            let seen = Some((below.encloser, plan));
            if Some(plan) != everywhere && before != seen {
                before = seen;
                continue;
            }
            if matches!(wildcard, Resolution::Withdrawn { .. }) {
                return below.without_wildcard();
            }
            if !below.is_left_to(plan, everywhere) {
                return Found::NotReady;
            }
            self.wildcard = Some([b"\x01*", below.encloser].concat().into());
            return self.at(zone, name, &wildcard, record_type);
        }
        Found::NotReady
    }

    /// What the wildcard below this closest encloser resolves to.
    fn wildcard_below(&mut self, encloser: &[u8]) -> Resolution {
        let wildcard = endpoint([WILDCARD].into_iter().chain(labels(encloser)));
        wildcard.map_or(Resolution::Unknown, |wildcard| self.resolve(&wildcard))
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
        let (mut may_deny, mut is_new) = (true, false);
        for name in way.into_iter().rev() {
            let is_last = name.len() == lower.len();
            let endpoint = endpoint(labels(name));
            let resolution = match &endpoint {
                Some(endpoint) => self.resolve(endpoint),
                None => Resolution::Unknown,
            };
            let is_vacant = matches!(resolution, Resolution::Vacant);
            is_new |= is_vacant;
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
                    if !endpoint
                        .as_ref()
                        .is_some_and(|it| self.has_more(zone, name, it)) =>
                {
                    return Place::Below(Below {
                        encloser,
                        is_new,
                        withdrawn: resolution.generation(),
                        may_deny: may_deny && !(is_last && is_vacant),
                    });
                }
                _ if is_last => return Place::Name(resolution),
                _ => {}
            }
            encloser = name;
            may_deny = !is_vacant;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    use hickory_proto::serialize::binary::BinEncodable as _;
    use plan_store::{MemoryStore, Pin as _, Plan, PlanStore, Retention, StaticRecords};

    use super::*;
    use crate::{NameServer, Zone};

    /// Names with the last byte of an address each; 0 stands for a delegation.
    type Content = [(&'static str, u8)];

    /// A store, and what the server knows of its plans.
    struct World {
        store: MemoryStore,
        serial: Serial,
    }

    /// A reader that is held up after it has read a name.
    struct HeldUp<'a, R, F> {
        reader: R,
        after: EndpointName,
        meanwhile: Option<F>,
        last: Resolution,
        world: &'a World,
    }

    impl<R: Resolve, F: FnOnce(&World)> Resolve for HeldUp<'_, R, F> {
        fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
            self.last = self.reader.resolve(endpoint).clone();
            if *endpoint == self.after
                && let Some(meanwhile) = self.meanwhile.take()
            {
                meanwhile(self.world);
            }
            &self.last
        }

        fn has_descendant(&mut self, name: &EndpointName) -> bool {
            self.reader.has_descendant(name)
        }
    }

    fn name(text: &str) -> EndpointName {
        format!("{text}.shop.example").parse().unwrap()
    }

    fn records(octet: u8) -> RecordSet {
        let (code, data) = match octet {
            0 => (NS, b"\x02ns\x04test\0".to_vec()),
            octet => (A, vec![192, 0, 2, octet]),
        };
        let rrset = Rrset::new(code, 5, [data]).unwrap();
        RecordSet::without_targets(StaticRecords::new([rrset]).unwrap()).unwrap()
    }

    impl World {
        /// The content is active everywhere, and the server knows.
        fn on(content: &Content) -> Self {
            let world = Self {
                store: MemoryStore::new(Retention::newest(9)),
                serial: Serial::default(),
            };
            world.publish(content);
            world.apply();
            world.all_know();
            world
        }

        fn publish(&self, content: &Content) {
            let sets = content
                .iter()
                .map(|&(at, octet)| (name(at), records(octet)));
            let plan = Plan::new(sets.collect::<BTreeMap<_, _>>()).unwrap();
            self.store.publish(Arc::new(plan)).unwrap();
        }

        fn activate(&self, at: &str) {
            let pin = self.store.latest().unwrap().unwrap();
            let _ = self.store.activate(&pin, &name(at)).unwrap();
        }

        /// A whole pass on the newest plan.
        fn apply(&self) {
            let pin = self.store.latest().unwrap().unwrap();
            assert!(self.store.activate_all(&pin).all(|(_, step)| step.is_ok()));
            for endpoint in self.store.stale_endpoints(&pin).unwrap() {
                let _ = self.store.withdraw(&pin, &endpoint).unwrap();
            }
        }

        fn all_know(&self) {
            let pin = self.store.latest().unwrap().unwrap();
            self.serial.is_everywhere(pin.generation());
        }

        fn ask(&self, at: &str) -> String {
            self.ask_while(at, "nowhere", |_| {})
        }

        /// What is at this name, if this happens after the lookup has read the name `after`.
        fn ask_while(&self, at: &str, after: &str, meanwhile: impl FnOnce(&Self)) -> String {
            let server = NameServer {
                name: "ns.test".parse().unwrap(),
                addresses: Vec::new(),
            };
            let zone = Zone::new("shop.example".parse().unwrap(), [server]).unwrap();
            let zones = Zones::new([zone]).unwrap();
            let mut reader = HeldUp {
                reader: self.store.reader(),
                after: name(after),
                meanwhile: Some(meanwhile),
                last: Resolution::Unknown,
                world: self,
            };
            let mut lookup = Lookup {
                zones: &zones,
                reader: &mut reader,
                rng: &mut Rng::with_seed(1),
                max_targets: 8,
                serial: &self.serial,
                wildcard: None,
            };
            let asked = Name::from_ascii(format!("{at}.shop.example.")).unwrap();
            let lower = zone::lower(&asked).unwrap();
            let zone = zones.of(&lower).unwrap();
            match lookup.find(zone, &asked, &lower, RecordType::A) {
                Found::Records { records, .. } => {
                    let data = records[0].data.to_bytes().unwrap();
                    Ipv4Addr::from(<[u8; 4]>::try_from(data).unwrap()).to_string()
                }
                Found::Referral(_) => "referral".into(),
                Found::NoData => "no data".into(),
                Found::NxDomain => "no such name".into(),
                Found::NotReady => "not ready".into(),
                Found::Alias { .. } | Found::Dangling => "unexpected".into(),
            }
        }
    }

    const OLD: &Content = &[("*.dyn", 1)];
    const NEW: &Content = &[("*.dyn", 9), ("x.dyn", 2)];

    #[test]
    fn a_wildcard_does_not_stand_for_a_name_that_its_plan_adds_meanwhile() {
        let world = World::on(OLD);
        let answer = world.ask_while("x.dyn", "x.dyn", |world| {
            world.publish(NEW);
            world.activate("*.dyn");
        });
        assert_eq!(answer, "not ready");
        let world = World::on(OLD);
        let answer = world.ask_while("x.dyn", "x.dyn", |world| {
            world.publish(NEW);
            world.apply();
        });
        assert_eq!(answer, "192.0.2.2");
    }

    #[test]
    fn a_pass_that_ends_meanwhile_does_not_let_its_wildcard_stand_for_a_new_name() {
        let world = World::on(OLD);
        world.publish(NEW);
        assert_eq!(world.ask("x.dyn"), "192.0.2.1", "as before");
        let answer = world.ask_while("x.dyn", "x.dyn", |world| {
            world.apply();
            world.all_know();
        });
        assert_eq!(answer, "192.0.2.2");
    }

    #[test]
    fn a_name_is_not_denied_because_its_plan_takes_the_wildcard_away_meanwhile() {
        let world = World::on(OLD);
        let answer = world.ask_while("x.dyn", "x.dyn", |world| {
            world.publish(&[("x.dyn", 2)]);
            world.apply();
        });
        assert_eq!(answer, "192.0.2.2");
    }

    #[test]
    fn a_wildcard_does_not_stand_for_what_is_below_a_name_that_its_plan_adds() {
        let world = World::on(&[("*", 1)]);
        world.publish(&[("*", 9), ("sub", 0)]);
        assert_eq!(world.ask("www.sub"), "192.0.2.1", "as before");
        world.activate("*");
        assert_eq!(world.ask("www.sub"), "not ready");
        assert_eq!(world.ask("www.other"), "192.0.2.9");
        world.apply();
        assert_eq!(world.ask("www.sub"), "referral");
    }

    #[test]
    fn a_wildcard_on_a_plan_before_the_one_everywhere_stands_for_no_new_name() {
        let world = World::on(OLD);
        world.publish(NEW);
        world.activate("*.dyn");
        world.publish(&[("db", 3)]);
        world.activate("db");
        world.all_know();
        assert_eq!(world.ask("x.dyn"), "not ready");
        assert_eq!(world.ask("y.dyn"), "192.0.2.9");
    }

    #[test]
    fn a_wildcard_does_not_stand_for_a_withdrawn_name_that_its_plan_adds_again() {
        let world = World::on(NEW);
        world.publish(OLD);
        world.apply();
        assert_eq!(world.ask("x.dyn"), "192.0.2.1");
        world.all_know();
        world.publish(NEW);
        assert_eq!(world.ask("x.dyn"), "192.0.2.1", "as before");
        world.activate("*.dyn");
        assert_eq!(world.ask("x.dyn"), "not ready");
        world.apply();
        assert_eq!(world.ask("x.dyn"), "192.0.2.2");
    }

    #[test]
    fn a_new_wildcard_is_not_denied() {
        let world = World::on(&[("db", 3)]);
        world.publish(&[("db", 3), ("*.dyn", 1)]);
        assert_eq!(world.ask("x.dyn"), "not ready");
        world.apply();
        assert_eq!(world.ask("x.dyn"), "192.0.2.1");
        assert_eq!(world.ask("x.db"), "no such name");
    }
}
