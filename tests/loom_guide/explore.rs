//! Step 2: every outcome of a model.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// Every outcome of a model, and how many executions there were.
pub(crate) fn explore<O: Ord + Clone + Send + 'static>(
    bound: Option<usize>,
    execution: impl Fn() -> O + Send + Sync + 'static,
) -> (BTreeSet<O>, usize) {
    let found = Arc::new(Mutex::new((BTreeSet::new(), 0)));
    let seen = Arc::clone(&found);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = bound;
    model.check(move || {
        let outcome = execution();
        let mut seen = seen.lock().unwrap();
        seen.0.insert(outcome);
        seen.1 += 1;
    });
    let found = found.lock().unwrap();
    found.clone()
}
