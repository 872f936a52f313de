//! A responder on a store with a few endpoints.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use dns_server::{
    Client, Counters, Counts, Extras, NameServer, Outcome, Responder, Transport, Zone, Zones,
};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use plan_store::{EndpointName, MemoryStore, Plan, PlanStore, RecordSet, Retention, Target};

pub(crate) fn name(text: &str) -> EndpointName {
    text.parse().unwrap()
}

/// A query for this, as a message.
pub(crate) fn query(name: &str, record_type: RecordType) -> Message {
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    let mut name = Name::from_ascii(name).unwrap();
    name.set_fqdn(true);
    message.add_query(Query::query(name, record_type));
    message
}

/// A query for this, as a packet.
pub(crate) fn ask(name: &str, record_type: RecordType) -> Vec<u8> {
    query(name, record_type).to_vec().unwrap()
}

/// The zone `shop.example` with one name server.
pub(crate) fn zones() -> Zones {
    let name_server = NameServer {
        name: name("ns1.shop.example"),
        addresses: vec!["192.0.2.53".parse().unwrap()],
    };
    Zones::new([Zone::new(name("shop.example"), [name_server]).unwrap()]).unwrap()
}

/// Publishes a plan of these endpoints and makes it active everywhere.
pub(crate) fn apply(store: &MemoryStore, endpoints: &BTreeMap<EndpointName, Vec<Target>>) {
    publish(store, endpoints);
    let pin = store.latest().unwrap().unwrap();
    for endpoint in endpoints.keys() {
        let _ = store.activate(&pin, endpoint).unwrap();
    }
    for endpoint in store.stale_endpoints(&pin).unwrap() {
        let _ = store.withdraw(&pin, &endpoint).unwrap();
    }
}

/// Publishes a plan of these endpoints.
pub(crate) fn publish(store: &MemoryStore, endpoints: &BTreeMap<EndpointName, Vec<Target>>) {
    let records = |targets: &[Target]| RecordSet::new(5, targets.iter().copied()).unwrap();
    let endpoints = endpoints.iter();
    let plan = Plan::new(endpoints.map(|(name, t)| (name.clone(), records(t)))).unwrap();
    let plan = match store.latest().unwrap() {
        Some(latest) => plan.sharing(plan_store::Pin::plan(&latest)),
        None => plan,
    };
    store.publish(Arc::new(plan)).unwrap();
}

/// A responder, its store, and what the store's plan names.
pub(crate) struct World {
    pub store: MemoryStore,
    endpoints: BTreeMap<EndpointName, Vec<Target>>,
    responder: Responder<<MemoryStore as PlanStore>::Reader>,
    counters: Arc<Counters>,
}

pub(crate) struct Reply {
    pub outcome: Outcome,
    pub bytes: Vec<u8>,
}

impl Reply {
    pub(crate) fn message(&self) -> Message {
        Message::from_vec(&self.bytes).unwrap()
    }
}

impl World {
    pub(crate) fn new(max_targets: usize) -> Self {
        let targets = |addresses: &[&str]| -> Vec<Target> {
            let targets = addresses.iter();
            targets
                .map(|a| Target::new(a.parse().unwrap(), 10))
                .collect()
        };
        let endpoints = BTreeMap::from([
            (
                name("db.shop.example"),
                targets(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"]),
            ),
            (name("v4.shop.example"), targets(&["192.0.2.4"])),
            (name("b.a.deep.shop.example"), targets(&["192.0.2.5"])),
        ]);
        let store = MemoryStore::new(Retention::newest(2));
        apply(&store, &endpoints);
        let counters = Arc::new(Counters::default());
        let zones = Arc::new(zones());
        let responder =
            Responder::new(store.reader(), zones, max_targets, 7, Arc::clone(&counters)).unwrap();
        Self {
            store,
            endpoints,
            responder,
            counters,
        }
    }

    pub(crate) fn ask(&mut self, packet: &[u8]) -> Reply {
        self.over(packet, Transport::Udp)
    }

    pub(crate) fn over(&mut self, packet: &[u8], client: impl Into<Client>) -> Reply {
        let mut bytes = b"what was there before".to_vec();
        let outcome = self.responder.respond(packet, client, &mut bytes);
        Reply { outcome, bytes }
    }

    /// The same world with a server that does more.
    pub(crate) fn with_extras(self, extras: Extras, idle: Duration) -> Self {
        let responder = self.responder.with_extras(Arc::new(extras), idle);
        Self { responder, ..self }
    }

    /// The same world with a server that limits its replies.
    pub(crate) fn with_rate_limit(self, per_second: u32) -> Self {
        let per_second = NonZeroU32::new(per_second);
        let responder = self.responder.with_rate_limit(per_second);
        Self { responder, ..self }
    }

    /// Serves an endpoint from a new plan.
    pub(crate) fn serve(&mut self, endpoint: &str, targets: impl IntoIterator<Item = Target>) {
        let targets = targets.into_iter().collect();
        self.endpoints.insert(name(endpoint), targets);
        apply(&self.store, &self.endpoints);
    }

    /// Names an endpoint in a new plan that is active nowhere.
    pub(crate) fn publish(&mut self, endpoint: &str, targets: impl IntoIterator<Item = Target>) {
        let targets = targets.into_iter().collect();
        self.endpoints.insert(name(endpoint), targets);
        publish(&self.store, &self.endpoints);
    }

    /// Withdraws an endpoint by a new plan.
    pub(crate) fn withdraw(&mut self, endpoint: &str) {
        self.endpoints.remove(&name(endpoint));
        apply(&self.store, &self.endpoints);
    }

    /// Applies the same content again, under a new generation.
    pub(crate) fn republish(&self) {
        apply(&self.store, &self.endpoints);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counters.read()
    }
}
