//! What the server says to a client that signs.

use std::sync::Arc;

use data_encoding::BASE64;
use dns_server::{InvalidTsigKey, NameServer, Outcome, Responder, Secondary, TsigKey, Zone, Zones};
use hickory_proto::op::{Edns, Message, OpCode};
use hickory_proto::rr::RecordType;
use plan_store::{MemoryStore, PlanStore, Retention};

use crate::signing::{BADTIME, SECRET, Signing, key};
use crate::world::{ask, name, query};

const BADSIG: u16 = 16;
const BADKEY: u16 = 17;
const BADTRUNC: u16 = 22;

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
