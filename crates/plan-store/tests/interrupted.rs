//! Calls of the store that other calls interrupt, between any two of their loads. One
//! thread does all of it, so each test has the same order every time.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plan_store::dns::{MemoryPin, MemoryStore};
use plan_store::primitives::{Native, Primitives, Word};
use plan_store::{
    Activation, EndpointName, Pin, Plan, PlanStore, RecordSet, Resolution, Resolve, Retention,
    Target,
};

thread_local! {
    /// Called before each load, but not before those that it makes itself.
    static BEFORE_LOAD: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
}

/// The native primitives, with a call before each load.
enum Interrupted {}

impl Primitives for Interrupted {
    type Word = InterruptedWord;
    type Lock<T: Send + Sync + 'static> = <Native as Primitives>::Lock<T>;
    type Monitor<T: Send + 'static> = <Native as Primitives>::Monitor<T>;
}

struct InterruptedWord(AtomicU64);

impl Word for InterruptedWord {
    fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    fn load(&self, order: Ordering) -> u64 {
        if let Some(mut call) = BEFORE_LOAD.take() {
            call();
            BEFORE_LOAD.set(Some(call));
        }
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

fn name(text: &str) -> EndpointName {
    text.parse().unwrap()
}

/// Publishes a plan of these endpoints, and holds it.
fn publish(store: &MemoryStore<Interrupted>, endpoints: &[&str]) -> MemoryPin<Interrupted> {
    let named = endpoints.iter().map(|text| {
        let target = Target::new([192, 0, 2, 1].into(), 1);
        (name(text), RecordSet::new(5, [target]).unwrap())
    });
    store.publish(Arc::new(Plan::new(named).unwrap())).unwrap();
    store.latest().unwrap().unwrap()
}

fn withdraw(store: &MemoryStore<Interrupted>, by: &MemoryPin<Interrupted>, endpoint: &str) {
    let outcome = store.withdraw(by, &name(endpoint)).unwrap();
    assert!(
        matches!(outcome, Activation::Activated { .. }),
        "{outcome:?}"
    );
}

/// Two endpoints below the name are withdrawn and forgotten, and two others take their
/// place. These are withdrawn by the same plan, so their states are the same. But one of
/// them is there at each moment.
#[test]
fn a_name_is_not_denied_because_of_what_other_cells_said() {
    let (a, b, c, d) = (
        "a.one.example",
        "b.one.example",
        "c.one.example",
        "d.one.example",
    );
    let store = MemoryStore::<Interrupted>::with_primitives(Retention::newest(0));
    drop(publish(&store, &[a, c, "two.example"]));
    let (mut reader, enactor) = (store.reader(), store.clone());
    let (mut loads, mut pins) = (0, Vec::new());
    BEFORE_LOAD.set(Some(Box::new(move || {
        loads += 1;
        match loads {
            // The reader has its cells. It looks at the first endpoint, then at the third.
            2 => {
                pins.push(publish(&enactor, &[b, d, "two.example"]));
                pins.push(publish(&enactor, &["two.example"]));
                withdraw(&enactor, &pins[1], a);
                withdraw(&enactor, &pins[1], c);
            }
            // It checks whether there are other cells, and takes them.
            4 => {
                withdraw(&enactor, &pins[1], b);
                enactor.sweep(pins[1].generation()).unwrap();
            }
            // It has looked at the second endpoint, and looks at the fourth.
            6 => {
                pins.push(publish(&enactor, &[b, "two.example"]));
                let _ = enactor.activate(&pins[2], &name(b)).unwrap();
                withdraw(&enactor, &pins[1], d);
            }
            _ => {}
        }
    })));
    let below = reader.has_descendant(&name("one.example"));
    let script = BEFORE_LOAD.take();
    assert!(script.is_some() && below);
    assert!(
        store.resolve(&name(a)).generation().is_none(),
        "it is forgotten"
    );
}

/// While a sweep runs, an endpoint loses its rollback target. This sweep does not forget the
/// endpoint, and the next sweep does, though it has nothing to delete.
#[test]
fn an_endpoint_that_becomes_idle_in_a_sweep_is_forgotten_by_the_next() {
    let a = "a.example";
    let store = MemoryStore::<Interrupted>::with_primitives(Retention::newest(0));
    let pin = publish(&store, &[a, "two.example"]);
    let _ = store.activate(&pin, &name(a)).unwrap();
    drop(pin);
    withdraw(&store, &publish(&store, &["two.example"]), a);
    let newest = publish(&store, &["two.example"]);
    let applied = newest.generation();
    let (enactor, mut loads) = (store.clone(), 0);
    BEFORE_LOAD.set(Some(Box::new(move || {
        loads += 1;
        // The sweep has looked at two plans' pins and at the idle endpoints.
        if loads == 4 {
            withdraw(&enactor, &newest, a);
        }
    })));
    let first = store.sweep(applied).unwrap();
    let script = BEFORE_LOAD.take();
    assert!(script.is_some() && first.deleted.len() == 2, "{first:?}");
    assert!(matches!(
        store.resolve(&name(a)),
        Resolution::Withdrawn { .. }
    ));
    let second = store.sweep(applied).unwrap();
    assert!(second.deleted.is_empty(), "{second:?}");
    assert_eq!(store.resolve(&name(a)), Resolution::Unknown);
}
