//! Zones: the names that a server answers for, and the records that no plan has: SOA, NS and the
//! name servers' addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;
#[cfg(feature = "transfer")]
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use hickory_proto::ProtoError;
use hickory_proto::rr::rdata::{A, AAAA, NS, SOA};
use hickory_proto::rr::{Name, RData, Record};
use hickory_proto::serialize::binary::BinEncodable;
use plan_store::EndpointName;

use crate::Error;
use crate::query::LowerName;
#[cfg(feature = "transfer")]
use crate::transfer::Secondary;
#[cfg(feature = "transfer")]
use crate::tsig::TsigKey;

/// What the SOA record tells secondaries: how many seconds from one look to the next, how many if
/// the look fails, and how many until they stop to answer. Servers that share a plan store are no
/// secondaries.
const REFRESH: i32 = 3600;
const RETRY: i32 = 600;
const EXPIRE: i32 = 7 * 24 * 3600;
/// The same where secondaries transfer the zone. NOTIFY tells them sooner, if it arrives.
#[cfg(feature = "transfer")]
const REFRESH_OF_SECONDARIES: i32 = 60;
#[cfg(feature = "transfer")]
const RETRY_OF_SECONDARIES: i32 = 15;

/// A name server of a zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameServer {
    /// Its name.
    pub name: EndpointName,
    /// Its addresses, at most [`NameServer::MAX_ADDRESSES`], if the name lies inside the zone;
    /// else none.
    pub addresses: Vec<IpAddr>,
}

impl NameServer {
    /// Most addresses of a name server.
    pub const MAX_ADDRESSES: usize = 8;
}

/// A zone that the server is authoritative for.
///
/// Everything at and below its apex is answered from the plan store and from these records,
/// except what a plan delegates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    apex: EndpointName,
    name_servers: Vec<NameServer>,
    ttl: u32,
    negative_ttl: u32,
    #[cfg(feature = "transfer")]
    secondaries: Vec<Secondary>,
}

impl Zone {
    /// How long a resolver may keep SOA, NS and the name servers' addresses by default: an
    /// hour, in seconds.
    pub const TTL: u32 = 3600;

    /// How long a resolver may keep a negative answer by default: 5 seconds. After an outage,
    /// resolvers remember it for this long.
    pub const NEGATIVE_TTL: u32 = 5;

    /// Most name servers of a zone, as many as the root zone has.
    pub const MAX_NAME_SERVERS: usize = 13;

    /// A zone with the default TTLs.
    ///
    /// # Errors
    /// [`Error::NoNameServers`], [`Error::TooManyNameServers`], [`Error::DuplicateNameServer`],
    /// [`Error::NoGlue`], [`Error::ForeignGlue`], [`Error::TooManyAddresses`].
    pub fn new(
        apex: EndpointName,
        name_servers: impl IntoIterator<Item = NameServer>,
    ) -> Result<Self, Error> {
        let name_servers: Vec<_> = name_servers.into_iter().collect();
        if name_servers.is_empty() {
            return Err(Error::NoNameServers { zone: apex });
        }
        if name_servers.len() > Self::MAX_NAME_SERVERS {
            let count = name_servers.len();
            return Err(Error::TooManyNameServers { zone: apex, count });
        }
        for (at, NameServer { name, addresses }) in name_servers.iter().enumerate() {
            let (zone, name_server) = (|| apex.clone(), || name.clone());
            if name_servers[..at].iter().any(|other| other.name == *name) {
                return Err(Error::DuplicateNameServer {
                    zone: zone(),
                    name_server: name_server(),
                });
            }
            match (name.is_at_or_below(&apex), addresses.is_empty()) {
                (true, true) => {
                    return Err(Error::NoGlue {
                        zone: zone(),
                        name_server: name_server(),
                    });
                }
                (false, false) => {
                    return Err(Error::ForeignGlue {
                        zone: zone(),
                        name_server: name_server(),
                    });
                }
                (true, false) if addresses.len() > NameServer::MAX_ADDRESSES => {
                    return Err(Error::TooManyAddresses {
                        zone: zone(),
                        name_server: name_server(),
                        count: addresses.len(),
                    });
                }
                _ => {}
            }
        }
        Ok(Self {
            apex,
            name_servers,
            ttl: Self::TTL,
            negative_ttl: Self::NEGATIVE_TTL,
            #[cfg(feature = "transfer")]
            secondaries: Vec::new(),
        })
    }

    /// The same zone, which these secondaries may transfer.
    #[cfg(feature = "transfer")]
    #[must_use]
    pub fn with_secondaries(self, secondaries: impl IntoIterator<Item = Secondary>) -> Self {
        Self {
            secondaries: secondaries.into_iter().collect(),
            ..self
        }
    }

    /// How often secondaries look: refresh and retry of the SOA record.
    #[cfg_attr(
        not(feature = "transfer"),
        expect(
            clippy::unused_self,
            reason = "a zone has secondaries only with the feature"
        )
    )]
    fn looks(&self) -> (i32, i32) {
        #[cfg(feature = "transfer")]
        if !self.secondaries.is_empty() {
            return (REFRESH_OF_SECONDARIES, RETRY_OF_SECONDARIES);
        }
        (REFRESH, RETRY)
    }

    /// The same zone with this TTL, in seconds, for SOA, NS and addresses.
    #[must_use]
    pub fn with_ttl(self, ttl: u32) -> Self {
        Self { ttl, ..self }
    }

    /// The same zone with this negative TTL, in seconds (RFC 2308).
    #[must_use]
    pub fn with_negative_ttl(self, negative_ttl: u32) -> Self {
        Self {
            negative_ttl,
            ..self
        }
    }

    /// The name at the top.
    pub fn apex(&self) -> &EndpointName {
        &self.apex
    }

    /// Whether `name` is the apex or lies below it.
    pub fn contains(&self, name: &EndpointName) -> bool {
        name.is_at_or_below(&self.apex)
    }
}

/// The name as hickory has it.
pub(crate) fn to_dns(name: &EndpointName) -> Result<Name, ProtoError> {
    let mut dns = Name::from_ascii(name.as_str())?;
    dns.set_fqdn(true);
    Ok(dns)
}

/// A zone's own records, made once.
#[derive(Debug)]
pub(crate) struct ZoneData {
    pub(crate) apex: Name,
    /// How long its name is in wire format.
    apex_length: usize,
    /// The name servers inside the zone, in wire format and lower case. One of them may be at
    /// the apex.
    own: HashSet<Box<[u8]>>,
    /// These and the names above them.
    at_or_above_own: HashSet<Box<[u8]>>,
    /// At the apex.
    soa: Record,
    pub(crate) name_servers: Vec<Record>,
    /// The addresses of the name servers inside the zone, record set by record set.
    pub(crate) glue: Vec<Record>,
    ttl: u32,
    pub(crate) negative_ttl: u32,
    #[cfg(feature = "transfer")]
    pub(crate) name: EndpointName,
    #[cfg(feature = "transfer")]
    pub(crate) secondaries: Vec<Secondary>,
}

impl ZoneData {
    fn new(zone: &Zone) -> Result<Self, ProtoError> {
        let apex = to_dns(&zone.apex)?;
        let (refresh, retry) = zone.looks();
        let soa = SOA::new(
            to_dns(&zone.name_servers[0].name)?,
            apex.prepend_label("hostmaster")?,
            0, // Each answer sets it.
            refresh,
            retry,
            EXPIRE,
            zone.negative_ttl,
        );
        let soa = Record::from_rdata(apex.clone(), zone.ttl, RData::SOA(soa));
        let mut name_servers = Vec::new();
        let mut glue = Vec::new();
        for server in &zone.name_servers {
            let name = to_dns(&server.name)?;
            let ns = RData::NS(NS(name.clone()));
            name_servers.push(Record::from_rdata(apex.clone(), zone.ttl, ns));
            // In order, each once: IPv4 comes first.
            let addresses: BTreeSet<_> = server.addresses.iter().copied().collect();
            let records = addresses.into_iter().map(|address| match address {
                IpAddr::V4(address) => RData::A(A(address)),
                IpAddr::V6(address) => RData::AAAA(AAAA(address)),
            });
            glue.extend(records.map(|data| Record::from_rdata(name.clone(), zone.ttl, data)));
        }
        let own = glue.iter().map(|record| lower(&record.name));
        let own = own.collect::<Result<HashSet<_>, _>>()?;
        let at_or_above = own.iter().flat_map(|name| suffixes(name));
        Ok(Self {
            at_or_above_own: at_or_above.map(Box::from).collect(),
            own,
            apex_length: apex.to_bytes()?.len(),
            apex,
            soa,
            name_servers,
            glue,
            ttl: zone.ttl,
            negative_ttl: zone.negative_ttl,
            #[cfg(feature = "transfer")]
            name: zone.apex.clone(),
            #[cfg(feature = "transfer")]
            secondaries: zone.secondaries.clone(),
        })
    }

    /// Whether this endpoint is at the apex or below it.
    #[cfg(feature = "transfer")]
    pub(crate) fn is_above(&self, endpoint: &EndpointName) -> bool {
        endpoint.is_at_or_below(&self.name)
    }

    /// The zone's own records at this name.
    pub(crate) fn own_records(&self, name: &Name, serial: u32) -> impl Iterator<Item = Record> {
        let at_apex = self.apex == *name;
        let soa = at_apex.then(|| self.soa(serial, self.ttl));
        let name_servers = self.name_servers.iter().filter(move |_| at_apex).cloned();
        let glue = self
            .glue
            .iter()
            .filter(move |record| record.name == *name)
            .cloned();
        soa.into_iter().chain(name_servers).chain(glue)
    }

    /// Whether the name, in lower case, is a name server inside the zone. No plan changes its
    /// addresses, not even if it names an endpoint there.
    pub(crate) fn has_own(&self, lower: &[u8]) -> bool {
        self.own.contains(lower)
    }

    /// Whether the zone has a name server at or below this name, which is in lower case.
    pub(crate) fn has_own_at_or_below(&self, lower: &[u8]) -> bool {
        self.at_or_above_own.contains(lower)
    }

    /// How long the name of the apex is in wire format.
    pub(crate) fn apex_length(&self) -> usize {
        self.apex_length
    }

    /// The SOA record of a negative answer, with the TTL of that answer (RFC 2308, 3).
    pub(crate) fn negative_soa(&self, serial: u32) -> Record {
        self.soa(serial, self.negative_ttl.min(self.ttl))
    }

    fn soa(&self, serial: u32, ttl: u32) -> Record {
        let mut record = self.soa.clone();
        record.ttl = ttl;
        if let RData::SOA(soa) = &mut record.data {
            soa.serial = serial;
        }
        record
    }
}

/// The name in wire format and lower case.
pub(crate) fn lower(name: &Name) -> Result<Box<[u8]>, ProtoError> {
    Ok(LowerName::of(&name.to_bytes()?).as_bytes().into())
}

/// All zones of a server.
#[derive(Debug)]
pub struct Zones {
    /// By apex, in wire format and lower case.
    by_apex: HashMap<Box<[u8]>, ZoneData>,
    /// The names above an apex. They exist, since the apex does (RFC 8020).
    above: HashSet<Box<[u8]>>,
    /// The keys of all secondaries, by name in wire format and lower case.
    #[cfg(feature = "transfer")]
    keys: HashMap<Box<[u8]>, Arc<TsigKey>>,
    /// Whether a name may be denied.
    pub(crate) may_deny: bool,
}

impl Zones {
    /// These zones.
    ///
    /// # Errors
    /// [`Error::NoZones`], [`Error::DuplicateZone`], [`Error::NameTooLong`].
    pub fn new(zones: impl IntoIterator<Item = Zone>) -> Result<Self, Error> {
        let (mut by_apex, mut above) = (HashMap::new(), HashSet::new());
        #[cfg(feature = "transfer")]
        let mut keys = HashMap::new();
        for zone in zones {
            #[cfg(feature = "transfer")]
            add_keys(&mut keys, &zone)?;
            let too_long = |source| Error::NameTooLong {
                zone: zone.apex.clone(),
                source,
            };
            let data = ZoneData::new(&zone).map_err(too_long)?;
            let apex = lower(&data.apex).map_err(too_long)?;
            above.extend(suffixes(&apex).skip(1).map(Box::from));
            if by_apex.insert(apex, data).is_some() {
                return Err(Error::DuplicateZone { zone: zone.apex });
            }
        }
        if by_apex.is_empty() {
            return Err(Error::NoZones);
        }
        Ok(Self {
            by_apex,
            above,
            #[cfg(feature = "transfer")]
            keys,
            may_deny: true,
        })
    }

    /// The same zones, before any plan is known to be active. The server then says SERVFAIL
    /// instead of denying a name, because resolvers remember a denial. Replace the zones
    /// ([`Server::set_zones`](crate::Server::set_zones)) once a plan is active.
    #[must_use]
    pub fn without_denials(self) -> Self {
        Self {
            may_deny: false,
            ..self
        }
    }

    /// The zone that a name lies in: the one with the longest apex. The name is in wire format
    /// and lower case. Takes a search for each label, whatever the number of zones.
    pub(crate) fn of(&self, lower: &[u8]) -> Option<&ZoneData> {
        suffixes(lower).find_map(|name| self.by_apex.get(name))
    }

    /// The zone above this apex.
    pub(crate) fn above(&self, apex: &[u8]) -> Option<&ZoneData> {
        let mut above = suffixes(apex).skip(1);
        above.find_map(|name| self.by_apex.get(name))
    }

    /// The zone with this apex, in wire format and lower case.
    #[cfg(feature = "transfer")]
    pub(crate) fn at(&self, apex: &[u8]) -> Option<&ZoneData> {
        self.by_apex.get(apex)
    }

    /// All zones.
    #[cfg(feature = "transfer")]
    pub(crate) fn all(&self) -> impl Iterator<Item = &ZoneData> {
        self.by_apex.values()
    }

    /// The zones below this one, without those that have another one between.
    #[cfg(feature = "transfer")]
    pub(crate) fn directly_below(&self, zone: &ZoneData) -> impl Iterator<Item = &ZoneData> {
        let is_above = |apex: &[u8]| self.above(apex).is_some_and(|of| of.apex == zone.apex);
        let below = self.by_apex.iter().filter(move |(apex, _)| is_above(apex));
        below.map(|(_, zone)| zone)
    }

    /// Whether the zones have the same names, and the same records of their own.
    #[cfg(feature = "transfer")]
    pub(crate) fn has_same_records(&self, other: &Self) -> bool {
        // Two records that differ in their TTL alone are equal.
        let own = |zone: &ZoneData, of: &ZoneData| {
            zone.ttl == of.ttl
                && (&zone.soa, &zone.name_servers, &zone.glue)
                    == (&of.soa, &of.name_servers, &of.glue)
        };
        let mut zones = self.by_apex.iter();
        self.by_apex.len() == other.by_apex.len()
            && zones.all(|(apex, zone)| other.at(apex).is_some_and(|of| own(zone, of)))
    }

    /// The TSIG key with this name, in wire format and lower case.
    #[cfg(feature = "transfer")]
    pub(crate) fn key(&self, name: &[u8]) -> Option<&Arc<TsigKey>> {
        self.keys.get(name)
    }

    /// Whether there are zones below this name.
    pub(crate) fn are_below(&self, lower: &[u8]) -> bool {
        self.above.contains(lower)
    }
}

/// Adds the keys of a zone's secondaries.
#[cfg(feature = "transfer")]
fn add_keys(keys: &mut HashMap<Box<[u8]>, Arc<TsigKey>>, zone: &Zone) -> Result<(), Error> {
    for key in zone
        .secondaries
        .iter()
        .filter_map(|secondary| secondary.key.as_ref())
    {
        let other = keys.insert(key.wire().into(), Arc::clone(key));
        if other.is_some_and(|other| other != *key) {
            let (zone, key) = (zone.apex.clone(), key.name().clone());
            return Err(Error::TwoTsigKeys { zone, key });
        }
    }
    Ok(())
}

/// The name and all names above it, in wire format: from each label to the end.
pub(crate) fn suffixes(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(name), |name| above(name))
}

/// The name without its first label. `None` for the root.
fn above(name: &[u8]) -> Option<&[u8]> {
    let (&length, rest) = name.split_first()?;
    rest.get(usize::from(length)..).filter(|_| length > 0)
}

#[cfg(test)]
mod tests {
    use control_plane::DnsZone;

    use super::*;

    fn name(text: &str) -> EndpointName {
        text.parse().unwrap()
    }

    fn server(text: &str, addresses: &[&str]) -> NameServer {
        NameServer {
            name: name(text),
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        }
    }

    fn zone(apex: &str) -> Zone {
        Zone::new(name(apex), [server("ns.elsewhere.invalid", &[])]).unwrap()
    }

    #[test]
    fn a_bad_zone_is_refused_by_name() {
        let inside = || server("ns1.shop.example", &["192.0.2.53"]);
        let many = |n: usize| {
            (0..n)
                .map(|n| server(&format!("ns{n}.test"), &[]))
                .collect()
        };
        let cases = [
            (many(14), "has 14 name servers; name at most 13"),
            (
                vec![server("ns1.shop.example", &["192.0.2.53"; 9])],
                "has 9 addresses; give at most 8",
            ),
            (vec![], "has no name server"),
            (vec![inside(), inside()], "twice"),
            (vec![server("ns1.shop.example", &[])], "give its addresses"),
            (
                vec![server("ns.test", &["192.0.2.53"])],
                "leave its addresses out",
            ),
        ];
        for (servers, says) in cases {
            let error = Zone::new(name("shop.example"), servers).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("shop.example"), "{error}");
            assert!(error.contains(says), "`{error}` does not say `{says}`");
        }
        assert!(Zone::new(name("shop.example"), [inside()]).is_ok());
        let many: Vec<_> = many(Zone::MAX_NAME_SERVERS);
        assert!(Zone::new(name("shop.example"), many).is_ok());
        // As a fleet file has it.
        assert_eq!(Zone::MAX_NAME_SERVERS, DnsZone::MAX_NAME_SERVERS);
        assert_eq!(NameServer::MAX_ADDRESSES, DnsZone::MAX_ADDRESSES);
        assert!(matches!(Zones::new([]), Err(Error::NoZones)));
        let twice = Zones::new([zone("a.test"), zone("A.test.")]).unwrap_err();
        assert!(matches!(twice, Error::DuplicateZone { .. }), "{twice}");
        let long = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(57));
        let long = Zones::new([zone(&long)]).unwrap_err();
        assert!(matches!(long, Error::NameTooLong { .. }), "{long}");
    }

    #[test]
    fn a_name_belongs_to_the_zone_with_the_longest_apex() {
        let zones = Zones::new([zone("example"), zone("shop.example"), zone("test")]).unwrap();
        let found = |text: &str| {
            let name = lower(&Name::from_ascii(text).unwrap()).unwrap();
            zones.of(&name).map(|zone| zone.apex.to_ascii())
        };
        assert_eq!(found("api.SHOP.example.").unwrap(), "shop.example.");
        assert_eq!(found("shop.example.").unwrap(), "shop.example.");
        assert_eq!(found("bookshop.example.").unwrap(), "example.");
        assert_eq!(found("example.org."), None);
        assert_eq!(found("."), None);
        let apex = lower(&Name::from_ascii("shop.example.").unwrap()).unwrap();
        assert_eq!(zones.above(&apex).unwrap().apex.to_ascii(), "example.");
        assert!(zone("shop.example").contains(&name("a.b.shop.example")));
        assert!(!zone("shop.example").contains(&name("bookshop.example")));
    }
}
