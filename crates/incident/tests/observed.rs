//! Every step of an observed actor is in the journal, and each probe reports what it looks
//! for.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use incident::{
    Actor, Event, Hook, IncidentStore, Invariant, Journal, Observed, Point, Tally, Variant, probe,
};
use plan_store::{
    Activation, EndpointName, EndpointState, Failed, Generation, MemoryStore, PinError, Plan,
    PlanStore, RecordSet, Resolution, Retention, Standing, StepError, Swept, Target,
};

const KEEP: Retention = Retention::newest(1);

fn endpoint(name: &str) -> EndpointName {
    format!("{name}.example").parse().unwrap()
}

fn g(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

fn plan(names: &[&str]) -> Arc<Plan> {
    let records = names.iter().map(|name| {
        let (name, target) = (endpoint(name), Target::new([192, 0, 2, 1].into(), 255));
        (name.clone(), RecordSet::new(5, [target]).unwrap())
    });
    Arc::new(Plan::new(records).unwrap())
}

/// Notes the points that actors reach.
#[derive(Default)]
struct Points(Mutex<Vec<(Actor, Point)>>);

impl Hook for Points {
    fn reach(&self, actor: Actor, point: &Point) {
        self.0.lock().unwrap().push((actor, point.clone()));
    }
}

fn stepped(name: &str, generation: u32, withdraws: bool, outcome: Activation) -> Event {
    Event::Stepped {
        endpoint: endpoint(name),
        generation: g(generation),
        withdraws,
        outcome,
    }
}

const VACANT: Activation = Activation::Activated {
    replaced: EndpointState::VACANT,
};

fn over(active: u32) -> Activation {
    Activation::Activated {
        replaced: EndpointState::VACANT.moved_to(Standing::Active(g(active))),
    }
}

/// Takes every kind of step once, each through its method.
#[test]
fn each_step_reaches_its_point_and_is_recorded() {
    let (journal, points) = (Journal::keeping_steps(), Arc::new(Points::default()));
    let store = MemoryStore::new(KEEP);
    let observed = |actor| Observed::hooked(store.clone(), actor, &journal, points.clone());
    let (planner, enactor) = (observed(Actor::Planner), observed(Actor::Enactor(2)));

    let (first, second) = (plan(&["a", "b"]), plan(&["a"]));
    planner.publish(Arc::clone(&first)).unwrap();
    let one = enactor.latest().unwrap().unwrap();
    assert_eq!(enactor.newest_active().unwrap(), None);
    assert_eq!(enactor.activate_all(&one).count(), 2);
    planner.publish(Arc::clone(&second)).unwrap();
    assert!(planner.latest().unwrap().is_some());
    let two = enactor.latest().unwrap().unwrap();
    let _ = enactor.activate(&two, &endpoint("a")).unwrap();
    let _ = enactor.withdraw(&two, &endpoint("b")).unwrap();
    let refused = enactor.activate(&two, &endpoint("b")).unwrap_err();
    let refused = refused.to_string();
    let swept = enactor.sweep(g(2)).unwrap();

    let events = [
        (
            Actor::Planner,
            Event::Published {
                generation: g(1),
                plan: first,
            },
        ),
        (Actor::Enactor(2), Event::PickedUp { generation: g(1) }),
        (Actor::Enactor(2), Event::Checked { newest: None }),
        (Actor::Enactor(2), stepped("a", 1, false, VACANT)),
        (Actor::Enactor(2), stepped("b", 1, false, VACANT)),
        (
            Actor::Planner,
            Event::Published {
                generation: g(2),
                plan: second,
            },
        ),
        (Actor::Enactor(2), Event::PickedUp { generation: g(2) }),
        (Actor::Enactor(2), stepped("a", 2, false, over(1))),
        (Actor::Enactor(2), stepped("b", 2, true, over(1))),
        (
            Actor::Enactor(2),
            Event::Failed {
                error: refused,
                gone: None,
            },
        ),
        (
            Actor::Enactor(2),
            Event::Swept {
                applied: g(2),
                swept,
            },
        ),
    ];
    let steps = journal.steps();
    for (number, (step, (actor, event))) in (1..).zip(steps.iter().zip(&events)) {
        assert_eq!((step.number, step.actor), (number, *actor), "{step:?}");
        assert_eq!(step.event, *event);
    }
    assert_eq!(steps.len(), events.len());
    assert_eq!(journal.read(<[_]>::len), events.len());

    let step = |name| (Actor::Enactor(2), Point::Step(endpoint(name)));
    let planner = |point| (Actor::Planner, point);
    let enactor = |point| (Actor::Enactor(2), point);
    assert_eq!(
        *points.0.lock().unwrap(),
        [
            planner(Point::Publish),
            enactor(Point::PickUp),
            enactor(Point::Check),
            step("a"),
            step("b"),
            planner(Point::Publish),
            planner(Point::PickUp),
            enactor(Point::PickUp),
            step("a"),
            step("b"),
            step("b"),
            enactor(Point::Sweep),
        ]
    );
}

#[test]
fn a_journal_without_steps_still_counts_and_judges() {
    let journal = Journal::judging_only();
    let store = IncidentStore::new(Variant::CompareAndSwapOnly, KEEP);
    let enactor = Observed::new(store, Actor::Enactor(1), &journal);
    for _ in 1..=2 {
        enactor.publish(plan(&["a"])).unwrap();
    }
    let (one, two) = (enactor.pin(g(1)).unwrap(), enactor.pin(g(2)).unwrap());
    for pin in [&two, &one] {
        let _ = enactor.activate(pin, &endpoint("a")).unwrap();
    }
    enactor.sweep(g(2)).unwrap();
    let tally = Tally {
        steps: 5,
        published: 2,
        swept: 1,
        stale: 1,
    };
    assert_eq!(journal.tally(), tally);
    assert!(journal.steps().is_empty());
    let broken: Vec<_> = journal.verdict().into_keys().collect();
    assert_eq!(broken, [Invariant::PinnedKept]);
}

/// A store of this variant with `plans` plans for a.example. The first `active` of them
/// were activated, one after another.
fn store(variant: Variant, plans: u32, active: u32) -> IncidentStore {
    let store = IncidentStore::new(variant, KEEP);
    for _ in 1..=plans {
        store.publish(plan(&["a"])).unwrap();
    }
    for number in 1..=active {
        let pin = store.pin(g(number)).unwrap();
        let _ = store.activate(&pin, &endpoint("a")).unwrap();
    }
    store
}

/// The events that the probe records, without the errors of a pass.
fn found(look: impl FnOnce(&[EndpointName], &Journal)) -> Vec<Event> {
    let journal = Journal::keeping_steps();
    look(&[endpoint("a")], &journal);
    let events = journal.steps().into_iter().map(|step| step.event);
    events
        .filter(|event| !matches!(event, Event::Failed { .. }))
        .collect()
}

#[test]
fn a_look_at_rollback_targets_reports_one_that_is_gone() {
    let look = |store: &IncidentStore| {
        store.sweep(g(2)).unwrap();
        found(|endpoints, journal| probe::check_rollbacks(store, endpoints, journal).unwrap())
    };
    let gone = Event::RollbackGone {
        endpoint: endpoint("a"),
        rollback: g(1),
    };
    assert_eq!(look(&store(Variant::CompareAndSwapOnly, 2, 2)), [gone]);
    assert_eq!(look(&store(Variant::CompareAndSwapBothSpared, 2, 2)), []);
    assert_eq!(look(&store(Variant::CompareAndSwapOnly, 2, 1)), []);
}

/// A store on which a newer plan is activated while a caller looks for a plan that is gone.
struct Moving(IncidentStore);

impl plan_store::Layer for Moving {
    type Inner = IncidentStore;
    type Error = incident::Error;
    type Pin = <IncidentStore as PlanStore>::Pin;
    type Reader = <IncidentStore as PlanStore>::Reader;

    fn inner(&self) -> &IncidentStore {
        &self.0
    }

    fn wrap(&self, pin: Self::Pin) -> Self::Pin {
        pin
    }

    fn reader(&self) -> Self::Reader {
        self.0.reader()
    }

    fn pin(&self, generation: Generation) -> Result<Self::Pin, PinError<incident::Error>> {
        let newest = self.0.latest().unwrap().unwrap();
        let _ = self.0.activate(&newest, &endpoint("a")).unwrap();
        self.0.pin(generation)
    }
}

#[test]
fn a_rollback_target_that_is_replaced_during_the_look_is_not_missed() {
    let store = Moving(store(Variant::CompareAndSwapOnly, 3, 2));
    PlanStore::sweep(&store, g(2)).unwrap();
    let found = found(|endpoints, journal| {
        probe::check_rollbacks(&store, endpoints, journal).unwrap();
    });
    assert_eq!(found, []);
}

/// A hook that looks at the journal, and at the store, before the step.
#[test]
fn a_point_is_reached_before_its_step() {
    struct Before(MemoryStore, Arc<Journal>, Mutex<Vec<(bool, usize)>>);

    impl Hook for Before {
        fn reach(&self, _: Actor, _: &Point) {
            let published = self.0.latest().unwrap().is_some();
            let seen = (published, self.1.tally().steps);
            self.2.lock().unwrap().push(seen);
        }
    }

    let (store, journal) = (MemoryStore::new(KEEP), Journal::keeping_steps());
    let before = Arc::new(Before(store.clone(), journal.clone(), Mutex::default()));
    let planner = Observed::hooked(store, Actor::Planner, &journal, before.clone());
    planner.publish(plan(&["a"])).unwrap();
    planner.publish(plan(&["a"])).unwrap();
    assert_eq!(*before.2.lock().unwrap(), [(false, 0), (true, 1)]);
}

#[test]
fn a_look_at_the_newest_plan_reports_an_endpoint_that_is_left_behind() {
    let look = |active| {
        let store = store(Variant::Incident, 2, active);
        found(|endpoints, journal| {
            // No Enactor has picked up a plan yet.
            probe::check_latest_wins(&store, endpoints, journal).unwrap();
            assert!(journal.steps().is_empty());
            // The slow Enactor picks up its plan last, but the newest plan counts.
            for generation in [2, 1].map(g) {
                journal.record(Actor::Enactor(1), Event::PickedUp { generation });
            }
            probe::check_latest_wins(&store, endpoints, journal).unwrap();
        })
    };
    let (endpoint, newest) = (endpoint("a"), g(2));
    let behind = Event::LeftBehind { endpoint, newest };
    assert_eq!(look(1)[2..], [behind]);
    assert_eq!(look(2)[2..], []);
}

#[test]
fn a_look_at_progress_reports_a_plan_that_cannot_be_applied() {
    let look = |deletes| {
        let store = store(Variant::Incident, 2, 1);
        if deletes {
            store.sweep(g(2)).unwrap();
        }
        found(|endpoints, journal| {
            let progresses = probe::check_progress(&store, endpoints, journal).unwrap();
            assert_eq!(progresses, !deletes);
        })
    };
    assert_eq!(look(true), [Event::NoProgress { generation: g(3) }]);
    assert_eq!(look(false), []);
}

#[test]
fn a_look_at_what_is_left_reports_a_plan_that_nothing_needs() {
    let look = |variant| {
        let store = store(variant, 4, 4);
        found(|endpoints, journal| {
            probe::check_reclaimed(&store, endpoints, g(4), KEEP, journal).unwrap();
        })
    };
    let left = [1, 2].map(|number| Event::NotReclaimed {
        generation: g(number),
    });
    assert_eq!(look(Variant::NothingSwept), left);
    assert_eq!(look(Variant::CompareAndSwapBothSpared), []);
}

/// `conclude` makes all of these checks, and resolves before and after them.
#[test]
fn conclude_makes_every_check() {
    let conclude = |store: &IncidentStore, pick_up| {
        let journal = Journal::keeping_steps();
        let generation = g(pick_up);
        journal.record(Actor::Enactor(1), Event::PickedUp { generation });
        let progresses = probe::conclude(store, &[endpoint("a")], KEEP, &journal).unwrap();
        let resolved = journal.read(|steps| {
            let is_look = |event: &Event| matches!(event, Event::Resolved { .. });
            steps.iter().filter(|step| is_look(&step.event)).count()
        });
        assert_eq!(resolved, 2);
        let broken: Vec<_> = journal.verdict().into_keys().collect();
        (progresses, broken)
    };
    let gone = store(Variant::CompareAndSwapOnly, 2, 2);
    gone.sweep(g(2)).unwrap();
    assert_eq!(conclude(&gone, 2), (true, vec![Invariant::RollbackKept]));
    let behind = store(Variant::NothingSwept, 3, 2);
    let broken = vec![Invariant::LatestWins, Invariant::Reclaimed];
    assert_eq!(conclude(&behind, 3), (true, broken));
    let dangling = store(Variant::Incident, 2, 1);
    dangling.sweep(g(2)).unwrap();
    let broken = vec![
        Invariant::ActiveKept,
        Invariant::Progress,
        Invariant::LatestWins,
    ];
    assert_eq!(conclude(&dangling, 2), (false, broken));
}

#[test]
fn resolving_all_records_each_answer_and_returns_its_plan() {
    let journal = Journal::keeping_steps();
    let store = MemoryStore::new(KEEP);
    store.publish(plan(&["a", "b"])).unwrap();
    let pin = store.latest().unwrap().unwrap();
    let _ = store.activate(&pin, &endpoint("b")).unwrap();
    let names = ["a", "b", "c"].map(endpoint);
    let from = probe::resolve_all(&mut store.reader(), &names, &journal);
    assert_eq!(from, [None, Some(g(1)), None]);
    let looks = journal.steps().into_iter().map(|step| match step.event {
        Event::Resolved {
            endpoint,
            resolution,
            told: None,
        } => (step.actor, endpoint, resolution),
        other => unreachable!("{other:?}"),
    });
    let answers = names.map(|name| {
        let resolution = store.resolve(&name);
        (Actor::Resolver, name, resolution)
    });
    assert_eq!(looks.collect::<Vec<_>>(), answers);
    assert!(matches!(answers[1].2, Resolution::Answer { .. }));
    assert_eq!(store.sweep(g(1)).unwrap(), Swept::default());
}

#[test]
fn a_look_at_rollback_targets_goes_on_after_an_endpoint_without_one() {
    let store = IncidentStore::new(Variant::CompareAndSwapOnly, KEEP);
    for names in [&["b"][..], &["a", "b"]] {
        store.publish(plan(names)).unwrap();
        let pin = store.latest().unwrap().unwrap();
        assert_eq!(store.activate_all(&pin).count(), names.len());
    }
    store.sweep(g(2)).unwrap();
    let journal = Journal::keeping_steps();
    let names = ["a", "b"].map(endpoint);
    probe::check_rollbacks(&store, &names, &journal).unwrap();
    assert_eq!(journal.tally().steps, 1);
    assert!(journal.verdict().contains_key(&Invariant::RollbackKept));
}

/// The check of progress makes a pass, which replaces the missing rollback target by an
/// existing one.
#[test]
fn a_rollback_target_that_is_gone_is_noticed_before_the_last_pass() {
    let keep = Retention::newest(2);
    let store = IncidentStore::new(Variant::CompareAndSwapOnly, keep);
    for _ in 0..4 {
        store.publish(plan(&["a"])).unwrap();
    }
    for number in [1, 4] {
        let pin = store.pin(g(number)).unwrap();
        let _ = store.activate(&pin, &endpoint("a")).unwrap();
    }
    store.sweep(g(4)).unwrap();
    let journal = Journal::keeping_steps();
    journal.record(Actor::Enactor(1), Event::PickedUp { generation: g(4) });
    assert!(probe::conclude(&store, &[endpoint("a")], keep, &journal).unwrap());
    let broken: Vec<_> = journal.verdict().into_keys().collect();
    assert_eq!(broken, [Invariant::RollbackKept]);
}

#[test]
fn an_endpoint_that_the_newest_plan_withdrew_is_not_left_behind() {
    let (store, journal) = (MemoryStore::new(KEEP), Journal::keeping_steps());
    for names in [&["a", "b"][..], &["a"]] {
        store.publish(plan(names)).unwrap();
        let pin = store.latest().unwrap().unwrap();
        assert_eq!(store.activate_all(&pin).count(), names.len());
        for endpoint in store.stale_endpoints(&pin).unwrap() {
            let _ = store.withdraw(&pin, &endpoint).unwrap();
        }
    }
    journal.record(Actor::Enactor(1), Event::PickedUp { generation: g(2) });
    probe::check_latest_wins(&store, &["a", "b"].map(endpoint), &journal).unwrap();
    assert_eq!(journal.tally().steps, 1);
}

/// A store on which the result of a pass and the resulting state do not agree.
#[derive(Clone)]
enum Odd {
    /// No step is taken, and each reports that it was taken before.
    Idle(MemoryStore),
    /// Each sweep fails. By then the plan is active.
    Unswept(MemoryStore),
}

/// The error of the failing sweep.
#[derive(Debug, thiserror::Error)]
#[error("told to fail")]
struct ToldToFail;

impl From<Infallible> for ToldToFail {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl plan_store::Layer for Odd {
    type Inner = MemoryStore;
    type Error = ToldToFail;
    type Pin = <MemoryStore as PlanStore>::Pin;
    type Reader = <MemoryStore as PlanStore>::Reader;

    fn inner(&self) -> &MemoryStore {
        let (Self::Idle(store) | Self::Unswept(store)) = self;
        store
    }

    fn wrap(&self, pin: Self::Pin) -> Self::Pin {
        pin
    }

    fn reader(&self) -> Self::Reader {
        self.inner().reader()
    }

    fn activate(
        &self,
        _: &Self::Pin,
        _: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<ToldToFail>>,
    ) -> Result<Activation, StepError<ToldToFail>> {
        match self {
            Self::Idle(_) => Ok(Activation::Already),
            Self::Unswept(_) => step(),
        }
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<ToldToFail>> {
        match self {
            Self::Idle(store) => store
                .sweep(applied)
                .map_err(|error| error.map(ToldToFail::from)),
            Self::Unswept(_) => Err(ToldToFail.into()),
        }
    }
}

/// Without progress, `conclude` does not check what is left. The sweep of that check would
/// fail here.
#[test]
fn progress_takes_a_pass_that_succeeds_and_a_plan_that_is_active_everywhere() {
    for odd in [Odd::Idle, Odd::Unswept] {
        let store = odd(MemoryStore::new(KEEP));
        PlanStore::publish(&store, plan(&["a"])).unwrap();
        let journal = Journal::keeping_steps();
        let progresses = probe::conclude(&store, &[endpoint("a")], KEEP, &journal);
        assert!(!progresses.unwrap());
        assert!(journal.verdict().contains_key(&Invariant::Progress));
    }
}
