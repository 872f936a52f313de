//! Primitives that lack one protection, for models that must fail without it.

use std::sync::atomic::Ordering;

use plan_store::primitives::{Primitives, Word};

/// loom's primitives, but for a compare-and-swap that is a load and then a store.
pub enum Torn {}

pub struct TornWord(loom::sync::atomic::AtomicU64);

impl Primitives for Torn {
    type Word = TornWord;
    type Lock<T: Send + Sync + 'static> = loom::sync::RwLock<T>;
}

impl Word for TornWord {
    fn new(value: u64) -> Self {
        Self(loom::sync::atomic::AtomicU64::new(value))
    }

    fn load(&self, _: Ordering) -> u64 {
        self.0.fetch_add(0, Ordering::AcqRel)
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        _: Ordering,
        _: Ordering,
    ) -> Result<u64, u64> {
        let seen = self.load(Ordering::AcqRel);
        if seen != current {
            return Err(seen);
        }
        self.0.swap(new, Ordering::AcqRel);
        Ok(seen)
    }

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_add(value, order)
    }

    fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_sub(value, order)
    }
}

/// loom's primitives, but for an addition that adds nothing. The store adds only
/// to count the endpoints' coming and going.
pub enum Uncounted {}

pub struct UncountedWord(loom::sync::atomic::AtomicU64);

impl Primitives for Uncounted {
    type Word = UncountedWord;
    type Lock<T: Send + Sync + 'static> = loom::sync::RwLock<T>;
}

impl Word for UncountedWord {
    fn new(value: u64) -> Self {
        Self(loom::sync::atomic::AtomicU64::new(value))
    }

    fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
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

    fn fetch_add(&self, _: u64, order: Ordering) -> u64 {
        self.0.fetch_add(0, order)
    }

    fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_sub(value, order)
    }
}
