//! Tests with arbitrary sequences of operations, on the store and on a simple reference.

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRunner};

use crate::script::{Reference, References, Script, Session, watch};
use crate::{Effort, Stores};

/// The settings of proptest. Failing scripts are printed, not written to a file. The random
/// numbers come from the cheapest generator, because the default one, built without
/// optimization, would take most of a test's time.
pub fn config(effort: Effort) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: effort.scripts.unwrap_or(default.cases.saturating_mul(8)),
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::XorShift,
        ..default
    }
}

/// Performs a script on a store and on the reference, and compares.
///
/// # Errors
/// The first operation after which they differ, and how.
pub fn compare<M: Stores>(stores: &M, script: &Script) -> Result<(), String> {
    let mut subject = Session::new(stores, script);
    let mut model = Session::new(&References, script);
    for op in &script.ops {
        let (said, expected) = (subject.perform(op), model.perform(op));
        if said != expected {
            return Err(format!("{op:?}: {said:?}, but should be {expected:?}"));
        }
        let (is, expected) = (subject.audit(), model.audit());
        if is != expected {
            return Err(format!("after {op:?}: {is:?}, but should be {expected:?}"));
        }
    }
    Ok(())
}

/// Every result is the reference's.
pub fn the_store_agrees_with_the_reference<M: Stores>(stores: &M) {
    run(stores, |script| compare(stores, script));
}

/// Every invariant holds after every operation.
pub fn the_store_keeps_every_invariant<M: Stores>(stores: &M) {
    run(stores, |script| watch(stores, script));
}

fn run(stores: &impl Stores, check: impl Fn(&Script) -> Result<(), String>) {
    let config = config(stores.effort());
    assert!(config.cases > 0, "this effort tries nothing");
    let verdict = TestRunner::new(config).run(&Script::any(stores), |script| {
        check(&script).map_err(TestCaseError::fail)
    });
    if let Err(error) = verdict {
        panic!("{error}");
    }
}

/// The reference is a store too.
impl Stores for References {
    type Store = Reference;

    fn make(
        &self,
        retention: plan_store::Retention,
        last: Option<plan_store::Generation>,
    ) -> Reference {
        Reference::new(retention, last)
    }

    fn effort(&self) -> Effort {
        Effort::FULL
    }
}
