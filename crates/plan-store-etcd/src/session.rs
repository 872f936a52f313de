//! Who is alive: the lease of this store, and the pins under it.
//!
//! # States
//! ```text
//!            first pin                 ran out, or not renewed for its time
//!   none ─────────────► renewed ──┐ ──────────────────────────────────────► none
//!                          ▲      │
//!                          └──────┘ every third of its time
//! ```
//!
//! # Rules
//! 1. A pin is a key of its own, under the lease that was current when it was taken.
//!    It is never moved to another lease: when its lease has run out, the pin is
//!    lost, and whoever holds it is told so by its next step.
//! 2. What is thought here about a lease decides only under which one the next pin is
//!    taken. Whether a pin holds is for etcd to say, in each transaction.
//! 3. A pin that is dropped is deleted in the background. A sweep by the same store
//!    waits for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use crate::Error;
use crate::client::Client;
use crate::txn::{delete, txn};

pub(crate) struct Session {
    client: Arc<Client>,
    ttl: Duration,
    lease: tokio::sync::Mutex<Option<Lease>>,
    /// How many pins have been taken: no two have the same key.
    pins: AtomicU64,
    /// Pins that are dropped, whose keys are still to be deleted.
    dropped: parking_lot::Mutex<Vec<Dropped>>,
    /// Held while they are deleted.
    deleting: tokio::sync::Mutex<()>,
}

struct Lease {
    id: i64,
    over: Arc<AtomicBool>,
}

#[derive(Clone)]
struct Dropped {
    key: Vec<u8>,
    /// It may be put yet: until then its key is deleted again and again.
    until: Option<Instant>,
}

/// Longer than etcd takes to give a request up.
const GIVEN_UP: Duration = Duration::from_secs(30);

/// Most keys deleted in one transaction: etcd takes 128.
const BATCH: usize = 100;

impl Session {
    pub(crate) fn new(client: Arc<Client>, ttl: Duration) -> Self {
        Self {
            client,
            ttl,
            lease: tokio::sync::Mutex::new(None),
            pins: AtomicU64::new(0),
            dropped: parking_lot::Mutex::default(),
            deleting: tokio::sync::Mutex::default(),
        }
    }

    /// The lease to take a pin under, a new one if there is none or it is over.
    pub(crate) async fn lease(&self) -> Result<i64, Error> {
        let mut lease = self.lease.lock().await;
        if let Some(lease) = &*lease
            && !lease.over.load(Relaxed)
        {
            return Ok(lease.id);
        }
        let seconds = i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX);
        let id = self.client.grant(seconds).await?;
        let over = Arc::new(AtomicBool::new(false));
        debug!(lease = id, "new lease");
        let renewal = renew(Arc::clone(&self.client), id, self.ttl, Arc::clone(&over));
        tokio::spawn(renewal);
        *lease = Some(Lease { id, over });
        Ok(id)
    }

    /// etcd does not know this lease any more.
    pub(crate) async fn is_over(&self, id: i64) {
        if let Some(lease) = &*self.lease.lock().await
            && lease.id == id
        {
            lease.over.store(true, Relaxed);
        }
    }

    /// The next pin's number.
    pub(crate) fn next_pin(&self) -> u64 {
        self.pins.fetch_add(1, Relaxed)
    }

    /// A pin is dropped: its key is to be deleted.
    pub(crate) fn drop_pin(&self, key: Vec<u8>) {
        self.dropped.lock().push(Dropped { key, until: None });
    }

    /// A pin may have been put, or be put yet, and nobody wants it.
    pub(crate) fn drop_doubtful_pin(&self, key: Vec<u8>) {
        let until = Some(Instant::now() + GIVEN_UP);
        self.dropped.lock().push(Dropped { key, until });
    }

    /// Deletes the keys of the pins that are dropped. Those that it cannot delete
    /// now are kept for the next time.
    pub(crate) async fn delete_dropped(&self) -> Result<(), Error> {
        let _alone = self.deleting.lock().await;
        let mut dropped = std::mem::take(&mut *self.dropped.lock());
        let mut result = Ok(());
        while result.is_ok() && !dropped.is_empty() {
            let rest = dropped.len().saturating_sub(BATCH);
            let mut some = dropped.split_off(rest);
            let deletes: Vec<_> = some.iter().map(|pin| delete(pin.key.clone())).collect();
            result = self.client.txn(txn([], deletes, [])).await.map(drop);
            if result.is_ok() {
                some.retain(|pin| pin.until > Some(Instant::now()));
            }
            self.dropped.lock().extend(some);
        }
        self.dropped.lock().extend(dropped);
        result
    }

    /// Gives the lease back, with all pins under it.
    pub(crate) async fn end(&self) {
        if let Some(lease) = self.lease.lock().await.take() {
            lease.over.store(true, Relaxed);
            if let Err(error) = self.client.revoke(lease.id).await {
                debug!(lease = lease.id, %error, "left to run out");
            }
        }
    }
}

/// Renews a lease until it is over.
async fn renew(client: Arc<Client>, id: i64, ttl: Duration, over: Arc<AtomicBool>) {
    let mut renewed = Instant::now();
    while !over.load(Relaxed) {
        sleep(ttl / 3).await;
        let asked = Instant::now();
        match client.keep_alive(id).await {
            Ok(1..) => renewed = asked,
            Err(error) if renewed.elapsed() < ttl => debug!(lease = id, %error, "not renewed"),
            Ok(_) | Err(_) => break,
        }
    }
    if !over.swap(true, Relaxed) {
        warn!(lease = id, "lease is over; its pins are lost");
    }
}
