//! The ordinary query, recognized without a parser's freedom.
//!
//! An ordinary query is what resolvers send all day: a standard query with one
//! question of class IN, and at most one OPT record of EDNS version 0. What is
//! not, or is not quite, is none: [`Query::ordinary`] says no, and a parser that
//! knows all of the protocol takes a look.

use plan_store::EndpointName;

use crate::cookies::CLIENT;

/// Bytes of a message's header.
pub(crate) const HEADER: usize = 12;
/// Longest name in bytes (RFC 1035, 2.3.4).
const MAX_NAME: usize = 255;
/// Longest label in bytes (RFC 1035, 2.3.4).
pub(crate) const MAX_LABEL: u8 = 63;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
pub(crate) const TYPE_OPT: u16 = 41;
/// An OPT record's owner, the root, and its type.
const ROOT_OPT: [u8; 3] = [0, 0, 41];
pub(crate) const CLASS_IN: u16 = 1;
/// EDNS options.
pub(crate) const NSID: u16 = 3;
pub(crate) const COOKIE: u16 = 10;
pub(crate) const KEEPALIVE: u16 = 11;
pub(crate) const RECURSION_DESIRED: u8 = 0x01;
const AUTHENTIC_DATA: u8 = 0x20;
const CHECKING_DISABLED: u8 = 0x10;
const DNSSEC_OK: u32 = 0x8000;
/// Least size of a UDP answer that a client must take (RFC 1035, 4.2.1).
pub(crate) const MIN_UDP: u16 = 512;

/// An ordinary query. Borrows the packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Query<'p> {
    pub(crate) id: [u8; 2],
    pub(crate) recursion_desired: bool,
    /// Name, type and class, as they came.
    pub(crate) question: &'p [u8],
    /// The question's name.
    pub(crate) name: &'p [u8],
    pub(crate) record_type: u16,
    pub(crate) edns: Option<Edns<'p>>,
}

/// What the client's OPT record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Edns<'p> {
    /// Largest answer it takes over UDP; less than 512 means 512 (RFC 6891, 6.2.3).
    pub(crate) udp_size: u16,
    pub(crate) version: u8,
    pub(crate) dnssec_ok: bool,
    pub(crate) options: Options<'p>,
}

/// The EDNS options that are acted on. All others are ignored (RFC 6891, 6.1.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Options<'p> {
    /// RFC 7873.
    pub(crate) cookie: Option<Cookie<'p>>,
    /// The client asks for the server's name (RFC 5001).
    pub(crate) nsid: bool,
    /// The client asks how long it may keep its TCP connection (RFC 7828).
    pub(crate) keepalive: bool,
}

/// What a client shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cookie<'p> {
    pub(crate) client: [u8; CLIENT],
    /// Empty if the client has none yet.
    pub(crate) server: &'p [u8],
}

impl<'p> Query<'p> {
    /// The query in this packet, if it is an ordinary one.
    pub(crate) fn ordinary(packet: &'p [u8]) -> Option<Self> {
        let (header, rest) = packet.split_first_chunk::<HEADER>()?;
        let [id @ .., _, _, _, _, _, _, _, _, _, _] = *header;
        let [_, _, flags, more_flags, counts @ ..] = *header;
        let [0, 1, 0, 0, 0, 0, 0, additional @ (0 | 1)] = counts else {
            return None;
        };
        if flags & !RECURSION_DESIRED != 0
            || more_flags & !(AUTHENTIC_DATA | CHECKING_DISABLED) != 0
        {
            return None;
        }
        let (name, rest) = rest.split_at_checked(name_length(rest)?)?;
        let (record_type, rest) = rest.split_first_chunk()?;
        let (class, rest) = rest.split_first_chunk()?;
        if u16::from_be_bytes(*class) != CLASS_IN {
            return None;
        }
        let edns = match (additional, rest) {
            (0, []) => None,
            (1, record) => Some(Edns::sole(record)?),
            _ => return None,
        };
        Some(Self {
            id,
            recursion_desired: flags != 0,
            question: &packet[HEADER..HEADER + name.len() + 4],
            name,
            record_type: u16::from_be_bytes(*record_type),
            edns,
        })
    }

    /// Whether it asks for A or AAAA records.
    pub(crate) fn asks_for_addresses(&self) -> bool {
        matches!(self.record_type, TYPE_A | TYPE_AAAA)
    }
}

impl<'p> Edns<'p> {
    /// The OPT record that these bytes are, if they are just that, of version 0.
    fn sole(record: &'p [u8]) -> Option<Self> {
        let (owner_and_type, rest) = record.split_first_chunk()?;
        let (udp_size, rest) = rest.split_first_chunk()?;
        let (flags, rest) = rest.split_first_chunk()?;
        let (length, options) = rest.split_first_chunk()?;
        let flags = u32::from_be_bytes(*flags);
        let (edns, is_whole) = Self::read(u16::from_be_bytes(*udp_size), flags, options);
        let ordinary = *owner_and_type == ROOT_OPT
            && flags >> 16 == 0
            && usize::from(u16::from_be_bytes(*length)) == options.len()
            && is_whole;
        ordinary.then_some(edns)
    }

    /// What an OPT record says, and whether its options are well formed. Options of a later
    /// version may have another form, and are not looked at.
    pub(crate) fn read(class: u16, ttl: u32, options: &'p [u8]) -> (Self, bool) {
        let [_, version, ..] = ttl.to_be_bytes();
        let read = if version == 0 {
            Options::read(options)
        } else {
            Some(Options::default())
        };
        let edns = Self {
            udp_size: class,
            version,
            dnssec_ok: ttl & DNSSEC_OK != 0,
            options: read.unwrap_or_default(),
        };
        (edns, read.is_some())
    }

    /// The largest answer that a client with this EDNS takes over UDP.
    pub(crate) fn udp_size(edns: Option<Self>) -> u16 {
        edns.map_or(MIN_UDP, |edns| edns.udp_size.max(MIN_UDP))
    }
}

impl<'p> Options<'p> {
    /// The options in these bytes. `None` if they are malformed.
    fn read(mut bytes: &'p [u8]) -> Option<Self> {
        let mut options = Self::default();
        while let Some((&[code_high, code_low, high, low], rest)) = bytes.split_first_chunk() {
            let length = u16::from_be_bytes([high, low]).into();
            let (data, rest) = rest.split_at_checked(length)?;
            match u16::from_be_bytes([code_high, code_low]) {
                NSID => options.nsid = true,
                KEEPALIVE => options.keepalive = true,
                // Only the first one counts.
                COOKIE if options.cookie.is_none() => options.cookie = Some(Cookie::read(data)?),
                _ => {}
            }
            bytes = rest;
        }
        bytes.is_empty().then_some(options)
    }
}

impl<'p> Cookie<'p> {
    /// A client cookie, and perhaps a server cookie (RFC 7873, 4 and 5.2.2).
    fn read(data: &'p [u8]) -> Option<Self> {
        let (client, server) = data.split_first_chunk()?;
        matches!(server.len(), 0 | 8..=32).then_some(Self {
            client: *client,
            server,
        })
    }
}

/// The number at this place, in network byte order.
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let number = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*number))
}

/// How long the uncompressed name at the start of these bytes is.
pub(crate) fn name_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let label = *bytes.get(at)?;
        at += 1;
        if label == 0 {
            return (at <= MAX_NAME).then_some(at);
        }
        if label > MAX_LABEL || at > MAX_NAME {
            return None;
        }
        at += usize::from(label);
    }
}

/// A name in lower case: what names are looked up by.
pub(crate) struct LowerName {
    bytes: [u8; MAX_NAME],
    length: usize,
}

impl LowerName {
    /// This name in wire format, which is checked.
    pub(crate) fn of(name: &[u8]) -> Self {
        let mut bytes = [0; MAX_NAME];
        let length = name.len();
        // Lengths of labels are below the letters, so they stay as they are.
        for (lower, byte) in bytes.iter_mut().zip(name) {
            *lower = byte.to_ascii_lowercase();
        }
        Self { bytes, length }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Its labels, the root's left out.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &[u8]> {
        labels(self.as_bytes())
    }
}

/// The label of a wildcard (RFC 4592).
pub(crate) const WILDCARD: &[u8] = b"*";

/// The labels of a name in wire format, the root's left out.
pub(crate) fn labels(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let (&length, after) = rest.split_first()?;
        let (label, after) = after.split_at_checked(usize::from(length))?;
        rest = after;
        (!label.is_empty()).then_some(label)
    })
}

/// The endpoint of which these are the labels, if they could be one's.
pub(crate) fn endpoint<'l>(labels: impl Iterator<Item = &'l [u8]>) -> Option<EndpointName> {
    let mut text = String::new();
    for label in labels {
        if label.contains(&b'.') {
            return None; // In text it would end the label.
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(str::from_utf8(label).ok()?);
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A query for `Db.Example` A with an OPT record of 1232 bytes, DO set, and
    /// one option.
    fn whole() -> Vec<u8> {
        let mut packet = vec![0xab, 0xcd, 1, 0x30, 0, 1, 0, 0, 0, 0, 0, 1];
        packet.extend(b"\x02Db\x07Example\0\0\x01\0\x01");
        packet.extend([0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0, 0, 6]);
        packet.extend([0, 12, 0, 2, 7, 7]);
        packet
    }

    #[test]
    fn an_ordinary_query_is_read_as_it_came() {
        let packet = whole();
        let query = Query::ordinary(&packet).unwrap();
        assert_eq!(query.id, [0xab, 0xcd]);
        assert!(query.recursion_desired);
        assert_eq!(query.question, b"\x02Db\x07Example\0\0\x01\0\x01");
        assert_eq!(query.record_type, 1);
        assert_eq!(Edns::udp_size(query.edns), 1232);
        assert!(query.edns.is_some_and(|edns| edns.dnssec_ok));
        let lower = LowerName::of(query.name);
        assert_eq!(lower.as_bytes(), b"\x02db\x07example\0");
        assert_eq!(endpoint(lower.labels()).unwrap().as_str(), "db.example");
    }

    #[test]
    fn a_dot_or_a_strange_byte_in_a_label_is_no_endpoint() {
        let endpoint = |labels: &[&'static [u8]]| endpoint(labels.iter().copied());
        assert!(endpoint(&[b"db", b"example"]).is_some());
        assert_eq!(endpoint(&[b"db.example"]), None);
        assert_eq!(endpoint(&[b"d\xff", b"example"]), None);
        assert!(endpoint(&[b"*", b"example"]).is_some(), "a wildcard");
        assert_eq!(endpoint(&[b"*", b"*", b"example"]), None);
        assert_eq!(endpoint(&[]), None);
    }

    #[test]
    fn what_is_cut_short_or_goes_on_is_not_ordinary() {
        let packet = whole();
        for end in 0..packet.len() {
            assert_eq!(Query::ordinary(&packet[..end]), None, "cut at {end}");
        }
        let mut longer = packet;
        longer.push(0);
        assert_eq!(Query::ordinary(&longer), None);
    }

    #[test]
    fn one_wrong_byte_is_not_ordinary() {
        // Offset, value, what it is.
        let cases = [
            (2, 0x81, "a response"),
            (2, 0x29, "another opcode"),
            (2, 0x05, "AA"),
            (2, 0x03, "TC"),
            (3, 0x80, "RA"),
            (3, 0x40, "Z"),
            (3, 0x01, "a response code"),
            (5, 2, "two questions"),
            (5, 0, "no question"),
            (7, 1, "an answer"),
            (9, 1, "an authority"),
            (11, 2, "two additionals"),
            (11, 0, "an additional that is not counted"),
            (12, 0xc0, "a pointer"),
            (12, 64, "a label too long"),
            (27, 3, "class CH"),
            (28, 1, "an OPT record not of the root"),
            (30, 1, "another additional"),
            (33, 1, "an extended response code"),
            (34, 1, "EDNS version 1"),
            (38, 5, "a shorter OPT record"),
            (42, 3, "an option that is cut"),
        ];
        for (at, value, what) in cases {
            let mut packet = whole();
            assert_ne!(packet[at], value, "{what}");
            packet[at] = value;
            assert_eq!(Query::ordinary(&packet), None, "{what}");
        }
    }

    #[test]
    fn a_small_udp_size_counts_as_512() {
        let mut packet = whole();
        packet[31..33].copy_from_slice(&[0, 1]);
        let edns = Query::ordinary(&packet).unwrap().edns;
        assert_eq!(Edns::udp_size(edns), 512);
    }

    #[test]
    fn the_longest_name_is_ordinary_and_a_longer_one_is_not() {
        let query = |last: u8| {
            let mut packet = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            for length in [63, 63, 63, last] {
                packet.push(length);
                packet.extend(std::iter::repeat_n(b'a', usize::from(length)));
            }
            packet.extend([0, 0, 1, 0, 1]);
            packet
        };
        assert_eq!(Query::ordinary(&query(61)).unwrap().name.len(), MAX_NAME);
        assert_eq!(Query::ordinary(&query(62)), None);
    }
}
