//! Plans and cells are dropped outside the lock's sections, so that no reader and no
//! publish waits for it.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;
use plan_store::dns::MemoryStore;
use plan_store::memory::{self, Contents, Known};
use plan_store::primitives::{Lock, Native, Primitives, Word};
use plan_store::{EndpointName, Generation, Pin, Plan, PlanStore, RecordSet, Retention, Target};

thread_local! {
    static IN_SECTION: Cell<bool> = const { Cell::new(false) };
}

/// Words that were dropped in a section of the lock, and outside of any.
static IN_SECTIONS: AtomicUsize = AtomicUsize::new(0);
static OUTSIDE: AtomicUsize = AtomicUsize::new(0);

/// The native primitives. Each plan and each cell has one word, which notes where it
/// is dropped.
enum Watched {}

impl Primitives for Watched {
    type Word = WatchedWord;
    type Lock<T: Send + Sync + 'static> = WatchedLock<T>;
    type Monitor<T: Send + 'static> = <Native as Primitives>::Monitor<T>;
}

struct WatchedWord(AtomicU64);

impl Word for WatchedWord {
    fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
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

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_add(value, order)
    }

    fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_sub(value, order)
    }
}

impl Drop for WatchedWord {
    fn drop(&mut self) {
        let place = if IN_SECTION.get() {
            &IN_SECTIONS
        } else {
            &OUTSIDE
        };
        place.fetch_add(1, Ordering::Relaxed);
    }
}

struct WatchedLock<T>(RwLock<T>);

impl<T: Send + Sync + 'static> Lock<T> for WatchedLock<T> {
    fn new(value: T) -> Self {
        Self(RwLock::new(value))
    }

    fn read<R>(&self, section: impl FnOnce(&T) -> R) -> R {
        let value = self.0.read();
        IN_SECTION.set(true);
        let result = section(&value);
        IN_SECTION.set(false);
        result
    }

    fn write<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.0.write();
        IN_SECTION.set(true);
        let result = section(&mut value);
        IN_SECTION.set(false);
        result
    }
}

/// Publishes a plan of this endpoint and applies it, as an Enactor does.
fn pass(store: &MemoryStore<Watched>, endpoint: &str) -> Vec<Generation> {
    let name: EndpointName = endpoint.parse().unwrap();
    let target = Target::new(Ipv4Addr::LOCALHOST.into(), 1);
    let records = RecordSet::new(5, [target]).unwrap();
    let plan = Plan::new([(name, records)]).unwrap();
    store.publish(Arc::new(plan)).unwrap();
    let pin = store.latest().unwrap().unwrap();
    let _ = store.newest_active().unwrap();
    assert!(store.activate_all(&pin).all(|(_, outcome)| outcome.is_ok()));
    for endpoint in store.stale_endpoints(&pin).unwrap() {
        let _ = store.withdraw(&pin, &endpoint).unwrap();
    }
    store.sweep(pin.generation()).unwrap().deleted
}

#[test]
fn a_sweep_drops_plans_and_cells_outside_the_lock() {
    let store = MemoryStore::<Watched>::with_primitives(Retention::newest(1));
    let names = ["a.example", "b.example", "c.example", "d.example"];
    let deleted: usize = names.iter().map(|name| pass(&store, name).len()).sum();
    assert!(deleted >= 2, "sweeps deleted {deleted} plans");
    let known = store.state(&"a.example".parse().unwrap()).unwrap();
    assert_eq!(known, plan_store::EndpointState::VACANT, "it is forgotten");
    // Each deleted plan, and at least the cell that was forgotten.
    assert!(OUTSIDE.load(Ordering::Relaxed) > deleted);
    assert_eq!(IN_SECTIONS.load(Ordering::Relaxed), 0);
}

thread_local! {
    /// Whether the last value was dropped in a section of the lock.
    static VALUE_IN_SECTION: Cell<Option<bool>> = const { Cell::new(None) };
}

/// A value that notes where it is dropped.
#[derive(PartialEq, Eq, Debug)]
struct Noted;

impl Drop for Noted {
    fn drop(&mut self) {
        VALUE_IN_SECTION.set(Some(IN_SECTION.get()));
    }
}

#[test]
fn a_plan_that_is_refused_is_dropped_outside_the_lock() {
    let plan = || Arc::new(Plan::new([("a", Noted)]).unwrap());
    let contents = Contents {
        plans: BTreeMap::from([(Generation::MAX, plan())]),
        endpoints: vec![("a", Known::added_by(Generation::MAX))],
    };
    let keep = Retention::newest(1);
    let store =
        memory::MemoryStore::<_, _, Watched>::restored_with_primitives(keep, contents).unwrap();
    assert!(
        store.publish(plan()).is_err(),
        "there is no generation left"
    );
    assert_eq!(VALUE_IN_SECTION.get(), Some(false));
}
