//! etcd without the store, through the same client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Error;
use crate::client::Client;
use crate::config::EtcdConfig;
use crate::proto::etcd::TxnRequest;
use crate::threads::Threads;
use crate::txn::{exists, is, is_below, put, replace, txn};
use crate::world::LONG;

pub(crate) struct Etcd {
    client: Arc<Client>,
    threads: Threads,
    /// What each key was last put to.
    bare: Vec<AtomicU64>,
    like: Vec<AtomicU64>,
}

impl Etcd {
    pub(crate) fn new(endpoints: &[String], keys: usize) -> Self {
        let mut config = EtcdConfig::new(endpoints);
        config.request_timeout = LONG;
        let zeros = || (0..keys).map(|_| AtomicU64::new(0)).collect();
        let etcd = Self {
            client: Arc::new(Client::new(&config).unwrap()),
            threads: Threads::start(async {}).unwrap(),
            bare: zeros(),
            like: zeros(),
        };
        for kept in [
            "/like/pin/00000001/0123456789abcdef.0",
            "/like/plan/00000001",
        ] {
            etcd.run(txn([], [put(kept.into(), Vec::new())], []));
        }
        for at in 0..keys {
            let keys = ["/bare/", "/like/active/", "/like/rollback/"];
            let puts = keys.map(|key| put(named(key, at), value(0)));
            etcd.run(txn([], puts, []));
        }
        etcd
    }

    /// Raises a key by a transaction with one comparison.
    pub(crate) fn bare(&self, at: usize) {
        let next = self.bare[at].fetch_add(1, Relaxed) + 1;
        let key = named("/bare/", at);
        self.run(txn(
            [is_below(key.clone(), value(next))],
            [put(key, value(next))],
            [],
        ));
    }

    /// What an activation does, with keys that nobody else has.
    pub(crate) fn like(&self, at: usize) {
        let seen = self.like[at].fetch_add(1, Relaxed);
        let active = named("/like/active/", at);
        let compare = [
            is_below(active.clone(), value(seen + 1)),
            is(active.clone(), value(seen)),
            exists("/like/pin/00000001/0123456789abcdef.0".into()),
            exists("/like/plan/00000001".into()),
        ];
        let success = [
            put(active, value(seen + 1)),
            replace(named("/like/rollback/", at), value(seen)),
        ];
        self.run(txn(compare, success, []));
    }

    fn run(&self, txn: TxnRequest) {
        let client = Arc::clone(&self.client);
        let done = self
            .threads
            .run(async move { Ok::<_, Error>(client.txn_once(txn).await?.succeeded) });
        assert!(done.unwrap());
    }
}

fn named(family: &str, at: usize) -> Vec<u8> {
    format!("{family}endpoint-{at}.bench.example").into_bytes()
}

fn value(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}
