//! Properties of a reply: its transport, its outcome, its OPT record; and how one is encoded
//! that is not made in advance.

use hickory_proto::ProtoError;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::Record;

use crate::lookup::Referral;
use crate::query::{HEADER, be16, name_length};

/// The largest answer over UDP in bytes, even if the client accepts more. Most paths carry it
/// without fragmentation (RFC 9715; DNS flag day 2020).
pub const MAX_UDP: u16 = 1232;

/// How a query came. It decides how large the answer may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// No larger than the client accepts, nor than [`MAX_UDP`].
    Udp,
    /// As large as a message can be.
    Tcp,
}

impl Transport {
    /// The largest answer to a client that accepts `udp_size` bytes over UDP.
    pub(crate) fn limit(self, udp_size: u16) -> usize {
        usize::from(match self {
            Self::Udp => udp_size.min(MAX_UDP),
            Self::Tcp => u16::MAX,
        })
    }
}

/// How a query was answered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(usize)]
pub enum Outcome {
    /// Records (NOERROR).
    Answer,
    /// The name servers of a delegated zone (NOERROR, not authoritative).
    Referral,
    /// The name exists, but has no records of that type (NOERROR, RFC 2308).
    NoData,
    /// The name does not exist (NXDOMAIN).
    NxDomain,
    /// The active plan is deleted: NOERROR, no records, as in the outage.
    Dangling,
    /// A plan names the endpoint, but none is active there yet (SERVFAIL).
    NotReady,
    /// The answer did not fit (TC set); the client may ask again over TCP.
    Truncated,
    /// The name is outside the zones, the class is not IN, or a zone transfer was asked for
    /// (REFUSED).
    Refused,
    /// The query is malformed (FORMERR).
    FormErr,
    /// The opcode is not QUERY (NOTIMP).
    NotImp,
    /// The EDNS version is later than 0 (BADVERS).
    BadVers,
    /// The query's signature is not accepted: its key is not known, it is wrong, or its time is
    /// too far from the server's (NOTAUTH, RFC 8945).
    NotAuth,
    /// A cookie was asked for, without a question (NOERROR or BADCOOKIE, RFC 7873, 5.4).
    Cookie,
    /// The reply was over the rate limit: it is empty, or has no records and TC set.
    Limited,
    /// A zone transfer to a secondary was begun (NOERROR).
    Transfer,
    /// The answer could not be encoded (SERVFAIL).
    Failed,
    /// No reply: the packet is a response, or shorter than a header.
    Dropped,
}

impl Outcome {
    /// All of them, in the order of the counters.
    pub const ALL: [Self; 17] = [
        Self::Answer,
        Self::Referral,
        Self::NoData,
        Self::NxDomain,
        Self::Dangling,
        Self::NotReady,
        Self::Truncated,
        Self::Refused,
        Self::FormErr,
        Self::NotImp,
        Self::BadVers,
        Self::NotAuth,
        Self::Cookie,
        Self::Limited,
        Self::Transfer,
        Self::Failed,
        Self::Dropped,
    ];

    /// The label in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Referral => "referral",
            Self::NoData => "nodata",
            Self::NxDomain => "nxdomain",
            Self::Dangling => "dangling",
            Self::NotReady => "not_ready",
            Self::Truncated => "truncated",
            Self::Refused => "refused",
            Self::FormErr => "formerr",
            Self::NotImp => "notimp",
            Self::BadVers => "badvers",
            Self::NotAuth => "notauth",
            Self::Cookie => "cookie",
            Self::Limited => "limited",
            Self::Transfer => "transfer",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// The TC bit.
pub(crate) const TRUNCATED: u8 = 0x02;
/// Bytes of an OPT record without options: owner, type, size, flags, length.
const OPT: usize = 1 + 2 + 2 + 4 + 2;

/// The OPT record of a reply.
#[derive(Clone, Copy)]
pub(crate) struct Opt<'o> {
    /// Copied from the query (RFC 3225, 3).
    pub(crate) dnssec_ok: bool,
    pub(crate) options: &'o [u8],
}

impl Opt<'_> {
    pub(crate) fn len(&self) -> usize {
        OPT + self.options.len()
    }

    /// Appends the record to a reply with this code.
    pub(crate) fn write(&self, code: ResponseCode, reply: &mut Vec<u8>) {
        let [size_high, size_low] = MAX_UDP.to_be_bytes();
        let flags = if self.dnssec_ok { 0x80 } else { 0 };
        let length = u16::try_from(self.options.len()).unwrap_or(0);
        let [high, low] = length.to_be_bytes();
        let code = code.high();
        let fixed: [u8; OPT] = [0, 0, 41, size_high, size_low, code, 0, flags, 0, high, low];
        reply.extend_from_slice(&fixed);
        if !self.options.is_empty() {
            reply.extend_from_slice(self.options);
        }
    }
}

/// Takes the records out of an encoded reply whose last record is an OPT record of this length,
/// or which has none, and sets TC.
pub(crate) fn truncate(reply: &mut Vec<u8>, opt: usize) {
    // Type and class follow the name.
    let records = HEADER + question_name(reply).map_or(0, |name| name.len() + 4);
    let end = reply.len().saturating_sub(opt);
    if records < end {
        reply.drain(records..end);
    }
    if let [_, _, flags, _, _, _, counts @ ..] = reply.get_mut(..HEADER).unwrap_or_default() {
        *flags |= TRUNCATED;
        counts.copy_from_slice(&[0, 0, 0, 0, 0, u8::from(opt > 0)]);
    }
}

/// The name of an encoded message's question, if it has one.
pub(crate) fn question_name(message: &[u8]) -> Option<&[u8]> {
    let rest = message.get(HEADER..)?;
    let has_question = be16(message, 4) == Some(1);
    rest.get(..name_length(rest)?).filter(|_| has_question)
}

/// A reply that is not yet encoded.
pub(crate) struct Draft {
    /// Without response code and OPT record.
    pub(crate) message: Message,
    pub(crate) code: ResponseCode,
    pub(crate) outcome: Outcome,
    /// So many additional records, the first ones, are not left out.
    pub(crate) required: usize,
    /// The TSIG record, which comes last.
    pub(crate) tsig: Vec<u8>,
}

impl Draft {
    pub(crate) fn with(mut self, code: ResponseCode, outcome: Outcome) -> Self {
        (self.code, self.outcome) = (code, outcome);
        self
    }

    /// Nothing is known yet.
    pub(crate) fn not_ready(mut self) -> Self {
        self.message.metadata.authoritative = false;
        self.with(ResponseCode::ServFail, Outcome::NotReady)
    }

    /// A negative answer. A resolver may keep it as long as its SOA record says (RFC 2308).
    pub(crate) fn negative(mut self, soa: Record, code: ResponseCode, outcome: Outcome) -> Self {
        self.message.add_authority(soa);
        self.with(code, outcome)
    }

    /// A referral. It is not authoritative, unless an alias comes first (RFC 1035, 4.1.1).
    pub(crate) fn refer(mut self, referral: Referral) -> Self {
        let Referral {
            name_servers,
            glue,
            more,
            ..
        } = referral;
        self.message.metadata.authoritative = !self.message.answers.is_empty();
        self.message.add_authorities(name_servers);
        self.required = glue.len(); // RFC 9471, 3.
        self.message.add_additionals(glue.into_iter().chain(more));
        self.with(ResponseCode::NoError, Outcome::Referral)
    }

    /// Appends the reply, with this OPT record if it has one, in at most `limit` bytes. Additional
    /// records that do not fit are left out (RFC 2181, 9), but for the required ones. If anything
    /// else does not fit, the reply has no records, and TC set.
    pub(crate) fn encode(
        mut self,
        opt: Option<Opt<'_>>,
        limit: usize,
        reply: &mut Vec<u8>,
    ) -> Result<Outcome, ProtoError> {
        let opt_length = opt.map_or(0, |opt| opt.len());
        let room = limit.saturating_sub(opt_length + self.tsig.len());
        let mut bytes = match self.message.to_vec() {
            Ok(bytes) if is_whole(&bytes, room) => bytes,
            // Or it is too long for any message.
            _ => self.leave_out_additionals(room)?,
        };
        if bytes.len() > room && !self.tsig.is_empty() {
            // The error is worth more than the question.
            self.message.queries.clear();
            bytes = self.message.to_vec()?;
        }
        if !is_whole(&bytes, room) {
            bytes = self.message.truncate().to_vec()?;
            self.outcome = Outcome::Truncated;
        }
        let more = u16::from(opt.is_some()) + u16::from(!self.tsig.is_empty());
        if let [_, _, _, flags, .., high, low] = bytes.get_mut(..HEADER).unwrap_or_default() {
            *flags |= self.code.low();
            // A message has room for fewer records than the count can say.
            let additionals = u16::from_be_bytes([*high, *low]).saturating_add(more);
            [*high, *low] = additionals.to_be_bytes();
        }
        reply.extend_from_slice(&bytes);
        if let Some(opt) = opt {
            opt.write(self.code, reply);
        }
        reply.extend_from_slice(&self.tsig);
        Ok(self.outcome)
    }

    /// Leaves out so many of the last additional record sets that the others fit, and encodes the
    /// message. A record set is whole or not there at all (RFC 2181, 5). If none fits, it leaves out
    /// all but the required ones, and the result may be longer than `room`, or cut. Takes a try
    /// for each doubling of their number.
    fn leave_out_additionals(&mut self, room: usize) -> Result<Vec<u8>, ProtoError> {
        let all = std::mem::take(&mut self.message.additionals);
        let is_same =
            |(a, b): (&Record, &Record)| a.record_type() == b.record_type() && a.name == b.name;
        let least = self.required.min(all.len());
        let between = |end: usize| all.get(end.wrapping_sub(1)).zip(all.get(end));
        let ends = (least + 1..=all.len()).filter(|&end| !between(end).is_some_and(is_same));
        let ends: Vec<usize> = ends.collect();
        let mut encoded = |end: usize| {
            self.message.additionals = all.get(..end).unwrap_or_default().to_vec();
            self.message.to_vec()
        };
        let fits = |bytes: Vec<u8>| is_whole(&bytes, room);
        let fitting = ends.partition_point(|&end| encoded(end).is_ok_and(fits));
        let most = fitting.checked_sub(1).and_then(|at| ends.get(at));
        encoded(most.copied().unwrap_or(least))
    }
}

/// Whether an encoded message fits with all of its records. If they are too long for any message,
/// hickory-proto leaves some of them out and sets TC.
fn is_whole(message: &[u8], room: usize) -> bool {
    let is_cut = message.get(2).is_some_and(|flags| flags & TRUNCATED != 0);
    message.len() <= room && !is_cut
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{MessageType, OpCode};
    use hickory_proto::rr::rdata::A;
    use hickory_proto::rr::{Name, RData};

    use super::*;

    #[test]
    fn more_than_255_additional_records_are_counted() {
        for records in [254_u8, 255] {
            let mut message = Message::new(1, MessageType::Response, OpCode::Query);
            for last in 0..records {
                let data = RData::A(A::new(192, 0, 2, last));
                message.add_additional(Record::from_rdata(Name::root(), 5, data));
            }
            let draft = Draft {
                message,
                code: ResponseCode::NoError,
                outcome: Outcome::Answer,
                required: 0,
                tsig: Vec::new(),
            };
            let opt = Opt {
                dnssec_ok: false,
                options: &[],
            };
            let mut reply = Vec::new();
            let limit = Transport::Tcp.limit(MAX_UDP);
            draft.encode(Some(opt), limit, &mut reply).unwrap();
            let read = Message::from_vec(&reply).unwrap();
            assert_eq!(read.additionals.len(), usize::from(records));
            assert!(read.edns.is_some(), "the OPT record is counted too");
        }
    }

    /// No record set is cut, even without an OPT record, where a cut message fits.
    #[test]
    fn records_that_are_too_long_for_any_message_are_left_out_as_sets() {
        let set = |owner: u8| {
            let name = Name::from_labels([[owner].as_slice()]).unwrap();
            let data = RData::A(A::new(192, 0, 2, 1));
            std::iter::repeat_n(Record::from_rdata(name, 5, data), 1_000)
        };
        for (answers, additionals, left) in [(1, 9, (1_000, 2_000)), (9, 0, (0, 0))] {
            let mut message = Message::new(1, MessageType::Response, OpCode::Query);
            message.add_answers((b'a'..).take(answers).flat_map(set));
            message.add_additionals((b'A'..).take(additionals).flat_map(set));
            let draft = Draft {
                message,
                code: ResponseCode::NoError,
                outcome: Outcome::Answer,
                required: 0,
                tsig: Vec::new(),
            };
            let mut reply = Vec::new();
            let outcome = draft.encode(None, usize::from(u16::MAX), &mut reply);
            let is_truncated = outcome.unwrap() == Outcome::Truncated;
            let read = Message::from_vec(&reply).unwrap();
            assert_eq!((read.answers.len(), read.additionals.len()), left);
            assert_eq!(is_truncated, additionals == 0);
            assert_eq!(read.metadata.truncation, is_truncated);
        }
    }

    /// Each limit from nothing to everything.
    #[test]
    fn as_many_whole_record_sets_are_left_as_fit() {
        let record = |owner: u8, last: u8| {
            let name = Name::from_labels([[b'a' + owner].as_slice()]).unwrap();
            Record::from_rdata(name, 5, RData::A(A::new(192, 0, 2, last)))
        };
        let draft = |records: usize| {
            let mut message = Message::new(1, MessageType::Response, OpCode::Query);
            // Sets of two records, the first of which is required.
            let sets = (0..20).flat_map(|owner| [record(owner, 1), record(owner, 2)]);
            message.add_additionals(sets.take(records));
            Draft {
                message,
                code: ResponseCode::NoError,
                outcome: Outcome::Answer,
                required: 2,
                tsig: Vec::new(),
            }
        };
        let whole = |records| draft(records).message.to_vec().unwrap().len();
        for limit in HEADER..=whole(40) {
            let mut reply = Vec::new();
            let outcome = draft(40).encode(None, limit, &mut reply).unwrap();
            let most = (1..=20).map(|sets| 2 * sets).rfind(|&n| whole(n) <= limit);
            let left = Message::from_vec(&reply).unwrap().additionals.len();
            assert_eq!(left, most.unwrap_or(0), "{limit} bytes");
            assert_eq!(outcome == Outcome::Truncated, most.is_none());
        }
    }
}
