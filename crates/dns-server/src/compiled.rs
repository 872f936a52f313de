//! Answers made in advance.
//!
//! For each target, the encoder of hickory-proto writes a message that has it as
//! its one answer; what follows the question there is the target's record. (In
//! one message with all of them it would compress some of their names and not
//! others.) An answer is then: a header, the client's own question, the records
//! that are drawn, and the OPT record. Each record's owner is a pointer to the question, so it comes
//! back in the client's upper and lower case.
//!
//! ```text
//!   0        12                    …                         …        …
//!   +--------+---------------------+--------+--------+-------+--------+
//!   | header | question, as it came | record | record | …     | OPT    |
//!   +--------+---------------------+--------+--------+-------+--------+
//!    patched   copied                copied: the targets drawn  copied
//! ```

use std::sync::Arc;

use fastrand::Rng;
use hickory_proto::ProtoError;
use hickory_proto::op::{Message, MessageType, OpCode, Query as Question, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use plan_store::{Generation, RecordSet};

use crate::draw::Draw;
use crate::query::{HEADER, Query};
use crate::reply::{Opt, Outcome, TRUNCATED};

/// The answers of one endpoint from one plan.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) generation: Generation,
    records: Arc<RecordSet>,
    a: Answers<A_RECORD>,
    aaaa: Answers<AAAA_RECORD>,
}

/// The limits of an answer, and what its SOA record says.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'o> {
    pub(crate) max_targets: usize,
    /// The largest reply in bytes.
    pub(crate) limit: usize,
    /// The serial number of the SOA record.
    pub(crate) serial: u32,
    pub(crate) opt: Option<Opt<'o>>,
}

/// Bytes of a record whose owner is a pointer: that, type, class, TTL, length of
/// the data, and the data, an address.
const A_RECORD: usize = 2 + 2 + 2 + 4 + 2 + 4;
const AAAA_RECORD: usize = 2 + 2 + 2 + 4 + 2 + 16;

/// The answers of one endpoint in one family.
#[derive(Debug)]
struct Answers<const RECORD: usize> {
    draw: Draw,
    records: Box<[[u8; RECORD]]>,
    /// The authority section that says that there are none. It ends with a SOA record.
    no_data: Box<[u8]>,
}

impl Compiled {
    /// The answers of `name` with these records; `negative` is the SOA record
    /// that comes with an answer without records.
    pub(crate) fn new(
        name: &Name,
        negative: &Record,
        generation: Generation,
        records: &Arc<RecordSet>,
    ) -> Result<Self, ProtoError> {
        Ok(Self {
            generation,
            records: Arc::clone(records),
            a: Answers::new(name, negative, RecordType::A, records)?,
            aaaa: Answers::new(name, negative, RecordType::AAAA, records)?,
        })
    }

    /// Takes the answers on to another plan, if it has the same record set.
    pub(crate) fn carry_over(&mut self, generation: Generation, records: &Arc<RecordSet>) -> bool {
        let same = Arc::ptr_eq(&self.records, records);
        if same {
            self.generation = generation;
        }
        same
    }

    /// Writes the answer to an ordinary query for this endpoint, if it asks for
    /// one of the two families.
    pub(crate) fn write(
        &mut self,
        query: &Query<'_>,
        shape: Shape<'_>,
        rng: &mut Rng,
        reply: &mut Vec<u8>,
    ) -> Option<Outcome> {
        match RecordType::from(query.record_type) {
            RecordType::A => Some(self.a.write(query, shape, rng, reply)),
            RecordType::AAAA => Some(self.aaaa.write(query, shape, rng, reply)),
            _ => None,
        }
    }
}

impl<const RECORD: usize> Answers<RECORD> {
    fn new(
        name: &Name,
        negative: &Record,
        record_type: RecordType,
        records: &RecordSet,
    ) -> Result<Self, ProtoError> {
        let targets = addresses(records, record_type);
        let weights: Vec<u8> = targets.iter().map(|&(_, weight)| weight).collect();
        let question = encoded(name, record_type, 0, |_| {})?.len();
        let mut each = Vec::with_capacity(targets.len());
        for (data, _) in &targets {
            let record = Record::from_rdata(name.clone(), records.ttl(), data.clone());
            let bytes = encoded(name, record_type, question, |message| {
                message.add_answer(record);
            })?;
            let other_length = |_| ProtoError::Message("an owner that is not compressed");
            each.push(bytes.try_into().map_err(other_length)?);
        }
        let no_data = encoded(name, record_type, question, |message| {
            message.add_authority(negative.clone());
        })?;
        Ok(Self {
            records: each.into(),
            no_data: no_data.into(),
            draw: Draw::new(weights.iter().copied()),
        })
    }

    fn write(
        &mut self,
        query: &Query<'_>,
        shape: Shape<'_>,
        rng: &mut Rng,
        reply: &mut Vec<u8>,
    ) -> Outcome {
        let count = self.draw.len().min(shape.max_targets);
        let body = if count == 0 {
            self.no_data.len()
        } else {
            count * RECORD
        };
        let opt = shape.opt.map_or(0, |opt| opt.len());
        let truncated = HEADER + query.question.len() + body + opt > shape.limit;
        let [c, o] = u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes();
        let sections = match (truncated, count) {
            (true, _) => [0, 0, 0, 0],
            (false, 0) => [0, 0, 0, 1],
            (false, _) => [c, o, 0, 0],
        };
        let flags = RESPONSE | AUTHORITATIVE | u8::from(query.recursion_desired);
        reply.extend_from_slice(&query.id);
        reply.extend_from_slice(&[flags | if truncated { TRUNCATED } else { 0 }, 0, 0, 1]);
        reply.extend_from_slice(&sections);
        reply.extend_from_slice(&[0, u8::from(shape.opt.is_some())]);
        reply.extend_from_slice(query.question);
        match (truncated, count) {
            (true, _) => {}
            (false, 0) => {
                reply.extend_from_slice(&self.no_data);
                set_serial(reply, shape.serial);
            }
            (false, _) => self.draw.each(count, rng, |target| {
                reply.extend_from_slice(&self.records[target]);
            }),
        }
        if let Some(opt) = shape.opt {
            opt.write(ResponseCode::NoError, reply);
        }
        match (truncated, count) {
            (true, _) => Outcome::Truncated,
            (false, 0) => Outcome::NoData,
            (false, _) => Outcome::Answer,
        }
    }
}

/// Sets the serial number of a message that ends with a SOA record. Four more numbers follow it
/// (RFC 1035, 3.3.13).
fn set_serial(message: &mut [u8], serial: u32) {
    const NUMBERS: usize = 4 + 4 * 4;
    if let Some(numbers) = message.last_chunk_mut::<NUMBERS>() {
        numbers[..4].copy_from_slice(&serial.to_be_bytes());
    }
}

const RESPONSE: u8 = 0x80;
const AUTHORITATIVE: u8 = 0x04;

/// A record set's targets of one family, as record data with weights.
pub(crate) fn addresses(records: &RecordSet, record_type: RecordType) -> Vec<(RData, u8)> {
    match record_type {
        RecordType::A => {
            let targets = records.a().iter();
            targets
                .map(|t| (RData::A(A(t.address)), t.weight))
                .collect()
        }
        RecordType::AAAA => {
            let targets = records.aaaa().iter();
            targets
                .map(|t| (RData::AAAA(AAAA(t.address)), t.weight))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// A response to this question that `fill` has filled, from byte `from` on.
fn encoded(
    name: &Name,
    record_type: RecordType,
    from: usize,
    fill: impl FnOnce(&mut Message),
) -> Result<Vec<u8>, ProtoError> {
    let mut message = Message::new(0, MessageType::Response, OpCode::Query);
    message.add_query(Question::query(name.clone(), record_type));
    fill(&mut message);
    Ok(message.to_vec()?.split_off(from))
}
