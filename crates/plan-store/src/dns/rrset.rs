//! Static records: what a zone file says of a name, beside or instead of targets.
//!
//! The data of a record is opaque bytes here, in the form that DNS messages have. The crate
//! that reads zone files makes it, and a DNS server copies it into answers.

use std::sync::Arc;

use thiserror::Error;

use crate::RecordSet;

/// The codes of the record types that have rules here.
const A: u16 = 1;
const NS: u16 = 2;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const AAAA: u16 = 28;
const DNAME: u16 = 39;
const OPT: u16 = 41;

/// All records of one type at one name (*RRset*, RFC 2181, section 5).
///
/// It has at least one record, no record twice, and one TTL for all.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Rrset {
    record_type: u16,
    ttl: u32,
    data: Box<[Box<[u8]>]>,
}

impl Rrset {
    /// The most bytes of all static records of a name: their data, and twelve bytes for each.
    /// So any of its RRsets fits into a DNS message over TCP, beside a question and a chain of
    /// aliases.
    pub const MAX_BYTES: usize = 60_000;

    /// An RRset of the type with this code. Each item is the data of a record in wire format,
    /// with names that are not compressed. The records stay in the given order.
    ///
    /// # Errors
    /// The type, the TTL or the data are not valid.
    pub fn new<D: Into<Box<[u8]>>>(
        record_type: u16,
        ttl: u32,
        data: impl IntoIterator<Item = D>,
    ) -> Result<Self, InvalidRrset> {
        if !holds_data(record_type) {
            return Err(InvalidRrset::NoData { record_type });
        }
        if ttl > RecordSet::MAX_TTL {
            return Err(InvalidRrset::TtlTooLong { seconds: ttl });
        }
        let data: Box<[Box<[u8]>]> = data.into_iter().map(Into::into).collect();
        if data.is_empty() {
            return Err(InvalidRrset::Empty);
        }
        check_length(data.iter())?;
        let mut sorted: Vec<_> = data.iter().collect();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(InvalidRrset::DuplicateRecord);
        }
        Ok(Self {
            record_type,
            ttl,
            data,
        })
    }

    /// The code of the records' type.
    pub fn record_type(&self) -> u16 {
        self.record_type
    }

    /// The time for which a resolver may keep the records, in seconds, at most
    /// [`RecordSet::MAX_TTL`].
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// The data of each record.
    pub fn data(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.data.iter().map(|record| &**record)
    }
}

/// Checks how many bytes records with these data have.
fn check_length<'d>(data: impl Iterator<Item = &'d Box<[u8]>>) -> Result<(), InvalidRrset> {
    match data.map(|data| data.len() + 12).sum() {
        0..=Rrset::MAX_BYTES => Ok(()),
        bytes => Err(InvalidRrset::TooLong { bytes }),
    }
}

/// Whether records of this type are data of a name. The others are about messages (RFC 6895,
/// section 3.1), or are made by the server.
fn holds_data(record_type: u16) -> bool {
    !matches!(record_type, 0 | SOA | OPT | 128..=255)
}

/// The static records of a name: RRsets of different types, in ascending order. A copy shares
/// them.
///
/// A CNAME record has no other type beside it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct StaticRecords(Arc<[Rrset]>);

impl StaticRecords {
    /// These RRsets, which may be in any order. There may be none.
    ///
    /// # Errors
    /// [`InvalidRrset::DuplicateType`], [`InvalidRrset::BesideCname`],
    /// [`InvalidRrset::ManyCnames`], [`InvalidRrset::TooLong`].
    pub fn new(rrsets: impl IntoIterator<Item = Rrset>) -> Result<Self, InvalidRrset> {
        let mut rrsets: Vec<_> = rrsets.into_iter().collect();
        rrsets.sort_unstable_by_key(Rrset::record_type);
        let types = rrsets.windows(2);
        let mut twice = types.filter(|pair| pair[0].record_type == pair[1].record_type);
        if let Some([rrset, ..]) = twice.next() {
            let record_type = rrset.record_type;
            return Err(InvalidRrset::DuplicateType { record_type });
        }
        let cname = rrsets.iter().find(|rrset| rrset.record_type == CNAME);
        match cname.map(|cname| cname.data.len()) {
            Some(2..) => return Err(InvalidRrset::ManyCnames),
            Some(_) if rrsets.len() > 1 => return Err(InvalidRrset::BesideCname),
            _ => {}
        }
        check_length(rrsets.iter().flat_map(|rrset| &rrset.data))?;
        Ok(Self(rrsets.into()))
    }

    /// The RRsets, in ascending order of type.
    pub fn rrsets(&self) -> &[Rrset] {
        &self.0
    }

    /// The RRset of the type with this code.
    pub fn rrset(&self, record_type: u16) -> Option<&Rrset> {
        let at = self
            .0
            .binary_search_by_key(&record_type, Rrset::record_type);
        at.ok().map(|at| &self.0[at])
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that may stand beside targets: not the addresses, which the targets are, and no
    /// type that says that the name's data is elsewhere.
    #[must_use]
    pub fn beside_targets(&self) -> Self {
        if !self.0.iter().any(Rrset::excludes_targets) {
            return self.clone();
        }
        let rrsets = self.0.iter().filter(|rrset| !rrset.excludes_targets());
        Self(rrsets.cloned().collect())
    }
}

impl Rrset {
    /// Whether records of this type cannot stand beside targets.
    pub(super) fn excludes_targets(&self) -> bool {
        matches!(self.record_type, A | AAAA | CNAME | NS | DNAME)
    }
}

/// Why records are not static records of a name.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum InvalidRrset {
    /// There is no record.
    #[error("there is no record; give at least one, or leave the type out")]
    Empty,

    /// Records of this type are no data of a name.
    #[error("records of type {record_type} are not data of a name; leave them out")]
    NoData {
        /// The code of the type.
        record_type: u16,
    },

    /// A record occurs twice.
    #[error("a record is there twice; remove one of the two")]
    DuplicateRecord,

    /// A type occurs twice.
    #[error("there are two RRsets of type {record_type}; merge them")]
    DuplicateType {
        /// The code of the type.
        record_type: u16,
    },

    /// A CNAME record and others.
    #[error("a CNAME record has other records beside it; remove the CNAME record or the others")]
    BesideCname,

    /// Several CNAME records.
    #[error("there is more than one CNAME record; keep one of them")]
    ManyCnames,

    /// The TTL is out of bounds.
    #[error("a TTL of {seconds} s is more than {} s (a week)", RecordSet::MAX_TTL)]
    TtlTooLong {
        /// The TTL that was given.
        seconds: u32,
    },

    /// The records are too long for a message.
    #[error(
        "the records have {bytes} bytes, more than {}; use fewer or shorter ones",
        Rrset::MAX_BYTES
    )]
    TooLong {
        /// How many bytes they have.
        bytes: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const MX: u16 = 15;
    const TXT: u16 = 16;

    fn rrset(record_type: u16, data: &[&[u8]]) -> Result<Rrset, InvalidRrset> {
        Rrset::new(record_type, 60, data.iter().copied())
    }

    #[test]
    fn static_records_are_in_the_order_of_their_types() {
        let [txt, mx] = [(TXT, b"\x01t"), (MX, b"\0m")].map(|(t, d)| rrset(t, &[d]).unwrap());
        let records = StaticRecords::new([txt.clone(), mx.clone()]).unwrap();
        assert_eq!(records.rrsets(), [mx.clone(), txt.clone()]);
        assert_eq!(records.rrset(TXT), Some(&txt));
        assert_eq!(records.rrset(A), None);
        assert_eq!(StaticRecords::new([mx, txt]).unwrap(), records);
        assert!(StaticRecords::default().is_empty() && !records.is_empty());
    }

    #[test]
    fn addresses_and_references_do_not_stand_beside_targets() {
        let all = [A, NS, MX, AAAA].map(|record_type| rrset(record_type, &[b"x"]).unwrap());
        let records = StaticRecords::new(all).unwrap();
        let beside = records.beside_targets();
        let types: Vec<_> = beside.rrsets().iter().map(Rrset::record_type).collect();
        assert_eq!(types, [MX]);
        assert!(Arc::ptr_eq(&beside.0, &beside.beside_targets().0));
    }

    #[test]
    fn bad_static_records_name_the_fault() {
        let long = vec![0; Rrset::MAX_BYTES - 12];
        assert!(rrset(TXT, &[&long]).is_ok());
        let set = |record_type| rrset(record_type, &[b"x"]).unwrap();
        let all = |types: &[u16]| StaticRecords::new(types.iter().map(|&t| set(t))).map(|_| ());
        let of = |made: Result<Rrset, InvalidRrset>| made.map(|_| ());
        let cases = [
            (of(rrset(TXT, &[])), "no record"),
            (of(rrset(TXT, &[b"a", b"b", b"a"])), "there twice"),
            (
                of(rrset(TXT, &[&long, b""])),
                "60012 bytes, more than 60000",
            ),
            (of(rrset(SOA, &[b"a"])), "type 6 are not data"),
            (of(rrset(255, &[b"a"])), "type 255 are not data"),
            (of(Rrset::new(TXT, 604_801, [*b"a"])), "604801 s is more"),
            (all(&[MX, TXT, MX]), "two RRsets of type 15"),
            (all(&[MX, CNAME]), "other records beside it"),
            (
                StaticRecords::new([MX, TXT].map(|t| rrset(t, &[&long]).unwrap())).map(|_| ()),
                "120000 bytes",
            ),
            (
                StaticRecords::new([rrset(CNAME, &[b"a", b"b"]).unwrap()]).map(|_| ()),
                "more than one CNAME",
            ),
        ];
        for (result, says) in cases {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(says), "`{error}` does not say `{says}`");
        }
    }
}
