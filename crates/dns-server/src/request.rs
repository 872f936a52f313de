//! Any packet, read strictly.
//!
//! A packet either has no reply at all, or it is a [`Request`] with what is wrong with it.
//! Even a malformed request shows its EDNS as far as it can be read, because the reply to it
//! then has an OPT record too (RFC 6891, 6.1.1 and 7).
//!
//! Only the question, OPT and TSIG are read. Of all other records only the lengths matter.

use hickory_proto::rr::Name;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, BinEncodable};

use crate::query::{Edns, HEADER, MAX_LABEL, RECURSION_DESIRED, TYPE_OPT, be16, name_length};

const RESPONSE: u8 = 0x80;
const OP_CODE: u8 = 0x78;
const TYPE_TSIG: u16 = 250;
const TYPE_IXFR: u16 = 251;
const CLASS_ANY: u16 = 255;
const POINTER: u8 = 0xc0;
/// The TSIG error of a key that the server does not know (RFC 8945, 3).
const BADKEY: u16 = 17;
/// Most bytes of a key's name and its algorithm's name together. Real ones have fewer, and the
/// error reply, which repeats them, must fit into 512 bytes.
const MAX_KEY: usize = 255;

/// A request, whatever is wrong with it.
#[derive(Debug)]
pub(crate) struct Request<'p> {
    pub(crate) id: u16,
    /// 0 is a query.
    pub(crate) op_code: u8,
    pub(crate) recursion_desired: bool,
    /// The question, if there is exactly one.
    pub(crate) question: Option<Question<'p>>,
    pub(crate) edns: Option<Edns<'p>>,
    pub(crate) problem: Option<Problem>,
}

/// A question, with its name in wire format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'p> {
    pub(crate) name: &'p [u8],
    pub(crate) record_type: u16,
    pub(crate) class: u16,
}

/// What is wrong with a request.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Problem {
    /// It is malformed.
    FormErr,
    /// It is no query.
    NotImp,
    /// Its EDNS version is later than 0.
    BadVers,
    /// It is signed with a key that the server does not know, as it knows none. The TSIG record
    /// of the reply says so (RFC 8945, 5.2.1).
    BadKey(Vec<u8>),
}

impl<'p> Request<'p> {
    /// The request in this packet. `None` if it is shorter than a header, or a response.
    pub(crate) fn read(packet: &'p [u8]) -> Option<Self> {
        let &[id_high, id_low, flags, _, ref counts @ ..] = packet.first_chunk::<HEADER>()?;
        if flags & RESPONSE != 0 {
            return None;
        }
        let mut request = Self {
            id: u16::from_be_bytes([id_high, id_low]),
            op_code: (flags & OP_CODE) >> OP_CODE.trailing_zeros(),
            recursion_desired: flags & RECURSION_DESIRED != 0,
            question: None,
            edns: None,
            problem: None,
        };
        let count = |at: usize| be16(counts, 2 * at).unwrap_or(0);
        let counts = [count(0), count(1), count(2), count(3)];
        request.problem = request.check(packet, counts).err();
        Some(request)
    }

    fn check(&mut self, packet: &'p [u8], counts: [u16; 4]) -> Result<(), Problem> {
        let tsig = self.sections(packet, counts);
        let [questions, answers, authorities, _] = counts;
        if questions != 1 {
            self.question = None;
        }
        if self.op_code != 0 {
            // What its sections mean is not known.
            self.question = None;
            return Err(Problem::NotImp);
        }
        let tsig = tsig.ok_or(Problem::FormErr)?;
        // An incremental transfer comes with the SOA record that the client has (RFC 1995, 3).
        let is_ixfr = self.question.is_some_and(|q| q.record_type == TYPE_IXFR);
        let is_for_cookie = self.is_for_cookie() && questions == 0;
        if (questions != 1 && !is_for_cookie) || answers != 0 || (authorities != 0 && !is_ixfr) {
            return Err(Problem::FormErr);
        }
        if !tsig.is_empty() {
            return Err(Problem::BadKey(tsig));
        }
        if self.edns.is_some_and(|edns| edns.version > 0) {
            return Err(Problem::BadVers);
        }
        Ok(())
    }

    /// Whether it asks for no more than a server cookie, if it has no question (RFC 7873, 5.4).
    fn is_for_cookie(&self) -> bool {
        self.edns.is_some_and(|edns| edns.options.cookie.is_some())
    }

    /// Reads all sections. Returns the TSIG record of the reply, which is empty if the request
    /// has none. `None` if the request is malformed.
    fn sections(&mut self, packet: &'p [u8], counts: [u16; 4]) -> Option<Vec<u8>> {
        let mut rest = Rest { packet, at: HEADER };
        let [questions, answers, authorities, additionals] = counts;
        for _ in 0..questions {
            self.question = Some(rest.question()?);
        }
        for _ in 0..u32::from(answers) + u32::from(authorities) {
            rest.record()?;
        }
        let mut tsig = Vec::new();
        for after in (0..additionals).rev() {
            let record = rest.record()?;
            match record.code {
                TYPE_OPT if self.edns.is_some() || packet.get(record.owner) != Some(&0) => {
                    return None;
                }
                TYPE_OPT => {
                    let (edns, is_whole) = Edns::read(record.class, record.ttl, record.data);
                    self.edns = Some(edns);
                    is_whole.then_some(())?;
                }
                // Nothing may follow it (RFC 8945, 5.1).
                TYPE_TSIG if after > 0 => return None,
                TYPE_TSIG => tsig = bad_key(packet, &record)?,
                _ => {}
            }
        }
        (rest.at == packet.len()).then_some(tsig)
    }
}

/// What of a packet is not read yet.
struct Rest<'p> {
    packet: &'p [u8],
    at: usize,
}

struct Record<'p> {
    /// Where its owner's name begins.
    owner: usize,
    /// The code of its type.
    code: u16,
    class: u16,
    ttl: u32,
    data: &'p [u8],
}

impl<'p> Rest<'p> {
    fn take(&mut self, length: usize) -> Option<&'p [u8]> {
        let taken = self.packet.get(self.at..)?.get(..length)?;
        self.at += length;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        be16(self.take(2)?, 0)
    }

    /// A question. Its name is the packet's first, so there is nothing that it could point to.
    fn question(&mut self) -> Option<Question<'p>> {
        let length = name_length(self.packet.get(self.at..)?)?;
        Some(Question {
            name: self.take(length)?,
            record_type: self.number()?,
            class: self.number()?,
        })
    }

    fn record(&mut self) -> Option<Record<'p>> {
        let owner = self.at;
        self.skip_name()?;
        let (code, class) = (self.number()?, self.number()?);
        let ttl = u32::from(self.number()?) << 16 | u32::from(self.number()?);
        let length = self.number()?;
        Some(Record {
            owner,
            code,
            class,
            ttl,
            data: self.take(length.into())?,
        })
    }

    /// Skips a name that may be compressed.
    fn skip_name(&mut self) -> Option<()> {
        loop {
            match *self.take(1)?.first()? {
                0 => return Some(()),
                length @ 1..=MAX_LABEL => self.take(length.into())?,
                POINTER.. => return self.take(1).map(|_| ()),
                _ => return None,
            };
        }
    }
}

/// The TSIG record of the reply to a request with this one, unsigned as RFC 8945, 5.2.1 and
/// 5.3.2 have it. `None` if this one is malformed.
fn bad_key(packet: &[u8], record: &Record<'_>) -> Option<Vec<u8>> {
    if record.class != CLASS_ANY || record.ttl != 0 {
        return None;
    }
    let mut rest = Rest {
        packet: record.data,
        at: 0,
    };
    let algorithm = rest.take(name_length(record.data)?)?;
    let time_and_fudge = rest.take(8)?;
    let mac = rest.number()?;
    rest.take(mac.into())?;
    let id = rest.number()?;
    let _error = rest.number()?;
    let other = rest.number()?;
    rest.take(other.into())?;
    let mut owner = BinDecoder::new(packet).clone(u16::try_from(record.owner).ok()?);
    let owner = Name::read(&mut owner).ok()?.to_bytes().ok()?;
    if rest.at != record.data.len() || owner.len() + algorithm.len() > MAX_KEY {
        return None;
    }
    let mut data = [algorithm, time_and_fudge].concat();
    for number in [0, id, BADKEY, 0] {
        data.extend(u16::to_be_bytes(number));
    }
    let mut reply = owner;
    for number in [TYPE_TSIG, CLASS_ANY, 0, 0, u16::try_from(data.len()).ok()?] {
        reply.extend(number.to_be_bytes());
    }
    reply.extend(data);
    Some(reply)
}
