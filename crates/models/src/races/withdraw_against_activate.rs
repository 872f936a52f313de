//! Plan 3 withdraws an endpoint while a slow Enactor activates plan 2 there. Plan 1 was
//! active.

use plan_store::{Activation, EndpointState, PlanStore as _};

use super::{activate, active, begin, memory, over, race, stale, state, withdraw, withdrawn};
use crate::checker::{Checker, Loom};
use crate::mutant::Mutation;
use crate::{Explored, endpoints, must, plan};

/// The answers that both threads got, and the endpoint's state at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    activation: Activation,
    withdrawal: Activation,
    end: EndpointState,
}

fn explore<J: Checker>() -> Explored<Outcome> {
    race::<J, _>("withdraw against activate", None, || {
        let store = begin(memory::<J>(), 2);
        must(store.publish(plan(&endpoints(2)[1..], 3)));
        let (activating, withdrawing) = (store.clone(), store.clone());
        let (activation, withdrawal) = J::run_two(
            move || activate(&activating, 2),
            move || withdraw(&withdrawing, 3),
        );
        Outcome {
            activation,
            withdrawal,
            end: state(&store),
        }
    })
}

/// The endpoint is withdrawn at the end, and the rollback target is the plan that was
/// active before.
pub fn holds() -> usize {
    holds_by::<Loom>()
}

/// The same with this checker.
pub(super) fn holds_by<J: Checker>() -> usize {
    explore::<J>().holds([
        Outcome {
            activation: over(active(1, None)),
            withdrawal: over(active(2, 1)),
            end: withdrawn(3, 2),
        },
        Outcome {
            activation: stale(3),
            withdrawal: over(active(1, None)),
            end: withdrawn(3, 1),
        },
    ])
}

/// With a compare-and-swap in two steps, the older plan brings the endpoint back.
pub fn needs_its_compare_and_swap() {
    let torn = Mutation::TORN.during(explore::<Loom>);
    torn.findings.assert_seen(&[Outcome {
        activation: over(active(1, None)),
        withdrawal: over(active(1, None)),
        end: active(2, 1),
    }]);
}
