//! A reader or a follower, while its endpoint goes and comes: a sweep forgets the endpoint,
//! which plan 2 has withdrawn, and plan 3 brings it back in a new cell.

use plan_store::{Activation, EndpointState, PlanStore as _, Resolve, Swept};

use super::{
    Answer, Followed, activate, active, forgettable, memory, over, race, state, sweep, swept,
};
use crate::checker::{Checker as _, Loom};
use crate::mutant::Mutation;
use crate::{Explored, endpoints, must, plan};
use crate::{Instrumented, Watched};

/// The reader's first and second answer, its answer after all threads had ended, the other
/// thread's answers, and where the endpoint stands at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    first: Answer,
    next: Answer,
    last: Answer,
    swept: Swept,
    activation: Activation,
    end: EndpointState,
}

fn explore<R: Resolve + Send + 'static>(
    reader: fn(&Watched<Instrumented>) -> R,
) -> Explored<Outcome> {
    race::<Loom, _>("reader against coming and going", None, move || {
        let store = forgettable(memory::<Loom>());
        let mut reader = reader(&store);
        let _ = Answer::by(&mut reader);
        let changes = store.clone();
        let ((first, next, mut reader), (swept, activation)) = Loom::run_two(
            move || {
                let (first, next) = (Answer::by(&mut reader), Answer::by(&mut reader));
                (first, next, reader)
            },
            move || {
                let swept = sweep(&changes, 2);
                must(changes.publish(plan(&endpoints(1), 3)));
                (swept, activate(&changes, 3))
            },
        );
        let last = Answer::by(&mut reader);
        Outcome {
            first,
            next,
            last,
            swept,
            activation,
            end: state(&store),
        }
    })
}

/// The reader sees the endpoint withdrawn, then unknown, then vacant, then answered again.
fn holds<R: Resolve + Send + 'static>(reader: fn(&Watched<Instrumented>) -> R) -> usize {
    let stages = [
        Answer::Withdrawn(2),
        Answer::Unknown,
        Answer::Vacant,
        Answer::From(3),
    ];
    let firsts = (0..).zip(stages);
    let forward =
        firsts.flat_map(|(at, first)| stages.into_iter().skip(at).map(move |next| (first, next)));
    let outcome = |(first, next)| Outcome {
        first,
        next,
        last: Answer::From(3),
        swept: swept([1], []),
        activation: over(EndpointState::VACANT),
        end: active(3, None),
    };
    explore(reader).holds(forward.map(outcome))
}

/// The race with a reader.
pub fn holds_for_a_reader() -> usize {
    holds(Watched::reader)
}

/// The race with a follower.
pub fn holds_for_a_follower() -> usize {
    holds(Followed::of)
}

/// Without the count of comings and goings, the reader and the follower use the old cell
/// forever.
pub fn needs_the_count() {
    fn left_behind<R: Resolve + Send + 'static>(reader: fn(&Watched<Instrumented>) -> R) {
        let uncounted = Mutation::UNCOUNTED.during(|| explore(reader));
        uncounted.findings.assert_seen(&[Outcome {
            first: Answer::Withdrawn(2),
            next: Answer::Withdrawn(2),
            last: Answer::Withdrawn(2),
            swept: swept([1], []),
            activation: over(EndpointState::VACANT),
            end: active(3, None),
        }]);
    }
    left_behind(Watched::reader);
    left_behind(Followed::of);
}
