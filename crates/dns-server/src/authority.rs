//! Answers from the zones and the store, query by query: everything that is not made in
//! advance.

use fastrand::Rng;
use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::HINFO;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use plan_store::{RecordSet, Resolution, Resolve};

use crate::compiled::addresses;
use crate::draw::Draw;
use crate::extras::{Extras, Shown};
use crate::query::{LowerName, endpoint};
use crate::reply::{Draft, Outcome};
use crate::request::{Problem, Question, Request};
use crate::serial::Serial;
use crate::zone::{ZoneData, Zones};

/// What an answer is made from.
pub(crate) struct Authority<'a, R> {
    pub(crate) zones: &'a Zones,
    pub(crate) reader: &'a mut R,
    pub(crate) rng: &'a mut Rng,
    pub(crate) max_targets: usize,
    /// The serial number of the SOA records.
    pub(crate) serial: &'a Serial,
    pub(crate) extras: &'a Extras,
    /// What the client's cookie says.
    pub(crate) shown: Shown,
}

/// A question's name in all forms that it is looked up by.
struct Asked {
    name: Name,
    lower: LowerName,
    record_type: RecordType,
    class: DNSClass,
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
    /// The reply to a request.
    pub(crate) fn reply(&mut self, request: &Request<'_>) -> Draft {
        let mut message = Message::response(request.id, OpCode::from_u8(request.op_code));
        message.metadata.recursion_desired = request.recursion_desired;
        let asked = request.question.as_ref().and_then(Asked::of);
        message.add_queries(asked.as_ref().map(Asked::query));
        let mut draft = Draft {
            message,
            code: ResponseCode::NoError,
            outcome: Outcome::Failed,
            tsig: Vec::new(),
        };
        match (&request.problem, asked) {
            (None, Some(asked)) if asked.class == DNSClass::CH => self.chaos(draft, &asked),
            (None, Some(asked)) if asked.is_served() => self.answer(draft, &asked),
            (None, Some(_)) => draft.with(ResponseCode::Refused, Outcome::Refused),
            (None, None) => match self.shown {
                // Without the client's address there are no cookies.
                Shown::Nothing => draft.with(ResponseCode::FormErr, Outcome::FormErr),
                Shown::Invalid => draft.with(ResponseCode::BADCOOKIE, Outcome::Cookie),
                Shown::ClientOnly | Shown::Valid => {
                    draft.with(ResponseCode::NoError, Outcome::Cookie)
                }
            },
            (Some(Problem::NotImp), _) => draft.with(ResponseCode::NotImp, Outcome::NotImp),
            (Some(Problem::BadVers), _) => draft.with(ResponseCode::BADVERS, Outcome::BadVers),
            (Some(Problem::NotAuth(tsig)), _) => {
                draft.tsig.clone_from(tsig);
                draft.with(ResponseCode::NotAuth, Outcome::NotAuth)
            }
            (Some(Problem::FormErr), _) => draft.with(ResponseCode::FormErr, Outcome::FormErr),
        }
    }

    /// The answer to a question of class CH, which is about the server.
    fn chaos(&self, draft: Draft, asked: &Asked) -> Draft {
        let mut draft = draft;
        let Some(record) = self.extras.chaos(&asked.name, asked.record_type) else {
            return draft.with(ResponseCode::Refused, Outcome::Refused);
        };
        draft.message.metadata.authoritative = true;
        draft.message.add_answer(record);
        draft.with(ResponseCode::NoError, Outcome::Answer)
    }

    /// The answer to a question of class IN.
    fn answer(&mut self, draft: Draft, asked: &Asked) -> Draft {
        let Some(zone) = self.zones.of(asked.lower.as_bytes()) else {
            return draft.with(ResponseCode::Refused, Outcome::Refused);
        };
        let mut draft = draft;
        draft.message.metadata.authoritative = true;
        if asked.record_type == RecordType::DS
            && zone.apex == asked.name
            && let Some(parent) = self.zones.above(asked.lower.as_bytes())
        {
            // The parent is the authority for a delegation's DS (RFC 4035, 3.1.4.1).
            let soa = parent.negative_soa(self.serial.get());
            return draft.negative(soa, ResponseCode::NoError, Outcome::NoData);
        }
        let serial = self.serial;
        let soa = || zone.negative_soa(serial.get());
        match self.find(zone, asked) {
            Found::Records(records) => {
                if records.iter().any(|r| r.record_type() == RecordType::NS) {
                    draft.message.add_additionals(zone.glue.iter().cloned());
                }
                draft.message.add_answers(records);
                draft.with(ResponseCode::NoError, Outcome::Answer)
            }
            Found::NoData => draft.negative(soa(), ResponseCode::NoError, Outcome::NoData),
            Found::Dangling => draft.negative(soa(), ResponseCode::NoError, Outcome::Dangling),
            Found::NxDomain => draft.negative(soa(), ResponseCode::NXDomain, Outcome::NxDomain),
            Found::NotReady => {
                draft.message.metadata.authoritative = false;
                draft.with(ResponseCode::ServFail, Outcome::NotReady)
            }
        }
    }

    /// What exists at the name: the zone's own records first, which no plan changes, and then
    /// what the store says.
    fn find(&mut self, zone: &ZoneData, asked: &Asked) -> Found {
        let Asked {
            name,
            lower,
            record_type,
            ..
        } = asked;
        let is_any = *record_type == RecordType::ANY;
        let own = zone.own_records(name, self.serial.get());
        let own: Vec<_> = own.filter(|r| r.record_type() == *record_type).collect();
        if !own.is_empty() {
            return Found::Records(own);
        }
        let at_apex = zone.apex == *name;
        match (at_apex || zone.has_own(lower.as_bytes()), is_any) {
            (true, true) => return Found::Records(vec![minimal_any(zone, name)]),
            // An endpoint may be at the apex, but not at a name server.
            (true, false) if !at_apex => return Found::NoData,
            _ => {}
        }
        let endpoint = endpoint(lower.labels());
        match endpoint.as_ref().map(|name| self.reader.resolve(name)) {
            Some(Resolution::Vacant) => return Found::NotReady,
            Some(Resolution::Dangling { .. }) => return Found::Dangling,
            Some(Resolution::Answer {
                generation,
                records: set,
            }) => {
                self.serial.at_least(*generation);
                let set = std::sync::Arc::clone(set);
                let records = self.draw(name, &set, *record_type);
                return match (records.is_empty(), is_any) {
                    (false, _) => Found::Records(records),
                    (true, true) => Found::Records(vec![minimal_any(zone, name)]),
                    (true, false) => Found::NoData,
                };
            }
            Some(Resolution::Withdrawn { generation }) => self.serial.at_least(*generation),
            Some(Resolution::Unknown) | None => {}
        }
        if !self.zones.may_deny {
            return Found::NotReady;
        }
        let exists = at_apex
            || zone.has_own_below(name)
            || self.zones.are_below(lower.as_bytes())
            || endpoint.is_some_and(|name| self.reader.has_descendant(&name));
        match (exists, is_any) {
            (true, true) => Found::Records(vec![minimal_any(zone, name)]),
            (true, false) => Found::NoData,
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

impl Asked {
    /// What this question asks for. A name has been checked when it was read.
    fn of(question: &Question<'_>) -> Option<Self> {
        Some(Self {
            name: Name::read(&mut BinDecoder::new(question.name)).ok()?,
            lower: LowerName::of(question.name),
            record_type: question.record_type.into(),
            class: question.class.into(),
        })
    }

    fn query(&self) -> Query {
        let mut query = Query::query(self.name.clone(), self.record_type);
        query.set_query_class(self.class);
        query
    }

    /// Only class IN is served, and zone transfers are always refused, incremental or whole.
    fn is_served(&self) -> bool {
        let is_transfer = matches!(self.record_type, RecordType::AXFR | RecordType::IXFR);
        self.class == DNSClass::IN && !is_transfer
    }
}

/// The answer to a query for everything (RFC 8482, 4.2).
fn minimal_any(zone: &ZoneData, name: &Name) -> Record {
    let data = RData::HINFO(HINFO::new("RFC8482".into(), String::new()));
    Record::from_rdata(name.clone(), zone.negative_ttl, data)
}
