//! Two Planners publish one plan each, with one new endpoint each. Plan 1 is active.

use plan_store::{DnsStore, EndpointName, Generation, Pin as _, PinError, PlanStore, Resolution};

use super::{begin, generation, memory, race};
use crate::checker::{Checker as _, Loom};
use crate::{Explored, endpoints, must, must_be, plan};
use crate::{Instrumented, Watched};

/// The generations that both Planners got, and the state at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Outcome {
    one: Generation,
    two: Generation,
    /// The plans in the store.
    plans: Vec<Content>,
    /// The plan that is picked up.
    latest: Generation,
    /// The endpoints that the store knows.
    known: Vec<EndpointName>,
}

/// The publisher of a plan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Content {
    First,
    One,
    Two,
}

/// How a Planner publishes, and the generation that it believes its plan to have.
type Publish<S> = fn(&S, &[EndpointName], u8) -> Generation;

fn explore(publish: Publish<Watched<Instrumented>>) -> Explored<Outcome> {
    race::<Loom, _>("two publishers", None, move || {
        let store = begin(memory::<Loom>(), 1);
        let (first, second) = (store.clone(), store.clone());
        let [a, b, c] = must(<[_; 3]>::try_from(endpoints(3)));
        let everything = [a.clone(), b.clone(), c.clone()];
        let (with_b, with_c) = ([a.clone(), b], [a, c]);
        let (one, two) = Loom::run_two(
            move || publish(&first, &with_b, 11),
            move || publish(&second, &with_c, 12),
        );
        let is_known = |name: &EndpointName| store.resolve(name) != Resolution::Unknown;
        Outcome {
            one,
            two,
            plans: (1..).map_while(|number| content(&store, number)).collect(),
            latest: must_be(must(store.latest())).generation(),
            known: everything.into_iter().filter(is_known).collect(),
        }
    })
}

/// The publisher of the plan with this number, if there is such a plan.
fn content(store: &impl DnsStore, number: u32) -> Option<Content> {
    let pin = match store.pin(generation(number)) {
        Err(PinError::NoSuchPlan { .. }) => return None,
        pin => must(pin),
    };
    let (_, records) = must_be(pin.plan().endpoints().next());
    let [.., octet] = must_be(records.a().first()).address.octets();
    Some(match octet {
        11 => Content::One,
        12 => Content::Two,
        _ => Content::First,
    })
}

/// Each generation is given out once, and both plans and their endpoints are there.
pub fn holds() -> usize {
    use Content::{First, One, Two};
    let outcome = |one, two, plans: [Content; 3]| Outcome {
        one: generation(one),
        two: generation(two),
        plans: plans.into(),
        latest: generation(3),
        known: endpoints(3),
    };
    explore(|store, named, octet| must(store.publish(plan(named, octet)))).holds([
        outcome(2, 3, [First, One, Two]),
        outcome(3, 2, [First, Two, One]),
    ])
}

/// If Planners assume that their plan has the generation after the newest one, two Planners
/// assume the same generation.
pub fn needs_one_section() {
    let guesses = |store: &Watched<Instrumented>, named: &[EndpointName], octet| {
        let newest = must_be(must(store.latest())).generation();
        must(store.publish(plan(named, octet)));
        must(newest.next())
    };
    let findings = explore(guesses).findings;
    let shared = |outcome: &Outcome| outcome.one == outcome.two;
    assert!(findings.outcomes().iter().any(shared), "{findings:#?}");
}
