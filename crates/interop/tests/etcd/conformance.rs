//! The store on etcd does what `PlanStore` requires: it passes the same tests as
//! `MemoryStore`, each on a cluster of its own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use plan_store::{Generation, PlanStore as _, PublishError, Retention};
use plan_store_conformance::{Effort, Stores, suite};
use plan_store_etcd::{EtcdConfig, EtcdStore};

use crate::load::plan;
use interop::cluster::{Cluster, PATIENCE};

struct OnEtcd {
    cluster: Cluster,
    next: AtomicU32,
}

impl OnEtcd {
    fn start() -> Self {
        Self {
            cluster: Cluster::start(1),
            next: AtomicU32::new(0),
        }
    }
}

impl Stores for OnEtcd {
    type Store = EtcdStore;

    fn make(&self, retention: Retention, _: Option<Generation>) -> EtcdStore {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("/{number}/");
        let config = EtcdConfig {
            prefix,
            retention,
            // Long enough that no pin is lost because this machine is busy.
            lease_ttl: Duration::from_mins(1),
            request_timeout: PATIENCE,
            ..EtcdConfig::new(self.cluster.endpoints())
        };
        EtcdStore::connect(config).unwrap()
    }

    fn can_continue(&self) -> bool {
        false
    }

    fn settle(&self, store: &EtcdStore) {
        store.catch_up(PATIENCE).unwrap();
    }

    /// The store asks the cluster, and readers follow it with a delay.
    fn readers_lag(&self) -> bool {
        true
    }

    /// The store has several steps under way at once.
    fn steps_ahead(&self) -> bool {
        true
    }

    fn effort(&self) -> Effort {
        Effort::REMOTE
    }
}

suite!(OnEtcd::start());

#[test]
fn after_the_last_generation_nothing_is_published() {
    let stores = OnEtcd::start();
    let store = stores.make(Retention::newest(1), None);
    let first = store.publish(plan(1)).unwrap();
    stores
        .cluster
        .put_number("/0/head", Generation::MAX.get().into());
    let error = store.publish(plan(2)).unwrap_err();
    assert!(
        matches!(error, PublishError::GenerationsExhausted(_)),
        "{error}"
    );
    assert_eq!(store.generations().unwrap(), [first]);
}
