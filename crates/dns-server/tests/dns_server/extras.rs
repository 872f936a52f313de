//! EDNS options that are acted on, and questions about the server itself.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use dns_server::{Client, CookieKeys, Extras, Outcome, ServerText, Transport};
use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{DNSClass, RecordType};

use crate::world::{Reply, World, query};

const NSID: u16 = 3;
const COOKIE: u16 = 10;
const KEEPALIVE: u16 = 11;

fn extras() -> Extras {
    Extras {
        cookie_keys: CookieKeys::new([[7; 16]]).unwrap(),
        nsid: ServerText::new("ams-1"),
        version: ServerText::new("enact 1"),
    }
}

fn world() -> World {
    World::new(8).with_extras(extras(), Duration::from_millis(12_300))
}

fn from(address: &str, transport: Transport) -> Client {
    Client {
        transport,
        address: Some(address.parse::<IpAddr>().unwrap()),
    }
}

fn udp() -> Client {
    from("192.0.2.77", Transport::Udp)
}

/// A query with these options.
fn asking(name: &str, record_type: RecordType, options: &[(u16, &[u8])]) -> Message {
    let mut message = query(name, record_type);
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    for (code, data) in options {
        let option = EdnsOption::Unknown(*code, data.to_vec());
        edns.options_mut().insert(option);
    }
    message.set_edns(edns);
    message
}

fn ask(world: &mut World, client: Client, name: &str, options: &[(u16, &[u8])]) -> Reply {
    let packet = asking(name, RecordType::A, options).to_vec().unwrap();
    world.over(&packet, client)
}

/// An option of the reply. hickory may know it by name, so this looks at its bytes.
fn option(reply: &Reply, code: u16) -> Option<Vec<u8>> {
    let edns = reply.message().edns?;
    let option = edns.option(EdnsCode::from(code))?;
    Some(Vec::<u8>::try_from(option).unwrap())
}

const CLIENT: &[u8] = b"12345678";

#[test]
fn a_client_gets_a_cookie_that_is_good_for_itself() {
    let mut world = world();
    for name in ["db.shop.example", "nobody.shop.example", "elsewhere.test"] {
        let reply = ask(&mut world, udp(), name, &[(COOKIE, CLIENT)]);
        let both = option(&reply, COOKIE).unwrap();
        assert_eq!((both.len(), &both[..8]), (24, CLIENT), "{name}");
        // Shown again, it stays; from elsewhere, it does not.
        let reply = ask(&mut world, udp(), name, &[(COOKIE, &both)]);
        assert_eq!(option(&reply, COOKIE).unwrap(), both, "{name}");
        let elsewhere = from("192.0.2.78", Transport::Tcp);
        let reply = ask(&mut world, elsewhere, name, &[(COOKIE, &both)]);
        assert_ne!(option(&reply, COOKIE).unwrap(), both, "{name}");
    }
    let reply = ask(&mut world, udp(), "db.shop.example", &[(COOKIE, CLIENT)]);
    assert_eq!(reply.outcome, Outcome::Answer);
    assert_eq!(reply.message().answers.len(), 3, "a cookie costs no record");
    let reply = ask(&mut world, udp(), "db.shop.example", &[]);
    assert_eq!(option(&reply, COOKIE), None, "none shown, none given");
}

#[test]
fn servers_with_the_same_keys_take_each_others_cookies() {
    let [mut one, mut two] = [world(), world()];
    let name = "db.shop.example";
    let reply = ask(&mut one, udp(), name, &[(COOKIE, CLIENT)]);
    let both = option(&reply, COOKIE).unwrap();
    let reply = ask(&mut two, udp(), name, &[(COOKIE, &both)]);
    assert_eq!(option(&reply, COOKIE).unwrap(), both);
    let mut other = World::new(8);
    let reply = ask(&mut other, udp(), name, &[(COOKIE, &both)]);
    assert_ne!(option(&reply, COOKIE).unwrap(), both, "another key");
}

#[test]
fn a_cookie_of_a_wrong_length_is_malformed() {
    let mut world = world();
    for length in 0..=48_usize {
        let bytes = vec![b'x'; length];
        let reply = ask(&mut world, udp(), "db.shop.example", &[(COOKIE, &bytes)]);
        let good = length == 8 || (16..=40).contains(&length);
        let outcome = if good {
            Outcome::Answer
        } else {
            Outcome::FormErr
        };
        assert_eq!(reply.outcome, outcome, "{length}");
        assert!(reply.message().edns.is_some(), "{length}");
    }
}

/// RFC 7873, 5.4.
#[test]
fn a_cookie_can_be_asked_for_without_a_question() {
    let mut world = world();
    let mut ask = |options: &[(u16, &[u8])]| {
        let mut message = asking("db.shop.example", RecordType::A, options);
        message.queries.clear();
        world.over(&message.to_vec().unwrap(), udp())
    };
    let reply = ask(&[(COOKIE, CLIENT)]);
    assert_eq!(reply.outcome, Outcome::Cookie);
    let message = reply.message();
    assert_eq!(message.metadata.response_code, ResponseCode::NoError);
    assert!(message.queries.is_empty() && message.answers.is_empty());
    let both = option(&reply, COOKIE).unwrap();
    let reply = ask(&[(COOKIE, &both)]);
    let code = reply.message().metadata.response_code;
    assert_eq!(code, ResponseCode::NoError, "it is confirmed");
    let mut wrong = both.clone();
    wrong[23] ^= 1;
    let reply = ask(&[(COOKIE, &wrong)]);
    let code = reply.message().metadata.response_code;
    assert_eq!(code, ResponseCode::BADCOOKIE);
    assert_eq!(ask(&[]).outcome, Outcome::FormErr, "no question, no cookie");
}

#[test]
fn the_servers_name_is_for_clients_that_ask() {
    let mut named = world();
    let reply = ask(&mut named, udp(), "db.shop.example", &[(NSID, b"")]);
    assert_eq!(option(&reply, NSID).unwrap(), b"ams-1");
    let reply = ask(&mut named, udp(), "db.shop.example", &[]);
    assert_eq!(option(&reply, NSID), None);
    let mut nameless = World::new(8);
    let reply = ask(&mut nameless, udp(), "db.shop.example", &[(NSID, b"")]);
    assert_eq!(option(&reply, NSID), None);
}

#[test]
fn questions_about_the_server_are_answered_if_it_is_to_say_so() {
    let chaos = |name: &str, record_type| {
        let mut message = query(name, record_type);
        message.queries[0].set_query_class(DNSClass::CH);
        message.to_vec().unwrap()
    };
    let mut named = world();
    for (name, says) in [
        ("version.bind", "enact 1"),
        ("VERSION.server", "enact 1"),
        ("hostname.bind", "ams-1"),
        ("id.server", "ams-1"),
    ] {
        let reply = named.ask(&chaos(name, RecordType::TXT));
        let [record] = &reply.message().answers[..] else {
            panic!("{name}: {}", reply.message());
        };
        assert_eq!((record.dns_class, record.ttl), (DNSClass::CH, 0), "{name}");
        assert!(record.data.to_string().contains(says), "{name}");
        let silent = World::new(8).ask(&chaos(name, RecordType::TXT));
        assert_eq!(silent.outcome, Outcome::Refused, "{name}");
        let other_type = named.ask(&chaos(name, RecordType::A));
        assert_eq!(other_type.outcome, Outcome::Refused, "{name}");
    }
    let other = named.ask(&chaos("authors.bind", RecordType::TXT));
    assert_eq!(other.outcome, Outcome::Refused);
}

/// RFC 7828.
#[test]
fn a_tcp_client_is_told_how_long_it_may_be_idle() {
    let mut world = world();
    let tcp = from("192.0.2.77", Transport::Tcp);
    let reply = ask(&mut world, tcp, "db.shop.example", &[(KEEPALIVE, b"")]);
    assert_eq!(option(&reply, KEEPALIVE).unwrap(), [0, 123], "12.3 seconds");
    let reply = ask(&mut world, udp(), "db.shop.example", &[(KEEPALIVE, b"")]);
    assert_eq!(option(&reply, KEEPALIVE), None, "not over UDP");
    let reply = ask(&mut world, tcp, "db.shop.example", &[]);
    assert_eq!(option(&reply, KEEPALIVE), None, "not unasked");
}

/// A forged address gets few replies, and what it gets beyond them is no longer than the query.
#[test]
fn replies_to_a_network_are_limited_unless_a_cookie_shows_who_asks() {
    let mut limited = world().with_rate_limit(2);
    let begin = Instant::now();
    let packet = asking("db.shop.example", RecordType::A, &[]);
    let packet = packet.to_vec().unwrap();
    let (mut whole, mut slipped, mut dropped) = (0, 0, 0);
    for _ in 0..100 {
        let reply = limited.over(&packet, udp());
        match (reply.outcome, reply.bytes.len()) {
            (Outcome::Answer, _) => whole += 1,
            (Outcome::Limited, 0) => dropped += 1,
            (Outcome::Limited, length) => {
                assert_eq!(length, packet.len());
                let message = reply.message();
                assert!(message.metadata.truncation && message.metadata.authoritative);
                assert_eq!(message.queries.len(), 1);
                assert!(message.answers.is_empty() && message.edns.is_some());
                slipped += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    let earned = 2 + 2 * usize::try_from(begin.elapsed().as_secs() + 1).unwrap();
    assert!((2..=earned).contains(&whole), "{whole} of {earned}");
    assert_eq!(
        usize::abs_diff(slipped, dropped) <= 1,
        whole + slipped + dropped == 100
    );
    assert!(slipped > 0 && dropped > 0);

    // A denial and an error are other kinds, and each of them has its limit.
    for name in ["nobody.shop.example", "elsewhere.test"] {
        let outcomes: Vec<_> = (0..8)
            .map(|_| ask(&mut limited, udp(), name, &[]).outcome)
            .collect();
        assert_ne!(outcomes[0], Outcome::Limited, "{name}");
        assert!(outcomes.contains(&Outcome::Limited), "{name}");
    }
    // Over TCP the address is known to be true; with a valid cookie too.
    let tcp = from("192.0.2.77", Transport::Tcp);
    let reply = ask(&mut limited, tcp, "db.shop.example", &[(COOKIE, CLIENT)]);
    assert_eq!(reply.outcome, Outcome::Answer);
    let both = option(&reply, COOKIE).unwrap();
    for _ in 0..20 {
        let reply = ask(&mut limited, udp(), "db.shop.example", &[(COOKIE, &both)]);
        assert_eq!(reply.outcome, Outcome::Answer);
    }
}
