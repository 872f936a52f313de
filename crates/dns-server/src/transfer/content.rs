//! The records of a zone as a secondary gets them: the zone's own, and those of a plan.
//!
//! Weights do not travel: an address record has no place for one. An endpoint has a record for
//! each target whose weight is not 0.
//!
//! A zone that lies in another one of this server is a delegation in the upper zone, as the
//! secondary need not have both.

use std::net::IpAddr;

use hickory_proto::ProtoError;
use hickory_proto::rr::{Record, RecordType};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder};
use plan_store::{EndpointName, RecordSet};

use crate::query::LowerName;
use crate::tsig::wire;
use crate::zone::{ZoneData, Zones};

/// What no plan has at a name server of the zone.
const NOT_AT_NAME_SERVERS: [RecordType; 4] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::NS,
    RecordType::CNAME,
];

/// A record in wire format.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Rr {
    /// In lower case.
    pub(crate) owner: Vec<u8>,
    pub(crate) code: u16,
    pub(crate) ttl: u32,
    pub(crate) data: Vec<u8>,
}

impl Rr {
    fn of(record: &Record) -> Result<Self, ProtoError> {
        let mut data = Vec::new();
        let mut encoder = BinEncoder::new(&mut data);
        // A compressed name would point into this record alone, not into a message.
        encoder.set_canonical_form(true);
        record.data.emit(&mut encoder)?;
        Ok(Self {
            owner: LowerName::of(&record.name.to_bytes()?).as_bytes().to_vec(),
            code: record.record_type().into(),
            ttl: record.ttl,
            data,
        })
    }

    /// Bytes in a message without compression.
    pub(crate) fn len(&self) -> usize {
        self.owner.len() + 2 + 2 + 4 + 2 + self.data.len()
    }
}

/// The SOA record of a zone.
pub(crate) fn soa(zone: &ZoneData, serial: u32) -> Result<Rr, ProtoError> {
    let mut at_apex = zone.own_records(&zone.apex, serial);
    let soa = at_apex.find(|record| record.record_type() == RecordType::SOA);
    Rr::of(&soa.unwrap_or_else(|| zone.negative_soa(serial)))
}

/// What a zone has whatever the plan, besides its SOA record: its name servers, their addresses,
/// and the delegations to the zones in it. In the canonical order of the bytes.
pub(crate) fn own(zones: &Zones, zone: &ZoneData) -> Result<Vec<Rr>, ProtoError> {
    let below = zones.directly_below(zone);
    let delegations = below.flat_map(|child| {
        let glue = child.glue.iter();
        child.name_servers.iter().chain(glue)
    });
    let records = zone
        .name_servers
        .iter()
        .chain(&zone.glue)
        .chain(delegations);
    let records = records.map(Rr::of);
    let mut records: Vec<_> = records.collect::<Result<_, _>>()?;
    records.sort_unstable();
    records.dedup();
    Ok(records)
}

/// What a name has in this zone with these records: nothing if it is in another zone. Where the
/// zone itself has a name server, its addresses are the zone's own, and no plan makes an alias or
/// a delegation.
pub(crate) fn at_name(
    zones: &Zones,
    zone: &ZoneData,
    name: &EndpointName,
    records: &RecordSet,
) -> Vec<Rr> {
    let owner = wire(name);
    let is_here = zones.of(&owner).is_some_and(|of| of.apex == zone.apex);
    if !is_here {
        return Vec::new();
    }
    let has_own = zone.has_own(&owner);
    let record = |code, ttl, data: &[u8]| Rr {
        owner: owner.clone(),
        code,
        ttl,
        data: data.to_vec(),
    };
    let targets = records.targets().filter(|target| target.weight > 0);
    let targets = targets.map(|target| match target.address {
        IpAddr::V4(v4) => record(RecordType::A.into(), records.ttl(), &v4.octets()),
        IpAddr::V6(v6) => record(RecordType::AAAA.into(), records.ttl(), &v6.octets()),
    });
    let rrsets = records.static_records().rrsets().iter();
    let static_records = rrsets.flat_map(|rrset| {
        let (code, ttl) = (rrset.record_type(), rrset.ttl());
        rrset.data().map(move |data| record(code, ttl, data))
    });
    let all = targets.chain(static_records);
    all.filter(|record| !(has_own && NOT_AT_NAME_SERVERS.contains(&record.code.into())))
        .collect()
}
