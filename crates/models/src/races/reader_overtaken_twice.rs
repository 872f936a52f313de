//! A reader or a follower finds its plan gone, reads the endpoint again, and finds the next
//! plan gone too. Plan 1 is active. A thread activates plans 2 and 3 and sweeps, then
//! activates plans 4 and 5 and sweeps again.

use plan_store::RetainReason::Rollback;
use plan_store::{
    Activation, DnsStore, EndpointName, EndpointState, PlanStore, Resolution, Resolve, Swept,
};

use super::{
    Answer, Followed, OneLook, activate, active, begin, memory, over, race, state, sweep, swept,
};
use crate::Explored;
use crate::checker::{Checker as _, Loom};
use crate::{Instrumented, Watched};

/// The reader's answers during the race and after all threads had ended, the other thread's
/// answers, and where the endpoint stands at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    meanwhile: Answer,
    last: Answer,
    rounds: [([Activation; 2], Swept); 2],
    end: EndpointState,
}

fn explore<R: Resolve + Send + 'static>(
    reader: fn(&Watched<Instrumented>) -> R,
) -> Explored<Outcome> {
    race::<Loom, _>("reader overtaken twice", Some(3), move || {
        let store = begin(memory::<Loom>(), 5);
        let mut reader = reader(&store);
        let activates = store.clone();
        let ((meanwhile, mut reader), rounds) = Loom::run_two(
            move || (Answer::by(&mut reader), reader),
            move || {
                [[2, 3], [4, 5]].map(|plans| {
                    let activations = plans.map(|plan| activate(&activates, plan));
                    (activations, sweep(&activates, plans[1]))
                })
            },
        );
        let last = Answer::by(&mut reader);
        Outcome {
            meanwhile,
            last,
            rounds,
            end: state(&store),
        }
    })
}

/// The reader looks until it finds the plan that it has read.
fn holds<R: Resolve + Send + 'static>(reader: fn(&Watched<Instrumented>) -> R) -> usize {
    let outcome = |meanwhile| Outcome {
        meanwhile: Answer::From(meanwhile),
        last: Answer::From(5),
        rounds: [
            (
                [over(active(1, None)), over(active(2, 1))],
                swept([1], [(2, Rollback)]),
            ),
            (
                [over(active(3, 2)), over(active(4, 3))],
                swept([2, 3], [(4, Rollback)]),
            ),
        ],
        end: active(5, 4),
    };
    explore(reader).holds((1..=5).map(outcome))
}

/// The race with a reader.
pub fn holds_for_a_reader() -> usize {
    holds(Watched::reader)
}

/// The race with a follower.
pub fn holds_for_a_follower() -> usize {
    holds(Followed::of)
}

/// A reader that looks at most twice finds its plan gone.
pub fn needs_to_look_until_it_finds_its_plan() {
    let twice = explore(|store| TwoLooks(OneLook::on(store.clone())));
    let dangling = |outcome: &Outcome| outcome.meanwhile == Answer::Dangling(3);
    let outcomes = twice.findings.outcomes();
    assert!(outcomes.iter().any(dangling), "{outcomes:#?}");
}

/// A reader that looks again, but only once.
#[derive(Debug)]
struct TwoLooks<S>(OneLook<S>);

impl<S: DnsStore> Resolve for TwoLooks<S> {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        if matches!(self.0.resolve(endpoint), Resolution::Dangling { .. }) {
            return self.0.resolve(endpoint);
        }
        &self.0.1
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        self.0.has_descendant(name)
    }
}
