//! The serial number of the SOA records: the newest generation that is known to be active or,
//! once secondaries can have one, the newest that they can have.
//!
//! So servers on the same plan have the same serial number, and each plan has a later one (RFC
//! 1982). A store in memory begins again with every process. Its owner sets an offset that has
//! grown since ([`ServerConfig::serial_offset`](crate::ServerConfig::serial_offset)), or the
//! numbers begin again too.
//!
//! # Orderings
//! The numbers only grow. Of `active` and `transferable` nothing is concluded, so all accesses to
//! them are relaxed.
//!
//! From `everywhere` a lookup concludes what the endpoints of that plan are on. `is_everywhere`
//! stores it with release, after its caller has read each of those endpoints
//! ([`AppliedPlans`](crate::AppliedPlans)). `everywhere` loads it with acquire, before the lookup
//! reads the endpoints. So the lookup reads no endpoint in a state before the one that the caller
//! has read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use plan_store::Generation;

/// The serial number. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Serial(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    active: AtomicU32,
    /// The plan that is active everywhere, or passed by; 0 before the first.
    everywhere: AtomicU32,
    /// The plan that secondaries can have; 0 before the first.
    transferable: AtomicU32,
    offset: u32,
}

impl Serial {
    /// Serial numbers that are so much larger than generations.
    pub(crate) fn with_offset(offset: u32) -> Self {
        Self(Arc::new(Numbers {
            offset,
            ..Numbers::default()
        }))
    }

    /// This plan is active.
    pub(crate) fn at_least(&self, generation: Generation) {
        self.0.active.fetch_max(generation.get(), Ordering::Relaxed);
    }

    /// This plan has been passed by at each of its endpoints, and the caller has seen it there.
    pub(crate) fn is_everywhere(&self, generation: Generation) {
        self.0
            .everywhere
            .fetch_max(generation.get(), Ordering::Release);
    }

    /// The newest generation that is known to have been passed by everywhere. To be loaded before
    /// the endpoints of which something is concluded from it.
    pub(crate) fn everywhere(&self) -> Option<Generation> {
        Generation::new(self.0.everywhere.load(Ordering::Acquire))
    }

    /// Secondaries can have this plan.
    #[cfg(feature = "transfer")]
    pub(crate) fn transferable(&self, generation: Generation) {
        self.0
            .transferable
            .fetch_max(generation.get(), Ordering::Relaxed);
    }

    /// The newest generation that is known to be active.
    pub(crate) fn newest_active(&self) -> Option<Generation> {
        Generation::new(self.0.active.load(Ordering::Relaxed))
    }

    /// The number; before a plan is active, the offset.
    pub(crate) fn get(&self) -> u32 {
        let generation = match self.0.transferable.load(Ordering::Relaxed) {
            0 => self.0.active.load(Ordering::Relaxed),
            transferable => transferable,
        };
        generation.wrapping_add(self.0.offset)
    }

    /// The serial number of a generation.
    #[cfg(feature = "transfer")]
    pub(crate) fn of(&self, generation: Generation) -> u32 {
        generation.get().wrapping_add(self.0.offset)
    }

    /// The generation with this serial number, if it can be one's.
    #[cfg(feature = "transfer")]
    pub(crate) fn generation(&self, serial: u32) -> Option<Generation> {
        Generation::new(serial.wrapping_sub(self.0.offset))
    }
}
