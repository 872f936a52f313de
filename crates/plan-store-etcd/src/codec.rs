//! Encodes plans as bytes, and decodes them.
//!
//! A plan that fits into one value is stored in the key of its generation. A larger plan is
//! stored as chunks, each named by its SHA-256. Only the names nearby decide where a chunk
//! ends. So plans that differ in a few endpoints share most chunks, and shared chunks are
//! not sent again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plan_store::{EndpointName, InvalidName, Plan, RecordSet, Rrset, StaticRecords, Target};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::proto::stored;

/// What is stored of a plan.
pub(crate) enum Encoded {
    Inline(stored::Endpoints),
    Chunked(Vec<Chunk>),
}

/// A part of a plan.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Chunk {
    pub(crate) hash: [u8; 32],
    pub(crate) bytes: Vec<u8>,
}

/// How large the parts may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// The largest plan that is stored whole.
    pub(crate) inline: usize,
    /// The largest chunk. A chunk larger than half of this ends at the next boundary.
    pub(crate) chunk: usize,
}

impl Sizes {
    /// etcd takes requests of 1.5 MiB by default; the rest of a request is small.
    pub(crate) const DEFAULT: Self = Self {
        inline: 256 << 10,
        chunk: 1 << 20,
    };
}

/// A name is a boundary, after which a chunk may end, if its hash ends in this many zero
/// bits. That is one name in 64.
const BOUNDARY_BITS: u32 = 6;

pub(crate) fn encode(plan: &Plan, sizes: Sizes) -> Encoded {
    let endpoints = plan.endpoints().map(|(name, records)| stored::Endpoint {
        name: name.as_str().into(),
        records: Some(encode_records(records)),
    });
    let endpoints: Vec<_> = endpoints.collect();
    let whole = stored::Endpoints { endpoints };
    if whole.encoded_len() <= sizes.inline {
        return Encoded::Inline(whole);
    }
    Encoded::Chunked(cut(whole.endpoints, sizes.chunk))
}

fn cut(endpoints: Vec<stored::Endpoint>, size: usize) -> Vec<Chunk> {
    let (mut chunks, mut part, mut length) = (Vec::new(), Vec::new(), 0);
    for endpoint in endpoints {
        // 8 bytes are enough for the tag and the length before the endpoint.
        let more = endpoint.encoded_len() + 8;
        if length + more > size && !part.is_empty() {
            chunks.push(Chunk::of(std::mem::take(&mut part)));
            length = 0;
        }
        let boundary = length + more > size / 2 && is_boundary(&endpoint.name);
        length += more;
        part.push(endpoint);
        if boundary {
            chunks.push(Chunk::of(std::mem::take(&mut part)));
            length = 0;
        }
    }
    if !part.is_empty() {
        chunks.push(Chunk::of(part));
    }
    chunks
}

fn is_boundary(name: &str) -> bool {
    // FNV-1a. Its upper half is mixed better.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32).trailing_zeros() >= BOUNDARY_BITS
}

impl Chunk {
    fn of(endpoints: Vec<stored::Endpoint>) -> Self {
        let bytes = stored::Endpoints { endpoints }.encode_to_vec();
        let hash = Sha256::digest(&bytes).into();
        Self { hash, bytes }
    }
}

/// Decodes a stored message. Refuses one with fields that this version does not know: to
/// leave them out could change what the message means. All writers encode in the same way, so
/// such a message is longer than what this version makes of it.
pub(crate) fn decode_whole<M: Message + Default>(bytes: &[u8]) -> Result<M, String> {
    let message = M::decode(bytes).map_err(|error| error.to_string())?;
    if message.encoded_len() == bytes.len() {
        return Ok(message);
    }
    Err("a later version of this program has written it; upgrade this process".into())
}

/// Checks a chunk's content, and decodes it.
pub(crate) fn decode_chunk(hash: &[u8], bytes: &[u8]) -> Result<stored::Endpoints, String> {
    if Sha256::digest(bytes).as_slice() != hash {
        return Err("its content does not match its hash".into());
    }
    decode_whole(bytes)
}

/// Checks the stored parts of a plan, and makes a plan of them.
pub(crate) fn decode(parts: impl IntoIterator<Item = stored::Endpoints>) -> Result<Plan, String> {
    let endpoints = parts.into_iter().flat_map(|part| part.endpoints);
    let endpoints = endpoints.map(|endpoint| {
        let name: EndpointName = endpoint
            .name
            .parse()
            .map_err(|error: InvalidName| error.to_string())?;
        let records = decode_records(&endpoint.records.unwrap_or_default());
        let records = records.map_err(|error| format!("endpoint {name}: {error}"))?;
        Ok::<_, String>((name, records))
    });
    let endpoints = endpoints.collect::<Result<Vec<_>, _>>()?;
    Plan::new(endpoints).map_err(|error| error.to_string())
}

pub(crate) fn encode_records(records: &RecordSet) -> stored::RecordSet {
    let mut stored = stored::RecordSet {
        ttl: records.ttl(),
        ..stored::RecordSet::default()
    };
    for Target { address, weight } in records.a() {
        stored.a.extend(address.octets());
        stored.a.push(*weight);
    }
    for Target { address, weight } in records.aaaa() {
        stored.aaaa.extend(address.octets());
        stored.aaaa.push(*weight);
    }
    let rrsets = records.static_records().rrsets().iter();
    stored.rrsets = rrsets.map(encode_rrset).collect();
    stored
}

fn encode_rrset(rrset: &Rrset) -> stored::Rrset {
    stored::Rrset {
        r#type: rrset.record_type().into(),
        ttl: rrset.ttl(),
        data: rrset.data().map(<[u8]>::to_vec).collect(),
    }
}

fn decode_rrset(stored: &stored::Rrset) -> Result<Rrset, String> {
    let code = u16::try_from(stored.r#type);
    let code = code.map_err(|_| format!("there is no record type {}", stored.r#type))?;
    let data = stored.data.iter().map(Vec::as_slice);
    Rrset::new(code, stored.ttl, data).map_err(|error| error.to_string())
}

pub(crate) fn decode_records(stored: &stored::RecordSet) -> Result<RecordSet, String> {
    let (a, a_rest) = stored.a.as_chunks::<5>();
    let (aaaa, aaaa_rest) = stored.aaaa.as_chunks::<17>();
    if !(a_rest.is_empty() && aaaa_rest.is_empty()) {
        return Err("an address is cut off".into());
    }
    let rrsets = stored.rrsets.iter().map(decode_rrset);
    let rrsets = rrsets.collect::<Result<Vec<_>, _>>()?;
    let static_records = StaticRecords::new(rrsets).map_err(|error| error.to_string())?;
    if a.is_empty() && aaaa.is_empty() && !static_records.is_empty() {
        return RecordSet::without_targets(static_records).map_err(|error| error.to_string());
    }
    let a = a.iter().map(|&[address @ .., weight]| {
        let address: [u8; 4] = address;
        Target::new(IpAddr::from(Ipv4Addr::from(address)), weight)
    });
    let aaaa = aaaa.iter().map(|&[address @ .., weight]| {
        let address: [u8; 16] = address;
        Target::new(IpAddr::from(Ipv6Addr::from(address)), weight)
    });
    let targets = RecordSet::new(stored.ttl, a.chain(aaaa));
    let both = targets.and_then(|targets| targets.with_static_records(static_records));
    both.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(count: u32, changed: Option<u32>) -> Plan {
        let endpoints = (0..count).map(|i| {
            let name: EndpointName = format!("e{i:05}.example").parse().unwrap();
            let last = if changed == Some(i) {
                0x0b00_0000
            } else {
                0x0a00_0000
            };
            let targets = [
                Target::new(Ipv4Addr::from_bits(last + i).into(), 3),
                Target::new(Ipv6Addr::from_bits(u128::from(i) + 2).into(), 0),
                Target::new(Ipv6Addr::from_bits(1 << 100).into(), 255),
            ];
            let records = RecordSet::new(i % 100, targets).unwrap();
            (name, records)
        });
        Plan::new(endpoints).unwrap()
    }

    fn chunks(plan: &Plan) -> Vec<Chunk> {
        let sizes = Sizes {
            inline: 100,
            chunk: 8000,
        };
        match encode(plan, sizes) {
            Encoded::Inline(_) => panic!("it was not cut"),
            Encoded::Chunked(chunks) => chunks,
        }
    }

    fn decoded(chunks: &[Chunk]) -> Result<Plan, String> {
        let parts: Result<Vec<_>, _> = chunks
            .iter()
            .map(|chunk| decode_chunk(&chunk.hash, &chunk.bytes))
            .collect();
        decode(parts?)
    }

    #[test]
    fn a_plan_survives_encoding_and_decoding() {
        let plan = plan(3000, None);
        let Encoded::Inline(whole) = encode(&plan, Sizes::DEFAULT) else {
            panic!("it was cut");
        };
        assert_eq!(decode([whole]).unwrap(), plan);
        let chunks = chunks(&plan);
        assert!(chunks.len() > 20, "{}", chunks.len());
        assert!(chunks.iter().all(|chunk| chunk.bytes.len() <= 8000));
        assert_eq!(decoded(&chunks).unwrap(), plan);
    }

    #[test]
    fn static_records_survive_encoding_and_decoding() {
        let rrset = |code| Rrset::new(code, 60, [*b"\x01a", *b"\x01b"]).unwrap();
        let text = StaticRecords::new([rrset(16), rrset(65_280)]).unwrap();
        let target = RecordSet::new(5, [Target::new([192, 0, 2, 1].into(), 1)]).unwrap();
        let both = target.with_static_records(text.clone()).unwrap();
        let alone = RecordSet::without_targets(text).unwrap();
        let name = |text: &str| -> EndpointName { text.parse().unwrap() };
        let sets = [("b.example", both), ("*.example", alone)];
        let plan = Plan::new(sets.map(|(text, records)| (name(text), records))).unwrap();
        let Encoded::Inline(whole) = encode(&plan, Sizes::DEFAULT) else {
            panic!("it was cut");
        };
        let read = stored::Endpoints::decode(whole.encode_to_vec().as_slice()).unwrap();
        assert_eq!(decode([read]).unwrap(), plan);
    }

    /// What a version before static records has stored.
    #[test]
    fn a_record_set_of_an_older_version_is_read() {
        let bytes = b"\x08\x05\x12\x05\xc0\x00\x02\x01\x09";
        let stored = stored::RecordSet::decode(bytes.as_slice()).unwrap();
        let target = Target::new([192, 0, 2, 1].into(), 9);
        let expected = RecordSet::new(5, [target]).unwrap();
        assert_eq!(decode_records(&stored).unwrap(), expected);
        assert_eq!(encode_records(&expected).encode_to_vec(), bytes);
    }

    #[test]
    fn damaged_static_records_are_refused() {
        let target = RecordSet::new(5, [Target::new([192, 0, 2, 1].into(), 1)]).unwrap();
        for (r#type, data) in [(16, vec![]), (70_000, vec![vec![1]]), (5, vec![vec![0]])] {
            let ttl = 60;
            let mut stored = encode_records(&target);
            stored.rrsets = vec![stored::Rrset { r#type, ttl, data }];
            decode_records(&stored).unwrap_err();
        }
    }

    #[test]
    fn plans_that_differ_a_little_share_their_chunks() {
        let (old, new) = (chunks(&plan(3000, None)), chunks(&plan(3000, Some(1500))));
        let changed = new.iter().filter(|chunk| !old.contains(chunk)).count();
        assert_eq!(changed, 1);
    }

    /// A later version may add fields, at any depth. To leave them out would serve something
    /// else than what was published.
    #[test]
    fn fields_of_a_later_version_are_refused() {
        let unknown = [0xf8, 0x07, 1]; // Field 127.
        let Encoded::Inline(whole) = encode(&plan(2, None), Sizes::DEFAULT) else {
            panic!("it was cut");
        };
        let plain = whole.encode_to_vec();
        assert_eq!(decode_whole::<stored::Endpoints>(&plain).unwrap(), whole);
        let outside = [&plain[..], &unknown].concat();
        // Within the records of an endpoint.
        let nested = |tag: u8, bytes: &[u8]| {
            let length = u8::try_from(bytes.len()).unwrap();
            [&[tag << 3 | 2, length], bytes].concat()
        };
        let records = whole.endpoints[0].records.clone().unwrap();
        let records = [&records.encode_to_vec()[..], &unknown].concat();
        let endpoint = [nested(1, b"a.example"), nested(2, &records)].concat();
        for bytes in [outside, nested(1, &endpoint)] {
            let reason = decode_whole::<stored::Endpoints>(&bytes).unwrap_err();
            assert!(reason.contains("later version"), "{reason}");
            let hash = Sha256::digest(&bytes);
            decode_chunk(&hash, &bytes).unwrap_err();
        }
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let mut some = chunks(&plan(3000, None));
        some[7].bytes[100] ^= 1;
        assert!(decoded(&some).unwrap_err().contains("hash"));
        let endpoint = |name: &str, a: &[u8]| stored::Endpoint {
            name: name.into(),
            records: Some(stored::RecordSet {
                ttl: 1,
                a: a.into(),
                aaaa: Vec::new(),
                rrsets: Vec::new(),
            }),
        };
        let good = endpoint("a", &[192, 0, 2, 1, 9]);
        let bad = [
            endpoint("-", &[192, 0, 2, 1, 9]),
            endpoint("b", &[192, 0, 2, 1]),
            endpoint("b", &[0, 0, 0, 0, 9]),
            endpoint("a", &[192, 0, 2, 1, 9]),
        ];
        for bad in bad {
            let endpoints = vec![good.clone(), bad];
            decode([stored::Endpoints { endpoints }]).unwrap_err();
        }
    }
}
