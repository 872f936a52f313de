//! Two sweeps try to delete the same old plan 2. Plan 3 is active, and plan 1 is the
//! rollback target.

use plan_store::RetainReason::Rollback;
use plan_store::{Generation, Swept};

use super::{activate, begin, generations, memory, race, sweep, swept};
use crate::Explored;
use crate::checker::{Checker as _, Loom};
use crate::mutant::Mutation;

/// The results of both sweeps, and the plans that are left.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    one: Swept,
    two: Swept,
    left: Vec<Generation>,
}

fn explore() -> Explored<Outcome> {
    race::<Loom, _>("sweep against sweep", None, || {
        let store = begin(memory::<Loom>(), 3);
        let _ = activate(&store, 3);
        let (first, second) = (store.clone(), store.clone());
        let (one, two) = Loom::run_two(move || sweep(&first, 3), move || sweep(&second, 3));
        Outcome {
            one,
            two,
            left: store.generations(),
        }
    })
}

/// Exactly one of the sweeps reports that it deleted the plan.
pub fn holds() -> usize {
    let (deletes, does_not) = (swept([2], [(1, Rollback)]), swept([], [(1, Rollback)]));
    let left = || generations([1, 3]);
    explore().holds([
        Outcome {
            one: deletes.clone(),
            two: does_not.clone(),
            left: left(),
        },
        Outcome {
            one: does_not,
            two: deletes,
            left: left(),
        },
    ])
}

/// With a compare-and-swap in two steps, both sweeps report that they deleted the plan.
pub fn needs_its_compare_and_swap() {
    let torn = Mutation::TORN.during(explore);
    torn.findings.assert_seen(&[Outcome {
        one: swept([2], [(1, Rollback)]),
        two: swept([2], [(1, Rollback)]),
        left: generations([1, 3]),
    }]);
}
