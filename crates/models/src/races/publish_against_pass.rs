//! One thread publishes a plan that names an endpoint, and activates it there. Another
//! thread publishes a plan that does not name the endpoint, withdraws the endpoint, and
//! sweeps. Plan 1, which names the endpoint, was never activated.

use plan_store::RetainReason::{Pinned, Rollback};
use plan_store::{Activation, EndpointState, Generation, PlanStore as _, Swept};

use protocol::NAMES;

use super::{active, endpoint, generation, memory, over, race, stale, state, swept, withdrawn};
use crate::checker::{Checker as _, Loom};
use crate::mutant::Mutation;
use crate::{Explored, endpoints, must, plan};

/// The answers that both threads got, and the endpoint's state at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    /// The generation of the plan that names the endpoint.
    named_by: Generation,
    /// `None` if that plan was deleted before it could be pinned.
    activation: Option<Activation>,
    withdrawal: Activation,
    swept: Swept,
    end: EndpointState,
}

fn explore() -> Explored<Outcome> {
    race::<Loom, _>("publish against pass", Some(3), || {
        let store = memory::<Loom>();
        must(store.publish(plan(&endpoints(1), 1)));
        let (names, withdraws) = (store.clone(), store.clone());
        let ((named_by, activation), (withdrawal, swept)) = Loom::run_two(
            move || {
                let named_by = must(names.publish(plan(&endpoints(1), 2)));
                let pin = names.pin(named_by).ok();
                let activate = |pin| must(names.activate(&pin, &endpoint()));
                (named_by, pin.map(activate))
            },
            move || {
                let withdrawn_by = must(withdraws.publish(plan(&endpoints(2)[1..], 3)));
                let pin = must(withdraws.pin(withdrawn_by));
                let withdrawal = must(withdraws.withdraw(&pin, &endpoint()));
                (withdrawal, must(withdraws.sweep(withdrawn_by)))
            },
        );
        Outcome {
            named_by,
            activation,
            withdrawal,
            swept,
            end: state(&store),
        }
    })
}

/// The newer of the two plans wins, and an activated plan is found.
pub fn holds() -> usize {
    let vacant = EndpointState::VACANT;
    let newer = |before, withdrawal| Outcome {
        named_by: generation(3),
        activation: Some(over(before)),
        withdrawal,
        swept: swept([1], []),
        end: active(3, None),
    };
    let older = |activation, withdrawal, swept, end| Outcome {
        named_by: generation(2),
        activation,
        withdrawal: over(withdrawal),
        swept,
        end,
    };
    explore().holds([
        // The withdrawal came before the activation: in the same cell, or in a cell that
        // was then forgotten.
        newer(withdrawn(2, None), over(vacant)),
        newer(vacant, over(vacant)),
        newer(vacant, stale(3)),
        older(
            Some(over(vacant)),
            active(2, None),
            swept([1], [(2, Rollback)]),
            withdrawn(3, 2),
        ),
        older(
            Some(stale(3)),
            vacant,
            swept([1], [(2, Pinned)]),
            withdrawn(3, None),
        ),
        // The pin was taken after the sweep had begun, or released before; or there was no
        // pin.
        older(Some(stale(3)), vacant, swept([1, 2], []), vacant),
        older(None, vacant, swept([1, 2], []), vacant),
    ])
}

/// All steps of the protocol that the store takes occur here. An operator's return is a publish.
pub fn takes_each_step() {
    let taken = explore().findings.tally().kinds;
    let never = NAMES
        .into_iter()
        .zip(taken)
        .filter(|(_, times)| *times == 0);
    assert_eq!(never.map(|(name, _)| name).collect::<Vec<_>>(), ["return"]);
}

/// With a compare-and-swap in two steps, the older plan overwrites the newer plan's step.
pub fn needs_its_compare_and_swap() {
    let torn = Mutation::TORN.during(explore);
    let overwritten =
        |outcome: &Outcome| outcome.named_by == generation(3) && outcome.end == withdrawn(2, None);
    let outcomes = torn.findings.outcomes();
    assert!(outcomes.iter().any(overwritten), "{outcomes:#?}");
}
