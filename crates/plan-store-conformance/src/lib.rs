//! Tests that a store does what [`PlanStore`](plan_store::PlanStore) requires. Each test is
//! written once, for any store.
//!
//! The author of a store implements [`Stores`], which makes stores for the tests. The macro
//! [`suite!`] adds the tests:
//!
//! ```
//! use plan_store::{Generation, MemoryStore, Retention};
//! use plan_store_conformance::{Effort, Stores};
//!
//! struct InMemory;
//!
//! impl Stores for InMemory {
//!     type Store = MemoryStore;
//!
//!     fn make(&self, retention: Retention, last: Option<Generation>) -> MemoryStore {
//!         match last {
//!             None => MemoryStore::new(retention),
//!             Some(last) => MemoryStore::continuing(retention, last),
//!         }
//!     }
//!
//!     fn effort(&self) -> Effort {
//!         Effort::FULL
//!     }
//! }
//!
//! plan_store_conformance::suite!(InMemory);
//! ```
//!
//! - [`edges`]: edge cases, one by one.
//! - [`scripts`]: for any sequence of operations, every result is the same as on a simple
//!   sequential [`Reference`](script::Reference), and every invariant holds after every
//!   step.
//! - [`storm`]: a Planner, Enactors that stall and crash, and servers, all at once on real
//!   threads; single races, repeated many times; the race of October 2025, with the slow
//!   Enactor held between its check and its first activation.
//! - [`counted`]: for a wrapper around a store, whether it calls the inner store in the
//!   same way as an Enactor.
//!
//! A test panics if the store is wrong, and the message says how.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests: a failed step is a failed test"
)]

pub mod counted;
pub mod edges;
pub mod script;
pub mod scripts;
pub mod storm;

use plan_store::{DnsStore, Generation, Pin, Retention};

/// Makes the stores for the suite.
pub trait Stores: Sync {
    /// The store under test. Clones are handles on the same store.
    type Store: DnsStore<Reader: 'static> + Clone + 'static;

    /// Makes an empty store. Its first plan has the generation after `last`, or the first
    /// generation if `last` is `None`.
    fn make(&self, retention: Retention, last: Option<Generation>) -> Self::Store;

    /// Whether `make` can make a store that continues after `last`. If not, each store
    /// begins with the first generation.
    fn can_continue(&self) -> bool {
        true
    }

    /// Returns when every reader of this handle shows all earlier changes of the store. If
    /// readers never lag, it does nothing.
    fn settle(&self, _store: &Self::Store) {}

    /// Whether a reader may still show an older state than the store itself.
    fn readers_lag(&self) -> bool {
        false
    }

    /// Whether [`PlanStore::activate_all`](plan_store::PlanStore::activate_all) begins
    /// steps before it has returned the outcomes of earlier steps. If an Enactor panics
    /// there, such a store may take some more steps.
    fn steps_ahead(&self) -> bool {
        false
    }

    /// How much each test tries.
    fn effort(&self) -> Effort;
}

/// How much the tests try, each number at least 1. A slow store chooses less. A test that would
/// try nothing fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effort {
    /// Scripts of up to 80 operations. `None` means eight times proptest's own
    /// number, which `PROPTEST_CASES` sets.
    pub scripts: Option<u32>,
    /// The number of storms, each with its own seed.
    pub storms: u64,
    /// The passes of each Enactor in a storm.
    pub passes: u32,
    /// The number of plans that threads activate at one endpoint at once.
    pub collisions: u32,
    /// The number of plans that are swept while they are being activated.
    pub sweeps: u32,
}

impl Effort {
    /// For a store in memory: a few seconds.
    pub const FULL: Self = Self {
        scripts: None,
        storms: 3,
        passes: 500,
        collisions: 9_000,
        sweeps: 20_000,
    };

    /// For a store behind a network, with about a millisecond for each step: about a
    /// minute.
    pub const REMOTE: Self = Self {
        scripts: Some(12),
        storms: 1,
        passes: 12,
        collisions: 150,
        sweeps: 150,
    };
}

/// Adds the suite's tests, each as a `#[test]` of its own. The argument is an expression
/// for the [`Stores`].
#[macro_export]
macro_rules! suite {
    ($stores:expr) => {
        $crate::suite! { $stores =>
            edges::another_stores_pin_is_refused_whatever_it_is_for
            edges::a_walk_takes_each_endpoint_of_the_plan_once_and_in_its_order
            edges::static_records_come_back_as_they_were_published
            edges::an_older_plan_does_not_withdraw_what_a_newer_one_brings
            edges::a_newer_plan_fences_off_what_an_older_one_had_not_activated_yet
            edges::an_endpoint_that_no_plan_names_is_forgotten_by_store_and_reader
            edges::no_sweep_deletes_the_newest_plan_whatever_it_is_told_is_applied
            scripts::the_store_agrees_with_the_reference
            scripts::the_store_keeps_every_invariant
            storm::every_invariant_holds_while_enactors_stall
            storm::every_invariant_holds_while_enactors_crash
            storm::a_sweep_at_the_moment_of_activation_deletes_nothing_active
            storm::activations_that_collide_form_a_chain
            storm::a_held_enactor_is_told_that_it_is_stale
            storm::an_enactor_that_panics_leaves_no_pin_behind
        }
    };
    ($stores:expr => $($module:ident :: $test:ident)*) => {
        $(
            #[test]
            fn $test() {
                $crate::$module::$test(&$stores);
            }
        )*
    };
}

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

/// The plans in the store; empty before the first publish.
fn generations<S: DnsStore>(store: &S) -> Vec<Generation> {
    let latest = store.latest().unwrap();
    let newest = latest.map_or(0, |pin| pin.generation().get());
    let all = (1..=newest).map(generation);
    all.filter(|&plan| store.pin(plan).is_ok()).collect()
}
