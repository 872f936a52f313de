//! A sweep forgets an endpoint that plan 2 has withdrawn and no plan names. Meanwhile a
//! thread asks a reader or a follower, then the store itself, then the reader again.

use plan_store::{EndpointState, PlanStore as _, Resolve, Standing, Swept};

use super::{Answer, Followed, endpoint, forgettable, memory, race, state, sweep, swept};
use crate::Explored;
use crate::checker::{Checker as _, Loom};
use crate::mutant::Mutation;
use crate::{Instrumented, Watched};

/// The thread's answers in this order, the result of the sweep, and the reader's answer
/// after all threads had ended.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    told: [Answer; 4],
    swept: Swept,
    last: Answer,
}

/// The answer that corresponds to a state.
fn answer_of(state: EndpointState) -> Answer {
    match state.standing {
        Standing::Withdrawn(generation) => Answer::Withdrawn(generation.get()),
        Standing::Active(generation) => Answer::From(generation.get()),
        Standing::Vacant => Answer::Unknown,
    }
}

fn explore<R: Resolve + Send + 'static>(
    reader: fn(&Watched<Instrumented>) -> R,
) -> Explored<Outcome> {
    race::<Loom, _>("reader against forget", None, move || {
        let store = forgettable(memory::<Loom>());
        let mut reader = reader(&store);
        let _ = Answer::by(&mut reader);
        let asked = store.clone();
        let ((told, mut reader), swept) = Loom::run_two(
            move || {
                let told = [
                    Answer::by(&mut reader),
                    answer_of(state(&asked)),
                    Answer::of(&asked.resolve(&endpoint())),
                    Answer::by(&mut reader),
                ];
                (told, reader)
            },
            move || sweep(&store, 2),
        );
        let last = Answer::by(&mut reader);
        Outcome { told, swept, last }
    })
}

/// After one answer was *unknown*, no later answer is *withdrawn*.
fn holds<R: Resolve + Send + 'static>(reader: fn(&Watched<Instrumented>) -> R) -> usize {
    let outcome = |known: usize| {
        let mut told = [Answer::Unknown; 4];
        told[..known].fill(Answer::Withdrawn(2));
        Outcome {
            told,
            swept: swept([1], []),
            last: Answer::Unknown,
        }
    };
    explore(reader).holds((0..=4).map(outcome))
}

/// The race with a reader.
pub fn holds_for_a_reader() -> usize {
    holds(Watched::reader)
}

/// The race with a follower.
pub fn holds_for_a_follower() -> usize {
    holds(Followed::of)
}

/// Without the count of comings and goings, the reader and the follower say *withdrawn*
/// after the store has said *unknown*.
pub fn needs_the_count() {
    fn goes_back<R: Resolve + Send + 'static>(reader: fn(&Watched<Instrumented>) -> R) {
        let (withdrawn, unknown) = (Answer::Withdrawn(2), Answer::Unknown);
        let uncounted = Mutation::UNCOUNTED.during(|| explore(reader));
        uncounted.findings.assert_seen(&[Outcome {
            told: [withdrawn, unknown, unknown, withdrawn],
            swept: swept([1], []),
            last: withdrawn,
        }]);
    }
    goes_back(Watched::reader);
    goes_back(Followed::of);
}
