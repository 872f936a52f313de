//! Measures the time from publishing a plan to the first answer from it, in one process. It
//! does so with a pass on the same thread, and with an Enactor that is woken on its own
//! thread while the responder is asked without pause.
//! `cargo bench -p bench --bench dns_activation`.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed benchmark")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use control_plane::{Enactor, EnactorThread, Pace};
use dns_server::{Counters, NameServer, Responder, Transport, Zone, Zones};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use plan_store::{EndpointName, MemoryStore, Plan, PlanStore, RecordSet, Retention, Target};

const ENDPOINTS: u8 = 100;
const TARGETS: u8 = 16;
const PLANS: u32 = 20_000;

/// A plan with its number in the targets of endpoint 7.
fn plan(number: u32, before: Option<&Plan>) -> Arc<Plan> {
    let [_, high, middle, low] = number.to_be_bytes();
    let endpoints = (0..ENDPOINTS).map(|at| {
        let name: EndpointName = format!("e{at}.bench.test").parse().unwrap();
        let targets = (0..TARGETS).map(|n| match at {
            7 => Target::new([10 + n, high, middle, low].into(), 1),
            _ => Target::new([100, 0, at, n].into(), 1),
        });
        let records = RecordSet::new(60, targets).unwrap();
        (name, records)
    });
    let plan = Plan::new(endpoints).unwrap();
    Arc::new(before.map_or(plan.clone(), |before| plan.sharing(before)))
}

/// The number of the plan that an answer to `query` comes from: the last three bytes of
/// its first record. The record's data follows twelve bytes of owner, type, class, TTL and
/// length after the question.
fn number(reply: &[u8], query: &[u8]) -> u32 {
    match reply.get(query.len() + 12..query.len() + 16) {
        Some(&[_, high, middle, low]) => u32::from_be_bytes([0, high, middle, low]),
        _ => 0,
    }
}

fn main() {
    let store = MemoryStore::new(Retention::newest(2));
    let pace = Pace {
        backoff_first: Duration::from_millis(1),
        backoff_max: Duration::from_millis(1),
        recheck: None,
        seed: 1,
    };
    let enactor = Enactor::new("az1", store.clone());
    let enactor = EnactorThread::start(enactor, pace, |_| {}).unwrap();
    let waker = enactor.waker();
    let name_server = NameServer {
        name: "ns.elsewhere.invalid".parse().unwrap(),
        addresses: Vec::new(),
    };
    let zone = Zone::new("bench.test".parse().unwrap(), [name_server]).unwrap();
    let zones = Arc::new(Zones::new([zone]).unwrap());
    let counters = Arc::new(Counters::default());
    let mut responder = Responder::new(store.reader(), zones, 8, 1, counters).unwrap();
    let mut query = Message::new(1, MessageType::Query, OpCode::Query);
    query.add_query(Query::query(
        Name::from_ascii("e7.bench.test.").unwrap(),
        RecordType::A,
    ));
    let query = query.to_vec().unwrap();

    let mut reply = Vec::new();
    let mut answers = |published| {
        responder.respond(&query, Transport::Udp, &mut reply);
        number(&reply, &query) == published
    };
    let (mut before, mut published) = (None, 0);
    let mut next = || {
        published += 1;
        let plan = plan(published, before.as_deref());
        before = Some(Arc::clone(&plan));
        (published, plan)
    };

    let here = Enactor::new("here", store.clone());
    report("a pass on the same thread", || {
        let (published, plan) = next();
        let begin = Instant::now();
        store.publish(plan).unwrap();
        assert!(here.pass().is_ok());
        assert!(answers(published));
        begin.elapsed()
    });
    report("an Enactor's thread, woken", || {
        let (published, plan) = next();
        let begin = Instant::now();
        store.publish(plan).unwrap();
        waker.wake();
        while !answers(published) {}
        begin.elapsed()
    });
    enactor.stop();
}

/// Runs `once` again and again, and prints percentiles of the times.
fn report(what: &str, mut once: impl FnMut() -> Duration) {
    let mut times: Vec<_> = (0..PLANS).map(|_| once()).collect();
    times.sort_unstable();
    let micros = |share: usize| {
        let at = (times.len() * share / 1000).min(times.len() - 1);
        format!("{:.1} µs", times[at].as_secs_f64() * 1e6)
    };
    println!(
        "publish to first answer, {ENDPOINTS} endpoints, {what}: p50 {}, p99 {}, p99.9 {}",
        micros(500),
        micros(990),
        micros(999)
    );
}
