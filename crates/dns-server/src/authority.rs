//! Answers, query by query: everything that is not made in advance. `lookup.rs` says what
//! exists at a name.

use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use plan_store::Resolve;

use crate::extras::{Extras, Shown};
use crate::lookup::{Found, Lookup};
use crate::query::LowerName;
use crate::reply::{Draft, Outcome};
use crate::request::{Problem, Question, Request};
use crate::zone::{self, ZoneData};

/// What an answer is made from.
pub(crate) struct Authority<'a, R> {
    pub(crate) lookup: Lookup<'a, R>,
    /// The wildcard that stands for the question's name, in wire format, if one does.
    pub(crate) wildcard: Option<Box<[u8]>>,
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

/// The longest chain of aliases that is followed.
const MAX_ALIASES: usize = 16;

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
            required: 0,
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
        let (zones, serial) = (self.lookup.zones, self.lookup.serial);
        let Some(zone) = zones.of(asked.lower.as_bytes()) else {
            return draft.with(ResponseCode::Refused, Outcome::Refused);
        };
        let mut draft = draft;
        draft.message.metadata.authoritative = true;
        if asked.record_type == RecordType::DS
            && zone.apex == asked.name
            && let Some(parent) = zones.above(asked.lower.as_bytes())
        {
            // The parent is the authority for a delegation's DS (RFC 4035, 3.1.4.1). It may have
            // delegated a name between the two.
            let (name, lower) = (&asked.name, asked.lower.as_bytes());
            let found = self.lookup.find(parent, name, lower, RecordType::DS);
            return match found {
                Found::Referral(referral) => draft.refer(referral),
                Found::NotReady => draft.not_ready(),
                _ => {
                    let soa = parent.negative_soa(serial.get());
                    draft.negative(soa, ResponseCode::NoError, Outcome::NoData)
                }
            };
        }
        self.follow(draft, zone, asked)
    }

    /// Follows the aliases from the name to its records, inside the zone.
    ///
    /// All answers are from one plan, and so is a denial or a delegation at the end. So while a pass
    /// is under way, the chain may end at a name that is on another plan. The client then asks for
    /// that name.
    fn follow(&mut self, draft: Draft, zone: &ZoneData, asked: &Asked) -> Draft {
        let serial = self.lookup.serial;
        let (mut draft, mut plan) = (draft, None);
        let mut name = asked.name.clone();
        let mut lower: Box<[u8]> = asked.lower.as_bytes().into();
        while draft.message.answers.len() <= MAX_ALIASES {
            let is_first = draft.message.answers.is_empty();
            let found = self.lookup.find(zone, &name, &lower, asked.record_type);
            if is_first {
                self.wildcard = self.lookup.wildcard.take();
            }
            let soa = || zone.negative_soa(serial.get());
            match found {
                Found::Records { generation, .. } | Found::Alias { generation, .. }
                    if !is_first && generation.is_some() && generation != plan =>
                {
                    break;
                }
                Found::Alias {
                    cname,
                    target,
                    generation,
                } => {
                    draft.message.add_answers(cname);
                    let Some(next) = self.next_alias(&draft, zone, &target) else {
                        break;
                    };
                    (name, lower, plan) = (target, next, generation);
                }
                Found::Records { records, .. } => {
                    if records.iter().any(|r| r.record_type() == RecordType::NS) {
                        draft.message.add_additionals(zone.glue.iter().cloned());
                    }
                    draft.message.add_answers(records);
                    break;
                }
                // What denies the name may be a later plan than the alias is from.
                Found::NoData | Found::NxDomain | Found::Dangling
                    if !is_first && plan < serial.newest_active() =>
                {
                    break;
                }
                Found::Referral(referral) if !is_first && Some(referral.generation) != plan => {
                    break;
                }
                Found::Referral(referral) => return draft.refer(referral),
                Found::NoData => {
                    return draft.negative(soa(), ResponseCode::NoError, Outcome::NoData);
                }
                Found::Dangling => {
                    return draft.negative(soa(), ResponseCode::NoError, Outcome::Dangling);
                }
                Found::NxDomain => {
                    return draft.negative(soa(), ResponseCode::NXDomain, Outcome::NxDomain);
                }
                Found::NotReady if is_first => return draft.not_ready(),
                Found::NotReady => break,
            }
        }
        draft.with(ResponseCode::NoError, Outcome::Answer)
    }

    /// The target of an alias in lower case, if it is in the zone and not yet in the answer.
    fn next_alias(&self, draft: &Draft, zone: &ZoneData, target: &Name) -> Option<Box<[u8]>> {
        let next = zone::lower(target).ok()?;
        let of = self.lookup.zones.of(&next)?;
        let mut seen = draft.message.answers.iter().map(|record| &record.name);
        (std::ptr::eq(of, zone) && !seen.any(|seen| seen == target)).then_some(next)
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
