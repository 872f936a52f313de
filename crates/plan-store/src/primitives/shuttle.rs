//! The second judge's primitives.
//!
//! All of shuttle's atomics are sequentially consistent: it finds interleavings
//! and says nothing of orderings, which are loom's to judge. In return it runs
//! the whole system, with any number of threads, and a schedule that fails can be
//! played again.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shuttle::sync::atomic::AtomicU64;
use shuttle::sync::{Condvar, Mutex, RwLock};

use super::{Lock, Monitor, Primitives, Word};

/// shuttle's types as they are.
#[derive(Clone, Copy, Debug)]
pub enum Shuttle {}

impl Primitives for Shuttle {
    type Word = AtomicU64;
    type Lock<T: Send + Sync + 'static> = RwLock<T>;
    type Monitor<T: Send + 'static> = ShuttleMonitor<T>;
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

/// [`Shuttle`]'s monitor.
#[derive(Debug)]
pub struct ShuttleMonitor<T> {
    value: Mutex<T>,
    updated: Condvar,
}

impl<T: Send + 'static> Monitor<T> for ShuttleMonitor<T> {
    fn new(value: T) -> Self {
        Self {
            value: Mutex::new(value),
            updated: Condvar::new(),
        }
    }

    fn update<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        let result = section(&mut value);
        drop(value);
        self.updated.notify_all();
        result
    }

    fn wait<R>(
        &self,
        timeout: Option<Duration>,
        mut ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = ready(&mut value) {
                return Some(result);
            }
            if timeout.is_some() {
                drop(value);
                shuttle::thread::yield_now();
                return ready(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner));
            }
            let waited = self.updated.wait(value);
            value = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}
