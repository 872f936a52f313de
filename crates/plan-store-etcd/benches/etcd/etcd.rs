//! etcd without the store, through the same client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Error;
use crate::client::Client;
use crate::config::EtcdConfig;
use crate::proto::etcd::TxnRequest;
use crate::threads::Threads;
use crate::txn::{exists, get, is, peek, put, replace, txn};
use crate::world::LONG;

/// As long as the store's keys are.
const BARE: &str = "/alone-in-the-etcd/active/";
const ACTIVE: &str = "/like-in-the-store/active/";
const ROLLBACK: &str = "/like-in-the-store/rollback/";
const PIN: &str = "/like-in-the-store/pin/00000001/0123456789abcdef.0";

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
        etcd.run(txn([], [put(PIN.into(), Vec::new())], []));
        for at in 0..keys {
            let puts = [BARE, ACTIVE, ROLLBACK].map(|family| put(named(family, at), value(0)));
            etcd.run(txn([], puts, []));
        }
        etcd
    }

    /// Raises a key by a transaction with one comparison.
    pub(crate) fn bare(&self, at: usize) {
        let seen = self.bare[at].fetch_add(1, Relaxed);
        let key = named(BARE, at);
        self.run(txn(
            [is(key.clone(), value(seen))],
            [put(key, value(seen + 1))],
            [],
        ));
    }

    /// What an activation asks for, with keys that nobody else has.
    pub(crate) fn like(&self, at: usize) {
        let seen = self.like[at].fetch_add(1, Relaxed);
        let active = named(ACTIVE, at);
        let compare = [is(active.clone(), value(seen)), exists(PIN.into())];
        let success = [
            put(active.clone(), value(seen + 1)),
            replace(named(ROLLBACK, at), value(seen)),
        ];
        let failure = [get(active), peek(PIN.into())];
        self.run(txn(compare, success, failure));
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
    format!("{family}endpoint-{at:04}.bench.example").into_bytes()
}

fn value(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}
