//! Any bytes as a packet: the first says how it comes, the others are the packet.

#![no_main]
#![allow(missing_docs, reason = "libFuzzer's macro")]

#[path = "../../tests/dns_server/check.rs"]
mod check;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use dns_server::{
    Client, Counters, Extras, NameServer, Responder, ServerText, Transport, Zone, Zones,
};
use libfuzzer_sys::fuzz_target;
use plan_store::{EndpointName, MemoryStore, Plan, PlanStore, RecordSet, Retention, Target};

/// The endpoints and how many targets each has.
const ENDPOINTS: [(&str, u8); 4] = [
    ("db.shop.example", 3),
    ("big.shop.example", 200),
    ("a.deep.shop.example", 1),
    ("b.deep.shop.example", 0),
];

fn responder() -> Responder<<MemoryStore as PlanStore>::Reader> {
    let store = MemoryStore::new(Retention::newest(1));
    let endpoints = ENDPOINTS.map(|(name, count)| {
        let name: EndpointName = name.parse().unwrap();
        let v4 = (0..count).map(|n| Target::new([10, 0, 0, n].into(), n));
        let v6 = [Target::new("2001:db8::1".parse().unwrap(), 1)];
        let records = RecordSet::new(5, v4.skip(usize::from(count == 1)).chain(v6));
        (name, records.unwrap())
    });
    let plan = Arc::new(Plan::new(endpoints).unwrap());
    store.publish(Arc::clone(&plan)).unwrap();
    let pin = store.latest().unwrap().unwrap();
    for (name, _) in plan.endpoints().take(3) {
        let _ = store.activate(&pin, name).unwrap();
    }
    let name_server = NameServer {
        name: "ns1.shop.example".parse().unwrap(),
        addresses: vec!["192.0.2.53".parse().unwrap()],
    };
    let zone = Zone::new("shop.example".parse().unwrap(), [name_server]).unwrap();
    let zones = Arc::new(Zones::new([zone]).unwrap());
    let extras = Extras {
        nsid: ServerText::new("fuzzed"),
        version: ServerText::new("1"),
        ..Extras::default()
    };
    Responder::new(
        store.reader(),
        zones,
        1024,
        1,
        Arc::new(Counters::default()),
    )
    .unwrap()
    .with_extras(Arc::new(extras), Duration::from_secs(10))
}

thread_local! {
    static RESPONDER: RefCell<Responder<<MemoryStore as PlanStore>::Reader>> =
        RefCell::new(responder());
}

fuzz_target!(|data: &[u8]| {
    let Some((first, packet)) = data.split_first() else {
        return;
    };
    let transport = if first % 2 == 0 {
        Transport::Udp
    } else {
        Transport::Tcp
    };
    RESPONDER.with_borrow_mut(|responder| {
        let mut reply = Vec::new();
        let client = Client {
            transport,
            address: Some([192, 0, 2, 1].into()),
        };
        let outcome = responder.respond(packet, client, &mut reply);
        check::check(packet, transport, outcome, &reply);
    });
});
