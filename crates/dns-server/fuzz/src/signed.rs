//! Any bytes as a packet that is signed well: the first says how it comes, the others are the
//! packet before it is signed. The reply has a right signature. Without it, the reply keeps the
//! rules of `check.rs` for a reply to the packet before it was signed. If the packet cannot be read,
//! the reply as it is keeps them for the signed packet.

#![no_main]
#![allow(missing_docs, reason = "libFuzzer's macro")]

#[path = "../../tests/dns_server/check.rs"]
mod check;
#[allow(dead_code, reason = "the tests also sign wrongly")]
#[path = "../../tests/dns_server/signing.rs"]
mod signing;

use std::cell::RefCell;
use std::sync::Arc;

use dns_server::{
    Client, Counters, NameServer, Outcome, Responder, Secondary, Transport, Zone, Zones,
};
use libfuzzer_sys::fuzz_target;
use plan_store::{MemoryStore, PlanStore, Retention};

use crate::signing::{Signing, key};

/// Bytes of a message's header. Its last byte counts the records at the end, one of which is the
/// signature.
const HEADER: usize = 12;
const ALGORITHM: &str = "hmac-sha256";

fn responder() -> Responder<<MemoryStore as PlanStore>::Reader> {
    let name_server = NameServer {
        name: "ns1.shop.example".parse().unwrap(),
        addresses: vec!["192.0.2.53".parse().unwrap()],
    };
    let secondary = Secondary::new([192, 0, 2, 1].into(), Some(key(ALGORITHM)));
    let zone = Zone::new("shop.example".parse().unwrap(), [name_server]).unwrap();
    let zones = Zones::new([zone.with_secondaries([secondary])]).unwrap();
    let reader = PlanStore::reader(&MemoryStore::new(Retention::newest(1)));
    Responder::new(reader, Arc::new(zones), 8, 1, Arc::new(Counters::default())).unwrap()
}

thread_local! {
    static RESPONDER: RefCell<Responder<<MemoryStore as PlanStore>::Reader>> =
        RefCell::new(responder());
}

fuzz_target!(|data: &[u8]| {
    let Some((first, packet)) = data.split_first() else {
        return;
    };
    if packet.len() < HEADER || packet[HEADER - 1] == u8::MAX {
        return;
    }
    let transport = if first % 2 == 0 {
        Transport::Udp
    } else {
        Transport::Tcp
    };
    let client = Client {
        transport,
        address: Some([192, 0, 2, 1].into()),
    };
    let signing = Signing::right(ALGORITHM);
    let (signed, mac) = signing.sign(packet);
    let mut reply = Vec::new();
    let outcome =
        RESPONDER.with_borrow_mut(|responder| responder.respond(&signed, client, &mut reply));
    // Of a packet that cannot be read, nobody knows what is signed, or where it ends.
    let is_unknown = matches!(
        outcome,
        Outcome::Dropped | Outcome::FormErr | Outcome::NotImp
    );
    if is_unknown || check::whole(packet).is_none() {
        check::check(&signed, transport, outcome, &reply);
        return;
    }
    let (message, signature, error) = signing.check(&reply, &mac, true);
    assert!(error == 0 && !signature.is_empty());
    check::check(packet, transport, outcome, &message);
});
