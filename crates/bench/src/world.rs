//! Plans and stores for measurements.

use std::net::Ipv4Addr;
use std::sync::Arc;

use plan_store::{EndpointName, MemoryStore, Plan, PlanStore, RecordSet, Retention, Target};

/// The targets of each endpoint. Eight take 64 bytes, about as much as the payload of the
/// peers.
const TARGETS: u32 = 8;

/// The name of an endpoint.
pub fn endpoint(at: u32) -> EndpointName {
    format!("e{at}.region.example").parse().unwrap()
}

/// The records of an endpoint: eight targets of this weight.
pub fn records(at: u32, weight: u8) -> Arc<RecordSet> {
    let target = |n| {
        let address = Ipv4Addr::from_bits(0x0a00_0000 + at * TARGETS + n);
        Target::new(address.into(), weight)
    };
    Arc::new(RecordSet::new(5, (0..TARGETS).map(target)).unwrap())
}

/// A plan of this many endpoints.
pub fn plan(endpoints: u32) -> Plan {
    Plan::new((0..endpoints).map(|at| (endpoint(at), records(at, 100)))).unwrap()
}

/// New records for a hundredth of the endpoints (at least one), spread evenly.
pub fn changes(endpoints: u32, weight: u8) -> Vec<(EndpointName, Arc<RecordSet>)> {
    let step = endpoints.min(100) as usize;
    let changed = (0..endpoints).step_by(step);
    changed
        .map(|at| (endpoint(at), records(at, weight)))
        .collect()
}

/// Makes the latest plan active everywhere, and sweeps.
pub fn pass(store: &MemoryStore) {
    let _ = store.newest_active().unwrap();
    let pin = store.latest().unwrap().unwrap();
    for (_, outcome) in store.activate_all(&pin) {
        let _ = outcome.unwrap();
    }
    assert!(store.stale_endpoints(&pin).unwrap().is_empty());
    let _ = store.sweep(plan_store::Pin::generation(&pin)).unwrap();
}

/// A store that has this plan active everywhere and keeps this many generations.
pub fn store_of(plan: Arc<Plan>, newest: u32) -> MemoryStore {
    let store = MemoryStore::new(Retention::newest(newest));
    store.publish(plan).unwrap();
    pass(&store);
    store
}
