//! `MemoryStore` is linearizable on real threads. A Planner, three Enactors with their
//! sweeps, an operator and two readers call it. For each call there is a moment within it,
//! such that a plain sequential store, taking the calls in the order of these moments,
//! gives the same answers.
//!
//! `record` records what each client was told and when, `spec` is the sequential store, and
//! `search` looks for the order.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod by_hand;
mod script;
mod wrong;

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use control_plane::Enactor;
use fastrand::Rng;
use incident::{IncidentStore, Variant};
use linearizability::record::{History, Recorded};
use linearizability::search::{Operation, Verdict, check, check_within};
use linearizability::spec::{Content, ENDPOINTS, Hold, NAMES, Op, RETENTION};
use plan_store::{
    Activation, DnsStore, EndpointName, EndpointState, Generation, MemoryStore, Plan, PlanStore,
    RecordSet, Resolve, Standing, Target,
};

use crate::wrong::{Fault, Wrong};

const HISTORIES: u64 = 300;
const PLANS: u8 = 8;
const PASSES: usize = 6;
const LOOKS: usize = 25;
const OVERWRITES: usize = 100;

pub(crate) fn endpoint(at: usize) -> EndpointName {
    NAMES[at].parse().unwrap()
}

/// The plan with this number; its records are its own. Each plan names the first endpoint.
/// Of the two others, which lie below it, plan 1 names both, plan 2 and plan 3 one each,
/// plan 4 none, and so on.
pub(crate) fn plan(number: u8) -> Arc<Plan> {
    let others: &[usize] = [&[][..], &[1, 2], &[1], &[2]][usize::from(number % 4)];
    let named = [0].iter().chain(others).copied();
    let records = || {
        let target = Target::new([192, 0, 2, number].into(), 255);
        RecordSet::new(5, [target]).unwrap()
    };
    let named = named.map(endpoint);
    Arc::new(Plan::new(named.map(|name| (name, records()))).unwrap())
}

/// Lets other threads run, a random number of times.
fn stall(chance: &mut Rng) {
    for _ in 0..chance.u8(..20) {
        thread::yield_now();
    }
}

/// The history of one run of the whole system.
fn history<S: DnsStore<Reader: 'static> + Clone + 'static>(store: &S, seed: u64) -> History {
    let history = History::default();
    let client = |number: u32| Recorded::new(store.clone(), number, Hold::Pin, &history);
    let planner = client(0);
    planner.publish(plan(1)).unwrap();
    thread::scope(|scope| {
        let readers = [4, 5].map(|number| {
            let mut reader = client(number).reader();
            look_at_all(&mut reader);
            let mut chance = Rng::with_seed(seed ^ u64::from(number) << 32);
            scope.spawn(move || {
                for _ in 0..LOOKS {
                    stall(&mut chance);
                    match chance.usize(..=ENDPOINTS) {
                        ENDPOINTS => drop(reader.has_descendant(&endpoint(0))),
                        at => drop(reader.resolve(&endpoint(at)).clone()),
                    }
                }
                reader
            })
        });
        let mut others = vec![scope.spawn(|| {
            let mut chance = Rng::with_seed(seed);
            for number in 2..=PLANS {
                stall(&mut chance);
                planner.publish(plan(number)).unwrap();
            }
        })];
        let operator = client(7);
        others.push(scope.spawn(move || {
            let mut chance = Rng::with_seed(seed ^ 7 << 32);
            for _ in 0..LOOKS {
                stall(&mut chance);
                operate(&operator, &mut chance);
            }
        }));
        for number in 1..=3 {
            let enactor = Enactor::new("enactor", client(number));
            let mut chance = Rng::with_seed(seed ^ u64::from(number) << 32);
            others.push(scope.spawn(move || {
                for _ in 0..PASSES {
                    stall(&mut chance);
                    // On a wrong store the pass may fail.
                    let _ = enactor.pass();
                }
            }));
        }
        for thread in others {
            thread.join().unwrap();
        }
        // One more pass, after all threads have ended.
        let _ = Enactor::new("last", client(6)).pass();
        for reader in readers {
            look_at_all(&mut reader.join().unwrap());
        }
    });
    history
}

/// Reads a plan of any age, or an endpoint. On a wrong store that may fail.
fn operate(store: &impl DnsStore, chance: &mut Rng) {
    if chance.bool() {
        let _ = store.state(&endpoint(chance.usize(..ENDPOINTS)));
        return;
    }
    let generation = Generation::new(chance.u32(1..=u32::from(PLANS) + 1)).unwrap();
    if let Ok(pin) = store.pin(generation) {
        stall(chance);
        let _ = store.stale_endpoints(&pin);
    }
}

fn look_at_all(reader: &mut impl Resolve) {
    for at in 0..ENDPOINTS {
        reader.resolve(&endpoint(at));
        reader.has_descendant(&endpoint(at));
    }
}

/// Looks for an order that explains the history.
fn decide(history: &History) -> Verdict {
    check(&history.operations())
}

/// Asserts that there is no such order.
fn assert_rejected(history: &History) {
    let verdict = decide(history);
    assert!(
        matches!(verdict, Verdict::Illegal(_)),
        "{verdict:?}:\n{history}"
    );
}

#[test]
fn the_memory_store_is_linearizable() {
    let begin = Instant::now();
    let (mut operations, mut activated, mut deleted) = (0, 0, 0);
    for seed in 0..HISTORIES {
        let history = history(&MemoryStore::new(RETENTION), seed);
        match decide(&history) {
            Verdict::Linearizable => {}
            Verdict::Illegal(stuck) => {
                panic!("seed {seed}: no order explains the history: {stuck}")
            }
            Verdict::Undecided(tried) => {
                panic!("seed {seed}: undecided after {tried} tries:\n{history}")
            }
        }
        for operation in history.operations() {
            operations += 1;
            match operation.op {
                Op::Activate {
                    told: Activation::Activated { .. },
                    ..
                } => activated += 1,
                Op::Delete { .. } => deleted += 1,
                _ => {}
            }
        }
    }
    println!(
        "{HISTORIES} histories, {operations} operations, {activated} activated, {deleted} deleted, \
         in {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    assert!(activated > 0 && deleted > 0, "nothing happened");
}

#[test]
fn a_reader_that_looks_once_is_rejected() {
    let store = Wrong::new(MemoryStore::new(RETENTION), Fault::Resolve);
    assert_rejected(&history(&store, 0));
}

#[test]
fn a_search_that_is_too_long_is_given_up() {
    let history = history(&MemoryStore::new(RETENTION), 0);
    let verdict = check_within(&history.operations(), 10);
    assert!(
        matches!(verdict, Verdict::Undecided(tried) if tried > 10),
        "{verdict:?}"
    );
}

/// A slow Enactor is overtaken between its pick-up and its first step, while another
/// Enactor makes passes at any time. Whatever the schedule, the slow Enactor's step comes
/// after the other one's.
#[test]
fn a_stale_overwrite_on_real_threads_is_rejected_every_time() {
    for _ in 0..OVERWRITES {
        let store = IncidentStore::new(Variant::Incident, RETENTION);
        let history = History::default();
        let client = |number| Recorded::new(store.clone(), number, Hold::Pin, &history);
        client(0).publish(plan(1)).unwrap();
        let (picked_up, overtake) = mpsc::channel();
        let (overtaken, go_on) = mpsc::channel();
        let (slow, quick) = (client(1), client(2));
        let other = Enactor::new("other", client(3));
        thread::scope(|scope| {
            scope.spawn(move || {
                let late = slow.latest().unwrap().unwrap();
                picked_up.send(()).unwrap();
                go_on.recv().unwrap();
                let _ = slow.activate(&late, &endpoint(0)).unwrap();
            });
            scope.spawn(move || {
                overtake.recv().unwrap();
                quick.publish(plan(2)).unwrap();
                let newer = quick.latest().unwrap().unwrap();
                let _ = quick.activate(&newer, &endpoint(0)).unwrap();
                overtaken.send(()).unwrap();
            });
            scope.spawn(move || {
                for _ in 0..PASSES {
                    let _ = other.pass();
                }
            });
        });
        assert_rejected(&history);
    }
}

/// Two passes on the incident's store, the quick pass within the slow one.
#[test]
fn the_incidents_overwrite_and_deletion_are_rejected() {
    for variant in [Variant::Incident, Variant::LockPerEndpoint] {
        let store = IncidentStore::new(variant, RETENTION);
        let history = History::default();
        let client = |number| Recorded::new(store.clone(), number, Hold::Pin, &history);
        let (planner, slow, quick) = (client(0), client(1), client(2));
        planner.publish(plan(1)).unwrap();
        let late = slow.latest().unwrap().unwrap();
        planner.publish(plan(3)).unwrap();
        let newer = quick.latest().unwrap().unwrap();
        let _ = quick.activate(&newer, &endpoint(0)).unwrap();
        assert_eq!(
            decide(&history),
            Verdict::Linearizable,
            "{variant}:\n{history}"
        );
        let _ = slow.activate(&late, &endpoint(0)).unwrap();
        assert_rejected(&history);
    }
    // The sweep deletes by age alone: the plan that the slow Enactor holds, and the active
    // plan.
    let history = History::default();
    let store = IncidentStore::new(Variant::CompareAndSwapOnly, RETENTION);
    let client = Recorded::new(store, 0, Hold::Pin, &history);
    client.publish(plan(1)).unwrap();
    let pin = client.latest().unwrap().unwrap();
    let _ = client.activate(&pin, &endpoint(0)).unwrap();
    drop(pin);
    client.publish(plan(3)).unwrap();
    client.sweep(Generation::new(2).unwrap()).unwrap();
    assert_rejected(&history);
}

/// The incident's pins hold nothing, even in the variant that repairs everything else.
#[test]
fn a_pin_that_does_not_hold_its_plan_is_rejected() {
    let history = History::default();
    let store = IncidentStore::new(Variant::CompareAndSwapBothSpared, RETENTION);
    let client = Recorded::new(store, 0, Hold::Pin, &history);
    client.publish(plan(1)).unwrap();
    let pin = client.pin(Generation::FIRST).unwrap();
    let newest = client.publish(plan(2)).unwrap();
    assert_eq!(decide(&history), Verdict::Linearizable, "{history}");
    client.sweep(newest).unwrap();
    assert_rejected(&history);
    drop(pin);
}

/// Decides a history of these operations, one after another. Open operations never return.
pub(crate) fn in_order(ops: &[Op]) -> Verdict {
    let operation = |(at, op): (i64, &Op)| Operation {
        client: 0,
        called: 2 * at,
        returned: if op.is_open() { i64::MAX } else { 2 * at + 1 },
        told_at: Instant::now(),
        op: op.clone(),
    };
    let operations: Vec<_> = (0..).zip(ops).map(operation).collect();
    check(&operations)
}

#[test]
fn a_step_of_unknown_outcome_is_done_late_or_never_and_not_undone() {
    let (generation, at) = (Generation::FIRST, 0);
    let activate = |told| Op::Activate {
        generation,
        hold: Hold::Lease,
        at,
        told,
    };
    let state = |state| Op::State { at, told: state };
    let content = Content::of(&plan(1));
    let told = EndpointState::VACANT.moved_to(Standing::Active(generation));
    let (vacant, active) = (state(EndpointState::VACANT), state(told));
    let told_both = [vacant.clone(), active.clone()];
    for (looks, wanted) in [
        (&[][..], true),
        (&told_both[..1], true),
        (&told_both, true),
        (&told_both[1..], true),
        (&[active, vacant], false),
    ] {
        for published in [None, Some(generation)] {
            let mut ops = vec![
                Op::Publish {
                    content,
                    generation: published,
                },
                Op::PickUp(Some(generation), Hold::Lease),
                activate(Activation::Unknown),
            ];
            ops.extend_from_slice(looks);
            let explained = in_order(&ops) == Verdict::Linearizable;
            assert_eq!(explained, wanted, "{ops:?}");
        }
    }
}
