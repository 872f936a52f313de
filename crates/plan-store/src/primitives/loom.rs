//! The model checker's primitives, in two kinds.
//!
//! loom remembers one last access for each atomic, so that a thread's own load
//! can hide another thread's earlier load from the search (loom issues 166 and
//! 392): a race then goes unseen and the proof is false. A model therefore runs
//! twice, with plain loads ([`Loom`]) for what weak memory may show them, and
//! with loads as read-modify-writes ([`LoomRmw`]), which loom does not lose.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use loom::sync::atomic::AtomicU64;
use loom::sync::{Condvar, Mutex, RwLock};

use super::{Lock, Monitor, Primitives, Word};

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

/// [`LoomRmw`]'s word.
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

/// loom's lock has a poisoned state in its types and never enters it: a panic
/// ends the model.
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

/// [`Loom`]'s and [`LoomRmw`]'s monitor.
#[derive(Debug)]
pub struct LoomMonitor<T> {
    value: Mutex<T>,
    updated: Condvar,
}

impl<T: Send + 'static> Monitor<T> for LoomMonitor<T> {
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
                loom::thread::yield_now();
                return ready(&mut self.value.lock().unwrap_or_else(PoisonError::into_inner));
            }
            let waited = self.updated.wait(value);
            value = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}
