//! Signed messages: TSIG (RFC 8945).
//!
//! # What is signed
//! ```text
//!   a request            the message │ the TSIG record's fields
//!   a reply              the request's MAC │ the message │ the TSIG record's fields
//!   the next of a stream the MAC before │ the message │ its time
//! ```
//! The MAC is an HMAC of that. Every message of a transfer has one (RFC 8945, 5.3.1).
//!
//! # Which requests are accepted
//! In this order (RFC 8945, 5.2), each with the reply to a request that fails:
//! 1. The key is known under this name and algorithm; else NOTAUTH with BADKEY, unsigned.
//! 2. The MAC is right; else NOTAUTH with BADSIG, unsigned.
//! 3. The time lies within the fudge; else NOTAUTH with BADTIME and the server's time, signed.
//! 4. The MAC is not cut short; else NOTAUTH with BADTRUNC, signed.
//!
//! An error is signed unless the request may be forged (RFC 8945, 5.3.2). A MAC that no
//! implementation may send is FORMERR: longer than the algorithm's, or shorter than half of it or
//! than 10 bytes.
//!
//! The signature comes first. So the reply to a request that is signed well and has some other
//! mistake says so and is signed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use plan_store::EndpointName;
use sha2::{Sha256, Sha512};

use crate::query::{HEADER, LowerName};
use crate::request::{BADKEY, Problem, Request, Tsig, record};
#[cfg(feature = "transfer")]
use crate::transfer::Refusal;
use crate::zone::Zones;

const BADSIG: u16 = 16;
const BADTIME: u16 = 18;
const BADTRUNC: u16 = 22;
const CLASS_ANY: u16 = 255;
/// By how many seconds two clocks may differ (RFC 8945, 10).
const FUDGE: u16 = 300;
/// Fewest bytes of a MAC that is cut short (RFC 8945, 5.2.2.1).
const SHORTEST: usize = 10;
/// Fewest bytes of a secret: 128 bits.
const MIN_SECRET: usize = 16;

/// A key that messages are signed with. Both ends know it; nobody else may.
///
/// It is read from a text such as `hmac-sha256:transfer.example:c2VjcmV0IGtleSBvZiBhIHpvbmU=`:
/// the algorithm, the key's name, and the secret in base64, as `dig -y` takes them.
#[derive(Clone)]
pub struct TsigKey {
    name: EndpointName,
    /// In wire format and lower case.
    wire: Box<[u8]>,
    hash: Hash,
    /// Only to tell keys apart.
    secret: Box<[u8]>,
}

/// An HMAC that has been given the secret.
#[derive(Clone)]
enum Hash {
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Hash {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    fn mac(self) -> Vec<u8> {
        match self {
            Self::Sha256(hash) => hash.finalize().into_bytes().to_vec(),
            Self::Sha512(hash) => hash.finalize().into_bytes().to_vec(),
        }
    }

    /// Whether the MAC begins with these bytes. Takes the same time for all of them.
    fn begins_with(self, mac: &[u8]) -> bool {
        let verified = match self {
            Self::Sha256(hash) => hash.verify_truncated_left(mac),
            Self::Sha512(hash) => hash.verify_truncated_left(mac),
        };
        verified.is_ok()
    }

    /// Bytes of a MAC.
    fn length(&self) -> usize {
        match self {
            Self::Sha256(_) => 32,
            Self::Sha512(_) => 64,
        }
    }

    /// The algorithm's name in wire format and lower case.
    fn algorithm(&self) -> &'static [u8] {
        match self {
            Self::Sha256(_) => b"\x0bhmac-sha256\0",
            Self::Sha512(_) => b"\x0bhmac-sha512\0",
        }
    }
}

/// Why a text is not a TSIG key. It never repeats the secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTsigKey {
    /// It does not have three parts.
    #[error("this is no TSIG key; write ALGORITHM:NAME:SECRET, such as hmac-sha256:key.example:…")]
    Parts,
    /// The algorithm is not known.
    #[error("the algorithm is neither `hmac-sha256` nor `hmac-sha512`; use one of them")]
    Algorithm,
    /// The name is not a DNS name.
    #[error("the key's name is not a DNS name; use one such as key.example")]
    Name,
    /// The secret is not base64.
    #[error("the secret is not base64; make one with `openssl rand -base64 32`")]
    Secret,
    /// The secret is short enough to be guessed.
    #[error(
        "the secret has fewer than {MIN_SECRET} bytes; make one with `openssl rand -base64 32`"
    )]
    TooShort,
}

impl TsigKey {
    /// Its name.
    pub fn name(&self) -> &EndpointName {
        &self.name
    }

    /// The name in wire format and lower case.
    pub(crate) fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The HMAC of the fields of a TSIG record after what comes before them.
    fn hash(&self, before: &[&[u8]], fields: &Fields<'_>) -> Hash {
        let mut hash = self.hash.clone();
        for bytes in before {
            hash.update(bytes);
        }
        hash.update(&self.wire);
        for number in [CLASS_ANY, 0, 0] {
            hash.update(&number.to_be_bytes());
        }
        hash.update(self.hash.algorithm());
        hash.update(&fields.time_and_fudge);
        hash.update(&fields.error.to_be_bytes());
        hash.update(&length(fields.other));
        hash.update(fields.other);
        hash
    }

    /// The TSIG record with these fields.
    fn record(&self, id: [u8; 2], mac: &[u8], fields: &Fields<'_>) -> Vec<u8> {
        let mut data = self.hash.algorithm().to_vec();
        data.extend(fields.time_and_fudge);
        data.extend(length(mac));
        data.extend(mac);
        data.extend(id);
        data.extend(fields.error.to_be_bytes());
        data.extend(length(fields.other));
        data.extend(fields.other);
        record(&self.wire, &data)
    }
}

/// Fields of a TSIG record that the MAC covers.
struct Fields<'f> {
    time_and_fudge: [u8; 8],
    error: u16,
    other: &'f [u8],
}

impl Fields<'_> {
    /// Those of a message that is signed at this time and has no error.
    fn at(now: u64) -> Self {
        Self {
            time_and_fudge: time_and_fudge(now),
            error: 0,
            other: &[],
        }
    }
}

impl FromStr for TsigKey {
    type Err = InvalidTsigKey;

    fn from_str(text: &str) -> Result<Self, InvalidTsigKey> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(InvalidTsigKey::Parts);
        let (algorithm, name, secret) = (part()?, part()?, part()?);
        let secret = BASE64.decode(secret.as_bytes());
        let secret = secret.map_err(|_| InvalidTsigKey::Secret)?;
        // An HMAC takes a secret of any length.
        let hash = match algorithm.to_ascii_lowercase().as_str() {
            "hmac-sha256" => Hmac::new_from_slice(&secret).map(Hash::Sha256),
            "hmac-sha512" => Hmac::new_from_slice(&secret).map(Hash::Sha512),
            _ => return Err(InvalidTsigKey::Algorithm),
        };
        let name: EndpointName = name.parse().map_err(|_| InvalidTsigKey::Name)?;
        if secret.len() < MIN_SECRET {
            return Err(InvalidTsigKey::TooShort);
        }
        Ok(Self {
            wire: wire(&name).into(),
            name,
            hash: hash.map_err(|_| InvalidTsigKey::Secret)?,
            secret: secret.into(),
        })
    }
}

impl PartialEq for TsigKey {
    fn eq(&self, other: &Self) -> bool {
        let algorithm = |key: &Self| key.hash.algorithm();
        (&self.wire, algorithm(self), &self.secret)
            == (&other.wire, algorithm(other), &other.secret)
    }
}

impl Eq for TsigKey {}

/// Without the secret.
impl fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TsigKey").field(&self.name).finish()
    }
}

/// The name in wire format.
pub(crate) fn wire(name: &EndpointName) -> Vec<u8> {
    let mut wire = Vec::with_capacity(name.as_str().len() + 2);
    for label in name.as_str().split('.') {
        // A label has at most 63 bytes.
        wire.push(u8::try_from(label.len()).unwrap_or(0));
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// Signs the messages of a reply.
#[derive(Debug)]
pub(crate) struct Signer {
    key: Arc<TsigKey>,
    /// The MAC of the message before: at first the request's.
    before: Vec<u8>,
    is_first: bool,
    /// What is wrong with the request.
    error: Option<Error>,
}

/// What is wrong with a request that was signed with the key.
#[derive(Debug)]
enum Error {
    /// It was signed at this time, with this fudge.
    Time([u8; 8]),
    /// Its MAC is cut short.
    Truncated,
}

impl Signer {
    /// Whether nothing is wrong with the request's signature.
    pub(crate) fn is_accepted(&self) -> bool {
        self.error.is_none()
    }

    /// The key that the request was signed with.
    pub(crate) fn key(&self) -> &TsigKey {
        &self.key
    }

    /// Bytes of the TSIG record.
    pub(crate) fn len(&self) -> usize {
        const FIXED: usize = 10 + 8 + 2 + 2 + 2 + 2;
        let other = match self.error {
            Some(Error::Time(_)) => 6,
            Some(Error::Truncated) | None => 0,
        };
        self.key.wire.len()
            + FIXED
            + self.key.hash.algorithm().len()
            + self.key.hash.length()
            + other
    }

    /// Signs this message, which is a whole one without a TSIG record.
    pub(crate) fn sign(&mut self, message: &mut Vec<u8>) {
        self.sign_at(message, now());
    }

    fn sign_at(&mut self, message: &mut Vec<u8>, now: u64) {
        let server = time_and_fudge(now);
        let fields = match self.error {
            Some(Error::Time(time_and_fudge)) => Fields {
                time_and_fudge,
                error: BADTIME,
                other: &server[..6],
            },
            Some(Error::Truncated) => Fields {
                error: BADTRUNC,
                ..Fields::at(now)
            },
            None => Fields::at(now),
        };
        let before = [&length(&self.before)[..], &self.before, message];
        let mac = if self.is_first {
            self.key.hash(&before, &fields).mac()
        } else {
            let mut hash = self.key.hash.clone();
            for bytes in before {
                hash.update(bytes);
            }
            hash.update(&fields.time_and_fudge);
            hash.mac()
        };
        append(message, &self.key, &mac, &fields);
        self.before = mac;
        self.is_first = false;
    }
}

/// Signs a request, and returns its MAC.
pub(crate) fn sign_request(key: &TsigKey, message: &mut Vec<u8>) -> Vec<u8> {
    let fields = Fields::at(now());
    let mac = key.hash(&[message], &fields).mac();
    append(message, key, &mac, &fields);
    mac
}

/// Whether this reply to a request with this MAC is signed with the key, and at this time.
pub(crate) fn is_signed_reply(packet: &[u8], key: &TsigKey, request: &[u8]) -> bool {
    Tsig::of(packet).is_some_and(|tsig| {
        let covered = covered(packet, &tsig);
        let before = [&length(request)[..], request, &covered];
        let is_key = LowerName::of(&tsig.key).as_bytes() == &*key.wire
            && tsig.signature.mac.len() == key.hash.length();
        is_key
            && key
                .hash(&before, &tsig.fields())
                .begins_with(tsig.signature.mac)
            && tsig.is_timely(now())
    })
}

/// Why a transfer with this problem is refused, if that is because of its signature.
#[cfg(feature = "transfer")]
pub(crate) fn refusal(problem: &Problem, signer: Option<&Signer>) -> Option<Refusal> {
    let Problem::NotAuth(record) = problem else {
        return None;
    };
    // Of a record that is not signed, the TSIG error stands in front of the last field, which is
    // empty.
    let error = record
        .last_chunk()
        .map(|&[high, low, _, _]| u16::from_be_bytes([high, low]));
    Some(
        match (signer.and_then(|signer| signer.error.as_ref()), error) {
            (Some(Error::Time(_)), _) => Refusal::Time,
            (None, Some(BADKEY)) => Refusal::UnknownKey,
            _ => Refusal::Signature,
        },
    )
}

/// Looks at the signature of a request, if it has one. If it is not accepted, that is the problem
/// of the request. Returns what signs the reply.
pub(crate) fn check(packet: &[u8], request: &mut Request<'_>, zones: &Zones) -> Option<Signer> {
    let checked = request.tsig.as_ref()?.check(packet, zones, now());
    match checked {
        Ok(signer) => {
            if !signer.is_accepted() {
                request.problem = Some(Problem::NotAuth(Vec::new()));
            }
            Some(signer)
        }
        Err(problem) => {
            request.problem = Some(problem);
            None
        }
    }
}

impl Tsig<'_> {
    fn check(&self, packet: &[u8], zones: &Zones, now: u64) -> Result<Signer, Problem> {
        let refused = |error| Problem::NotAuth(self.refusal(error));
        let key = zones.key(LowerName::of(&self.key).as_bytes()).cloned();
        let algorithm = LowerName::of(self.algorithm);
        let key = key.filter(|key| key.hash.algorithm() == algorithm.as_bytes());
        let key = key.ok_or_else(|| refused(BADKEY))?;
        let (mac, whole) = (self.signature.mac, key.hash.length());
        if !(SHORTEST.max(whole / 2)..=whole).contains(&mac.len()) {
            return Err(Problem::FormErr);
        }
        let hash = key.hash(&[&covered(packet, self)], &self.fields());
        if !hash.begins_with(mac) {
            return Err(refused(BADSIG));
        }
        let error = if !self.is_timely(now) {
            Some(Error::Time(self.time_and_fudge))
        } else if mac.len() < whole {
            Some(Error::Truncated)
        } else {
            None
        };
        Ok(Signer {
            before: mac.to_vec(),
            key,
            is_first: true,
            error,
        })
    }

    fn fields(&self) -> Fields<'_> {
        Fields {
            time_and_fudge: self.time_and_fudge,
            error: self.signature.error,
            other: self.signature.other,
        }
    }

    fn is_timely(&self, now: u64) -> bool {
        let both = u64::from_be_bytes(self.time_and_fudge);
        let (time, fudge) = (both >> 16, both & u64::from(u16::MAX));
        now.abs_diff(time) <= fudge
    }
}

/// What of a signed message the MAC covers: the message as it was before it was signed.
fn covered(packet: &[u8], tsig: &Tsig<'_>) -> Vec<u8> {
    let mut message = packet
        .get(..tsig.signature.start)
        .unwrap_or_default()
        .to_vec();
    if let [id @ .., _, _, _, _, _, _, _, _, high, low] =
        message.get_mut(..HEADER).unwrap_or_default()
    {
        id.copy_from_slice(&tsig.id.to_be_bytes());
        let additionals = u16::from_be_bytes([*high, *low]).saturating_sub(1);
        [*high, *low] = additionals.to_be_bytes();
    }
    message
}

/// Appends the TSIG record to a message, and counts it.
fn append(message: &mut Vec<u8>, key: &TsigKey, mac: &[u8], fields: &Fields<'_>) {
    let id = message.first_chunk().copied().unwrap_or_default();
    message.extend(key.record(id, mac, fields));
    if let [.., high, low] = message.get_mut(..HEADER).unwrap_or_default() {
        let additionals = u16::from_be_bytes([*high, *low]).saturating_add(1);
        [*high, *low] = additionals.to_be_bytes();
    }
}

/// The length as a message has it. All of them are short.
fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap_or(0).to_be_bytes()
}

fn time_and_fudge(now: u64) -> [u8; 8] {
    (now << 16 | u64::from(FUDGE)).to_be_bytes()
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
