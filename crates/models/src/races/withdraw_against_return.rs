//! An Enactor asks which endpoints plan 2 does not name, and withdraws those. Meanwhile
//! plan 3, which names the endpoint again, is published and activated. Plan 1 was active.

use plan_store::{Activation, EndpointState, PlanStore as _};

use super::{
    activate, active, begin, endpoint, generation, memory, over, race, stale, state, withdrawn,
};
use crate::checker::{Checker as _, Loom};
use crate::mutant::Mutation;
use crate::{Explored, endpoints, must, plan};

/// The answers that both threads got, and the endpoint's state at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    /// `None` if the endpoint was not among the stale ones.
    withdrawal: Option<Activation>,
    activation: Activation,
    end: EndpointState,
}

fn explore() -> Explored<Outcome> {
    race::<Loom, _>("withdraw against return", None, || {
        let store = begin(memory::<Loom>(), 1);
        must(store.publish(plan(&endpoints(2)[1..], 2)));
        let (withdrawing, returning) = (store.clone(), store.clone());
        let (withdrawal, activation) = Loom::run_two(
            move || {
                let pin = must(withdrawing.pin(generation(2)));
                let stale_endpoints = must(withdrawing.stale_endpoints(&pin));
                assert!(stale_endpoints.iter().all(|name| *name == endpoint()));
                let withdraw = |name| must(withdrawing.withdraw(&pin, name));
                stale_endpoints.iter().map(withdraw).next()
            },
            move || {
                must(returning.publish(plan(&endpoints(1), 3)));
                activate(&returning, 3)
            },
        );
        Outcome {
            withdrawal,
            activation,
            end: state(&store),
        }
    })
}

/// The endpoint answers from plan 3 at the end. If plan 2 withdrew it before, it has no
/// rollback target.
pub fn holds() -> usize {
    let overtaken = |withdrawal| Outcome {
        withdrawal,
        activation: over(active(1, None)),
        end: active(3, 1),
    };
    let withdrawn = Outcome {
        withdrawal: Some(over(active(1, None))),
        activation: over(withdrawn(2, 1)),
        end: active(3, None),
    };
    explore().holds([overtaken(None), overtaken(Some(stale(3))), withdrawn])
}

/// With a compare-and-swap in two steps, the older plan withdraws what the newer one brought
/// back.
pub fn needs_its_compare_and_swap() {
    let torn = Mutation::TORN.during(explore);
    torn.findings.assert_seen(&[Outcome {
        withdrawal: Some(over(active(1, None))),
        activation: over(active(1, None)),
        end: withdrawn(2, 1),
    }]);
}
