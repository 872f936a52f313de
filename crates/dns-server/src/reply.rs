//! Properties of a reply: its transport, its outcome, its OPT record.

use hickory_proto::ProtoError;
use hickory_proto::op::Edns;
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder};

/// The largest answer over UDP in bytes, even if the client accepts more. It passes
/// everywhere without fragmentation (DNS flag day 2020).
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
    /// The answer could not be encoded (SERVFAIL).
    Failed,
    /// No reply: the packet is a response, or shorter than a header.
    Dropped,
}

impl Outcome {
    /// All of them, in the order of the counters.
    pub const ALL: [Self; 12] = [
        Self::Answer,
        Self::NoData,
        Self::NxDomain,
        Self::Dangling,
        Self::NotReady,
        Self::Truncated,
        Self::Refused,
        Self::FormErr,
        Self::NotImp,
        Self::BadVers,
        Self::Failed,
        Self::Dropped,
    ];

    /// The label in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::NoData => "nodata",
            Self::NxDomain => "nxdomain",
            Self::Dangling => "dangling",
            Self::NotReady => "not_ready",
            Self::Truncated => "truncated",
            Self::Refused => "refused",
            Self::FormErr => "formerr",
            Self::NotImp => "notimp",
            Self::BadVers => "badvers",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// The limits of an answer, and its OPT record.
pub(crate) struct Shape<'o> {
    pub(crate) max_targets: usize,
    /// The largest reply in bytes.
    pub(crate) limit: usize,
    pub(crate) opt: &'o OptRecords,
}

impl Shape<'_> {
    pub(crate) fn opt(&self, dnssec_ok: bool) -> &[u8] {
        &self.opt.0[usize::from(dnssec_ok)]
    }
}

/// The OPT record of a reply, without and with the DO bit, which is copied from the query
/// (RFC 3225, 3).
#[derive(Debug)]
pub(crate) struct OptRecords([Vec<u8>; 2]);

impl OptRecords {
    pub(crate) fn new() -> Result<Self, ProtoError> {
        Ok(Self([encoded(false)?, encoded(true)?]))
    }
}

/// The EDNS part of a reply to a query with EDNS.
pub(crate) fn edns(dnssec_ok: bool) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(MAX_UDP).set_dnssec_ok(dnssec_ok);
    edns
}

fn encoded(dnssec_ok: bool) -> Result<Vec<u8>, ProtoError> {
    let mut bytes = Vec::new();
    edns(dnssec_ok).emit(&mut BinEncoder::new(&mut bytes))?;
    Ok(bytes)
}
