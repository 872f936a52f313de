//! Each race of the store on its own, two or three threads at a time, with all
//! interleavings there are. Every model runs on `MemoryStore`, where it must hold;
//! those about a compare-and-swap run again on primitives whose compare-and-swap
//! is torn in two, where it must break.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed model")]

mod model;

use std::sync::atomic::Ordering;

use incident::Actor;
use model::{Findings, endpoints, explore, plan, run_all, swept_outcome};
use plan_store::primitives::{Primitives, Word};
use plan_store::{
    Activation, EndpointName, Error, Generation, Loom, LoomRmw, MemoryStore, Pin, PlanStore,
    Resolution, Resolve, Retention,
};

/// loom's primitives, but for a compare-and-swap that is a load and then a store.
enum Torn {}

struct TornWord(loom::sync::atomic::AtomicU64);

impl Primitives for Torn {
    type Word = TornWord;
    type Lock<T: Send + Sync + 'static> = loom::sync::RwLock<T>;
}

impl Word for TornWord {
    fn new(value: u64) -> Self {
        Self(loom::sync::atomic::AtomicU64::new(value))
    }

    fn load(&self, _: Ordering) -> u64 {
        self.0.fetch_add(0, Ordering::AcqRel)
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        _: Ordering,
        _: Ordering,
    ) -> Result<u64, u64> {
        let seen = self.load(Ordering::AcqRel);
        if seen != current {
            return Err(seen);
        }
        self.0.swap(new, Ordering::AcqRel);
        Ok(seen)
    }

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_add(value, order)
    }

    fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_sub(value, order)
    }
}

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

/// A store with `plans` plans, the first of them active at the only endpoint.
fn store<P: Primitives>(plans: u8) -> (MemoryStore<P>, EndpointName) {
    let store = MemoryStore::with_primitives(Retention::newest(0));
    let names = endpoints(1);
    for octet in 1..=plans {
        store.publish(plan(&names, octet)).unwrap();
    }
    let first = store.pin(generation(1)).unwrap();
    assert!(matches!(
        store.activate(&first, &names[0]),
        Ok(Activation::Activated { .. })
    ));
    (store, names[0].clone())
}

/// Two plans are activated at one endpoint; a third was active.
fn activate_against_activate<P: Primitives>(name: &str) -> Findings {
    let findings = Findings::default();
    let found = findings.clone();
    explore(name, None, move || {
        let (store, endpoint) = store::<P>(3);
        let activate = |number| {
            let (store, endpoint, found) = (store.clone(), endpoint.clone(), found.clone());
            Box::new(move || {
                let pin = store.pin(generation(number)).unwrap();
                match store.activate(&pin, &endpoint).unwrap() {
                    Activation::Activated { replaced }
                        if replaced.standing.generation() > Some(generation(number)) =>
                    {
                        found.note("stale overwrite");
                    }
                    Activation::Activated { .. } => found.note("activated"),
                    Activation::Stale { .. } => found.note("stale"),
                    Activation::Already | Activation::Unknown => found.note("impossible"),
                }
            })
        };
        run_all([activate(2), activate(3)]);
        let end = store.state(&endpoint).unwrap();
        found.note(format!("{:?} after {:?}", end.standing, end.rollback));
    });
    findings
}

#[test]
fn activate_against_activate_keeps_the_newer() {
    for findings in [
        activate_against_activate::<Loom>("activate against activate (plain loads)"),
        activate_against_activate::<LoomRmw>("activate against activate (rmw loads)"),
    ] {
        findings.assert_seen(&[
            "activated",
            "stale",
            "Active(#3) after Some(#2)",
            "Active(#3) after Some(#1)",
        ]);
        findings.assert_never("stale overwrite");
        findings.assert_never("impossible");
        findings.assert_never("Active(#2) after Some(#1)");
    }
}

#[test]
fn activate_against_activate_needs_its_compare_and_swap() {
    let torn = activate_against_activate::<Torn>("activate against activate (torn)");
    torn.assert_seen(&["Active(#2) after Some(#1)"]);
}

/// An old plan is pinned while a sweep would delete it.
fn pin_against_sweep<P: Primitives>(name: &str) -> Findings {
    let findings = Findings::default();
    let found = findings.clone();
    explore(name, None, move || {
        let (store, endpoint) = store::<P>(3);
        let newest = store.pin(generation(3)).unwrap();
        let _ = store.activate(&newest, &endpoint).unwrap();
        let (pinning, sweeping) = (store.clone(), store.clone());
        let (found_pin, found_sweep) = (found.clone(), found.clone());
        run_all([
            Box::new(move || match pinning.pin(generation(2)) {
                Ok(pin) => {
                    let kept = pinning.pin(pin.generation()).is_ok();
                    found_pin.note(if kept { "held" } else { "PinnedKept broken" });
                }
                Err(Error::NoSuchPlan { .. }) => found_pin.note("gone"),
                Err(_) => found_pin.note("impossible"),
            }) as Box<dyn FnOnce()>,
            Box::new(move || {
                let swept = sweeping.sweep(generation(3)).unwrap();
                let deleted = swept.deleted.contains(&generation(2));
                found_sweep.note(if deleted { "deleted 2" } else { "spared 2" });
                found_sweep.note(swept_outcome(&swept).unwrap_or_default());
            }),
        ]);
    });
    findings
}

#[test]
fn pin_against_sweep_keeps_what_is_pinned() {
    for findings in [
        pin_against_sweep::<Loom>("pin against sweep (plain loads)"),
        pin_against_sweep::<LoomRmw>("pin against sweep (rmw loads)"),
    ] {
        findings.assert_seen(&["held", "gone", "deleted 2", "spared 2"]);
        findings.assert_never("PinnedKept broken");
        findings.assert_never("impossible");
    }
}

#[test]
fn pin_against_sweep_needs_its_compare_and_swap() {
    let torn = pin_against_sweep::<Torn>("pin against sweep (torn)");
    torn.assert_seen(&["PinnedKept broken"]);
}

/// A reader while plans are activated and swept from under it.
fn reader_against_activate<P: Primitives>(name: &str) -> Findings {
    let findings = Findings::default();
    let found = findings.clone();
    explore(name, Some(3), move || {
        let (store, endpoint) = store::<P>(3);
        let (mut reader, activating) = (store.reader(), store.clone());
        let (name, found_reader, found_sweep) = (endpoint.clone(), found.clone(), found.clone());
        run_all([
            Box::new(move || {
                let mut last = None;
                for _ in 0..2 {
                    let resolution = reader.resolve(&name).clone();
                    let now = resolution.generation();
                    found_reader.note(match &resolution {
                        Resolution::Answer { records, .. }
                            if u32::from(records.a()[0].address.octets()[3])
                                != now.unwrap().get() =>
                        {
                            "WholeAnswer broken".into()
                        }
                        Resolution::Answer { generation, .. } => {
                            format!("answer from {generation}")
                        }
                        _ => "NeverEmpty broken".into(),
                    });
                    found_reader.note(if now < last { "went back" } else { "went on" });
                    last = now;
                }
            }) as Box<dyn FnOnce()>,
            Box::new(move || {
                for number in [2, 3] {
                    let pin = activating.pin(generation(number)).unwrap();
                    let _ = activating.activate(&pin, &endpoint).unwrap();
                }
                let swept = activating.sweep(generation(3)).unwrap();
                found_sweep.note(swept_outcome(&swept).unwrap_or_default());
            }),
        ]);
    });
    findings
}

#[test]
fn reader_against_activate_sees_one_whole_plan_after_another() {
    for findings in [
        reader_against_activate::<Loom>("reader against activate and sweep (plain loads)"),
        reader_against_activate::<LoomRmw>("reader against activate and sweep (rmw loads)"),
    ] {
        findings.assert_seen(&["answer from 1", "answer from 2", "answer from 3", "deleted"]);
        for broken in ["WholeAnswer broken", "NeverEmpty broken", "went back"] {
            findings.assert_never(broken);
        }
    }
}

/// An endpoint is withdrawn by plan 3 while slow plan 2 is activated there.
fn withdraw_against_activate<P: Primitives>(name: &str) -> Findings {
    let findings = Findings::default();
    let found = findings.clone();
    explore(name, None, move || {
        let (store, endpoint) = store::<P>(2);
        let other: EndpointName = "z.example".parse().unwrap();
        store.publish(plan(&[other], 3)).unwrap();
        let (activating, withdrawing) = (store.clone(), store.clone());
        let (name, gone) = (endpoint.clone(), endpoint.clone());
        run_all([
            Box::new(move || {
                let pin = activating.pin(generation(2)).unwrap();
                let _ = activating.activate(&pin, &name).unwrap();
            }) as Box<dyn FnOnce()>,
            Box::new(move || {
                let pin = withdrawing.pin(generation(3)).unwrap();
                let _ = withdrawing.withdraw(&pin, &gone).unwrap();
            }),
        ]);
        let end = store.state(&endpoint).unwrap();
        found.note(format!("{:?} after {:?}", end.standing, end.rollback));
    });
    findings
}

#[test]
fn withdraw_against_activate_leaves_it_withdrawn() {
    for findings in [
        withdraw_against_activate::<Loom>("withdraw against activate (plain loads)"),
        withdraw_against_activate::<LoomRmw>("withdraw against activate (rmw loads)"),
    ] {
        findings.assert_seen(&[
            "Withdrawn(#3) after Some(#1)",
            "Withdrawn(#3) after Some(#2)",
        ]);
        findings.assert_never("Active(#2) after Some(#1)");
    }
}

#[test]
fn withdraw_against_activate_needs_its_compare_and_swap() {
    let torn = withdraw_against_activate::<Torn>("withdraw against activate (torn)");
    torn.assert_seen(&["Active(#2) after Some(#1)"]);
}

/// A Planner publishes, an Enactor picks up the latest, and another sweeps.
fn publish_against_sweep<P: Primitives>(name: &str) -> Findings {
    let findings = Findings::default();
    let found = findings.clone();
    explore(name, Some(3), move || {
        let (store, endpoint) = store::<P>(2);
        let newest = store.pin(generation(2)).unwrap();
        let _ = store.activate(&newest, &endpoint).unwrap();
        drop(newest);
        let world_names = [endpoint];
        let (publishing, picking, sweeping) = (store.clone(), store.clone(), store.clone());
        let (found_pick, found_sweep) = (found.clone(), found.clone());
        run_all([
            Box::new(move || {
                publishing.publish(plan(&world_names, 3)).unwrap();
            }) as Box<dyn FnOnce()>,
            Box::new(move || {
                let latest = picking.latest().unwrap().unwrap().generation();
                found_pick.note(format!("{:?} picks up {latest}", Actor::Enactor(1)));
            }),
            Box::new(move || {
                let swept = sweeping.sweep(generation(2)).unwrap();
                found_sweep.note(swept_outcome(&swept).unwrap_or_default());
            }),
        ]);
        let kept = store.pin(generation(3)).is_ok() && store.pin(generation(2)).is_ok();
        found.note(if kept { "kept" } else { "lost" });
    });
    findings
}

#[test]
fn publish_against_sweep_loses_nothing() {
    for findings in [
        publish_against_sweep::<Loom>("publish against sweep (plain loads)"),
        publish_against_sweep::<LoomRmw>("publish against sweep (rmw loads)"),
    ] {
        findings.assert_seen(&[
            "Enactor(1) picks up 2",
            "Enactor(1) picks up 3",
            "spared: Rollback",
            "kept",
        ]);
        findings.assert_never("lost");
    }
}
