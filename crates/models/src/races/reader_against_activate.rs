//! A reader, a follower, or calls of `resolve` without either, while plans are activated
//! and swept. Plan 1 is active. A thread activates plans 2 and 3 and sweeps.

use plan_store::RetainReason::Rollback;
use plan_store::{Activation, EndpointState, PlanStore, Resolve, Swept};

use super::{
    Answer, Calls, Followed, OneLook, activate, active, begin, memory, over, race, state, sweep,
    swept,
};
use crate::Explored;
use crate::checker::{Checker as _, Loom};
use crate::{Instrumented, Watched};

/// The reader's first and second answer, its answer after all threads had ended, the other
/// thread's answers, and where the endpoint stands at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    first: Answer,
    next: Answer,
    last: Answer,
    activations: [Activation; 2],
    swept: Swept,
    end: EndpointState,
}

fn explore<R: Resolve + Send + 'static>(
    bound: Option<usize>,
    reader: fn(&Watched<Instrumented>) -> R,
) -> Explored<Outcome> {
    race::<Loom, _>("reader against activate and sweep", bound, move || {
        let store = begin(memory::<Loom>(), 3);
        let mut reader = reader(&store);
        let activates = store.clone();
        let ((first, next, mut reader), (activations, swept)) = Loom::run_two(
            move || {
                let (first, next) = (Answer::by(&mut reader), Answer::by(&mut reader));
                (first, next, reader)
            },
            move || {
                let activations = [2, 3].map(|plan| activate(&activates, plan));
                (activations, sweep(&activates, 3))
            },
        );
        let last = Answer::by(&mut reader);
        Outcome {
            first,
            next,
            last,
            activations,
            swept,
            end: state(&store),
        }
    })
}

/// All answers are whole, none goes back, and the last one is from the newest plan.
fn holds<R: Resolve + Send + 'static>(
    bound: Option<usize>,
    reader: fn(&Watched<Instrumented>) -> R,
) -> usize {
    let forward = [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)];
    let outcome = |(first, next)| Outcome {
        first: Answer::From(first),
        next: Answer::From(next),
        last: Answer::From(3),
        activations: [over(active(1, None)), over(active(2, 1))],
        swept: swept([1], [(2, Rollback)]),
        end: active(3, 2),
    };
    explore(bound, reader).holds(forward.map(outcome))
}

/// The race with a reader.
pub fn holds_for_a_reader() -> usize {
    holds(None, Watched::reader)
}

/// The race with a follower.
pub fn holds_for_a_follower() -> usize {
    holds(None, Followed::of)
}

/// The race with calls of [`PlanStore::resolve`].
pub fn holds_for_calls() -> usize {
    holds(Some(3), Calls::of)
}

/// A reader that does not look again finds its plan gone.
pub fn needs_the_readers_second_look() {
    let one_look = explore(Some(3), |store| OneLook::on(store.clone()));
    one_look.findings.assert_seen(&[Outcome {
        first: Answer::Dangling(1),
        next: Answer::From(3),
        last: Answer::From(3),
        activations: [over(active(1, None)), over(active(2, 1))],
        swept: swept([1], [(2, Rollback)]),
        end: active(3, 2),
    }]);
}
