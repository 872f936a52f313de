//! A sweep gets a generation beyond the newest plan. Meanwhile plan 2 is published with a
//! new endpoint and activated only there, and plan 3 is published. Plan 1 is active at the
//! other endpoint.

use incident::{IncidentStore, Variant};
use plan_store::RetainReason::Active;
use plan_store::{Activation, DnsStore, EndpointState, Generation, Swept};

use super::{RETENTION, active, begin, generation, generations, memory, over, race, state, swept};
use crate::Instrumented;
use crate::checker::{Checker as _, Loom};
use crate::{Explored, endpoints, must, plan};

/// The answers that both threads got, and the state at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    /// `None` if plan 2 was deleted before it could be pinned.
    activation: Option<Activation>,
    swept: Swept,
    left: Vec<Generation>,
    /// Where the old endpoint and the new one stand.
    end: [EndpointState; 2],
}

fn explore<S: DnsStore + Clone + 'static>(store: fn() -> S) -> Explored<Outcome> {
    race::<Loom, _>("sweep ahead of publish", None, move || {
        let store = begin(store(), 1);
        let (sweeps, publishes) = (store.clone(), store.clone());
        let (swept, activation) = Loom::run_two(
            move || must(sweeps.sweep(generation(9))),
            move || {
                let both = endpoints(2);
                must(publishes.publish(plan(&both, 2)));
                let pin = publishes.pin(generation(2)).ok();
                let activation = pin.map(|pin| must(publishes.activate(&pin, &both[1])));
                must(publishes.publish(plan(&both, 3)));
                activation
            },
        );
        let there = |number: &Generation| store.pin(*number).is_ok();
        Outcome {
            activation,
            swept,
            left: generations([1, 2, 3]).into_iter().filter(there).collect(),
            end: [state(&store), must(store.state(&endpoints(2)[1]))],
        }
    })
}

/// The sweep counts from the newest plan that exists, and spares the plan that is active at
/// the new endpoint.
pub fn holds() -> usize {
    let outcome = |swept| Outcome {
        activation: Some(over(EndpointState::VACANT)),
        swept,
        left: generations([1, 2, 3]),
        end: [active(1, None), active(2, None)],
    };
    explore(memory::<Loom>).holds([
        outcome(swept([], [])),
        outcome(swept([], [(1, Active)])),
        outcome(swept([], [(1, Active), (2, Active)])),
    ])
}

/// A sweep that counts from the given generation deletes the newest plan.
pub fn needs_to_stop_at_the_newest_plan() {
    let by_age =
        || IncidentStore::<Instrumented>::with_primitives(Variant::CompareAndSwapOnly, RETENTION);
    let findings = explore(by_age).findings;
    let deleted = |outcome: &Outcome| outcome.swept.deleted.contains(&generation(3));
    assert!(findings.outcomes().iter().any(deleted), "{findings:#?}");
}
