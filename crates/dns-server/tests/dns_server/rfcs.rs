//! Answers that a specification asks for and that are easily got wrong. Each test is a row of
//! the table of failing inputs; packets are given as they came.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use dns_server::{Counters, NameServer, Outcome, Responder, Transport, Zone, Zones};
use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use plan_store::{MemoryStore, Pin, Plan, PlanStore, RecordSet, Retention, Target};

use crate::world::{Reply, World, apply, ask, name, query};

fn packet(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().map(|c| c.to_digit(16).unwrap()).collect();
    let bytes = digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]);
    bytes.map(|byte| u8::try_from(byte).unwrap()).collect()
}

/// The OPT record of a reply, which is its last record, and its extended response code.
fn has_opt(reply: &Reply) -> bool {
    reply.message().edns.is_some_and(|edns| edns.version() == 0)
}

/// A responder for these zones, on a store with an endpoint at each of these names.
struct Served {
    store: MemoryStore,
    responder: Responder<<MemoryStore as PlanStore>::Reader>,
}

impl Served {
    fn new(zones: Zones, endpoints: &[&str]) -> Self {
        let store = MemoryStore::new(Retention::newest(2));
        let target = Target::new([10, 0, 0, 1].into(), 1);
        let endpoints = endpoints.iter().map(|text| (name(text), vec![target]));
        let endpoints: BTreeMap<_, _> = endpoints.collect();
        if !endpoints.is_empty() {
            apply(&store, &endpoints);
        }
        let (reader, counters) = (store.reader(), Arc::new(Counters::default()));
        let responder = Responder::new(reader, Arc::new(zones), 8, 7, counters).unwrap();
        Self { store, responder }
    }

    fn ask(&mut self, name: &str, record_type: RecordType) -> Reply {
        self.packet(&ask(name, record_type))
    }

    fn packet(&mut self, packet: &[u8]) -> Reply {
        let mut bytes = Vec::new();
        let outcome = self.responder.respond(packet, Transport::Udp, &mut bytes);
        Reply { outcome, bytes }
    }
}

fn zone(apex: &str, name_servers: &[(String, Vec<IpAddr>)]) -> Zone {
    let servers = name_servers.iter().map(|(text, addresses)| NameServer {
        name: name(text),
        addresses: addresses.clone(),
    });
    Zone::new(name(apex), servers).unwrap()
}

/// A zone with one name server outside of it.
fn plain(apex: &str) -> Zone {
    zone(apex, &[("ns.elsewhere.invalid".into(), Vec::new())])
}

fn soa(message: &Message) -> (String, u32) {
    let records = message.authorities.iter().chain(&message.answers);
    let mut soas = records.filter_map(|record| match &record.data {
        RData::SOA(soa) => Some((record.name.to_ascii(), soa.serial)),
        _ => None,
    });
    soas.next().unwrap()
}

/// Row 1.
#[test]
fn nothing_is_denied_before_a_plan_is_active() {
    let servers = [(
        "ns1.shop.example".into(),
        vec!["192.0.2.1".parse().unwrap()],
    )];
    let zones = || Zones::new([zone("shop.example", &servers)]).unwrap();
    let mut early = Served::new(zones().without_denials(), &[]);
    for (name, record_type) in [
        ("db.shop.example", RecordType::A),
        ("nobody.shop.example", RecordType::TXT),
        ("shop.example", RecordType::A),
        ("shop.example", RecordType::TXT),
    ] {
        let reply = early.ask(name, record_type);
        assert_eq!(reply.outcome, Outcome::NotReady, "{name} {record_type}");
        let metadata = reply.message().metadata;
        assert_eq!(metadata.response_code, ResponseCode::ServFail);
        assert!(!metadata.authoritative);
    }
    // The zone's own data does not depend on plans.
    assert_eq!(
        early.ask("shop.example", RecordType::SOA).outcome,
        Outcome::Answer
    );
    assert_eq!(
        early.ask("shop.example", RecordType::NS).outcome,
        Outcome::Answer
    );
    assert_eq!(
        early.ask("ns1.shop.example", RecordType::A).outcome,
        Outcome::Answer
    );
    let mut later = Served::new(zones(), &[]);
    let reply = later.ask("db.shop.example", RecordType::A);
    assert_eq!(reply.outcome, Outcome::NxDomain);
}

/// Rows 2 and 16.
#[test]
fn an_option_that_is_cut_is_malformed_and_answered_with_opt() {
    let mut world = World::new(8);
    for hex in [
        "0000000000010000000000010676346f6e6c790473686f70076578616d706c65000001000100002904d0000000000002000a",
        "0000000000010000000000010473686f70076578616d706c65000006000100002904d0000000000005000a00ff01",
    ] {
        let packet = packet(hex);
        let reply = world.ask(&packet);
        assert_eq!(reply.outcome, Outcome::FormErr);
        let message = reply.message();
        assert_eq!(message.metadata.response_code, ResponseCode::FormErr);
        assert!(has_opt(&reply));
        assert_eq!(message.queries.len(), 1, "the question could be read");
    }
}

/// Row 5.
#[test]
fn a_name_server_that_is_an_endpoint_too_has_one_record_set() {
    let address: IpAddr = "192.0.2.50".parse().unwrap();
    let zones = Zones::new([zone(
        "nsep.test",
        &[("ns1.nsep.test".into(), vec![address])],
    )]);
    let mut served = Served::new(zones.unwrap(), &["ns1.nsep.test", "db.nsep.test"]);
    let mut slow = ask("ns1.nsep.test", RecordType::A);
    slow[3] = 0x40; // A reserved bit: not an ordinary query.
    for packet in [ask("ns1.nsep.test", RecordType::A), slow] {
        let answers = served.packet(&packet).message().answers;
        let answers: Vec<_> = answers
            .iter()
            .map(|r| (r.data.to_string(), r.ttl))
            .collect();
        assert_eq!(answers, [("192.0.2.50".into(), Zone::TTL)]);
    }
    let reply = served.ask("ns1.nsep.test", RecordType::AAAA);
    assert_eq!(reply.outcome, Outcome::NoData);
    assert_eq!(
        served.ask("db.nsep.test", RecordType::A).outcome,
        Outcome::Answer
    );
}

/// Row 7.
#[test]
fn a_zone_is_served_while_an_endpoint_at_its_apex_waits_for_its_plan() {
    let mut served = Served::new(
        Zones::new([plain("shop.example")]).unwrap(),
        &["db.shop.example"],
    );
    let records = RecordSet::new(5, [Target::new([10, 0, 0, 2].into(), 1)]).unwrap();
    let plan = Plan::new([(name("shop.example"), records)]).unwrap();
    served.store.publish(Arc::new(plan)).unwrap();
    assert_eq!(
        served.ask("shop.example", RecordType::A).outcome,
        Outcome::NotReady
    );
    assert_eq!(
        served.ask("shop.example", RecordType::SOA).outcome,
        Outcome::Answer
    );
    assert_eq!(
        served.ask("shop.example", RecordType::NS).outcome,
        Outcome::Answer
    );
    assert_eq!(
        served.ask("shop.example", RecordType::ANY).outcome,
        Outcome::Answer
    );
    let pin = served.store.latest().unwrap().unwrap();
    let _ = served.store.activate(&pin, &name("shop.example")).unwrap();
    assert_eq!(
        served.ask("shop.example", RecordType::A).outcome,
        Outcome::Answer
    );
    assert_eq!(
        served.ask("shop.example", RecordType::SOA).outcome,
        Outcome::Answer
    );
}

/// Row 12.
#[test]
fn an_option_that_is_not_used_is_ignored() {
    let mut world = World::new(8);
    let packet = packet(
        "0000000000010000000000010473686f70076578616d706c65000006000100002904d00000000000080008000400000000",
    );
    let reply = world.ask(&packet);
    assert_eq!(reply.outcome, Outcome::Answer);
    assert!(has_opt(&reply));
    assert!(reply.message().edns.unwrap().options().as_ref().is_empty());
}

/// Row 13.
#[test]
fn name_servers_come_without_the_addresses_that_do_not_fit() {
    let numbered = |n: u16| {
        let v4 = IpAddr::from([192, 0, 2, u8::try_from(n).unwrap()]);
        let v6 = IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n]);
        // An address that is listed twice is one address.
        (format!("ns{n}.shop.example"), vec![v6, v4, v6])
    };
    let servers: Vec<_> = (0..13).map(numbered).collect();
    let zones = Zones::new([zone("shop.example", &servers)]).unwrap();
    let mut served = Served::new(zones, &[]);
    let reply = served.ask("shop.example", RecordType::NS);
    let message = reply.message();
    assert_eq!(reply.outcome, Outcome::Answer);
    assert_eq!(message.answers.len(), 13);
    assert!(!message.metadata.truncation);
    let few = message.additionals.len();
    let missing = 512 - reply.bytes.len();
    assert!(
        few > 0 && missing < 28,
        "one more would fit: {few}, {missing}"
    );
    let mut request = query("shop.example", RecordType::NS);
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    request.set_edns(edns);
    let reply = served.packet(&request.to_vec().unwrap());
    assert_eq!(reply.message().additionals.len(), 26, "each address once");
    assert!(has_opt(&reply));
}

/// Row 15.
#[test]
fn an_unknown_opcode_with_edns_is_answered_with_opt() {
    let packet = packet(
        "0000780000010000000000010473686f70076578616d706c65000006000100002904d0000000000000",
    );
    let reply = World::new(8).ask(&packet);
    assert_eq!(reply.outcome, Outcome::NotImp);
    assert!(has_opt(&reply));
}

/// A query with two additional records: a TSIG record and an OPT record, in either order.
fn signed(tsig_is_last: bool) -> Vec<u8> {
    let question = packet("0473686f70076578616d706c650000060001");
    let tsig = packet(
        "036b657904746573740000fa00ff0000000000210b686d61632d73686132353600000000000001012c000461626364000700000000",
    );
    let opt = packet("00002904d0000000000000");
    let header = packet("000700000001000000000002");
    let additionals = if tsig_is_last {
        [opt, tsig]
    } else {
        [tsig, opt]
    };
    [header, question, additionals.concat()].concat()
}

/// Row 17.
#[test]
fn a_signature_by_an_unknown_key_is_refused_by_the_book() {
    let mut world = World::new(8);
    let reply = world.ask(&signed(false));
    assert_eq!(reply.outcome, Outcome::FormErr, "nothing follows TSIG");
    assert!(has_opt(&reply) || reply.message().edns.is_none());

    let reply = world.ask(&signed(true));
    assert_eq!(reply.outcome, Outcome::NotAuth);
    let [id @ .., _, code] = *reply.bytes.first_chunk::<4>().unwrap();
    assert_eq!((id, code), ([0, 7], 9), "NOTAUTH");
    // The record says BADKEY, is not signed, and is the last: after it there is nothing.
    let expected = packet(
        "036b657904746573740000fa00ff00000000001d0b686d61632d73686132353600000000000001012c0000000700110000",
    );
    assert!(reply.bytes.ends_with(&expected), "{:02x?}", reply.bytes);
    assert_eq!(reply.bytes[10..12], [0, 2], "OPT and TSIG");

    let row = packet(
        "0000000000010000000000010473686f70076578616d706c650000060001036b657904746573740000fa00ff0000000000210b686d61632d73686132353600000000000001012c000461626364000000000000",
    );
    assert_eq!(world.ask(&row).outcome, Outcome::NotAuth);
    let cut = &row[..row.len() - 2];
    assert_eq!(world.ask(cut).outcome, Outcome::FormErr);
}

/// Row 18.
#[test]
fn ds_at_a_zone_below_another_one_is_the_upper_zones() {
    let zones = Zones::new([
        plain("example"),
        plain("a.example"),
        plain("b.deep.example"),
    ]);
    let mut served = Served::new(zones.unwrap(), &["www.a.example"]);
    let mut said_by = |name: &str, record_type| {
        let reply = served.ask(name, record_type);
        assert_eq!(reply.outcome, Outcome::NoData, "{name} {record_type}");
        soa(&reply.message()).0
    };
    assert_eq!(said_by("a.example", RecordType::DS), "example.");
    assert_eq!(said_by("a.example", RecordType::TXT), "a.example.");
    assert_eq!(said_by("www.a.example", RecordType::DS), "a.example.");
    assert_eq!(said_by("example", RecordType::DS), "example.");
    // A name above a zone exists, or everything below would be denied with it (RFC 8020).
    assert_eq!(said_by("deep.example", RecordType::A), "example.");
}

/// Row 20.
#[test]
fn the_serial_number_is_the_generation() {
    let mut world = World::new(8);
    let serial = |world: &mut World, name: &str, record_type| {
        soa(&world.ask(&ask(name, record_type)).message()).1
    };
    for generation in 1..4 {
        world.ask(&ask("db.shop.example", RecordType::A));
        let active = world.store.newest_active().unwrap().unwrap().get();
        assert_eq!(active, generation);
        // In an answer, in a denial, and in one that was made in advance.
        assert_eq!(
            serial(&mut world, "shop.example", RecordType::SOA),
            generation
        );
        assert_eq!(
            serial(&mut world, "nobody.shop.example", RecordType::A),
            generation
        );
        assert_eq!(
            serial(&mut world, "v4.shop.example", RecordType::AAAA),
            generation
        );
        world.republish();
    }
    let latest = world.store.latest().unwrap().unwrap();
    assert_eq!(latest.generation().get(), 4);
}
