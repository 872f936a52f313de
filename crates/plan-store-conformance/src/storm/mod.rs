//! Real threads on one store: a Planner, Enactors that stall and crash, and servers
//! that resolve throughout.
//!
//! A seed decides what the threads do, and the machine decides how they interleave. No test
//! depends on how long anything takes. The passes are those of the real
//! [`Enactor`](control_plane::Enactor), on a store that watches and disturbs it:
//!
//! - `plans`: plans that can be told apart.
//! - `watched`: the store as an Enactor sees it, and the checks after each step.
//! - `servers`: the DNS servers' side, and the checks of each answer.
//! - `tally`: counts what happened, and checks that it was enough to prove anything.
//! - `races`: races of single steps, without an Enactor.

mod plans;
mod races;
mod servers;
mod stalls;
mod tally;
mod watched;

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, ScopedJoinHandle};

use control_plane::Pass;
use plan_store::{
    Activation, DnsStore, EndpointState, PlanStore, RetainReason, Retention, Standing,
};

use self::plans::{BLOCK, ENDPOINTS, count_named, endpoint, names, publish};
pub use self::races::{
    a_sweep_at_the_moment_of_activation_deletes_nothing_active,
    activations_that_collide_form_a_chain,
};
use self::servers::{Announced, serve};
use self::stalls::Stalls;
use self::tally::Tally;
use self::watched::Watched;
use crate::{Stores, generation, generations};

const ENACTORS: u64 = 3;
const READERS: usize = 2;

fn make<M: Stores>(stores: &M) -> M::Store {
    stores.make(Retention::newest(1), None)
}

/// All invariants hold while Enactors overtake each other.
pub fn every_invariant_holds_while_enactors_stall<M: Stores>(stores: &M) {
    let last_seed = stores.effort().storms;
    assert!(last_seed > 0, "this effort tries nothing");
    for seed in 1..=last_seed {
        let (store, total) = storm(stores, seed, false);
        total.assert_eventful();
        let newest = total.newest.unwrap();
        assert_everywhere(&store, newest.get(), "LatestWins");
        let next = *generations(&store).last().unwrap();
        assert_progress_and_reclaimed(&store, next.get() + 1);
        total.assert_each_once();
    }
}

/// All invariants hold while one of the Enactors panics in most of its passes.
pub fn every_invariant_holds_while_enactors_crash<M: Stores>(stores: &M) {
    let (store, total) = storm(stores, 4, true);
    total.assert_eventful();
    assert!(total.crashes > 0, "no Enactor crashed");
    let next = *generations(&store).last().unwrap();
    assert_progress_and_reclaimed(&store, next.get() + 1);
}

/// Runs a Planner that publishes a plan whenever a pass begins, Enactors that overtake each
/// other, and servers. The first Enactor begins with a plan that is long out of date.
fn storm<M: Stores>(stores: &M, seed: u64, crashing: bool) -> (M::Store, Tally) {
    let store = make(stores);
    let passes = stores.effort().passes;
    let (announced, quiet) = (Announced::default(), AtomicBool::new(false));
    let enactor_seed = |number| seed << 8 | (number + 1);
    let watched = |number| Watched::new(&store, &announced, enactor_seed(number));
    publish(&store, 1..2);
    let mut late = store.latest().unwrap();
    publish(&store, 2..BLOCK + 1);
    let mut total = sweep_and_pass(watched(ENACTORS));
    publish(&store, BLOCK + 1..BLOCK + 2);
    total.add(sweep_and_pass(watched(ENACTORS)));

    let (next_plan, wanted) = channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            for (number, ()) in (BLOCK + 2..).zip(wanted) {
                publish(&store, number..number + 1);
            }
        });
        let serve = || serve(stores, &store, &announced, &quiet);
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(serve)).collect();
        let enactors: Vec<_> = (0..ENACTORS)
            .map(|number| {
                let (watched, next_plan) = (watched(number).with_early_sweeps(), next_plan.clone());
                let (store, announced) = (&store, &announced);
                let late = late.take();
                scope.spawn(move || {
                    if let Some(late) = late {
                        watched.pick_up_late(late);
                        let _ = watched.pass();
                    }
                    if crashing && number == 1 {
                        crash(store, announced, enactor_seed(number), passes, &next_plan)
                    } else {
                        enact(watched, passes, &next_plan)
                    }
                })
            })
            .collect();
        drop(next_plan);
        let ends: Vec<_> = enactors.into_iter().map(ScopedJoinHandle::join).collect();
        quiet.store(true, SeqCst);
        for end in ends {
            total.add(end.unwrap_or_else(|cause| resume_unwind(cause)));
        }
        for reader in readers {
            assert!(joined(reader) > 0, "a server saw no answer");
        }
    });
    (store, total)
}

/// The result of a thread. If the thread panicked, this panics with the same message.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|cause| resume_unwind(cause))
}

/// Makes `passes` passes, and asks for a new plan before each.
fn enact<S: DnsStore>(watched: Watched<'_, S>, passes: u32, next_plan: &Sender<()>) -> Tally {
    for _ in 0..passes {
        next_plan.send(()).unwrap();
        let _ = watched.pass();
    }
    watched.into_tally()
}

/// Makes the passes, each in a thread of its own. The thread panics in the middle of the
/// pass, or just survives.
fn crash<S: DnsStore>(
    store: &S,
    announced: &Announced,
    seed: u64,
    passes: u32,
    next_plan: &Sender<()>,
) -> Tally {
    let mut random = Stalls::new(seed);
    let mut tally = Tally::default();
    for _ in 0..passes {
        next_plan.send(()).unwrap();
        let doomed = Watched::new(store, announced, random.next())
            .and_at_step(crash_after(random.next() % u64::from(ENDPOINTS)));
        let end = thread::scope(|scope| scope.spawn(|| drop(doomed.pass())).join());
        if let Err(cause) = end {
            if cause.downcast_ref() != Some(&"crash") {
                resume_unwind(cause); // The Enactor found an invariant broken.
            }
            tally.crashes += 1;
        }
    }
    tally
}

/// Panics at the step after `steps` steps, without a message.
fn crash_after(steps: u64) -> impl FnMut() + Send {
    let mut left = steps;
    move || match left.checked_sub(1) {
        Some(fewer) => left = fewer,
        None => resume_unwind(Box::new("crash")),
    }
}

/// Sweeps too early, then makes a pass.
fn sweep_and_pass<S: DnsStore>(watched: Watched<'_, S>) -> Tally {
    watched.sweep_latest();
    let _ = watched.pass();
    watched.into_tally()
}

fn states(store: &impl DnsStore) -> Vec<EndpointState> {
    let state = |at| store.state(&endpoint(at)).unwrap();
    (0..ENDPOINTS).map(state).collect()
}

/// Asserts that plan `number` is active at every endpoint that it names, and that no plan
/// is active at the others.
fn assert_everywhere(store: &impl DnsStore, number: u32, invariant: &str) {
    for (at, state) in (0..ENDPOINTS).zip(states(store)) {
        let expected = names(number, at).then(|| generation(number));
        assert_eq!(state.standing.active(), expected, "{invariant}: at {at}");
    }
}

/// Checks one publish and one pass while no other thread uses the store.
fn assert_progress_and_reclaimed(store: &impl DnsStore, number: u32) {
    publish(store, number..number + 1);
    let _ = sweep_and_pass(Watched::new(store, &Announced::default(), 1));
    assert_everywhere(store, number, "Progress");
    let needed = |s: EndpointState| s.standing.active().into_iter().chain(s.rollback);
    let mut left: BTreeSet<_> = states(store).into_iter().flat_map(needed).collect();
    left.insert(generation(number));
    let left: Vec<_> = left.into_iter().collect();
    assert_eq!(generations(store), left, "Reclaimed");
}

/// The race of October 2025: an Enactor stalls between its check and its first
/// activation while two newer plans are applied.
pub fn a_held_enactor_is_told_that_it_is_stale<M: Stores>(stores: &M) {
    let store = make(stores);
    let announced = Announced::default();
    let watched = |seed| Watched::new(&store, &announced, seed);
    publish(&store, 1..2);
    thread::scope(|scope| {
        // The channels belong to this scope, so that no thread waits for a test that has
        // failed.
        let (holding, is_holding) = channel();
        let (go_on, may_go_on) = channel();
        let (store, watched) = (&store, &watched);
        let slow = scope.spawn(move || {
            let pin = store.latest().unwrap().unwrap();
            let first = store.activate(&pin, &endpoint(0)).unwrap();
            let mut held = Some((holding, may_go_on));
            let slow = watched(1).and_at_step(move || {
                if let Some((holding, may_go_on)) = held.take() {
                    holding.send(first).unwrap();
                    may_go_on.recv().unwrap();
                }
            });
            let pass = slow.pass();
            let [plan, newer] = [1, BLOCK + 1].map(generation);
            let at_first = Pass::Stale {
                plan,
                newer,
                endpoint: endpoint(0),
            };
            assert_eq!(pass, at_first);
            for at in (0..ENDPOINTS).filter(|&at| names(1, at)) {
                let outcome = store.activate(&pin, &endpoint(at)).unwrap();
                assert!(
                    matches!(outcome, Activation::Stale { .. }),
                    "{outcome:?} at {at}"
                );
            }
            assert_eq!(store.stale_endpoints(&pin).unwrap(), []);
            slow.into_tally()
        });
        let replaced = EndpointState::VACANT;
        let first = is_holding.recv().unwrap();
        assert_eq!(first, Activation::Activated { replaced });

        publish(store, 2..BLOCK + 1);
        let fast = joined(scope.spawn(|| sweep_and_pass(watched(2))));
        let spared = [RetainReason::Active, RetainReason::Rollback].map(|why| (generation(1), why));
        assert_eq!(fast.spared, spared, "early, and when it was due");
        publish(store, BLOCK + 1..BLOCK + 2);
        let fast = joined(scope.spawn(|| sweep_and_pass(watched(3))));
        let spared = [
            (generation(1), RetainReason::Rollback),
            (generation(BLOCK), RetainReason::Active),
            (generation(1), RetainReason::Pinned),
            (generation(BLOCK), RetainReason::Rollback),
        ];
        assert_eq!(fast.spared, spared, "early, and when it was due");

        go_on.send(()).unwrap();
        let slow = joined(slow);
        assert!(slow.stale > 0, "it was stale where it came");
        assert_eq!((slow.activations, slow.withdrawals), (vec![], 0));
    });
    assert_everywhere(&store, BLOCK + 1, "LatestWins");
    let swept = store.sweep(generation(BLOCK + 1)).unwrap();
    assert_eq!(swept.deleted, [generation(1)], "Reclaimed");
}

/// A pass that panics, at any of its steps, does not hold up the other Enactors.
pub fn an_enactor_that_panics_leaves_no_pin_behind<M: Stores>(stores: &M) {
    for step in 0..=count_named(1) as u64 {
        let store = make(stores);
        let announced = Announced::default();
        publish(&store, 1..2);
        let doomed = Watched::new(&store, &announced, 1).and_at_step(crash_after(step));
        let end = thread::scope(|scope| scope.spawn(|| drop(doomed.pass())).join());
        assert!(end.is_err(), "it did not panic at step {step}");
        let reached = states(&store);
        let reached = reached.iter().filter(|s| s.standing != Standing::Vacant);
        let reached = reached.count() as u64;
        let ahead = stores.steps_ahead() && step > 0 && reached > step;
        assert!(
            reached == step || ahead,
            "it panicked in mid-pass: {reached}, not {step}"
        );

        // The other Enactors go on. Plan 1 stays a rollback target for one more pass.
        assert_progress_and_reclaimed(&store, 2);
        assert_progress_and_reclaimed(&store, 3);
        assert_eq!(generations(&store), [2, 3].map(generation));
    }
}
