//! The lease that shows that this store is alive, and the pins under it.
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
//! 1. A pin is a key of its own, under the lease that was current when it was taken. It is
//!    never moved to another lease: when its lease has run out, the pin is lost, and the
//!    next step with it fails.
//! 2. This module's knowledge of a lease decides only under which lease the next pin is
//!    taken. Whether a pin still holds is decided by etcd, in each transaction.
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
    /// How many pins have been taken. The number is part of a pin's key, so no two keys are
    /// the same.
    pins: AtomicU64,
    /// Dropped pins whose keys are still to be deleted.
    dropped: parking_lot::Mutex<Vec<Dropped>>,
    /// Held while their keys are deleted.
    deleting: tokio::sync::Mutex<()>,
}

struct Lease {
    id: i64,
    over: Arc<AtomicBool>,
}

#[derive(Clone)]
struct Dropped {
    key: Vec<u8>,
    /// Until then etcd may still put the key, so it is deleted again and again.
    until: Option<Instant>,
}

/// Longer than etcd keeps trying to do a request.
const GIVEN_UP: Duration = Duration::from_secs(30);

/// The most keys that one transaction deletes; etcd's limit is 128.
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

    /// The lease to take a pin under. Makes a new lease if there is none or it is over.
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

    /// Notes that etcd does not know this lease any more.
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

    /// Notes that a pin is dropped, so its key is to be deleted.
    pub(crate) fn drop_pin(&self, key: Vec<u8>) {
        self.dropped.lock().push(Dropped { key, until: None });
    }

    /// Notes a key that etcd may have put or may still put, and that no pin uses.
    pub(crate) fn drop_doubtful_pin(&self, key: Vec<u8>) {
        let until = Some(Instant::now() + GIVEN_UP);
        self.dropped.lock().push(Dropped { key, until });
    }

    /// Deletes the keys of dropped pins. Keys that cannot be deleted now are kept for the
    /// next call.
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

    /// Ends the lease, and with it all pins.
    pub(crate) async fn end(&self) {
        if let Some(lease) = self.lease.lock().await.take() {
            lease.over.store(true, Relaxed);
            if let Err(error) = self.client.revoke(lease.id).await {
                debug!(lease = lease.id, %error, "lease not revoked; it will run out");
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
