//! Two Enactors each activate a plan at two endpoints, one after the other: a slow Enactor
//! plan 2, and a quick one plan 3. Plan 1 was active. An Enactor stops at the endpoint
//! where it is overtaken.

use plan_store::{Activation, DnsStore, EndpointState, PlanStore};

use super::{active, generation, memory, over, race, stale};
use crate::checker::{Checker as _, Loom};
use crate::mutant::Mutation;
use crate::{Explored, endpoints, must, plan};

/// The answers that both Enactors got at each endpoint, and where the endpoints stand at
/// the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    slow: Vec<Activation>,
    quick: Vec<Activation>,
    end: Vec<EndpointState>,
}

/// Activates the plan everywhere, and stops at the first endpoint that refuses it.
fn walk(store: &impl DnsStore, plan: u32) -> Vec<Activation> {
    let pin = must(store.pin(generation(plan)));
    let mut told = Vec::new();
    for (_, activation) in store.activate_all(&pin) {
        let activation = must(activation);
        told.push(activation);
        if matches!(activation, Activation::Stale { .. }) {
            break;
        }
    }
    told
}

fn explore() -> Explored<Outcome> {
    race::<Loom, _>("activate all against activate all", None, || {
        let store = memory::<Loom>();
        for octet in 1..=3 {
            must(store.publish(plan(&endpoints(2), octet)));
        }
        let _ = walk(&store, 1);
        let (older, newer) = (store.clone(), store.clone());
        let (slow, quick) = Loom::run_two(move || walk(&older, 2), move || walk(&newer, 3));
        let standing = |name| must(store.state(name));
        Outcome {
            slow,
            quick,
            end: endpoints(2).iter().map(standing).collect(),
        }
    })
}

/// The newer plan is active everywhere. The slow Enactor changes nothing after the endpoint
/// where it is overtaken.
pub fn holds() -> usize {
    let (first, second) = (over(active(1, None)), over(active(2, 1)));
    let outcome = |slow: &[Activation], quick: [Activation; 2], rollbacks: [u32; 2]| Outcome {
        slow: slow.into(),
        quick: quick.into(),
        end: rollbacks.map(|rollback| active(3, rollback)).into(),
    };
    explore().holds([
        outcome(&[first, first], [second, second], [2, 2]),
        outcome(&[first, stale(3)], [second, first], [2, 1]),
        outcome(&[stale(3)], [first, first], [1, 1]),
    ])
}

/// With a compare-and-swap in two steps, the older plan overwrites the newer one at the
/// second endpoint.
pub fn needs_its_compare_and_swap() {
    let torn = Mutation::TORN.during(explore);
    let (first, second) = (over(active(1, None)), over(active(2, 1)));
    torn.findings.assert_seen(&[Outcome {
        slow: vec![first, first],
        quick: vec![second, first],
        end: vec![active(3, 2), active(2, 1)],
    }]);
}
