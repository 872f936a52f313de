//! Any text as a zone file: it is refused, or every name in it can be asked for.

#![no_main]
#![allow(missing_docs, reason = "libFuzzer's macro")]

#[path = "../../tests/dns_server/check.rs"]
mod check;

use std::path::Path;
use std::sync::Arc;

use control_plane::Fleet;
use dns_server::{Counters, NameServer, Responder, Transport, Zone, Zones};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use libfuzzer_sys::fuzz_target;
use plan_store::{MemoryStore, Plan, PlanStore, RecordSet, Retention};

const FLEET: &str = r#"
    dns_zone = [{ apex = "s.example", name_server = [{ name = "ns.test" }], records = "zone" }]
    [[endpoint]]
    name = "api.s.example"
    target = [{ address = "192.0.2.1", zone = "z", capacity = 1 }]
"#;

fuzz_target!(|text: &[u8]| {
    let read = |fleet: &Fleet, zone: &control_plane::DnsZone, file: &Path| {
        zone_file::parse(fleet, zone, text, file)
    };
    let Ok(fleet) = Fleet::parse_with(FLEET, Path::new("fleet.toml"), &read) else {
        return;
    };
    let names = fleet.static_records();
    let names = names.filter(|(name, _)| name.as_str() != "api.s.example");
    let sets = names.map(|(name, records)| {
        let records = RecordSet::without_targets(records.clone()).unwrap();
        (name.clone(), records)
    });
    let Ok(plan) = Plan::new(sets) else {
        return;
    };
    let store = MemoryStore::new(Retention::newest(1));
    store.publish(Arc::new(plan)).unwrap();
    let pin = store.latest().unwrap().unwrap();
    assert!(store.activate_all(&pin).all(|(_, outcome)| outcome.is_ok()));
    let name_server = NameServer {
        name: "ns.test".parse().unwrap(),
        addresses: Vec::new(),
    };
    let zone = Zone::new("s.example".parse().unwrap(), [name_server]).unwrap();
    let zones = Arc::new(Zones::new([zone]).unwrap());
    let counters = Arc::new(Counters::default());
    let mut responder = Responder::new(store.reader(), zones, 8, 1, counters).unwrap();
    for (name, records) in fleet.static_records() {
        let types = records.rrsets().iter().map(plan_store::Rrset::record_type);
        for record_type in types.chain([1, 255]) {
            for below in ["", "x."] {
                let mut query = Message::new(1, MessageType::Query, OpCode::Query);
                let Ok(asked) = Name::from_ascii(format!("{below}{name}.")) else {
                    continue;
                };
                query.add_query(Query::query(asked, RecordType::from(record_type)));
                let packet = query.to_vec().unwrap();
                let mut reply = Vec::new();
                let outcome = responder.respond(&packet, Transport::Tcp, &mut reply);
                check::check(&packet, Transport::Tcp, outcome, &reply);
            }
        }
    }
});
