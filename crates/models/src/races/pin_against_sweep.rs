//! A thread pins the old plan 2 while a sweep would delete it. Plan 3 is active, and plan 1
//! is the rollback target.

use plan_store::RetainReason::{Pinned, Rollback};
use plan_store::{Generation, Pin as _, PinError, PlanStore as _, Swept};

use super::{activate, begin, generation, generations, memory, race, sweep, swept};
use crate::Explored;
use crate::checker::{Checker, Loom};
use crate::mutant::Mutation;

/// The answer that the pinning thread got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Pinning {
    /// The plan was pinned, and was there while it was pinned.
    Held,
    /// The plan was pinned, and was deleted meanwhile: `PinnedKept` is broken.
    Lost,
    /// The plan was deleted before it could be pinned.
    Gone,
    /// Any other error.
    Failed,
}

/// The answers that both threads got, and the plans that are left.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    pinning: Pinning,
    swept: Swept,
    left: Vec<Generation>,
}

fn explore<J: Checker>() -> Explored<Outcome> {
    race::<J, _>("pin against sweep", None, || {
        let store = begin(memory::<J>(), 3);
        let _ = activate(&store, 3);
        let (pins, sweeps) = (store.clone(), store.clone());
        let (pinning, swept) = J::run_two(
            move || match pins.pin(generation(2)) {
                Ok(pin) if pins.pin(pin.generation()).is_ok() => Pinning::Held,
                Ok(_) => Pinning::Lost,
                Err(PinError::NoSuchPlan { .. }) => Pinning::Gone,
                Err(_) => Pinning::Failed,
            },
            move || sweep(&sweeps, 3),
        );
        Outcome {
            pinning,
            swept,
            left: store.generations(),
        }
    })
}

/// The plan is not deleted while it is pinned.
pub fn holds() -> usize {
    holds_by::<Loom>()
}

/// The same with this checker.
pub(super) fn holds_by<J: Checker>() -> usize {
    let deleted = |pinning| Outcome {
        pinning,
        swept: swept([2], [(1, Rollback)]),
        left: generations([1, 3]),
    };
    let spared = Outcome {
        pinning: Pinning::Held,
        swept: swept([], [(1, Rollback), (2, Pinned)]),
        left: generations([1, 2, 3]),
    };
    explore::<J>().holds([deleted(Pinning::Gone), deleted(Pinning::Held), spared])
}

/// With a compare-and-swap in two steps, the plan is deleted while it is pinned.
pub fn needs_its_compare_and_swap() {
    let torn = Mutation::TORN.during(explore::<Loom>);
    torn.findings.assert_seen(&[Outcome {
        pinning: Pinning::Lost,
        swept: swept([2], [(1, Rollback)]),
        left: generations([1, 3]),
    }]);
}
