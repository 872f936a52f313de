//! Measures the time that a responder takes for a query, without sockets:
//! `cargo bench -p bench --bench dns_respond`.

#![allow(missing_docs, reason = "criterion's macros")]
#![allow(clippy::unwrap_used, reason = "a failed step is a failed benchmark")]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use dns_server::{Counters, NameServer, Outcome, Responder, Transport, Zone, Zones};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use plan_store::{EndpointName, MemoryStore, Plan, PlanStore, RecordSet, Retention, Target};

const ENDPOINTS: u8 = 100;
const TARGETS: u8 = 16;

/// A responder for the zone of the endpoints and so many others.
fn responder(weight: fn(u8) -> u8, others: usize) -> Responder<<MemoryStore as PlanStore>::Reader> {
    let store = MemoryStore::new(Retention::newest(1));
    let endpoints = (0..ENDPOINTS).map(|at| {
        let name: EndpointName = format!("e{at}.bench.test").parse().unwrap();
        let targets = (0..TARGETS).map(|n| Target::new([10, 0, at, n].into(), weight(n)));
        let records = RecordSet::new(60, targets).unwrap();
        (name, records)
    });
    let plan = Arc::new(Plan::new(endpoints).unwrap());
    store.publish(Arc::clone(&plan)).unwrap();
    let pin = store.latest().unwrap().unwrap();
    for (name, _) in plan.endpoints() {
        let _ = store.activate(&pin, name).unwrap();
    }
    let zone = |apex: String| {
        let name_server = NameServer {
            name: "ns.elsewhere.invalid".parse().unwrap(),
            addresses: Vec::new(),
        };
        Zone::new(apex.parse().unwrap(), [name_server]).unwrap()
    };
    let others = (0..others).map(|n| zone(format!("z{n}.test")));
    let zones = Zones::new(others.chain([zone("bench.test".into())])).unwrap();
    let zones = Arc::new(zones);
    let counters = Arc::new(Counters::default());
    Responder::new(store.reader(), zones, TARGETS.into(), 1, counters).unwrap()
}

/// A query with EDNS.
fn query(name: &str, record_type: RecordType) -> Vec<u8> {
    let mut message = Message::new(1, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    message.set_edns(edns);
    message.to_vec().unwrap()
}

fn respond(criterion: &mut Criterion) {
    let alike: fn(u8) -> u8 = |_| 255;
    let spread: fn(u8) -> u8 = |n| 1 << (n % 8);
    let cases = [
        (
            "16 A records, equal weights",
            0,
            alike,
            "e7.bench.test.",
            RecordType::A,
            Outcome::Answer,
        ),
        (
            "16 A records, weights 1 to 128",
            0,
            spread,
            "e7.bench.test.",
            RecordType::A,
            Outcome::Answer,
        ),
        (
            "no AAAA records",
            0,
            alike,
            "e7.bench.test.",
            RecordType::AAAA,
            Outcome::NoData,
        ),
        (
            "no such name, by hickory-proto",
            0,
            alike,
            "no.bench.test.",
            RecordType::A,
            Outcome::NxDomain,
        ),
        (
            "no such name, 2,000 other zones",
            2_000,
            alike,
            "no.bench.test.",
            RecordType::A,
            Outcome::NxDomain,
        ),
    ];
    for (name, others, weight, asked, record_type, expected) in cases {
        let (mut responder, packet) = (responder(weight, others), query(asked, record_type));
        let mut reply = Vec::new();
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let outcome = responder.respond(&packet, Transport::Udp, &mut reply);
                assert_eq!(outcome, expected);
            });
        });
    }
}

criterion_group!(benches, respond);
criterion_main!(benches);
