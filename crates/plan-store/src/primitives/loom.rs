//! loom's primitives, in two kinds.
//!
//! loom remembers one last access for each atomic, so a thread's own load can hide another
//! thread's earlier load from the search (loom issues 166 and 392). loom then misses the race,
//! and the proof is false. So a model runs twice: on [`Loom`] with plain loads, which may
//! return stale values, and on [`LoomRmw`] with loads as read-modify-writes, which loom does
//! not hide.

use std::sync::atomic::Ordering;

use loom::sync::atomic::AtomicU64;

use super::checker::checker_lock_and_monitor;
use super::word::word_of_atomic;
use super::{Primitives, Word};

/// loom's types as they are.
#[derive(Clone, Copy, Debug)]
pub enum Loom {}

/// loom's types, with every load done as `fetch_add(0, AcqRel)`.
#[derive(Clone, Copy, Debug)]
pub enum LoomRmw {}

impl Primitives for Loom {
    type Word = AtomicU64;
    type Lock<T: Send + Sync + 'static> = RwLock<T>;
    type Monitor<T: Send + 'static> = LoomMonitor<T>;
}

impl Primitives for LoomRmw {
    type Word = RmwWord;
    type Lock<T: Send + Sync + 'static> = RwLock<T>;
    type Monitor<T: Send + 'static> = LoomMonitor<T>;
}

word_of_atomic!(AtomicU64);

checker_lock_and_monitor!(
    loom,
    /// [`Loom`]'s and [`LoomRmw`]'s monitor.
    LoomMonitor
);

/// [`LoomRmw`]'s word. It differs from [`Loom`]'s in one method: its load is a
/// read-modify-write.
#[derive(Debug)]
pub struct RmwWord(AtomicU64);

impl Word for RmwWord {
    fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    fn load(&self, _order: Ordering) -> u64 {
        self.0.fetch_add(0, Ordering::AcqRel)
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.0.compare_exchange(current, new, success, failure)
    }

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_add(value, order)
    }

    fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_sub(value, order)
    }
}
