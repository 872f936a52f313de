//! A client that signs, written from RFC 8945 alone, and what the server says to it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use dns_server::{InvalidTsigKey, NameServer, Outcome, Responder, Secondary, TsigKey, Zone, Zones};
use hickory_proto::op::{Edns, Message, OpCode};
use hickory_proto::rr::RecordType;
use hmac::{Hmac, KeyInit, Mac};
use plan_store::{MemoryStore, PlanStore, Retention};
use sha2::{Sha256, Sha512};

use crate::world::{ask, name, query};

pub(crate) const SECRET: &[u8] = b"a secret that only the tests know";
const BADSIG: u16 = 16;
const BADKEY: u16 = 17;
const BADTIME: u16 = 18;
const BADTRUNC: u16 = 22;

/// The key `key.test` as the server has it.
pub(crate) fn key(algorithm: &str) -> Arc<TsigKey> {
    let text = format!("{algorithm}:key.test:{}", BASE64.encode(SECRET));
    Arc::new(text.parse().unwrap())
}

/// How a client signs.
#[derive(Clone)]
pub(crate) struct Signing {
    pub(crate) algorithm: &'static str,
    pub(crate) key: &'static [u8],
    pub(crate) secret: Vec<u8>,
    pub(crate) time: u64,
    pub(crate) fudge: u16,
    /// How many bytes of the MAC are sent.
    pub(crate) length: usize,
}

impl Signing {
    pub(crate) fn right(algorithm: &'static str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self {
            algorithm,
            key: b"\x03KEY\x04test\0",
            secret: SECRET.to_vec(),
            time: now.as_secs(),
            fudge: 300,
            length: usize::MAX,
        }
    }

    fn mac(&self, bytes: &[u8]) -> Vec<u8> {
        if self.algorithm == "hmac-sha512" {
            let hash = Hmac::<Sha512>::new_from_slice(&self.secret).unwrap();
            hash.chain_update(bytes).finalize().into_bytes().to_vec()
        } else {
            let hash = Hmac::<Sha256>::new_from_slice(&self.secret).unwrap();
            hash.chain_update(bytes).finalize().into_bytes().to_vec()
        }
    }

    fn algorithm_name(&self) -> Vec<u8> {
        let length = u8::try_from(self.algorithm.len()).unwrap();
        [&[length], self.algorithm.as_bytes(), &[0]].concat()
    }

    fn time(&self) -> Vec<u8> {
        [&self.time.to_be_bytes()[2..], &self.fudge.to_be_bytes()].concat()
    }

    /// The fields that a MAC covers.
    fn fields(&self, error: u16, other: &[u8]) -> Vec<u8> {
        let length = u16::try_from(other.len()).unwrap();
        [
            &self.key.to_ascii_lowercase()[..],
            &[0, 255, 0, 0, 0, 0],
            &self.algorithm_name(),
            &self.time(),
            &error.to_be_bytes(),
            &length.to_be_bytes(),
            other,
        ]
        .concat()
    }

    /// The signed reply to a request with this MAC.
    pub(crate) fn sign_reply(&self, packet: &[u8], request: &[u8]) -> Vec<u8> {
        let length = u16::try_from(request.len()).unwrap().to_be_bytes();
        self.sign_after(&[&length, request].concat(), packet).0
    }

    /// The signed packet, and its MAC.
    pub(crate) fn sign(&self, packet: &[u8]) -> (Vec<u8>, Vec<u8>) {
        self.sign_after(&[], packet)
    }

    fn sign_after(&self, before: &[u8], packet: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut mac = self.mac(&[before, packet, &self.fields(0, &[])].concat());
        mac.truncate(self.length);
        let length = u16::try_from(mac.len()).unwrap().to_be_bytes();
        let data = [
            &self.algorithm_name()[..],
            &self.time(),
            &length,
            &mac,
            &packet[..2],
            &[0; 4],
        ]
        .concat();
        let mut packet = packet.to_vec();
        packet[11] += 1;
        packet.extend(self.key);
        packet.extend([0, 250, 0, 255, 0, 0, 0, 0]);
        packet.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        packet.extend(data);
        (packet, mac)
    }

    /// Checks the signature of a reply after a message with this MAC, and returns the reply
    /// without it, its MAC, and its error. `is_first` of a stream.
    pub(crate) fn check(
        &self,
        reply: &[u8],
        before: &[u8],
        is_first: bool,
    ) -> (Vec<u8>, Vec<u8>, u16) {
        let name = [&self.key.to_ascii_lowercase()[..], &[0, 250, 0, 255]].concat();
        let lower = reply.to_ascii_lowercase();
        let start = lower.windows(name.len()).rposition(|at| at == name);
        let start = start.unwrap();
        let data = &reply[start + name.len() + 6..];
        let after = |at: usize| &data[self.algorithm_name().len() + at..];
        let number = |at: usize| u16::from_be_bytes([after(at)[0], after(at)[1]]);
        let length = usize::from(number(8));
        let mac = after(10)[..length].to_vec();
        assert_eq!(after(10 + length)[..2], reply[..2], "the id");
        let error = number(12 + length);
        let other = &after(16 + length)[..usize::from(number(14 + length))];
        assert_eq!(
            after(16 + length).len(),
            other.len(),
            "it is the last record"
        );
        let mut message = reply[..start].to_vec();
        message[11] -= 1;
        let signed = Self {
            time: u64::from_be_bytes([&[0, 0], &after(0)[..6]].concat().try_into().unwrap()),
            fudge: number(6),
            ..self.clone()
        };
        if length > 0 {
            let fields = if is_first {
                signed.fields(error, other)
            } else {
                signed.time()
            };
            let before_length = u16::try_from(before.len()).unwrap().to_be_bytes();
            let covered = [&before_length[..], before, &message, &fields].concat();
            assert_eq!(mac, self.mac(&covered), "the MAC");
        }
        if error == BADTIME {
            assert_eq!(signed.time, self.time, "the client's time");
            let now = u64::from_be_bytes([&[0, 0], other].concat().try_into().unwrap());
            assert!(now.abs_diff(Self::right("").time) < 60, "the server's time");
        } else {
            assert_eq!(other, [0_u8; 0]);
        }
        (message, mac, error)
    }
}

/// A responder of a zone with a secondary that has this key.
fn responder(algorithm: &str) -> Responder<<MemoryStore as PlanStore>::Reader> {
    let name_server = NameServer {
        name: name("ns1.shop.example"),
        addresses: vec!["192.0.2.53".parse().unwrap()],
    };
    let zone = Zone::new(name("shop.example"), [name_server]).unwrap();
    let secondary = Secondary::new("192.0.2.9".parse().unwrap(), Some(key(algorithm)));
    let zones = Zones::new([zone.with_secondaries([secondary])]).unwrap();
    let reader = PlanStore::reader(&MemoryStore::new(Retention::newest(2)));
    Responder::new(reader, Arc::new(zones), 8, 7, Arc::default()).unwrap()
}

fn over_udp(algorithm: &str, packet: &[u8]) -> (Outcome, Vec<u8>) {
    let mut reply = Vec::new();
    let outcome = responder(algorithm).respond(packet, dns_server::Transport::Udp, &mut reply);
    (outcome, reply)
}

#[test]
fn the_answer_to_a_signed_query_is_signed() {
    for algorithm in ["hmac-sha256", "hmac-sha512"] {
        let signing = Signing::right(algorithm);
        let mut edns = query("shop.example", RecordType::NS);
        edns.edns = Some(hickory_proto::op::Edns::new());
        let packets = [
            (ask("shop.example", RecordType::SOA), Outcome::Answer),
            (edns.to_vec().unwrap(), Outcome::Answer),
            (ask("elsewhere.test", RecordType::A), Outcome::Refused),
            (ask("nobody.shop.example", RecordType::A), Outcome::NxDomain),
            // A transfer over UDP, and one by a client that is no secondary.
            (ask("shop.example", RecordType::AXFR), Outcome::Refused),
        ];
        for (packet, expected) in packets {
            let (packet, mac) = signing.sign(&packet);
            let (outcome, reply) = over_udp(algorithm, &packet);
            assert_eq!(outcome, expected);
            let (message, _, error) = signing.check(&reply, &mac, true);
            assert_eq!(error, 0);
            Message::from_vec(&message).unwrap();
        }
    }
}

#[test]
fn a_signature_that_is_not_right_is_refused_with_the_reason() {
    let right = || Signing::right("hmac-sha256");
    let (packet, _) = right().sign(&ask("shop.example", RecordType::SOA));
    let mut changed = packet.clone();
    changed[13] ^= 0x20; // The case of a letter of the question.
    let sign = |signing: &Signing| signing.sign(&ask("shop.example", RecordType::SOA)).0;
    let guessed = Signing {
        secret: b"a secret that nobody else knows".to_vec(),
        ..right()
    };
    let early = Signing {
        time: right().time - 301,
        ..right()
    };
    let cut = |length| Signing { length, ..right() };
    let other_key = Signing {
        key: b"\x05other\x04test\0",
        ..right()
    };
    let cases = [
        (right(), packet, Outcome::Answer, 0),
        (right(), changed, Outcome::NotAuth, BADSIG),
        (guessed.clone(), sign(&guessed), Outcome::NotAuth, BADSIG),
        (early.clone(), sign(&early), Outcome::NotAuth, BADTIME),
        (cut(16), sign(&cut(16)), Outcome::NotAuth, BADTRUNC),
        (
            other_key.clone(),
            sign(&other_key),
            Outcome::NotAuth,
            BADKEY,
        ),
        (
            Signing::right("hmac-sha512"),
            sign(&Signing::right("hmac-sha512")),
            Outcome::NotAuth,
            BADKEY,
        ),
    ];
    for (signing, packet, expected, expected_error) in cases {
        let (outcome, reply) = over_udp("hmac-sha256", &packet);
        assert_eq!(outcome, expected, "error {expected_error}");
        let mac = Tail::mac_of(&packet, &signing);
        let (message, mac, error) = signing.check(&reply, &mac, true);
        assert_eq!(error, expected_error);
        let is_signed = matches!(error, 0 | BADTIME | BADTRUNC);
        assert_eq!(!mac.is_empty(), is_signed, "error {error}");
        let code = message[3] & 0x0f;
        assert_eq!(code, if error == 0 { 0 } else { 9 });
    }
    // Shorter than any MAC may be.
    let (outcome, _) = over_udp("hmac-sha256", &sign(&cut(15)));
    assert_eq!(outcome, Outcome::FormErr);
}

/// RFC 8945, 5.2: the signature is looked at before everything else.
#[test]
fn the_reply_to_a_mistake_in_a_signed_request_is_signed() {
    let right = || Signing::right("hmac-sha256");
    let soa = || query("shop.example", RecordType::SOA);
    let mut update = soa();
    update.metadata.op_code = OpCode::Update;
    let mut two = soa();
    two.add_query(query("elsewhere.test", RecordType::SOA).queries[0].clone());
    let mut later = soa();
    let mut edns = Edns::new();
    edns.set_version(1);
    later.set_edns(edns);
    let requests = [
        (update, Outcome::NotImp),
        (two, Outcome::FormErr),
        (later, Outcome::BadVers),
    ];
    for (request, expected) in requests {
        let request = request.to_vec().unwrap();
        let (packet, mac) = right().sign(&request);
        let (outcome, reply) = over_udp("hmac-sha256", &packet);
        assert_eq!(outcome, expected);
        let (_, signature, error) = right().check(&reply, &mac, true);
        assert!(error == 0 && !signature.is_empty());
        let guessed = Signing {
            secret: b"a secret that nobody else knows".to_vec(),
            ..right()
        };
        let (packet, mac) = guessed.sign(&request);
        let (outcome, reply) = over_udp("hmac-sha256", &packet);
        assert_eq!(outcome, Outcome::NotAuth, "instead of {expected:?}");
        let (_, signature, error) = guessed.check(&reply, &mac, true);
        assert!(error == BADSIG && signature.is_empty());
    }
}

/// The end of a signed request.
struct Tail;

impl Tail {
    fn mac_of(packet: &[u8], signing: &Signing) -> Vec<u8> {
        let most = if signing.algorithm == "hmac-sha512" {
            64
        } else {
            32
        };
        let length = signing.length.min(most);
        let end = packet.len() - 6;
        packet[end - length..end].to_vec()
    }
}

#[test]
fn a_text_that_is_no_key_is_refused_without_showing_it() {
    let secret = BASE64.encode(SECRET);
    let cases = [
        ("hmac-sha256:key.test".into(), InvalidTsigKey::Parts),
        (
            format!("hmac-md5:key.test:{secret}"),
            InvalidTsigKey::Algorithm,
        ),
        (format!("hmac-sha256:-:{secret}"), InvalidTsigKey::Name),
        ("hmac-sha256:key.test:!".into(), InvalidTsigKey::Secret),
        (
            "hmac-sha256:key.test:c2hvcnQ=".into(),
            InvalidTsigKey::TooShort,
        ),
    ];
    for (text, expected) in cases {
        let error = text.parse::<TsigKey>().unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains(&secret));
    }
    let key: TsigKey = format!("HMAC-SHA512:Key.Test.:{secret}").parse().unwrap();
    assert_eq!(key.name().as_str(), "key.test");
    assert_eq!(format!("{key:?}"), "TsigKey(key.test)");
}

#[test]
fn two_keys_of_one_name_are_refused() {
    let zone = |apex: &str, algorithm| {
        let name_server = NameServer {
            name: name("ns.elsewhere.test"),
            addresses: Vec::new(),
        };
        let secondary = Secondary::new("192.0.2.9".parse().unwrap(), Some(key(algorithm)));
        Zone::new(name(apex), [name_server])
            .unwrap()
            .with_secondaries([secondary])
    };
    let same = [zone("a.test", "hmac-sha256"), zone("b.test", "hmac-sha256")];
    assert!(Zones::new(same).is_ok());
    let two = [zone("a.test", "hmac-sha256"), zone("b.test", "hmac-sha512")];
    let error = Zones::new(two).unwrap_err().to_string();
    assert!(
        error.contains("zone b.test has another TSIG key `key.test`"),
        "{error}"
    );
}
