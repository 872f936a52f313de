//! Each race of the store on its own: with two threads all interleavings there are,
//! with three those of up to three preemptions. Every model runs on `MemoryStore`, where it must hold,
//! and again without the protection that it is about, where it must break:
//!
//! | race | without |
//! |---|---|
//! | activate against activate | a compare-and-swap that is one step |
//! | withdraw against activate | the same |
//! | pin against sweep | the same |
//! | reader against activate and sweep | the reader's second look at the word |
//! | reader against an endpoint that comes and goes | the count of comings and goings |
//! | publish against sweep | sparing what is pinned |

#![allow(clippy::unwrap_used, reason = "a failed step is a failed model")]

mod model;

use std::sync::{Arc, Mutex};

use incident::{IncidentStore, Variant};
use model::weakened::{Torn, Uncounted};
use model::{Findings, endpoints, plan, race, run_all, swept_outcome};
use plan_store::{
    Activation, EndpointName, Error, Generation, Loom, LoomRmw, MemoryStore, Pin, PlanStore,
    Primitives, Resolution, Resolve, Retention, Swept,
};

const RETENTION: Retention = Retention::newest(0);

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

fn memory<P: Primitives>() -> MemoryStore<P> {
    MemoryStore::with_primitives(RETENTION)
}

/// The endpoint of these models.
fn endpoint() -> EndpointName {
    endpoints(1).remove(0)
}

/// Publishes so many plans and makes the first active at the only endpoint.
fn begin<S: PlanStore>(store: S, plans: u8) -> S {
    for octet in 1..=plans {
        store.publish(plan(&endpoints(1), octet)).unwrap();
    }
    assert!(activates(&store, 1));
    store
}

/// Whether the plan becomes active at the endpoint now.
fn activates(store: &impl PlanStore, plan: u32) -> bool {
    let pin = store.pin(generation(plan)).unwrap();
    let activation = store.activate(&pin, &endpoint()).unwrap();
    matches!(activation, Activation::Activated { .. })
}

/// Withdraws the endpoint by a plan that does not name it.
fn withdraw(store: &impl PlanStore, plan: u32) {
    let pin = store.pin(generation(plan)).unwrap();
    let _ = store.withdraw(&pin, &endpoint()).unwrap();
}

/// What the sweep did, and why it spared what it did not delete.
fn note_swept(found: &Findings, swept: &Swept) {
    found.note(swept_outcome(swept).unwrap_or_else(|| "nothing old".into()));
}

/// Two plans are activated at one endpoint; a third was active.
fn activate_against_activate<P: Primitives>(kind: &str) -> Findings {
    let name = format!("activate against activate ({kind})");
    race(&name, None, |found| {
        let store = begin(memory::<P>(), 3);
        let activate = |number: u32| {
            let (store, found) = (store.clone(), found.clone());
            Box::new(move || {
                let pin = store.pin(generation(number)).unwrap();
                found.note(match store.activate(&pin, &endpoint()).unwrap() {
                    Activation::Activated { replaced }
                        if replaced.standing.generation() > Some(generation(number)) =>
                    {
                        "Monotonic broken"
                    }
                    Activation::Activated { .. } => "activated",
                    Activation::Stale { .. } => "stale",
                    Activation::Already | Activation::Unknown => "impossible",
                });
            })
        };
        run_all([activate(2), activate(3)]);
        let end = store.state(&endpoint()).unwrap();
        found.note(format!("{:?} after {:?}", end.standing, end.rollback));
    })
}

#[test]
fn activate_against_activate_keeps_the_newer() {
    for findings in [
        activate_against_activate::<Loom>("plain loads"),
        activate_against_activate::<LoomRmw>("rmw loads"),
    ] {
        findings.assert_outcomes(&[
            "activated",
            "stale",
            "Active(#3) after Some(#2)",
            "Active(#3) after Some(#1)",
        ]);
    }
}

#[test]
fn activate_against_activate_needs_its_compare_and_swap() {
    let torn = activate_against_activate::<Torn>("torn");
    torn.assert_seen(&["Active(#2) after Some(#1)"]);
}

/// An endpoint is withdrawn by plan 3 while slow plan 2 is activated there.
fn withdraw_against_activate<P: Primitives>(kind: &str) -> Findings {
    let name = format!("withdraw against activate ({kind})");
    race(&name, None, |found| {
        let store = begin(memory::<P>(), 2);
        store.publish(plan(&endpoints(2)[1..], 3)).unwrap();
        let (activating, withdrawing) = (store.clone(), store.clone());
        run_all([
            Box::new(move || {
                activates(&activating, 2);
            }) as Box<dyn FnOnce()>,
            Box::new(move || withdraw(&withdrawing, 3)),
        ]);
        let end = store.state(&endpoint()).unwrap();
        found.note(format!("{:?} after {:?}", end.standing, end.rollback));
    })
}

#[test]
fn withdraw_against_activate_leaves_it_withdrawn() {
    for findings in [
        withdraw_against_activate::<Loom>("plain loads"),
        withdraw_against_activate::<LoomRmw>("rmw loads"),
    ] {
        findings.assert_outcomes(&[
            "Withdrawn(#3) after Some(#1)",
            "Withdrawn(#3) after Some(#2)",
        ]);
    }
}

#[test]
fn withdraw_against_activate_needs_its_compare_and_swap() {
    let torn = withdraw_against_activate::<Torn>("torn");
    torn.assert_seen(&["Active(#2) after Some(#1)"]);
}

/// An old plan is pinned while a sweep would delete it.
fn pin_against_sweep<P: Primitives>(kind: &str) -> Findings {
    let name = format!("pin against sweep ({kind})");
    race(&name, None, |found| {
        let store = begin(memory::<P>(), 3);
        activates(&store, 3);
        let (pinning, sweeping) = (store.clone(), store.clone());
        let (found_pin, found_sweep) = (found.clone(), found.clone());
        run_all([
            Box::new(move || {
                found_pin.note(match pinning.pin(generation(2)) {
                    Ok(pin) if pinning.pin(pin.generation()).is_ok() => "held",
                    Ok(_) => "PinnedKept broken",
                    Err(Error::NoSuchPlan { .. }) => "gone",
                    Err(_) => "impossible",
                });
            }) as Box<dyn FnOnce()>,
            Box::new(move || {
                let swept = sweeping.sweep(generation(3)).unwrap();
                let deleted = swept.deleted.contains(&generation(2));
                found_sweep.note(if deleted { "deleted 2" } else { "spared 2" });
            }),
        ]);
    })
}

#[test]
fn pin_against_sweep_keeps_what_is_pinned() {
    for findings in [
        pin_against_sweep::<Loom>("plain loads"),
        pin_against_sweep::<LoomRmw>("rmw loads"),
    ] {
        findings.assert_outcomes(&["held", "gone", "deleted 2", "spared 2"]);
    }
}

#[test]
fn pin_against_sweep_needs_its_compare_and_swap() {
    pin_against_sweep::<Torn>("torn").assert_seen(&["PinnedKept broken"]);
}

/// What a resolution is, as an outcome.
fn answer(resolution: &Resolution) -> String {
    match resolution {
        Resolution::Answer {
            generation,
            records,
        } => {
            let last = records.a()[0].address.octets()[3];
            if u32::from(last) == generation.get() {
                format!("answer from {generation}")
            } else {
                "WholeAnswer broken".into()
            }
        }
        Resolution::Dangling { .. } => "NeverEmpty broken".into(),
        Resolution::Withdrawn { .. } => "withdrawn".into(),
        Resolution::Vacant => "vacant".into(),
        Resolution::Unknown => "unknown".into(),
    }
}

/// A reader as one would write it without much thought: it reads what is active,
/// fetches that plan, and does not look again.
struct OneLook<S>(S, Resolution);

impl<S: PlanStore> Resolve for OneLook<S> {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        let active = self.0.state(endpoint).unwrap().standing.active().unwrap();
        self.1 = match self.0.pin(active) {
            Ok(pin) => Resolution::Answer {
                generation: active,
                records: Arc::clone(pin.plan().records(endpoint).unwrap()),
            },
            Err(_) => Resolution::Dangling { generation: active },
        };
        &self.1
    }

    fn is_above(&mut self, _: &EndpointName) -> bool {
        false
    }
}

/// A reader while plans are activated and swept from under it.
fn reader_against_activate<P: Primitives, R: Resolve + 'static>(
    kind: &str,
    bound: Option<usize>,
    reader: fn(&MemoryStore<P>) -> R,
) -> Findings {
    let name = format!("reader against activate and sweep ({kind})");
    race(&name, bound, move |found| {
        let store = begin(memory::<P>(), 3);
        let (mut reader, activating) = (reader(&store), store.clone());
        let (found_reader, found_sweep) = (found.clone(), found.clone());
        run_all([
            Box::new(move || {
                let mut last = None;
                for _ in 0..2 {
                    let resolution = reader.resolve(&endpoint());
                    found_reader.note(answer(resolution));
                    if resolution.generation() < last {
                        found_reader.note("Monotonic broken");
                    }
                    last = resolution.generation();
                }
            }) as Box<dyn FnOnce()>,
            Box::new(move || {
                assert!(activates(&activating, 2) && activates(&activating, 3));
                note_swept(&found_sweep, &activating.sweep(generation(3)).unwrap());
            }),
        ]);
    })
}

#[test]
fn reader_against_activate_sees_one_whole_plan_after_another() {
    for findings in [
        reader_against_activate::<Loom, _>("plain loads", None, MemoryStore::reader),
        reader_against_activate::<LoomRmw, _>("rmw loads", None, MemoryStore::reader),
    ] {
        findings.assert_outcomes(&["answer from 1", "answer from 2", "answer from 3", "deleted"]);
    }
}

#[test]
fn reader_against_activate_needs_its_second_look() {
    let one_look = |store: &MemoryStore<Loom>| OneLook(store.clone(), Resolution::Unknown);
    let findings = reader_against_activate::<Loom, _>("one look", Some(3), one_look);
    findings.assert_seen(&["NeverEmpty broken"]);
}

/// A reader while its endpoint, long withdrawn, is forgotten by a sweep and comes
/// back with plan 4, in a cell of its own.
fn reader_against_coming_and_going<P: Primitives>(kind: &str) -> Findings {
    let name = format!("reader against an endpoint that comes and goes ({kind})");
    race(&name, None, |found| {
        let store = begin(memory::<P>(), 1);
        for octet in [2, 3] {
            store.publish(plan(&endpoints(2)[1..], octet)).unwrap();
            withdraw(&store, octet.into());
        }
        let mut reader = store.reader();
        reader.resolve(&endpoint());
        let after = Arc::new(Mutex::new(None));
        let (coming, to_after) = (store.clone(), Arc::clone(&after));
        let (found_reader, found_sweep) = (found.clone(), found.clone());
        run_all([
            Box::new(move || {
                let mut told = Vec::new();
                for _ in 0..2 {
                    told.push(answer(reader.resolve(&endpoint())));
                }
                found_reader.note(told.join(", then "));
                *to_after.lock().unwrap() = Some(reader);
            }) as Box<dyn FnOnce()>,
            Box::new(move || {
                note_swept(&found_sweep, &coming.sweep(generation(3)).unwrap());
                coming.publish(plan(&endpoints(1), 4)).unwrap();
                activates(&coming, 4);
            }),
        ]);
        let mut reader = after.lock().unwrap().take().unwrap();
        let resolution = answer(reader.resolve(&endpoint()));
        found.note(format!("in the end {resolution}"));
    })
}

#[test]
fn reader_against_coming_and_going_follows() {
    for findings in [
        reader_against_coming_and_going::<Loom>("plain loads"),
        reader_against_coming_and_going::<LoomRmw>("rmw loads"),
    ] {
        findings.assert_outcomes(&[
            "withdrawn, then withdrawn",
            "withdrawn, then unknown",
            "withdrawn, then vacant",
            "withdrawn, then answer from 4",
            "unknown, then unknown",
            "unknown, then vacant",
            "unknown, then answer from 4",
            "vacant, then vacant",
            "vacant, then answer from 4",
            "answer from 4, then answer from 4",
            "deleted",
            "in the end answer from 4",
        ]);
    }
}

#[test]
fn reader_against_coming_and_going_needs_the_count() {
    let findings = reader_against_coming_and_going::<Uncounted>("uncounted");
    findings.assert_seen(&["in the end withdrawn"]);
}

/// A Planner publishes plan 3; a slow Enactor picks up the latest plan, and holds
/// it; a quick one picks up the latest, activates it and sweeps.
fn publish_against_sweep<S: PlanStore + Clone + 'static>(kind: &str, store: fn() -> S) -> Findings {
    let name = format!("publish against sweep ({kind})");
    // Without a bound it holds as well: 179,515 executions with plain loads,
    // 311,723 with rmw loads, a minute each.
    race(&name, Some(3), move |found| {
        let store = begin(store(), 2);
        let (publishing, slow, quick) = (store.clone(), store.clone(), store.clone());
        let (found_slow, found_quick) = (found.clone(), found.clone());
        run_all([
            Box::new(move || {
                publishing.publish(plan(&endpoints(1), 3)).unwrap();
            }) as Box<dyn FnOnce()>,
            Box::new(move || {
                let pin = slow.latest().unwrap().unwrap();
                found_slow.note(format!("picked up {}", pin.generation()));
                if slow.pin(pin.generation()).is_err() {
                    found_slow.note("PinnedKept broken");
                }
            }),
            Box::new(move || {
                let pin = quick.latest().unwrap().unwrap();
                let _ = quick.activate(&pin, &endpoint()).unwrap();
                let applied = pin.generation();
                drop(pin);
                note_swept(&found_quick, &quick.sweep(applied).unwrap());
            }),
        ]);
        let newest = store.latest().unwrap().unwrap().generation();
        found.note(format!("the newest is {newest}"));
    })
}

#[test]
fn publish_against_sweep_loses_nothing() {
    for findings in [
        publish_against_sweep("plain loads", memory::<Loom>),
        publish_against_sweep("rmw loads", memory::<LoomRmw>),
    ] {
        findings.assert_outcomes(&[
            "picked up 2",
            "picked up 3",
            "spared: Rollback",
            "deleted",
            "the newest is 3",
        ]);
    }
}

#[test]
fn publish_against_sweep_needs_to_spare_what_is_pinned() {
    let unprotected =
        || IncidentStore::<Loom>::with_primitives(Variant::CompareAndSwapOnly, RETENTION);
    let findings = publish_against_sweep("nothing spared", unprotected);
    findings.assert_seen(&["PinnedKept broken"]);
}
