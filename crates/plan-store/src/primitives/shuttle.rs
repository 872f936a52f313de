//! The second judge's primitives.
//!
//! All of shuttle's atomics are sequentially consistent: it finds interleavings
//! and says nothing of orderings, which are loom's to judge. In return it runs
//! the whole system, with any number of threads, and a schedule that fails can be
//! played again.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use shuttle::sync::RwLock;
use shuttle::sync::atomic::AtomicU64;

use super::{Lock, Primitives, Word};

/// shuttle's types as they are.
#[derive(Clone, Copy, Debug)]
pub enum Shuttle {}

impl Primitives for Shuttle {
    type Word = AtomicU64;
    type Lock<T: Send + Sync + 'static> = RwLock<T>;
}

impl Word for AtomicU64 {
    fn new(value: u64) -> Self {
        Self::new(value)
    }

    fn load(&self, order: Ordering) -> u64 {
        self.load(order)
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.compare_exchange(current, new, success, failure)
    }

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.fetch_add(value, order)
    }

    fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        self.fetch_sub(value, order)
    }
}

/// A panic in a section ends the execution, so nobody meets a poisoned lock.
impl<T: Send + Sync + 'static> Lock<T> for RwLock<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn read<R>(&self, section: impl FnOnce(&T) -> R) -> R {
        section(&self.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        section(&mut self.write().unwrap_or_else(PoisonError::into_inner))
    }
}
