//! Zones that are replaced while the server runs.
//!
//! # Rules
//! 1. The zones are behind a lock, and their number of changes in an atomic beside it. The
//!    number grows after the zones are there.
//! 2. A serving thread compares the number with the one that it saw last, before each query,
//!    and takes the lock only if they differ. The number is read with Acquire and written with
//!    Release, so a thread that sees the new number finds the new zones, or newer ones.
//! 3. A thread that takes new zones drops all answers that it made in advance.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::zone::Zones;

/// The zones of all serving threads.
#[derive(Debug)]
pub(crate) struct SharedZones {
    changes: AtomicU64,
    zones: Mutex<Arc<Zones>>,
}

/// What one serving thread has seen of them.
#[derive(Debug)]
pub(crate) struct ZoneUpdates {
    shared: Arc<SharedZones>,
    seen: u64,
}

impl SharedZones {
    pub(crate) fn new(zones: Arc<Zones>) -> Self {
        Self {
            changes: AtomicU64::new(0),
            zones: Mutex::new(zones),
        }
    }

    pub(crate) fn set(&self, zones: Arc<Zones>) {
        *self.lock() = zones;
        self.changes.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn get(&self) -> Arc<Zones> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<Zones>> {
        // A change is one assignment, so a panic leaves nothing half done.
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ZoneUpdates {
    /// The updates from now on, and the zones of now or newer ones.
    pub(crate) fn of(shared: &Arc<SharedZones>) -> (Self, Arc<Zones>) {
        let seen = shared.changes.load(Ordering::Acquire);
        let updates = Self {
            shared: Arc::clone(shared),
            seen,
        };
        (updates, shared.get())
    }

    /// The zones, if they have been replaced since the last look.
    pub(crate) fn newer(&mut self) -> Option<Arc<Zones>> {
        let changes = self.shared.changes.load(Ordering::Acquire);
        if changes == self.seen {
            return None;
        }
        self.seen = changes;
        Some(self.shared.get())
    }
}
