//! The store's races, one by one. Each runs under any judge, on any primitives.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use plan_store::primitives::{Primitives, Word as _};
use plan_store::{
    Activation, EndpointName, Error, Follower, Generation, MemoryStore, Pin, PlanStore, Resolution,
    Resolve, Retention, Standing, Swept,
};

use crate::checker::{Checker, Work};
use crate::{Findings, endpoints, plan, swept_outcome};

pub const RETENTION: Retention = Retention::newest(0);

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

pub fn memory<J: Checker>() -> MemoryStore<J::Primitives> {
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

/// Has the judge explore a race.
fn race<J: Checker>(
    name: &str,
    bound: Option<usize>,
    execution: impl Fn(&Findings) + Send + Sync + 'static,
) -> Findings {
    let findings = Findings::default();
    let found = findings.clone();
    J::explore(name, bound, move || execution(&found));
    findings
}

/// Two plans are activated at one endpoint; a third was active.
pub fn activate_against_activate<J: Checker>() -> Findings {
    race::<J>("activate against activate", None, |found| {
        let store = begin(memory::<J>(), 3);
        let activate = |number: u32| -> Work {
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
        J::run_all(vec![activate(2), activate(3)]);
        let end = store.state(&endpoint()).unwrap();
        found.note(format!("{:?} after {:?}", end.standing, end.rollback));
    })
}

/// An endpoint is withdrawn by plan 3 while slow plan 2 is activated there.
pub fn withdraw_against_activate<J: Checker>() -> Findings {
    race::<J>("withdraw against activate", None, |found| {
        let store = begin(memory::<J>(), 2);
        store.publish(plan(&endpoints(2)[1..], 3)).unwrap();
        let (activating, withdrawing) = (store.clone(), store.clone());
        J::run_all(vec![
            Box::new(move || {
                activates(&activating, 2);
            }) as Work,
            Box::new(move || withdraw(&withdrawing, 3)),
        ]);
        let end = store.state(&endpoint()).unwrap();
        found.note(format!("{:?} after {:?}", end.standing, end.rollback));
    })
}

/// An old plan is pinned while a sweep would delete it.
pub fn pin_against_sweep<J: Checker>() -> Findings {
    race::<J>("pin against sweep", None, |found| {
        let store = begin(memory::<J>(), 3);
        activates(&store, 3);
        let (pinning, sweeping) = (store.clone(), store.clone());
        let (found_pin, found_sweep) = (found.clone(), found.clone());
        J::run_all(vec![
            Box::new(move || {
                found_pin.note(match pinning.pin(generation(2)) {
                    Ok(pin) if pinning.pin(pin.generation()).is_ok() => "held",
                    Ok(_) => "PinnedKept broken",
                    Err(Error::NoSuchPlan { .. }) => "gone",
                    Err(_) => "impossible",
                });
            }) as Work,
            Box::new(move || {
                let swept = sweeping.sweep(generation(3)).unwrap();
                let deleted = swept.deleted.contains(&generation(2));
                found_sweep.note(if deleted { "deleted 2" } else { "spared 2" });
            }),
        ]);
    })
}

/// A slow Enactor activates old plan 2 while a sweep, after plan 3, would delete it.
/// The newer plan is active nowhere, so nothing but the pin stands between them.
pub fn activate_against_sweep<J: Checker>() -> Findings {
    race::<J>("activate against sweep", None, |found| {
        let store = begin(memory::<J>(), 3);
        let (slow, sweeping) = (store.clone(), store.clone());
        let (found_slow, found_sweep) = (found.clone(), found.clone());
        J::run_all(vec![
            Box::new(move || {
                found_slow.note(match slow.pin(generation(2)) {
                    Ok(pin) => match slow.activate(&pin, &endpoint()).unwrap() {
                        Activation::Activated { .. } => "activated",
                        _ => "impossible",
                    },
                    Err(_) => "gone",
                });
            }) as Work,
            Box::new(move || {
                let swept = sweeping.sweep(generation(3)).unwrap();
                let two = swept.spared.iter().find(|(plan, _)| *plan == generation(2));
                found_sweep.note(match two {
                    Some((_, why)) => format!("spared: {why:?}"),
                    None => "deleted".into(),
                });
            }),
        ]);
        found.note(answer(&store.resolve(&endpoint())));
    })
}

pub fn activate_against_sweep_keeps_the_active<J: Checker>() {
    activate_against_sweep::<J>().assert_outcomes(&[
        "activated",
        "gone",
        "deleted",
        "spared: Active",
        "spared: Pinned",
        "answer from 1",
        "answer from 2",
    ]);
}

/// Two sweeps come to the same old plan.
pub fn sweep_against_sweep<J: Checker>() -> Findings {
    race::<J>("sweep against sweep", None, |found| {
        let store = begin(memory::<J>(), 3);
        activates(&store, 3);
        let deletions = Arc::new(Mutex::new(0));
        let sweep = || -> Work {
            let (store, found) = (store.clone(), found.clone());
            let deletions = Arc::clone(&deletions);
            Box::new(move || {
                let Swept { deleted, spared } = store.sweep(generation(3)).unwrap();
                *deletions.lock().unwrap() += deleted.len();
                found.note(format!("deleted {deleted:?}, spared {spared:?}"));
            })
        };
        J::run_all(vec![sweep(), sweep()]);
        found.note(match *deletions.lock().unwrap() {
            1 => "one deleted 2",
            2 => "both deleted 2",
            _ => "nobody deleted 2",
        });
        let gone = matches!(store.pin(generation(2)), Err(Error::NoSuchPlan { .. }));
        found.note(if gone { "gone" } else { "Reclaimed broken" });
    })
}

pub fn sweep_against_sweep_deletes_once<J: Checker>() {
    sweep_against_sweep::<J>().assert_outcomes(&[
        "deleted [#2], spared [(#1, Rollback)]",
        "deleted [], spared [(#1, Rollback)]",
        "one deleted 2",
        "gone",
    ]);
}

/// Who is told of a generation sees what its activator did before, whether he reads
/// it, replaces it, or loses to it.
pub fn activate_hands_on<J: Checker>() -> Findings {
    // Without a bound it holds as well: 858,199 executions with plain loads,
    // 3,777,297 with rmw loads, eight minutes in all.
    race::<J>("activate hands on", Some(2), |found| {
        let store = begin(memory::<J>(), 3);
        let done = Arc::new(<J::Primitives as Primitives>::Word::new(0));
        let activate = |number: u32| -> Work {
            let (store, done, found) = (store.clone(), Arc::clone(&done), found.clone());
            Box::new(move || {
                let pin = store.pin(generation(number)).unwrap();
                done.fetch_add(1 << number, Relaxed);
                let told = match store.activate(&pin, &endpoint()).unwrap() {
                    Activation::Activated { replaced } => replaced.standing.generation(),
                    Activation::Stale { newer } => Some(newer),
                    _ => None,
                };
                found.note(handed_on(told, done.load(Relaxed)));
            })
        };
        let (reading, done_then, found_reader) = (store.clone(), Arc::clone(&done), found.clone());
        let read = move || {
            let told = reading.state(&endpoint()).unwrap().standing.generation();
            found_reader.note(handed_on(told, done_then.load(Relaxed)));
        };
        J::run_all(vec![activate(2), activate(3), Box::new(read)]);
    })
}

/// Whether what was done before this plan was activated is among what was done.
fn handed_on(told: Option<Generation>, done: u64) -> String {
    match told.map(Generation::get) {
        Some(1) => "told of 1".into(),
        Some(number) if done & 1 << number != 0 => format!("told of {number}, and sees it"),
        Some(number) => format!("told of {number}, and does not see it"),
        None => "impossible".into(),
    }
}

pub fn activate_hands_on_what_came_before<J: Checker>() {
    activate_hands_on::<J>().assert_outcomes(&[
        "told of 1",
        "told of 2, and sees it",
        "told of 3, and sees it",
    ]);
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
pub struct OneLook<S>(pub S, pub Resolution);

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

    /// For names above all endpoints of these models.
    fn has_descendant(&mut self, _: &EndpointName) -> bool {
        endpoints(2).iter().any(|below| {
            let state = self.0.state(below).unwrap();
            !matches!(state.standing, Standing::Withdrawn(_))
        })
    }
}

/// A follower of the endpoint of these models, as a reader.
pub struct Followed<P: Primitives>(pub Follower<P>);

impl<P: Primitives> Followed<P> {
    pub fn of(store: &MemoryStore<P>) -> Self {
        Self(store.follow(endpoint()))
    }
}

impl<P: Primitives> Resolve for Followed<P> {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        assert_eq!(self.0.endpoint(), endpoint);
        self.0.resolve()
    }

    /// Of nothing: it follows one endpoint.
    fn has_descendant(&mut self, _: &EndpointName) -> bool {
        false
    }
}

/// A reader while plans are activated and swept from under it.
pub fn reader_against_activate<J: Checker, R: Resolve + Send + 'static>(
    bound: Option<usize>,
    reader: fn(&MemoryStore<J::Primitives>) -> R,
) -> Findings {
    race::<J>("reader against activate and sweep", bound, move |found| {
        let store = begin(memory::<J>(), 3);
        let (mut reader, activating) = (reader(&store), store.clone());
        let (found_reader, found_sweep) = (found.clone(), found.clone());
        J::run_all(vec![
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
            }) as Work,
            Box::new(move || {
                assert!(activates(&activating, 2) && activates(&activating, 3));
                note_swept(&found_sweep, &activating.sweep(generation(3)).unwrap());
            }),
        ]);
    })
}

/// Two endpoints below a name change places: at each moment one of them is there. The
/// one that comes is looked at first, the one that goes after it.
pub fn denial_against_changing_places<J: Checker, R: Resolve + Send + 'static>(
    reader: fn(&MemoryStore<J::Primitives>) -> R,
) -> Findings {
    race::<J>("denial against changing places", None, move |found| {
        let store = memory::<J>();
        let both = endpoints(2);
        for (octet, named) in [(1, &both[..]), (2, &both[1..]), (3, &both[..1])] {
            store.publish(plan(named, octet)).unwrap();
        }
        let second = store.pin(generation(2)).unwrap();
        let _ = store.activate(&second, &both[1]).unwrap();
        let _ = store.withdraw(&second, &both[0]).unwrap();
        drop(second);
        let (mut reader, changing, found_reader) = (reader(&store), store.clone(), found.clone());
        J::run_all(vec![
            Box::new(move || {
                let above = reader.has_descendant(&"example".parse().unwrap());
                found_reader.note(if above { "above" } else { "denied" });
            }) as Work,
            Box::new(move || {
                let third = changing.pin(generation(3)).unwrap();
                let _ = changing.activate(&third, &both[0]).unwrap();
                let _ = changing.withdraw(&third, &both[1]).unwrap();
            }),
        ]);
        let end = store.reader().has_descendant(&"example".parse().unwrap());
        found.note(if end { "above in the end" } else { "denied" });
    })
}

pub fn denial_against_changing_places_never_denies<J: Checker>() {
    denial_against_changing_places::<J, _>(MemoryStore::reader)
        .assert_outcomes(&["above", "above in the end"]);
}

/// A reader while its endpoint, long withdrawn, is forgotten by a sweep and comes
/// back with plan 4, in a cell of its own.
pub fn reader_against_coming_and_going<J: Checker, R: Resolve + Send + 'static>(
    reader: fn(&MemoryStore<J::Primitives>) -> R,
) -> Findings {
    race::<J>(
        "reader against an endpoint that comes and goes",
        None,
        move |found| {
            let store = begin(memory::<J>(), 1);
            for octet in [2, 3] {
                store.publish(plan(&endpoints(2)[1..], octet)).unwrap();
                withdraw(&store, octet.into());
            }
            let mut reader = reader(&store);
            reader.resolve(&endpoint());
            let after = Arc::new(Mutex::new(None));
            let (coming, to_after) = (store.clone(), Arc::clone(&after));
            let (found_reader, found_sweep) = (found.clone(), found.clone());
            J::run_all(vec![
                Box::new(move || {
                    let mut told = Vec::new();
                    for _ in 0..2 {
                        told.push(answer(reader.resolve(&endpoint())));
                    }
                    found_reader.note(told.join(", then "));
                    *to_after.lock().unwrap() = Some(reader);
                }) as Work,
                Box::new(move || {
                    note_swept(&found_sweep, &coming.sweep(generation(3)).unwrap());
                    coming.publish(plan(&endpoints(1), 4)).unwrap();
                    activates(&coming, 4);
                }),
            ]);
            let mut reader = after.lock().unwrap().take().unwrap();
            let resolution = answer(reader.resolve(&endpoint()));
            found.note(format!("in the end {resolution}"));
        },
    )
}

/// A Planner publishes plan 3; a slow Enactor picks up the latest plan, and holds
/// it; a quick one picks up the latest, activates it and sweeps.
pub fn publish_against_sweep<J: Checker, S: PlanStore + Clone + 'static>(
    store: fn() -> S,
) -> Findings {
    // Without a bound it holds as well: 179,515 executions with plain loads,
    // 311,723 with rmw loads, a minute each.
    race::<J>("publish against sweep", Some(3), move |found| {
        let store = begin(store(), 2);
        let (publishing, slow, quick) = (store.clone(), store.clone(), store.clone());
        let (found_slow, found_quick) = (found.clone(), found.clone());
        J::run_all(vec![
            Box::new(move || {
                publishing.publish(plan(&endpoints(1), 3)).unwrap();
            }) as Work,
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

pub fn activate_against_activate_keeps_the_newer<J: Checker>() {
    let findings = activate_against_activate::<J>();
    findings.assert_outcomes(&[
        "activated",
        "stale",
        "Active(#3) after Some(#2)",
        "Active(#3) after Some(#1)",
    ]);
}

pub fn withdraw_against_activate_leaves_it_withdrawn<J: Checker>() {
    let findings = withdraw_against_activate::<J>();
    findings.assert_outcomes(&[
        "Withdrawn(#3) after Some(#1)",
        "Withdrawn(#3) after Some(#2)",
    ]);
}

pub fn pin_against_sweep_keeps_what_is_pinned<J: Checker>() {
    let findings = pin_against_sweep::<J>();
    findings.assert_outcomes(&["held", "gone", "deleted 2", "spared 2"]);
}

pub fn reader_against_activate_sees_one_whole_plan_after_another<J: Checker>() {
    let reader = reader_against_activate::<J, _>(None, MemoryStore::reader);
    let follower = reader_against_activate::<J, _>(None, Followed::of);
    for findings in [reader, follower] {
        findings.assert_outcomes(&["answer from 1", "answer from 2", "answer from 3", "deleted"]);
    }
}

pub fn reader_against_coming_and_going_follows<J: Checker>() {
    let reader = reader_against_coming_and_going::<J, _>(MemoryStore::reader);
    let follower = reader_against_coming_and_going::<J, _>(Followed::of);
    for findings in [reader, follower] {
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

pub fn publish_against_sweep_loses_nothing<J: Checker>() {
    let findings = publish_against_sweep::<J, _>(memory::<J>);
    findings.assert_outcomes(&[
        "picked up 2",
        "picked up 3",
        "spared: Rollback",
        "deleted",
        "the newest is 3",
    ]);
}

/// All of them, by name: what the store must keep.
pub fn all<J: Checker>() -> Vec<(&'static str, fn())> {
    vec![
        (
            "activate against activate",
            activate_against_activate_keeps_the_newer::<J>,
        ),
        (
            "withdraw against activate",
            withdraw_against_activate_leaves_it_withdrawn::<J>,
        ),
        (
            "pin against sweep",
            pin_against_sweep_keeps_what_is_pinned::<J>,
        ),
        (
            "activate against sweep",
            activate_against_sweep_keeps_the_active::<J>,
        ),
        ("sweep against sweep", sweep_against_sweep_deletes_once::<J>),
        ("activate hands on", activate_hands_on_what_came_before::<J>),
        (
            "reader against activate",
            reader_against_activate_sees_one_whole_plan_after_another::<J>,
        ),
        (
            "denial against changing places",
            denial_against_changing_places_never_denies::<J>,
        ),
        (
            "reader against coming and going",
            reader_against_coming_and_going_follows::<J>,
        ),
        (
            "publish against sweep",
            publish_against_sweep_loses_nothing::<J>,
        ),
    ]
}
