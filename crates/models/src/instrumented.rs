//! The primitives of all models under loom. A word counts its loads, and does them in the
//! kind that the checker has chosen. A [`Mutation`](crate::mutant::Mutation) can change
//! each access of a word.
//!
//! The kind of loads is chosen at run time and not by a type, so that the store and the
//! code above it are compiled for loom only once.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use loom::sync::atomic::AtomicU64;
use plan_store::Loom;
use plan_store::primitives::{Primitives, Word};

use crate::checker::Loads;
use crate::mutant::{Access, Change, change};

// loom runs all threads of a model on the thread that explores it.
thread_local! {
    static LOADS: Cell<Loads> = const { Cell::new(Loads::Plain) };
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// From now on, all words on this thread use this kind of loads.
pub(crate) fn load(loads: Loads) {
    LOADS.set(loads);
}

/// The kind of loads on this thread.
pub(crate) fn loads() -> Loads {
    LOADS.get()
}

/// Does the work. Also returns the number of loads that it made on this thread.
pub(crate) fn counting<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = COUNT.get();
    let result = work();
    (result, COUNT.get() - before)
}

/// loom's primitives, with an [`InstrumentedWord`].
#[derive(Debug)]
pub enum Instrumented {}

impl Primitives for Instrumented {
    type Word = InstrumentedWord;
    type Lock<T: Send + Sync + 'static> = <Loom as Primitives>::Lock<T>;
    type Monitor<T: Send + 'static> = <Loom as Primitives>::Monitor<T>;
}

/// loom's word, with loads that are counted and of either kind, and with accesses that a
/// mutation can change.
#[derive(Debug)]
pub struct InstrumentedWord(AtomicU64);

fn ordered(order: Ordering, change: Option<Change>) -> Ordering {
    match change {
        Some(Change::Order(weaker)) => weaker,
        _ => order,
    }
}

impl Word for InstrumentedWord {
    fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    fn load(&self, order: Ordering) -> u64 {
        COUNT.set(COUNT.get() + 1);
        let order = ordered(order, change(Access::Load(order)));
        match LOADS.get() {
            Loads::Plain => self.0.load(order),
            // This is stronger than any ordering that the store asks for. This kind of
            // loads finds interleavings that loom would miss otherwise; plain loads check
            // the orderings.
            Loads::Rmw => self.0.fetch_add(0, Ordering::AcqRel),
        }
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        let change = change(Access::CompareExchange(success, failure));
        if change == Some(Change::Torn) {
            // A read-modify-write that adds 0: loom misses none of these.
            let seen = self.0.fetch_add(0, Ordering::AcqRel);
            if seen != current {
                return Err(seen);
            }
            self.0.swap(new, Ordering::AcqRel);
            return Ok(seen);
        }
        let failure = match change {
            Some(Change::RelaxedFailure) => Ordering::Relaxed,
            _ => failure,
        };
        let success = ordered(success, change);
        self.0.compare_exchange(current, new, success, failure)
    }

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        let change = change(Access::Add(order));
        let adds = change != Some(Change::AddsNothing);
        let value = if adds { value } else { 0 };
        self.0.fetch_add(value, ordered(order, change))
    }

    fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        let change = change(Access::Sub(order));
        let subtracts = change != Some(Change::SubtractsNothing);
        let value = if subtracts { value } else { 0 };
        self.0.fetch_sub(value, ordered(order, change))
    }
}
