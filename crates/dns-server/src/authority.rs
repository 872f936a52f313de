//! Answers from the zones and the store, query by query: everything that is not made in
//! advance.

use fastrand::Rng;
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::HINFO;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use plan_store::{RecordSet, Resolution, Resolve};

use crate::compiled::addresses;
use crate::draw::Draw;
use crate::query::{MIN_UDP, endpoint};
use crate::reply::{Outcome, edns};
use crate::zone::{ZoneData, Zones};

/// What an answer is made from.
pub(crate) struct Authority<'a, R> {
    pub(crate) zones: &'a Zones,
    pub(crate) reader: &'a mut R,
    pub(crate) rng: &'a mut Rng,
    pub(crate) max_targets: usize,
}

/// A reply that is not yet encoded.
pub(crate) struct Draft {
    pub(crate) message: Message,
    pub(crate) outcome: Outcome,
    /// The largest answer that the client accepts over UDP.
    pub(crate) udp_size: u16,
}

/// What exists at a name.
enum Found {
    Records(Vec<Record>),
    /// The name exists, but has no records of the type.
    NoData,
    NxDomain,
    Dangling,
    NotReady,
}

impl<R: Resolve> Authority<'_, R> {
    /// The reply to any packet. `None` if it must have none.
    pub(crate) fn reply(&mut self, packet: &[u8]) -> Option<Draft> {
        let mut decoder = BinDecoder::new(packet);
        let header = hickory_proto::op::Header::read(&mut decoder).ok()?;
        if header.metadata.message_type == MessageType::Response {
            return None;
        }
        let mut message = Message::response(header.metadata.id, header.metadata.op_code);
        message.metadata.recursion_desired = header.metadata.recursion_desired;
        let mut draft = Draft {
            message,
            outcome: Outcome::FormErr,
            udp_size: MIN_UDP,
        };
        if header.metadata.op_code != OpCode::Query {
            return Some(draft.with(ResponseCode::NotImp, Outcome::NotImp));
        }
        let counts = header.counts;
        let one_question = counts.queries == 1 && counts.answers == 0 && counts.authorities == 0;
        let request = whole_message(packet).filter(|_| one_question);
        let Some(request) = request else {
            return Some(draft.with(ResponseCode::FormErr, Outcome::FormErr));
        };
        draft.message.add_queries(request.queries.iter().cloned());
        if let Some(theirs) = &request.edns {
            draft.udp_size = theirs.max_payload();
            draft.message.set_edns(edns(theirs.flags().dnssec_ok));
            if theirs.version() > 0 {
                return Some(draft.with(ResponseCode::BADVERS, Outcome::BadVers));
            }
        }
        Some(self.answer(draft))
    }

    /// The reply to the one question that `draft` holds.
    fn answer(&mut self, draft: Draft) -> Draft {
        let question = draft.message.queries.first();
        let Some((question, zone)) = question
            .filter(|q| q.query_class() == DNSClass::IN && !is_transfer(q.query_type()))
            .and_then(|q| Some((q.clone(), self.zones.of(q.name())?)))
        else {
            return draft.with(ResponseCode::Refused, Outcome::Refused);
        };
        let found = self.find(zone, question.name(), question.query_type());
        let mut draft = draft;
        draft.message.metadata.authoritative = true;
        match found {
            Found::Records(records) => {
                if records.iter().any(|r| r.record_type() == RecordType::NS) {
                    draft.message.add_additionals(zone.glue.iter().cloned());
                }
                draft.message.add_answers(records);
                draft.with(ResponseCode::NoError, Outcome::Answer)
            }
            Found::NoData => draft.negative(zone, ResponseCode::NoError, Outcome::NoData),
            Found::Dangling => draft.negative(zone, ResponseCode::NoError, Outcome::Dangling),
            Found::NxDomain => draft.negative(zone, ResponseCode::NXDomain, Outcome::NxDomain),
            Found::NotReady => {
                draft.message.metadata.authoritative = false;
                draft.with(ResponseCode::ServFail, Outcome::NotReady)
            }
        }
    }

    fn find(&mut self, zone: &ZoneData, name: &Name, record_type: RecordType) -> Found {
        let endpoint = endpoint(name.iter());
        let resolution = endpoint.as_ref().map(|name| self.reader.resolve(name));
        let (mut records, mut exists) = own_records(zone, name, record_type);
        match resolution {
            Some(Resolution::Vacant) => return Found::NotReady,
            Some(Resolution::Dangling { .. }) => return Found::Dangling,
            Some(Resolution::Answer { records: set, .. }) => {
                exists = true;
                let set = std::sync::Arc::clone(set);
                records.extend(self.draw(name, &set, record_type));
            }
            Some(Resolution::Unknown | Resolution::Withdrawn { .. }) | None => {}
        }
        if !records.is_empty() {
            return Found::Records(records);
        }
        exists |= endpoint.is_some_and(|name| self.reader.has_descendant(&name));
        match (exists, record_type) {
            (true, RecordType::ANY) => Found::Records(vec![minimal_any(zone, name)]),
            (true, _) => Found::NoData,
            (false, _) => Found::NxDomain,
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
}

/// Decodes the bytes if they are one message and nothing else.
fn whole_message(packet: &[u8]) -> Option<Message> {
    let mut decoder = BinDecoder::new(packet);
    let message = Message::read(&mut decoder).ok()?;
    decoder.is_empty().then_some(message)
}

/// The zone's own records of this type at `name`, and whether the zone has anything at or
/// below it.
fn own_records(zone: &ZoneData, name: &Name, record_type: RecordType) -> (Vec<Record>, bool) {
    let at_apex = zone.apex == *name;
    let apex = at_apex.then(|| std::iter::once(&zone.soa).chain(&zone.name_servers));
    let glue = zone.glue.iter().filter(|record| record.name == *name);
    let own = apex.into_iter().flatten().chain(glue);
    let records = own
        .filter(|record| record.record_type() == record_type)
        .cloned()
        .collect();
    let below = zone.glue.iter().any(|record| name.zone_of(&record.name));
    (records, at_apex || below)
}

/// Zone transfers are always refused, incremental or whole.
fn is_transfer(record_type: RecordType) -> bool {
    matches!(record_type, RecordType::AXFR | RecordType::IXFR)
}

/// The answer to a query for everything (RFC 8482, 4.2).
fn minimal_any(zone: &ZoneData, name: &Name) -> Record {
    let data = RData::HINFO(HINFO::new("RFC8482".into(), String::new()));
    Record::from_rdata(name.clone(), zone.negative_ttl, data)
}

impl Draft {
    fn with(mut self, code: ResponseCode, outcome: Outcome) -> Self {
        self.message.metadata.response_code = code;
        self.outcome = outcome;
        self
    }

    /// A negative answer. A resolver may keep it as long as its SOA record says (RFC 2308).
    fn negative(mut self, zone: &ZoneData, code: ResponseCode, outcome: Outcome) -> Self {
        self.message.add_authority(zone.negative_soa.clone());
        self.with(code, outcome)
    }
}
