//! Bare etcd: transactions by a client that does not use the store.
//!
//! Like the store's requests, its requests run on two threads of their own. So a blocking
//! call costs the same number of wake-ups in both cases.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bench_etcd::proto::compare::{CompareResult, CompareTarget, TargetUnion};
use bench_etcd::proto::kv_client::KvClient;
use bench_etcd::proto::request_op::Request;
use bench_etcd::proto::{Compare, PutRequest, RangeRequest, RequestOp, TxnRequest};
use tokio::runtime::{Builder, Runtime};
use tonic::transport::{Channel, Endpoint};

/// Prefixes, as long as those of the store's keys.
const BARE: &str = "/alone-in-the-etcd/active/";
const ACTIVE: &str = "/like-in-the-store/active/";
const ROLLBACK: &str = "/like-in-the-store/rollback/";
const PIN: &str = "/like-in-the-store/pin/00000001/0123456789abcdef.0";

/// How long a new cluster may take to elect a leader.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Etcd {
    client: KvClient<Channel>,
    runtime: Runtime,
    /// The current value of each key.
    bare: Vec<AtomicU64>,
    like: Vec<AtomicU64>,
}

impl Etcd {
    /// A client of this member, which puts `keys` keys of each kind.
    pub(crate) fn new(member: &str, keys: usize) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let endpoint = Endpoint::from_shared(member.to_owned()).unwrap();
        let channel = runtime.block_on(endpoint.tcp_nodelay(true).connect());
        let zeros = || (0..keys).map(|_| AtomicU64::new(0)).collect();
        let etcd = Self {
            client: KvClient::new(channel.unwrap()),
            runtime,
            bare: zeros(),
            like: zeros(),
        };
        etcd.wait_for_leader();
        for at in 0..keys {
            let puts = [BARE, ACTIVE, ROLLBACK].map(|family| put(named(family, at), value(0)));
            etcd.run(txn([], puts, []));
        }
        etcd
    }

    /// Puts the pin's key, again and again until the cluster has a leader and accepts it.
    fn wait_for_leader(&self) {
        let begun = Instant::now();
        while let Err(status) = self.ask(txn([], [put(PIN.into(), Vec::new())], [])) {
            assert!(begun.elapsed() < PATIENCE, "{status}");
        }
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

    /// A transaction of the same shape as an activation's, on keys that the store does not
    /// use.
    pub(crate) fn like(&self, at: usize) {
        let seen = self.like[at].fetch_add(1, Relaxed);
        let active = named(ACTIVE, at);
        let compare = [is(active.clone(), value(seen)), exists(PIN.into())];
        let success = [
            put(active.clone(), value(seen + 1)),
            replace(named(ROLLBACK, at), value(seen)),
        ];
        let failure = [get(active, false), get(PIN.into(), true)];
        self.run(txn(compare, success, failure));
    }

    fn run(&self, txn: TxnRequest) {
        assert!(self.ask(txn).unwrap(), "a comparison failed");
    }

    /// Whether the comparisons held.
    fn ask(&self, txn: TxnRequest) -> Result<bool, tonic::Status> {
        let mut client = self.client.clone();
        let (sender, receiver) = mpsc::sync_channel(1);
        self.runtime.spawn(async move {
            // The receiver waits below.
            let _ = sender.send(client.txn(txn).await);
        });
        let answer = receiver.recv().unwrap()?;
        Ok(answer.into_inner().succeeded)
    }
}

fn txn<const C: usize, const S: usize, const F: usize>(
    compare: [Compare; C],
    success: [RequestOp; S],
    failure: [RequestOp; F],
) -> TxnRequest {
    TxnRequest {
        compare: compare.into(),
        success: success.into(),
        failure: failure.into(),
    }
}

/// The key has this value.
fn is(key: Vec<u8>, value: Vec<u8>) -> Compare {
    Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Value.into(),
        key,
        target_union: Some(TargetUnion::Value(value)),
    }
}

fn exists(key: Vec<u8>) -> Compare {
    Compare {
        result: CompareResult::Greater.into(),
        target: CompareTarget::Create.into(),
        key,
        target_union: Some(TargetUnion::CreateRevision(0)),
    }
}

fn put(key: Vec<u8>, value: Vec<u8>) -> RequestOp {
    op(Request::RequestPut(PutRequest {
        key,
        value,
        prev_kv: false,
    }))
}

/// Puts a value. The answer has the value that was there before.
fn replace(key: Vec<u8>, value: Vec<u8>) -> RequestOp {
    op(Request::RequestPut(PutRequest {
        key,
        value,
        prev_kv: true,
    }))
}

fn get(key: Vec<u8>, keys_only: bool) -> RequestOp {
    op(Request::RequestRange(RangeRequest { key, keys_only }))
}

fn op(request: Request) -> RequestOp {
    RequestOp {
        request: Some(request),
    }
}

fn named(family: &str, at: usize) -> Vec<u8> {
    format!("{family}endpoint-{at:04}.bench.example").into_bytes()
}

fn value(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}
