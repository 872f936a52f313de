//! A thread that is told of a plan also sees what that plan's activator did before the
//! activation. This holds for a thread that reads the plan's generation, for one that
//! replaces it, and for one that is refused because of it.
//!
//! Plan 1 is active. Two threads each set a bit with a relaxed access, and then activate
//! plan 2 or plan 3. A third thread reads the endpoint's state.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use plan_store::primitives::{Primitives, Word};
use plan_store::{Activation, EndpointState, Generation, PlanStore as _};

use super::{active, begin, endpoint, generation, memory, race, state};
use crate::Instrumented;
use crate::checker::{Checker as _, Loom, Work};
use crate::mutant::Mutation;
use crate::{Explored, must};

/// The plan that a thread was told of, and what it saw then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Told {
    /// Plan 1, which was active before the threads started.
    OfFirst,
    /// This plan, and the thread sees what the plan's activator did before.
    AndSees(u32),
    /// This plan, but the thread does not see what the plan's activator did before.
    Blind(u32),
    /// No plan.
    Nothing,
}

impl Told {
    /// The activator of plan `n` sets bit `n` before it activates the plan.
    fn of(generation: Option<Generation>, done: u64) -> Self {
        match generation.map(Generation::get) {
            Some(1) => Self::OfFirst,
            Some(number) if done & 1 << number != 0 => Self::AndSees(number),
            Some(number) => Self::Blind(number),
            None => Self::Nothing,
        }
    }
}

/// What the activators of plans 2 and 3 and the reader were told, and the endpoint's state
/// at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    two: Told,
    three: Told,
    reader: Told,
    end: EndpointState,
}

fn explore() -> Explored<Outcome> {
    // The race also holds without a bound: 858,199 executions with plain loads and
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

/// All threads see what the activators of the plans that they are told of did before.
pub fn holds() -> usize {
    use Told::{AndSees, OfFirst};
    // Either plan 2 comes first and plan 3 replaces it, or plan 2 comes too late.
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
