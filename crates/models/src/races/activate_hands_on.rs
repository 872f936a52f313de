//! A thread that is told of a generation sees what its activator did before: a thread
//! that reads it, one that replaces it, and one that loses to it.
//!
//! Plan 1 is active. Two threads each do something, as a relaxed access shows, and then
//! activate plan 2 or plan 3. A third thread reads the endpoint's state.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use plan_store::primitives::{Primitives, Word};
use plan_store::{Activation, EndpointState, Generation, PlanStore as _};

use super::{active, begin, endpoint, generation, memory, race, state};
use crate::Instrumented;
use crate::checker::{Checker as _, Loom, Work};
use crate::mutant::Mutation;
use crate::{Explored, must};

/// What a thread was told, and what it saw then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Told {
    /// Of plan 1, which was active before all threads.
    OfFirst,
    /// Of this plan, and the thread sees what the plan's activator did before.
    AndSees(u32),
    /// Of this plan, and the thread does not see it.
    Blind(u32),
    /// Of no plan.
    Nothing,
}

impl Told {
    /// Plan `n`'s activator sets bit `n` before.
    fn of(generation: Option<Generation>, done: u64) -> Self {
        match generation.map(Generation::get) {
            Some(1) => Self::OfFirst,
            Some(number) if done & 1 << number != 0 => Self::AndSees(number),
            Some(number) => Self::Blind(number),
            None => Self::Nothing,
        }
    }
}

/// What the activators of plans 2 and 3 and the reader were told, and the endpoint's
/// state at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    two: Told,
    three: Told,
    reader: Told,
    end: EndpointState,
}

fn explore() -> Explored<Outcome> {
    // Without a bound it holds as well: 858,199 executions with plain loads,
    // 3,777,297 with rmw loads, eight minutes in all.
    race::<Loom, _>("activate hands on", Some(2), || {
        let store = begin(memory::<Loom>(), 3);
        let done = Arc::new(<Instrumented as Primitives>::Word::new(0));
        let activating = |number: u32| -> Work<Told> {
            let (store, done) = (store.clone(), Arc::clone(&done));
            Box::new(move || {
                // The pin is taken first: it goes through the index's lock.
                let pin = must(store.pin(generation(number)));
                done.fetch_add(1 << number, Relaxed);
                let told = match must(store.activate(&pin, &endpoint())) {
                    Activation::Activated { replaced } => replaced.standing.generation(),
                    Activation::Stale { newer } => Some(newer),
                    Activation::Already | Activation::Unknown => None,
                };
                Told::of(told, done.load(Relaxed))
            })
        };
        let (reading, done_then) = (store.clone(), Arc::clone(&done));
        let read = move || {
            let told = state(&reading).standing.generation();
            Told::of(told, done_then.load(Relaxed))
        };
        let (two, three, reader) = Loom::run_three(activating(2), activating(3), read);
        let end = state(&store);
        Outcome {
            two,
            three,
            reader,
            end,
        }
    })
}

/// All threads see what they are told of.
pub fn holds() -> usize {
    use Told::{AndSees, OfFirst};
    // Plan 2 comes first, and plan 3 replaces it; or plan 2 comes too late.
    let in_order = |reader| Outcome {
        two: OfFirst,
        three: AndSees(2),
        reader,
        end: active(3, 2),
    };
    let overtaken = |reader| Outcome {
        two: AndSees(3),
        three: OfFirst,
        reader,
        end: active(3, 1),
    };
    explore().holds([
        in_order(OfFirst),
        in_order(AndSees(2)),
        in_order(AndSees(3)),
        overtaken(OfFirst),
        overtaken(AndSees(3)),
    ])
}

/// With relaxed orderings, a thread is told of a plan and does not see what its activator
/// did before.
pub fn needs_the_words_orderings() {
    let relaxed = Mutation::RELAXED.during(explore).findings;
    let blind = |outcome: &Outcome| outcome.reader == Told::Blind(2);
    assert!(relaxed.outcomes().iter().any(blind), "{relaxed:#?}");
}
