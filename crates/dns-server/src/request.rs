//! Any packet, read strictly.
//!
//! A packet either has no reply at all, or it is a [`Request`] with what is wrong with it.
//! Even a malformed request shows its EDNS as far as it can be read, because the reply to it
//! then has an OPT record too (RFC 6891, 6.1.1 and 7).
//!
//! Only the question, OPT and TSIG are read, and the serial number that an incremental transfer
//! comes with. Of all other records only the lengths matter.

use hickory_proto::rr::Name;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder, BinEncodable};

use crate::query::{Edns, HEADER, MAX_LABEL, RECURSION_DESIRED, TYPE_OPT, be16, name_length};

const RESPONSE: u8 = 0x80;
const OP_CODE: u8 = 0x78;
const TYPE_SOA: u16 = 6;
const TYPE_TSIG: u16 = 250;
const TYPE_IXFR: u16 = 251;
const CLASS_ANY: u16 = 255;
const POINTER: u8 = 0xc0;
/// The TSIG error of a key that the server does not know (RFC 8945, 3).
pub(crate) const BADKEY: u16 = 17;
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
    /// Its signature, which nobody has checked yet.
    pub(crate) tsig: Option<Tsig<'p>>,
    /// The serial number that an incremental transfer starts from (RFC 1995, 3).
    pub(crate) serial: Option<u32>,
    pub(crate) problem: Option<Problem>,
}

/// A TSIG record (RFC 8945, 4.2).
#[derive(Debug)]
pub(crate) struct Tsig<'p> {
    /// The key's name in wire format.
    pub(crate) key: Vec<u8>,
    /// In wire format.
    pub(crate) algorithm: &'p [u8],
    /// When it was signed, in six bytes, and the fudge in two.
    pub(crate) time_and_fudge: [u8; 8],
    /// The message's id when it was signed.
    pub(crate) id: u16,
    #[cfg_attr(
        not(feature = "transfer"),
        expect(dead_code, reason = "no key is known without transfers")
    )]
    pub(crate) signature: Signature<'p>,
}

/// What of a TSIG record is needed to check it.
#[derive(Debug)]
#[cfg_attr(
    not(feature = "transfer"),
    expect(dead_code, reason = "no key is known without transfers")
)]
pub(crate) struct Signature<'p> {
    pub(crate) mac: &'p [u8],
    pub(crate) error: u16,
    pub(crate) other: &'p [u8],
    /// Where the record begins in the message.
    pub(crate) start: usize,
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
    /// Its signature is not accepted (RFC 8945, 5.2). This is the unsigned TSIG record of the
    /// reply, which says why; it is empty if the reply is signed.
    NotAuth(Vec<u8>),
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
            tsig: None,
            serial: None,
            problem: None,
        };
        let count = |at: usize| be16(counts, 2 * at).unwrap_or(0);
        let counts = [count(0), count(1), count(2), count(3)];
        request.problem = request.check(packet, counts).err();
        Some(request)
    }

    fn check(&mut self, packet: &'p [u8], counts: [u16; 4]) -> Result<(), Problem> {
        let is_whole = self.sections(packet, counts);
        if is_whole.is_none() {
            self.tsig = None; // Of a request that cannot be read, nobody knows what is signed.
        }
        let [questions, answers, authorities, _] = counts;
        if questions != 1 {
            self.question = None;
        }
        if self.op_code != 0 {
            // What its sections mean is not known.
            self.question = None;
            return Err(Problem::NotImp);
        }
        is_whole.ok_or(Problem::FormErr)?;
        // An incremental transfer comes with the SOA record that the client has (RFC 1995, 3).
        let is_ixfr = self.question.is_some_and(|q| q.record_type == TYPE_IXFR);
        let is_for_cookie = self.is_for_cookie() && questions == 0;
        if (questions != 1 && !is_for_cookie) || answers != 0 || (authorities != 0 && !is_ixfr) {
            return Err(Problem::FormErr);
        }
        match self.edns {
            Some(edns) if edns.version > 0 => Err(Problem::BadVers),
            _ => Ok(()),
        }
    }

    /// Whether it asks for no more than a server cookie, if it has no question (RFC 7873, 5.4).
    fn is_for_cookie(&self) -> bool {
        self.edns.is_some_and(|edns| edns.options.cookie.is_some())
    }

    /// Reads all sections. `None` if the request is malformed.
    fn sections(&mut self, packet: &'p [u8], counts: [u16; 4]) -> Option<()> {
        let mut rest = Rest { packet, at: HEADER };
        let [questions, answers, authorities, additionals] = counts;
        for _ in 0..questions {
            self.question = Some(rest.question()?);
        }
        for _ in 0..u32::from(answers) + u32::from(authorities) {
            let record = rest.record()?;
            if record.code == TYPE_SOA {
                self.serial = record.serial();
            }
        }
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
                TYPE_TSIG => self.tsig = Some(Tsig::read(packet, &record)?),
                _ => {}
            }
        }
        (rest.at == packet.len()).then_some(())
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

impl Record<'_> {
    /// The serial number of an SOA record. Two names come before its five numbers, of which it
    /// is the first.
    fn serial(&self) -> Option<u32> {
        const NUMBERS: usize = 5 * 4;
        let numbers = self.data.len().checked_sub(NUMBERS)?;
        let serial = self.data.get(numbers..)?.first_chunk()?;
        Some(u32::from_be_bytes(*serial))
    }
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

impl<'p> Tsig<'p> {
    /// The TSIG record at the end of any message, if it has one.
    #[cfg(feature = "transfer")]
    pub(crate) fn of(packet: &'p [u8]) -> Option<Self> {
        let mut rest = Rest { packet, at: HEADER };
        for _ in 0..be16(packet, 4)? {
            rest.skip_name()?;
            rest.take(4)?;
        }
        let mut last = None;
        for section in [6, 8, 10] {
            for _ in 0..be16(packet, section)? {
                last = Some(rest.record()?);
            }
        }
        let last = last.filter(|record| record.code == TYPE_TSIG && rest.at == packet.len());
        Self::read(packet, &last?)
    }

    /// `None` if it is malformed.
    fn read(packet: &'p [u8], record: &Record<'p>) -> Option<Self> {
        if record.class != CLASS_ANY || record.ttl != 0 {
            return None;
        }
        let mut rest = Rest {
            packet: record.data,
            at: 0,
        };
        let algorithm = rest.take(name_length(record.data)?)?;
        let time_and_fudge = *rest.take(8)?.first_chunk()?;
        let length = rest.number()?;
        let mac = rest.take(length.into())?;
        let (id, error, length) = (rest.number()?, rest.number()?, rest.number()?);
        let other = rest.take(length.into())?;
        let mut owner = BinDecoder::new(packet).clone(u16::try_from(record.owner).ok()?);
        let key = Name::read(&mut owner).ok()?.to_bytes().ok()?;
        if rest.at != record.data.len() || key.len() + algorithm.len() > MAX_KEY {
            return None;
        }
        Some(Self {
            key,
            algorithm,
            time_and_fudge,
            id,
            signature: Signature {
                mac,
                error,
                other,
                start: record.owner,
            },
        })
    }

    /// The TSIG record of a reply that refuses this one with this error, unsigned as RFC 8945,
    /// 5.2.1 and 5.3.2 have it.
    pub(crate) fn refusal(&self, error: u16) -> Vec<u8> {
        let mut data = [self.algorithm, &self.time_and_fudge].concat();
        for number in [0, self.id, error, 0] {
            data.extend(u16::to_be_bytes(number));
        }
        record(&self.key, &data)
    }
}

/// The TSIG record with this key's name and this data.
pub(crate) fn record(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut record = key.to_vec();
    // The data is far shorter than a record may be.
    let length = u16::try_from(data.len()).unwrap_or(0);
    for number in [TYPE_TSIG, CLASS_ANY, 0, 0, length] {
        record.extend(number.to_be_bytes());
    }
    record.extend(data);
    record
}
