//! A Planner publishes plan 3. A slow Enactor picks up the latest plan and keeps its pin. A
//! quick Enactor picks up the latest plan, activates it and sweeps. Plan 1 is active, and
//! plan 2 is published.

use incident::{IncidentStore, Variant};
use plan_store::RetainReason::{Pinned, Rollback};
use plan_store::{Activation, DnsStore, EndpointState, Generation, Pin as _, Swept};

use super::{RETENTION, active, begin, endpoint, generation, memory, over, race, state, swept};
use crate::Instrumented;
use crate::checker::{Checker as _, Loom};
use crate::{Explored, endpoints, must, must_be, plan};

/// The answers that all threads got, and the state at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    slow: Picked,
    quick: Generation,
    activation: Activation,
    swept: Swept,
    newest: Generation,
    end: EndpointState,
}

/// The plan that the slow Enactor picked up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Picked {
    /// This plan, which is there while it is pinned.
    Held(Generation),
    /// This plan, which was deleted while it was pinned: `PinnedKept` is broken.
    Lost(Generation),
}

fn explore<S: DnsStore + Clone + 'static>(store: fn() -> S) -> Explored<Outcome> {
    // The race also holds without a bound: 179,515 executions with plain loads and 311,723
    // with rmw loads, a minute each.
    race::<Loom, _>("publish against sweep", Some(3), move || {
        let store = begin(store(), 2);
        let (publishes, holds, sweeps) = (store.clone(), store.clone(), store.clone());
        let (_, slow, (quick, activation, swept)) = Loom::run_three(
            move || must(publishes.publish(plan(&endpoints(1), 3))),
            move || {
                let pin = must_be(must(holds.latest()));
                match holds.pin(pin.generation()) {
                    Ok(_) => Picked::Held(pin.generation()),
                    Err(_) => Picked::Lost(pin.generation()),
                }
            },
            move || {
                let pin = must_be(must(sweeps.latest()));
                let activation = must(sweeps.activate(&pin, &endpoint()));
                let quick = pin.generation();
                drop(pin);
                (quick, activation, must(sweeps.sweep(quick)))
            },
        );
        Outcome {
            slow,
            quick,
            activation,
            swept,
            newest: must_be(must(store.latest())).generation(),
            end: state(&store),
        }
    })
}

/// No picked-up plan is lost, and the plan that was active becomes the rollback target.
pub fn holds() -> usize {
    let held = |plan| Picked::Held(generation(plan));
    let outcome = |slow, quick, swept| Outcome {
        slow,
        quick: generation(quick),
        activation: over(active(1, None)),
        swept,
        newest: generation(3),
        end: active(quick, 1),
    };
    let nothing_old = || swept([], [(1, Rollback)]);
    let deleted = || swept([2], [(1, Rollback)]);
    explore(memory::<Loom>).holds([
        outcome(held(2), 2, nothing_old()),
        outcome(held(2), 3, swept([], [(1, Rollback), (2, Pinned)])),
        outcome(held(2), 3, deleted()),
        outcome(held(3), 2, nothing_old()),
        outcome(held(3), 3, deleted()),
    ])
}

/// A store that does not spare pinned plans deletes the plan that the slow Enactor holds.
pub fn needs_to_spare_what_is_pinned() {
    let unprotected =
        || IncidentStore::<Instrumented>::with_primitives(Variant::CompareAndSwapOnly, RETENTION);
    let findings = explore(unprotected).findings;
    let lost = |outcome: &Outcome| matches!(outcome.slow, Picked::Lost(_));
    assert!(findings.outcomes().iter().any(lost), "{findings:#?}");
}
