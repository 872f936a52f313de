//! The primitives that run: std's atomics and the lock of `parking_lot`.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use super::{Lock, Primitives, Word};

/// std atomics and `parking_lot` locks.
#[derive(Clone, Copy, Debug)]
pub enum Native {}

impl Primitives for Native {
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

impl<T: Send + Sync + 'static> Lock<T> for RwLock<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn read<R>(&self, section: impl FnOnce(&T) -> R) -> R {
        section(&self.read())
    }

    fn write<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        section(&mut self.write())
    }
}
