//! DNS cookies: a client that shows a server cookie does get what is sent to its address, so it
//! has not forged that address (RFC 7873).
//!
//! A server cookie is made from the client's address, the client's cookie and the time, with a
//! secret key, as RFC 9018 says. So all servers with the same key accept each other's cookies,
//! and none of them has to remember any.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::query::Cookie;

/// Bytes of a client's cookie and of a server's (RFC 7873, 4; RFC 9018, 4).
pub(crate) const CLIENT: usize = 8;
pub(crate) const SERVER: usize = 16;
/// Bytes of a server cookie before its hash: the version, three reserved bytes and the time.
const HEAD: usize = 8;
const VERSION: u8 = 1;
/// How long a server cookie is accepted, how far ahead its clock may be, and after what time the
/// client gets a new one, all in seconds (RFC 9018, 4.3).
const LIFE: i32 = 60 * 60;
const AHEAD: i32 = 5 * 60;
const HALF_LIFE: i32 = LIFE / 2;

/// The secret keys of server cookies: the first one makes them, all of them are accepted.
///
/// Servers that share an address, as in an anycast group, need the same keys. To replace a key,
/// add the new one behind the old one everywhere, then put it first, then remove the old one
/// after an hour (RFC 9018, 5).
#[derive(Clone, PartialEq, Eq)]
pub struct CookieKeys {
    first: [u8; 16],
    others: Vec<[u8; 16]>,
}

impl CookieKeys {
    /// These keys. `None` if there is none.
    pub fn new(keys: impl IntoIterator<Item = [u8; 16]>) -> Option<Self> {
        let mut keys = keys.into_iter();
        Some(Self {
            first: keys.next()?,
            others: keys.collect(),
        })
    }

    /// A key that nobody else has. Its bits come from the keys of the standard library's hash
    /// tables, which the system's random generator makes.
    pub fn random() -> Self {
        let random = || RandomState::new().build_hasher().finish();
        let key = [random().to_be_bytes(), random().to_be_bytes()].concat();
        let mut first = [0; 16];
        first.copy_from_slice(&key);
        Self {
            first,
            others: Vec::new(),
        }
    }

    /// The cookies of a reply to this client, and whether the server cookie that it showed is
    /// valid. It stays as it is while it is young and made with the first key.
    pub(crate) fn answer(
        &self,
        cookie: &Cookie<'_>,
        client: IpAddr,
        now: u32,
    ) -> ([u8; CLIENT + SERVER], bool) {
        let make = |key| server_cookie(key, cookie.client, now, client);
        let mut both = [0; CLIENT + SERVER];
        both[..CLIENT].copy_from_slice(&cookie.client);
        let Ok(shown) = <[u8; SERVER]>::try_from(cookie.server) else {
            both[CLIENT..].copy_from_slice(&make(&self.first));
            return (both, false);
        };
        // The reserved bytes may be anything, and are hashed as they were received (RFC 9018, 4.2).
        let [head @ .., _, _, _, _, _, _, _, _] = shown;
        let [version, _, _, _, time @ ..] = head;
        // The clock wraps around (RFC 1982).
        let age = now.wrapping_sub(u32::from_be_bytes(time)).cast_signed();
        let may_be_valid = version == VERSION && (-AHEAD..=LIFE).contains(&age);
        let is_made_with = |key| hash(key, cookie.client, head, client) == shown[HEAD..];
        let by_first = may_be_valid && is_made_with(&self.first);
        let valid = by_first || may_be_valid && self.others.iter().any(is_made_with);
        let server = if by_first && age <= HALF_LIFE {
            shown
        } else {
            make(&self.first)
        };
        both[CLIENT..].copy_from_slice(&server);
        (both, valid)
    }
}

impl fmt::Debug for CookieKeys {
    /// Keys are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CookieKeys({} keys)", 1 + self.others.len())
    }
}

/// The time in seconds since 1970, which wraps around.
pub(crate) fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let seconds = since.map_or(0, |since| since.as_secs());
    u32::try_from(seconds & u64::from(u32::MAX)).unwrap_or(0)
}

/// The server cookie of a client (RFC 9018, 4).
fn server_cookie(key: &[u8; 16], cookie: [u8; CLIENT], time: u32, client: IpAddr) -> [u8; SERVER] {
    let mut head = [VERSION, 0, 0, 0, 0, 0, 0, 0];
    head[4..].copy_from_slice(&time.to_be_bytes());
    let mut server = [0; SERVER];
    server[..HEAD].copy_from_slice(&head);
    server[HEAD..].copy_from_slice(&hash(key, cookie, head, client));
    server
}

/// The hash of a server cookie that begins with `head` (RFC 9018, 4.4).
fn hash(key: &[u8; 16], cookie: [u8; CLIENT], head: [u8; HEAD], client: IpAddr) -> [u8; 8] {
    let mut input = [0; CLIENT + HEAD + 16];
    input[..CLIENT].copy_from_slice(&cookie);
    input[CLIENT..][..HEAD].copy_from_slice(&head);
    let address = &mut input[CLIENT + HEAD..];
    let length = match client {
        IpAddr::V4(v4) => {
            address[..4].copy_from_slice(&v4.octets());
            4
        }
        IpAddr::V6(v6) => {
            address.copy_from_slice(&v6.octets());
            16
        }
    };
    siphash_2_4(key, &input[..CLIENT + HEAD + length])
}

/// `SipHash`-2-4 of these bytes, as RFC 9018 asks for it.
fn siphash_2_4(key: &[u8; 16], bytes: &[u8]) -> [u8; 8] {
    let [half, other] = [0, 8].map(|at| {
        let mut half = [0; 8];
        half.copy_from_slice(&key[at..at + 8]);
        u64::from_le_bytes(half)
    });
    #[expect(
        deprecated,
        reason = "its replacement may change the algorithm; this one is SipHash-2-4 for good"
    )]
    let mut hasher = std::hash::SipHasher::new_with_keys(half, other);
    hasher.write(bytes);
    hasher.finish().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        let number = u128::from_str_radix(hex, 16).unwrap().to_be_bytes();
        *number.last_chunk().unwrap()
    }

    /// The secret of RFC 9018, appendix A, but for its last example.
    const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

    /// What a client is answered that shows these cookies.
    fn answer(keys: &[&str], client: &str, server: &str, ip: &str, now: u32) -> (String, bool) {
        let keys = CookieKeys::new(keys.iter().map(|key| bytes(key))).unwrap();
        let server: Vec<u8> = match server {
            "" => Vec::new(),
            text => bytes::<16>(text).into(),
        };
        let cookie = Cookie {
            client: bytes(client),
            server: &server,
        };
        let (both, valid) = keys.answer(&cookie, ip.parse().unwrap(), now);
        let hex = both[8..].iter().map(|byte| format!("{byte:02x}"));
        (hex.collect(), valid)
    }

    #[test]
    fn the_examples_of_rfc_9018_come_out() {
        let first = "010000005cf79f111f8130c3eee29480";
        let learnt = answer(
            &[SECRET],
            "2464c4abcf10c957",
            "",
            "198.51.100.100",
            0x5cf7_9f11,
        );
        assert_eq!(learnt, (first.into(), false), "A.1");
        // A.2 is forty minutes later, so the client gets a new one.
        let renewed = answer(
            &[SECRET],
            "2464c4abcf10c957",
            first,
            "198.51.100.100",
            0x5cf7_a871,
        );
        let second = "010000005cf7a871d4a564a1442aca77";
        assert_eq!(renewed, (second.into(), true), "A.2");
        // A.3: the reserved bytes are not zero. This is the time that the cookie was made.
        let shown = "01abcdef5cf78f71a314227b6679ebf5";
        let taken = answer(
            &[SECRET],
            "fc93fc62807ddb86",
            shown,
            "203.0.113.203",
            0x5cf7_8f71,
        );
        assert_eq!(taken, (shown.into(), true), "A.3");
        // A.4: another client, over IPv6, whose server has two keys.
        let old = "dd3bdf9344b678b185a6f5cb60fca715";
        let new = "445536bcd2513298075a5d379663c962";
        let shown = "010000005cf7c57926556bd0934c72f8";
        let ip = "2001:db8:220:1:59de:d0f4:8769:82b8";
        let (rolled, valid) = answer(&[new, old], "22681ab97d52c298", shown, ip, 0x5cf7_c609);
        assert!(valid, "A.4");
        assert_eq!(rolled, "010000005cf7c609a6bb79d16625507a", "by the new key");
    }

    #[test]
    fn a_cookie_is_for_one_client_one_key_and_one_hour() {
        let (client, ip, now) = ("2464c4abcf10c957", "192.0.2.1", 1_000_000);
        let (server, _) = answer(&[SECRET], client, "", ip, now);
        let valid =
            |client: &str, ip: &str, key: &str, at: u32| answer(&[key], client, &server, ip, at).1;
        assert!(valid(client, ip, SECRET, now));
        assert!(valid(client, ip, SECRET, now + 3600));
        assert!(!valid(client, ip, SECRET, now + 3601));
        assert!(valid(client, ip, SECRET, now - 300));
        assert!(!valid(client, ip, SECRET, now - 301));
        assert!(!valid("2464c4abcf10c958", ip, SECRET, now));
        assert!(!valid(client, "192.0.2.2", SECRET, now));
        assert!(!valid(client, ip, "e5e973e5a6b2a43f48e7dc849e37bfce", now));
        // No other version is known, not even with a hash that fits.
        let of_version = |version| {
            let [a, b, c, d] = u32::to_be_bytes(now);
            let head = [version, 0, 0, 0, a, b, c, d];
            let hash = hash(&bytes(SECRET), bytes(client), head, ip.parse().unwrap());
            let server = u128::from_be_bytes(*[head, hash].concat().first_chunk().unwrap());
            answer(&[SECRET], client, &format!("{server:032x}"), ip, now).1
        };
        assert!(of_version(1) && !of_version(2));
        // At the end of the clock too.
        let (server, _) = answer(&[SECRET], client, "", ip, u32::MAX);
        assert!(answer(&[SECRET], client, &server, ip, 10).1);
    }

    #[test]
    fn random_keys_differ_and_stay_secret() {
        let [one, two] = [CookieKeys::random(), CookieKeys::random()];
        assert_ne!(one, two);
        assert_eq!(format!("{one:?}"), "CookieKeys(1 keys)");
    }
}
