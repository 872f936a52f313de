//! A small world of endpoints, plans that can be told apart, and what a store says of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_store::{
    Activation, EndpointName, EndpointState, Generation, Pin, Plan, PlanStore, RecordSet,
    Resolution, Target,
};
use plan_store_disk::DiskStore;

pub(crate) const ENDPOINTS: u32 = 12;

pub(crate) fn endpoint(at: u32) -> EndpointName {
    format!("e{at}.example").parse().unwrap()
}

/// Whether plan `number` names this endpoint. Each endpoint comes and goes, except the first.
pub(crate) fn names(number: u32, at: u32) -> bool {
    at == 0 || !(number / 3 + at).is_multiple_of(4)
}

/// The content of plan `number`. In each plan a third of the endpoints change.
pub(crate) fn plan(number: u32) -> Arc<Plan> {
    let named = (0..ENDPOINTS).filter(|&at| names(number, at));
    let endpoints = named.map(|at| {
        let changed = (number + at) / 3;
        let [_, a, b, c] = changed.to_be_bytes();
        let target = Target::new([10, a, b, c].into(), 1 + (at % 200) as u8);
        (endpoint(at), RecordSet::new(60, [target]).unwrap())
    });
    Arc::new(Plan::new(endpoints).unwrap())
}

/// Publishes the plan whose number is its generation.
pub(crate) fn publish_next(store: &DiskStore) -> Generation {
    let latest = store.latest().unwrap();
    let number = latest.map_or(0, |pin| pin.generation().get()) + 1;
    let generation = store.publish(plan(number)).unwrap();
    assert_eq!(generation.get(), number);
    generation
}

/// Everything that a store holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Content {
    pub(crate) generations: Vec<Generation>,
    pub(crate) states: Vec<EndpointState>,
    pub(crate) answers: Vec<Resolution>,
    pub(crate) note: Option<Vec<u8>>,
}

impl Content {
    /// What the store holds. Checks that each plan has its own content, and that no endpoint
    /// dangles.
    pub(crate) fn of(store: &DiskStore) -> Self {
        let generations = store.generations();
        for &generation in &generations {
            let pin = store.pin(generation).unwrap();
            assert_eq!(
                *pin.plan(),
                plan(generation.get()),
                "the content of {generation}"
            );
        }
        let answers: Vec<_> = (0..ENDPOINTS)
            .map(|at| store.resolve(&endpoint(at)))
            .collect();
        for (at, answer) in answers.iter().enumerate() {
            assert!(
                !matches!(answer, Resolution::Dangling { .. }),
                "{at} dangles"
            );
        }
        let states = (0..ENDPOINTS).map(|at| store.state(&endpoint(at)).unwrap());
        Self {
            generations,
            states: states.collect(),
            answers,
            note: store.note("note").unwrap(),
        }
    }
}

/// Activates a plan everywhere, withdraws the rest, and sweeps; each outcome by endpoint.
pub(crate) fn pass(store: &DiskStore) -> BTreeMap<EndpointName, Activation> {
    let pin = store.latest().unwrap().unwrap();
    let walk = store.activate_all(&pin);
    let mut outcomes: BTreeMap<_, _> = walk.map(|(e, o)| (e.clone(), o.unwrap())).collect();
    for endpoint in store.stale_endpoints(&pin).unwrap() {
        let outcome = store.withdraw(&pin, &endpoint).unwrap();
        outcomes.insert(endpoint, outcome);
    }
    store.sweep(pin.generation()).unwrap();
    outcomes
}
