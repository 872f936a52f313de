//! Races of single steps, each repeated many times.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::thread;

use plan_store::{Activation, EndpointState, Pin, PlanStore, Standing};

use super::make;
use super::plans::{endpoint, small_plan};
use crate::{Stores, generation};

/// Each plan is swept while an Enactor picks it up late, activates it and drops its pin.
pub fn a_sweep_at_the_moment_of_activation_deletes_nothing_active<M: Stores>(stores: &M) {
    let plans = stores.effort().sweeps;
    assert!(plans > 0, "this effort tries nothing");
    let store = make(stores);
    store.publish(small_plan()).unwrap();
    let first = store.latest().unwrap().unwrap();
    let _ = store.activate(&first, &endpoint(0)).unwrap();
    drop(first);
    stores.settle(&store);
    let (old, quiet) = (AtomicU32::new(1), AtomicBool::new(false));
    thread::scope(|scope| {
        let enactor = scope.spawn(|| {
            // At least one look, however late this thread begins.
            loop {
                if let Ok(pin) = store.pin(generation(old.load(SeqCst))) {
                    let _ = store.activate(&pin, &endpoint(0)).unwrap();
                }
                let answer = store.resolve(&endpoint(0));
                assert!(answer.records().is_some(), "ActiveKept: {answer:?}");
                if quiet.load(SeqCst) {
                    break;
                }
            }
        });
        for number in 1..=plans {
            let newest = store.publish(small_plan()).unwrap();
            old.store(number, SeqCst);
            let _ = store.sweep(newest).unwrap();
        }
        quiet.store(true, SeqCst);
        if let Err(cause) = enactor.join() {
            resume_unwind(cause);
        }
    });
}

/// Three threads with a third of the plans each activate them at one endpoint.
pub fn activations_that_collide_form_a_chain<M: Stores>(stores: &M) {
    let plans = stores.effort().collisions;
    let store = make(stores);
    let pins = (0..plans).map(|_| store.publish(small_plan()).unwrap());
    let pins = pins.map(|plan| store.pin(plan).unwrap());
    let mut shares = [(); 3].map(|()| Vec::new());
    for (pin, share) in pins.zip((0..3).cycle()) {
        shares[share].push(pin);
    }
    let race = |pins: Vec<<M::Store as PlanStore>::Pin>| {
        let outcomes = pins.iter().map(|pin| {
            let outcome = store.activate(pin, &endpoint(0)).unwrap();
            (pin.generation(), outcome)
        });
        outcomes.collect::<Vec<_>>()
    };
    let race = &race;
    let mut outcomes: Vec<_> = thread::scope(|scope| {
        let threads = shares.map(|share| scope.spawn(move || race(share)));
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect()
    });

    outcomes.sort_unstable();
    let mut state = EndpointState::VACANT;
    for (by, outcome) in outcomes {
        match outcome {
            Activation::Activated { replaced } => {
                assert_eq!(replaced, state, "Monotonic: {by} is not next in the chain");
                state = EndpointState {
                    standing: Standing::Active(by),
                    rollback: replaced.standing.active(),
                };
            }
            Activation::Stale { newer } => assert!(newer > by, "Monotonic: {by}"),
            other => unreachable!("{by} was activated once, not {other:?}"),
        }
    }
    assert_eq!(store.state(&endpoint(0)).unwrap(), state, "LatestWins");
    assert_eq!(state.standing, Standing::Active(generation(plans)));
}
