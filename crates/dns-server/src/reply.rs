//! What is said of a reply besides its bytes.

use hickory_proto::ProtoError;
use hickory_proto::op::Edns;
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder};

/// Largest answer over UDP in bytes, whatever the client takes: what passes
/// everywhere without being cut into fragments (DNS flag day 2020).
pub const MAX_UDP: u16 = 1232;

/// How a query came, and so how large its answer may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// No more than the client takes, nor more than [`MAX_UDP`].
    Udp,
    /// As large as a message can be.
    Tcp,
}

impl Transport {
    /// The largest answer to a client that takes `udp_size` bytes over UDP.
    pub(crate) fn limit(self, udp_size: u16) -> usize {
        usize::from(match self {
            Self::Udp => udp_size.min(MAX_UDP),
            Self::Tcp => u16::MAX,
        })
    }
}

/// What became of a query.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(usize)]
pub enum Outcome {
    /// Answered with records.
    Answer,
    /// The name is there, records of that type are not.
    NoData,
    /// There is no such name (NXDOMAIN).
    NxDomain,
    /// The active plan is gone: NOERROR, no records, as on the day.
    Dangling,
    /// Plans name the endpoint, but none is active yet (SERVFAIL).
    NotReady,
    /// The answer did not fit; the client may ask again over TCP.
    Truncated,
    /// Outside the zones, or something that is not for clients (REFUSED).
    Refused,
    /// Not a well-formed query (FORMERR).
    FormErr,
    /// Not a standard query (NOTIMP).
    NotImp,
    /// An EDNS version later than 0 (BADVERS).
    BadVers,
    /// The answer could not be encoded (SERVFAIL).
    Failed,
    /// No reply: a response, or shorter than a header.
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

    /// Its name in logs and metrics.
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

/// What limits an answer and what goes with it.
pub(crate) struct Shape<'o> {
    pub(crate) max_targets: usize,
    /// Largest reply in bytes.
    pub(crate) limit: usize,
    pub(crate) opt: &'o OptRecords,
}

impl Shape<'_> {
    pub(crate) fn opt(&self, dnssec_ok: bool) -> &[u8] {
        &self.opt.0[usize::from(dnssec_ok)]
    }
}

/// Our OPT record, without and with the DO bit, which is copied from the query
/// (RFC 3225, 3).
#[derive(Debug)]
pub(crate) struct OptRecords([Vec<u8>; 2]);

impl OptRecords {
    pub(crate) fn new() -> Result<Self, ProtoError> {
        Ok(Self([encoded(false)?, encoded(true)?]))
    }
}

/// What a reply to a query with EDNS says of ourselves.
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
