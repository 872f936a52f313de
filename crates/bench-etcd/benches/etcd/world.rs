//! A store with many endpoints, and bare etcd beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use control_plane::{Enactor, Pass};
use plan_store::{
    Activation, EndpointName, Plan, PlanStore, RecordSet, Resolve, Retention, Target,
};
use plan_store_etcd::{EtcdConfig, EtcdPin, EtcdStore};

use crate::etcd::Etcd;

pub(crate) struct World {
    etcd: Etcd,
    store: EtcdStore,
    enactor: Enactor<EtcdStore>,
    endpoints: Vec<EndpointName>,
    published: AtomicU32,
}

/// Longer than any request takes, even on a busy machine.
const LONG: Duration = Duration::from_mins(1);

impl World {
    pub(crate) fn new(members: &[String], endpoints: usize) -> Self {
        let names = (0..endpoints).map(|at| format!("endpoint-{at:04}.bench.example"));
        let mut config = EtcdConfig::new(members);
        config.retention = Retention::newest(2);
        config.lease_ttl = LONG;
        config.request_timeout = LONG;
        let store = EtcdStore::connect(config).unwrap();
        let world = Self {
            etcd: Etcd::new(&members[0], endpoints),
            enactor: Enactor::new("bench", store.clone()),
            store,
            endpoints: names.map(|name| name.parse().unwrap()).collect(),
            published: AtomicU32::new(0),
        };
        drop(world.publish());
        world.pass(endpoints);
        world
    }

    pub(crate) fn bare(&self, at: usize) {
        self.etcd.bare(at);
    }

    pub(crate) fn like(&self, at: usize) {
        self.etcd.like(at);
    }

    /// Publishes a plan in which every endpoint changes, and pins it.
    pub(crate) fn publish(&self) -> EtcdPin {
        let address = 0x0a00_0000 + self.published.fetch_add(1, Relaxed);
        let target = Target::new(std::net::Ipv4Addr::from_bits(address).into(), 1);
        let records = self.endpoints.iter().map(|name| {
            let records = RecordSet::new(5, [target]).unwrap();
            (name.clone(), records)
        });
        let plan = Plan::new(records).unwrap();
        let generation = self.store.publish(Arc::new(plan)).unwrap();
        self.store.pin(generation).unwrap()
    }

    pub(crate) fn activate(&self, pin: &EtcdPin, at: usize) {
        let activation = self.store.activate(pin, &self.endpoints[at]).unwrap();
        assert!(matches!(activation, Activation::Activated { .. }));
    }

    /// Makes a pass, which must change this many endpoints.
    pub(crate) fn pass(&self, to_do: usize) {
        match self.enactor.pass().unwrap() {
            Pass::Applied { changed, .. } => assert_eq!(changed, to_do),
            other => panic!("{other:?}"),
        }
    }

    /// The time from before `change` begins until a reader shows a newer plan at this
    /// endpoint.
    pub(crate) fn until_shown(&self, at: usize, change: impl FnOnce()) -> Duration {
        let mut reader = self.store.reader();
        self.store.catch_up(LONG).unwrap();
        let endpoint = &self.endpoints[at];
        let before = reader.resolve(endpoint).generation();
        std::thread::scope(|scope| {
            let begun = Instant::now();
            let shown = scope.spawn(move || {
                while reader.resolve(endpoint).generation() <= before {
                    std::thread::sleep(Duration::from_micros(50));
                }
                begun.elapsed()
            });
            change();
            shown.join().unwrap()
        })
    }
}
