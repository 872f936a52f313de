//! Two threads activate two plans at one endpoint, where a third plan is active.

use plan_store::{Activation, EndpointState};

use super::{activate, active, begin, memory, over, race, stale, state};
use crate::Explored;
use crate::checker::{Checker, Loom};
use crate::mutant::Mutation;

/// The answers that both threads got, and the endpoint's state at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    two: Activation,
    three: Activation,
    end: EndpointState,
}

fn explore<J: Checker>() -> Explored<Outcome> {
    race::<J, _>("activate against activate", None, || {
        let store = begin(memory::<J>(), 3);
        let (older, newer) = (store.clone(), store.clone());
        let (two, three) = J::run_two(move || activate(&older, 2), move || activate(&newer, 3));
        let end = state(&store);
        Outcome { two, three, end }
    })
}

/// The newer plan is active at the end, and the rollback target is the plan that was active
/// before.
pub fn holds() -> usize {
    holds_by::<Loom>()
}

/// The same with this checker.
pub(super) fn holds_by<J: Checker>() -> usize {
    explore::<J>().holds([
        Outcome {
            two: over(active(1, None)),
            three: over(active(2, 1)),
            end: active(3, 2),
        },
        Outcome {
            two: stale(3),
            three: over(active(1, None)),
            end: active(3, 1),
        },
    ])
}

/// With a compare-and-swap in two steps, the older plan overwrites the newer one.
pub fn needs_its_compare_and_swap() {
    let torn = Mutation::TORN.during(explore::<Loom>);
    torn.findings.assert_seen(&[Outcome {
        two: over(active(1, None)),
        three: over(active(1, None)),
        end: active(2, 1),
    }]);
}
