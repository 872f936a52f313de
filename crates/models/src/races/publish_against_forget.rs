//! A sweep forgets an endpoint that plan 2 has withdrawn and no plan names. Meanwhile plan
//! 3, which names the endpoint again, is published and activated there. A reader or a
//! follower resolves the endpoint during this.

use plan_store::{Activation, EndpointState, PlanStore, Resolve, Swept};

use super::{
    Answer, Followed, activate, active, forgettable, memory, over, race, state, sweep, swept,
    withdrawn,
};
use crate::checker::{Checker as _, Loom};
use crate::mutant::Mutation;
use crate::{Explored, endpoints, must, plan};
use crate::{Instrumented, Watched};

/// The answers that all threads got, and the state at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    activation: Activation,
    swept: Swept,
    read: Answer,
    end: EndpointState,
    last: Answer,
}

fn explore<R: Resolve + Send + 'static>(
    reader: fn(&Watched<Instrumented>) -> R,
) -> Explored<Outcome> {
    race::<Loom, _>("publish against forget", Some(3), move || {
        let store = forgettable(memory::<Loom>());
        let mut reader = reader(&store);
        let _ = Answer::by(&mut reader);
        let (publishes, sweeps) = (store.clone(), store.clone());
        let (activation, swept, (read, mut reader)) = Loom::run_three(
            move || {
                must(publishes.publish(plan(&endpoints(1), 3)));
                activate(&publishes, 3)
            },
            move || sweep(&sweeps, 2),
            move || (Answer::by(&mut reader), reader),
        );
        Outcome {
            activation,
            swept,
            read,
            end: state(&store),
            last: Answer::by(&mut reader),
        }
    })
}

/// The endpoint keeps its cell or gets a new one. In both cases the reader finds the plan
/// that is activated there.
fn holds<R: Resolve + Send + 'static>(reader: fn(&Watched<Instrumented>) -> R) -> usize {
    let outcome = |before, read| Outcome {
        activation: over(before),
        swept: swept([1], []),
        read,
        end: active(3, None),
        last: Answer::From(3),
    };
    let kept = [Answer::Withdrawn(2), Answer::From(3)];
    let renewed = [
        Answer::Withdrawn(2),
        Answer::Unknown,
        Answer::Vacant,
        Answer::From(3),
    ];
    let kept = kept.map(|read| outcome(withdrawn(2, None), read));
    let renewed = renewed.map(|read| outcome(EndpointState::VACANT, read));
    explore(reader).holds(kept.into_iter().chain(renewed))
}

/// The race with a reader.
pub fn holds_for_a_reader() -> usize {
    holds(Watched::reader)
}

/// The race with a follower.
pub fn holds_for_a_follower() -> usize {
    holds(Followed::of)
}

/// Without the count of comings and goings, the reader and the follower use the forgotten
/// cell forever.
pub fn needs_the_count() {
    fn left_behind<R: Resolve + Send + 'static>(reader: fn(&Watched<Instrumented>) -> R) {
        let uncounted = Mutation::UNCOUNTED.during(|| explore(reader));
        uncounted.findings.assert_seen(&[Outcome {
            activation: over(EndpointState::VACANT),
            swept: swept([1], []),
            read: Answer::Withdrawn(2),
            end: active(3, None),
            last: Answer::Withdrawn(2),
        }]);
    }
    left_behind(Watched::reader);
    left_behind(Followed::of);
}
