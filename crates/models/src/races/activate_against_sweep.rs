//! A slow Enactor activates the old plan 2 while a sweep for plan 3 would delete it. Plan 3
//! is active nowhere, so only the pin protects plan 2.

use plan_store::RetainReason::{Active, Pinned, Rollback};
use plan_store::{Activation, EndpointState, PlanStore as _, Swept};

use super::{Answer, active, begin, endpoint, generation, memory, over, race, state, sweep, swept};
use crate::checker::{Checker as _, Loom};
use crate::mutant::Mutation;
use crate::{Explored, must};

/// The answers that both threads got, and the endpoint's state and its resolution at the
/// end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    /// `None` if the plan was gone before the Enactor could pin it.
    slow: Option<Activation>,
    swept: Swept,
    end: EndpointState,
    answer: Answer,
}

fn explore() -> Explored<Outcome> {
    race::<Loom, _>("activate against sweep", None, || {
        let store = begin(memory::<Loom>(), 3);
        let (activates, sweeps) = (store.clone(), store.clone());
        let (slow, swept) = Loom::run_two(
            move || {
                let pin = activates.pin(generation(2)).ok()?;
                Some(must(activates.activate(&pin, &endpoint())))
            },
            move || sweep(&sweeps, 3),
        );
        Outcome {
            slow,
            swept,
            end: state(&store),
            answer: Answer::by(&mut store.reader()),
        }
    })
}

/// Either the plan is deleted before the Enactor can pin it, or it is active at the end.
pub fn holds() -> usize {
    let gone = Outcome {
        slow: None,
        swept: swept([2], [(1, Active)]),
        end: active(1, None),
        answer: Answer::From(1),
    };
    let activated = |swept| Outcome {
        slow: Some(over(active(1, None))),
        swept,
        end: active(2, 1),
        answer: Answer::From(2),
    };
    explore().holds([
        gone,
        activated(swept([], [(1, Active), (2, Pinned)])),
        activated(swept([], [(1, Rollback), (2, Active)])),
    ])
}

/// With relaxed orderings, a sweep sees that the pin is released, but not the activation
/// that was done under it, and deletes the active plan.
pub fn needs_its_orderings() {
    let relaxed = Mutation::RELAXED.during(explore);
    relaxed.findings.assert_seen(&[Outcome {
        slow: Some(over(active(1, None))),
        swept: swept([2], [(1, Active)]),
        end: active(2, 1),
        answer: Answer::Dangling(2),
    }]);
}
