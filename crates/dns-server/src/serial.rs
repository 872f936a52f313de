//! The serial number of the SOA records: the newest generation that is known to be active.
//!
//! So servers on the same plan have the same serial number, and each plan has a later one (RFC
//! 1982). A store in memory begins again with every process, and so do the numbers.
//!
//! # Orderings
//! All are relaxed: the number only grows, and nothing is concluded from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use plan_store::Generation;

/// The serial number. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Serial(Arc<AtomicU32>);

impl Serial {
    /// This plan is active.
    pub(crate) fn at_least(&self, generation: Generation) {
        self.0.fetch_max(generation.get(), Ordering::Relaxed);
    }

    /// The number; 0 before a plan is active.
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}
