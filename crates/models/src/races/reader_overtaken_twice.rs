//! A reader, or a follower, that finds its plan gone, reads the endpoint again, and finds
//! that plan gone too. Plan 1 is active; a thread activates plans 2 and 3 and sweeps, and
//! then plans 4 and 5 and sweeps again.

use plan_store::RetainReason::Rollback;
use plan_store::{EndpointName, MemoryStore, PlanStore, Resolution, Resolve, Swept};

use super::{Answer, Followed, OneLook, activate, begin, memory, race, sweep, swept};
use crate::Explored;
use crate::checker::{Checker, PlainLoads};

/// What the reader was told meanwhile, and once all threads had ended, and what the sweeps
/// did.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    meanwhile: Answer,
    last: Answer,
    swept: [Swept; 2],
}

fn explore<J: Checker, R: Resolve + Send + 'static>(
    reader: fn(&MemoryStore<J::Primitives>) -> R,
) -> Explored<Outcome> {
    race::<J, _>("reader overtaken twice", Some(3), move || {
        let store = begin(memory::<J>(), 5);
        let mut reader = reader(&store);
        let ((meanwhile, mut reader), swept) = J::run_two(
            move || (Answer::by(&mut reader), reader),
            move || {
                [[2, 3], [4, 5]].map(|[one, two]| {
                    let _ = (activate(&store, one), activate(&store, two));
                    sweep(&store, two)
                })
            },
        );
        let last = Answer::by(&mut reader);
        Outcome {
            meanwhile,
            last,
            swept,
        }
    })
}

/// Each time the reader reads the endpoint, it finds that plan, or looks again.
fn holds<J: Checker, R: Resolve + Send + 'static>(
    reader: fn(&MemoryStore<J::Primitives>) -> R,
) -> usize {
    let outcome = |meanwhile| Outcome {
        meanwhile: Answer::From(meanwhile),
        last: Answer::From(5),
        swept: [swept([1], [(2, Rollback)]), swept([2, 3], [(4, Rollback)])],
    };
    explore::<J, R>(reader).holds((1..=5).map(outcome))
}

/// The race with a reader.
pub fn holds_for_a_reader<J: Checker>() -> usize {
    holds::<J, _>(MemoryStore::reader)
}

/// The race with a follower.
pub fn holds_for_a_follower<J: Checker>() -> usize {
    holds::<J, _>(Followed::of)
}

/// A reader that looks at most twice finds its plan gone.
pub fn needs_to_look_until_it_finds_its_plan() {
    let twice = explore::<PlainLoads, _>(|store| TwoLooks(OneLook::on(store.clone())));
    let dangling = |outcome: &Outcome| outcome.meanwhile == Answer::Dangling(3);
    let outcomes = twice.findings.outcomes();
    assert!(outcomes.iter().any(dangling), "{outcomes:#?}");
}

/// A reader that looks again, but once.
#[derive(Debug)]
struct TwoLooks<S>(OneLook<S>);

impl<S: PlanStore> Resolve for TwoLooks<S> {
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
