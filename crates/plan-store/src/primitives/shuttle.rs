//! shuttle's primitives.
//!
//! shuttle finds interleavings. It says nothing about orderings, because all of its atomics are
//! sequentially consistent; loom checks those. In return, shuttle runs the whole system with any
//! number of threads, and it can replay a schedule that failed.

use std::sync::atomic::Ordering;

use shuttle::sync::atomic::AtomicU64;

use super::Primitives;
use super::checker::checker_lock_and_monitor;
use super::word::word_of_atomic;

/// shuttle's types as they are.
#[derive(Clone, Copy, Debug)]
pub enum Shuttle {}

impl Primitives for Shuttle {
    type Word = AtomicU64;
    type Lock<T: Send + Sync + 'static> = RwLock<T>;
    type Monitor<T: Send + 'static> = ShuttleMonitor<T>;
}

word_of_atomic!(AtomicU64);

checker_lock_and_monitor!(
    shuttle,
    /// [`Shuttle`]'s monitor.
    ShuttleMonitor
);
