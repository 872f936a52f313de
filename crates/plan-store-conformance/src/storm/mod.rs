//! Real threads on one store: a Planner, Enactors that stall and crash,
//! and servers that resolve throughout. What they do is seeded, how the machine
//! interleaves them is not; no test depends on how long anything takes.

use std::collections::BTreeSet;
use std::hint::spin_loop;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use plan_store::{
    Activation, EndpointName, EndpointState, Generation, Pin, Plan, PlanStore, RecordSet,
    Resolution, Resolve, RetainReason, Retention, Standing, Target,
};

use crate::{Stores, generation, generations};

const ENDPOINTS: u32 = 8;
const ENACTORS: u64 = 3;
const READERS: usize = 2;
/// For how many plans an endpoint stays or is gone.
const BLOCK: u32 = 8;

/// Whether plan `number` names an endpoint. Each comes and goes, but the first,
/// which stays.
fn names(number: u32, at: u32) -> bool {
    at == 0 || !(number / BLOCK + at).is_multiple_of(3)
}

fn endpoint(at: u32) -> EndpointName {
    format!("e{at}.example").parse().unwrap()
}

/// The records of an endpoint in plan `number`, and in no other.
fn records(number: u32, at: u32) -> RecordSet {
    let [_, high, low, _] = number.rotate_left(8).to_be_bytes();
    let targets = [1, 2, 3].map(|last| {
        let address = Ipv4Addr::new(10 + u8::try_from(at).unwrap(), high, low, last);
        Target::new(address.into(), last)
    });
    RecordSet::new(&endpoint(at), 5, targets).unwrap()
}

fn plan(number: u32) -> Arc<Plan> {
    let named = (0..ENDPOINTS).filter(|&at| names(number, at));
    let records = named.map(|at| (endpoint(at), records(number, at)));
    Arc::new(Plan::new(records).unwrap())
}

/// Publishes plans that get these generations.
fn publish(store: &impl PlanStore, numbers: Range<u32>) {
    for number in numbers {
        assert_eq!(store.publish(plan(number)).unwrap(), generation(number));
    }
}

/// Stalls that a seed repeats, none at all to about a millisecond.
struct Stalls(u64);

impl Stalls {
    fn next(&mut self) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn stall(&mut self) {
        match self.next() % 64 {
            0..8 => thread::yield_now(),
            8..12 => (0..self.next() % 2000).for_each(|_| spin_loop()),
            12 => thread::park_timeout(Duration::from_micros(self.next() % 100)),
            13 => (0..100).for_each(|_| thread::yield_now()),
            _ => {}
        }
    }
}

/// What came of an Enactor's passes.
#[derive(Default)]
struct Tally {
    stale: usize,
    withdrawals: usize,
    activations: Vec<(u32, Generation)>,
    deleted: Vec<Generation>,
    spared: Vec<(Generation, RetainReason)>,
    newest: Option<Generation>,
    crashes: usize,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.stale += other.stale;
        self.withdrawals += other.withdrawals;
        self.activations.extend(other.activations);
        self.deleted.extend(other.deleted);
        self.spared.extend(other.spared);
        self.newest = self.newest.max(other.newest);
        self.crashes += other.crashes;
    }

    fn count(&mut self, outcome: Activation, by: Generation) -> bool {
        match outcome {
            Activation::Activated { replaced } => {
                let before = replaced.standing.generation();
                assert!(before < Some(by), "Monotonic: {by} replaced {replaced:?}");
                return true;
            }
            Activation::Stale { newer } => {
                assert!(newer > by, "Monotonic: {by} is stale against {newer}");
                self.stale += 1;
            }
            Activation::Already => {}
            Activation::Unknown => unreachable!("nothing fails here, so no reply is lost"),
        }
        false
    }
}

/// The newest plan that was about to withdraw each endpoint.
#[derive(Default)]
struct Announced([AtomicU32; ENDPOINTS as usize]);

impl Announced {
    fn withdrawal(&self, at: u32, by: Generation) {
        self.0[at as usize].fetch_max(by.get(), SeqCst);
    }

    fn since(&self, at: u32, answered: Generation) -> bool {
        self.0[at as usize].load(SeqCst) > answered.get()
    }
}

struct Enactor<'a, S> {
    store: &'a S,
    announced: &'a Announced,
    stalls: Stalls,
    tally: Tally,
    /// Whether it sometimes sweeps before its plan is active anywhere.
    sweeps_early: bool,
    /// After how many more steps it panics, if it does.
    crash_in: Option<u64>,
}

impl<'a, S: PlanStore> Enactor<'a, S> {
    fn new(store: &'a S, announced: &'a Announced, seed: u64) -> Self {
        Self {
            store,
            announced,
            stalls: Stalls(seed),
            tally: Tally::default(),
            sweeps_early: false,
            crash_in: None,
        }
    }

    fn pick_up(&self) -> S::Pin {
        self.store.latest().unwrap().unwrap()
    }

    /// Works on a plan that it has picked up.
    fn pass(&mut self, pin: &S::Pin) {
        let by = pin.generation();
        if self.sweeps_early && self.stalls.next().is_multiple_of(4) {
            self.sweep(by);
        }
        for at in (0..ENDPOINTS).filter(|&at| names(by.get(), at)) {
            self.step();
            let outcome = self.store.activate(pin, &endpoint(at)).unwrap();
            if self.tally.count(outcome, by) {
                self.tally.activations.push((at, by));
            }
            let now = self.store.state(&endpoint(at)).unwrap();
            let beyond = now.standing.generation() >= Some(by);
            assert!(beyond, "Monotonic: {by} was here, now {now:?}");
            self.check_kept(at, pin);
        }
        self.withdraw_unnamed(pin);
        self.step();
        self.sweep(by);
        self.tally.newest = self.tally.newest.max(Some(by));
    }

    fn sweep(&mut self, applied: Generation) {
        let swept = self.store.sweep(applied).unwrap();
        self.tally.deleted.extend(swept.deleted);
        self.tally.spared.extend(swept.spared);
    }

    fn withdraw_unnamed(&mut self, pin: &S::Pin) {
        let by = pin.generation();
        let stale_endpoints = self.store.stale_endpoints(pin).unwrap();
        for at in (0..ENDPOINTS).filter(|&at| stale_endpoints.contains(&endpoint(at))) {
            self.step();
            self.announced.withdrawal(at, by);
            let outcome = self.store.withdraw(pin, &endpoint(at)).unwrap();
            if self.tally.count(outcome, by) {
                self.tally.withdrawals += 1;
            }
            self.check_kept(at, pin);
        }
    }

    /// A plan that an endpoint's state tells of can be pinned, unless the state
    /// has changed meanwhile. (No state ever returns.)
    fn check_kept(&self, at: u32, pin: &S::Pin) {
        let held = self.store.pin(pin.generation()).map(|_| ());
        assert!(held.is_ok(), "PinnedKept: {held:?}");
        let state = || self.store.state(&endpoint(at)).unwrap();
        let seen = state();
        let gone = |plan: Option<Generation>| {
            plan.is_some_and(|plan| self.store.pin(plan).is_err()) && state() == seen
        };
        assert!(!gone(seen.standing.active()), "ActiveKept: {seen:?}");
        assert!(!gone(seen.rollback), "RollbackKept: {seen:?}");
    }

    fn step(&mut self) {
        self.stalls.stall();
        match &mut self.crash_in {
            // Like a panic, without the message.
            Some(0) => resume_unwind(Box::new("crash")),
            Some(steps) => *steps -= 1,
            None => {}
        }
    }
}

/// A run of so many passes. Asks for a new plan before each.
fn enact<S: PlanStore>(mut enactor: Enactor<'_, S>, passes: u32, next_plan: &Sender<()>) -> Tally {
    for _ in 0..passes {
        next_plan.send(()).unwrap();
        let pin = enactor.pick_up();
        enactor.step();
        enactor.pass(&pin);
    }
    enactor.tally
}

/// As many passes, each in a thread of its own that crashes in its midst, or
/// just survives.
fn crash<S: PlanStore>(enactor: &Enactor<'_, S>, passes: u32, next_plan: &Sender<()>) -> Tally {
    let mut stalls = Stalls(enactor.stalls.0);
    let mut tally = Tally::default();
    for _ in 0..passes {
        next_plan.send(()).unwrap();
        let mut doomed = Enactor::new(enactor.store, enactor.announced, stalls.next());
        doomed.crash_in = Some(stalls.next() % u64::from(ENDPOINTS));
        let life = move || {
            let pin = doomed.pick_up();
            doomed.pass(&pin);
        };
        let end = thread::scope(|scope| scope.spawn(life).join());
        if let Err(cause) = end {
            let planned = cause.downcast_ref() == Some(&"crash");
            assert!(planned, "an Enactor found an invariant broken");
            tally.crashes += 1;
        }
    }
    tally
}

/// Resolves all endpoints, over and over, until all is quiet.
fn serve<M: Stores>(
    stores: &M,
    store: &M::Store,
    announced: &Announced,
    quiet: &AtomicBool,
) -> usize {
    let mut reader = store.reader();
    // What has been seen through the reader, and of the store: all in one, unless
    // the reader may lag.
    let mut seen = [const { [Seen::NOTHING; 2] }; ENDPOINTS as usize];
    let of_store = usize::from(stores.readers_lag());
    let mut answers = 0;
    loop {
        let last_round = quiet.load(SeqCst);
        if last_round {
            stores.settle(store);
        }
        for at in 0..ENDPOINTS {
            let endpoint = endpoint(at);
            let seen = &mut seen[at as usize];
            let shown = reader.resolve(&endpoint);
            let held = store.resolve(&endpoint);
            seen[0].check(at, shown, announced);
            seen[of_store].check(at, &held, announced);
            assert!(
                !last_round || *shown == held,
                "Settled: {shown:?}, {held:?}"
            );
            answers += usize::from(seen[0].answered.is_some());
        }
        if last_round {
            return answers;
        }
        thread::yield_now();
    }
}

/// What a server has seen of an endpoint.
#[derive(Clone, Copy)]
struct Seen {
    newest: Option<Generation>,
    /// The plan of the newest answer.
    answered: Option<Generation>,
}

impl Seen {
    const NOTHING: Self = Self {
        newest: None,
        answered: None,
    };

    fn check(&mut self, at: u32, resolution: &Resolution, announced: &Announced) {
        match resolution {
            Resolution::Answer {
                generation,
                records: from,
            } => {
                let by = Some(*generation);
                assert!(
                    by >= self.newest,
                    "Monotonic: {by:?} after {:?}",
                    self.newest
                );
                assert!(
                    names(generation.get(), at) && **from == records(generation.get(), at),
                    "WholeAnswer: plan {generation} has no {from:?}"
                );
                self.answered = by;
            }
            Resolution::Dangling { .. } => unreachable!("ActiveKept: {resolution:?}"),
            Resolution::Unknown | Resolution::Vacant | Resolution::Withdrawn { .. } => {
                let withdrawn = self.answered.is_none_or(|g| announced.since(at, g));
                assert!(withdrawn, "NeverEmpty: {resolution:?} at {at}");
            }
        }
        self.newest = self.newest.max(resolution.generation());
    }
}

/// Plans appear as fast as passes begin; Enactors overtake each other; servers
/// look on. The first Enactor begins with a plan that is long out of date.
fn storm<M: Stores>(stores: &M, seed: u64, crashing: bool) -> (M::Store, Tally) {
    let store = make(stores);
    let passes = stores.effort().passes;
    let (announced, quiet) = (Announced::default(), AtomicBool::new(false));
    let enactor = |number| Enactor::new(&store, &announced, seed << 8 | (number + 1));
    publish(&store, 1..2);
    let mut late = Some(enactor(0).pick_up());
    publish(&store, 2..BLOCK + 1);
    let mut total = first_pass(enactor(ENACTORS));
    publish(&store, BLOCK + 1..BLOCK + 2);
    total.add(first_pass(enactor(ENACTORS)));

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
                let (mut enactor, next_plan) = (enactor(number), next_plan.clone());
                enactor.sweeps_early = true;
                let late = late.take();
                scope.spawn(move || {
                    if let Some(late) = late {
                        enactor.pass(&late);
                    }
                    if crashing && number == 1 {
                        crash(&enactor, passes, &next_plan)
                    } else {
                        enact(enactor, passes, &next_plan)
                    }
                })
            })
            .collect();
        drop(next_plan);
        let ends: Vec<_> = enactors
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect();
        quiet.store(true, SeqCst);
        for end in ends {
            total.add(end.unwrap_or_else(|cause| resume_unwind(cause)));
        }
        for reader in readers {
            assert!(reader.join().is_ok_and(|answers| answers > 0));
        }
    });
    (store, total)
}

fn make<M: Stores>(stores: &M) -> M::Store {
    stores.make(Retention::newest(1), None)
}

/// A pass, with a sweep before its time.
fn first_pass<S: PlanStore>(mut enactor: Enactor<'_, S>) -> Tally {
    let pin = enactor.pick_up();
    enactor.sweep(pin.generation());
    enactor.pass(&pin);
    enactor.tally
}

fn states(store: &impl PlanStore) -> Vec<EndpointState> {
    let state = |at| store.state(&endpoint(at)).unwrap();
    (0..ENDPOINTS).map(state).collect()
}

/// Every endpoint that plan `number` names is on it, and all others on none.
fn assert_everywhere(store: &impl PlanStore, number: u32, invariant: &str) {
    for (at, state) in (0..ENDPOINTS).zip(states(store)) {
        let expected = names(number, at).then(|| generation(number));
        assert_eq!(state.standing.active(), expected, "{invariant}: at {at}");
    }
}

/// One publish and one pass, when all is quiet.
fn assert_progress_and_reclaimed(store: &impl PlanStore, number: u32) {
    publish(store, number..number + 1);
    let _ = first_pass(Enactor::new(store, &Announced::default(), 1));
    assert_everywhere(store, number, "Progress");
    let needed = |s: EndpointState| s.standing.active().into_iter().chain(s.rollback);
    let mut left: BTreeSet<_> = states(store).into_iter().flat_map(needed).collect();
    left.insert(generation(number));
    let left: Vec<_> = left.into_iter().collect();
    assert_eq!(generations(store), left, "Reclaimed");
}

fn assert_each_once<T: Ord>(all: Vec<T>, what: &str) {
    let count = all.len();
    assert_eq!(BTreeSet::from_iter(all).len(), count, "{what} twice");
}

/// That the store held is worth something only if it was put to the test.
fn assert_eventful(total: &Tally) {
    assert!(total.stale > 0, "nobody came too late");
    assert!(total.withdrawals > 0, "nothing was withdrawn");
    assert!(!total.activations.is_empty(), "nothing was activated");
    assert!(!total.deleted.is_empty(), "nothing was deleted");
    let spared = |why| total.spared.iter().any(|&(_, needed)| needed == why);
    for why in [
        RetainReason::Active,
        RetainReason::Rollback,
        RetainReason::Pinned,
    ] {
        assert!(spared(why), "nothing was spared for being {why:?}");
    }
}

/// All invariants, while Enactors overtake each other.
pub fn every_invariant_holds_while_enactors_stall<M: Stores>(stores: &M) {
    for seed in 1..=stores.effort().storms {
        let (store, total) = storm(stores, seed, false);
        assert_eventful(&total);
        let newest = total.newest.unwrap();
        assert_everywhere(&store, newest.get(), "LatestWins");
        let next = *generations(&store).last().unwrap();
        assert_progress_and_reclaimed(&store, next.get() + 1);
        assert_each_once(total.activations, "a plan was activated");
        assert_each_once(total.deleted, "a plan was deleted");
    }
}

/// The same, while one of them panics in most of its passes.
pub fn every_invariant_holds_while_enactors_crash<M: Stores>(stores: &M) {
    let (store, total) = storm(stores, 4, true);
    assert_eventful(&total);
    assert!(total.crashes > 0, "nobody crashed");
    let next = *generations(&store).last().unwrap();
    assert_progress_and_reclaimed(&store, next.get() + 1);
}

/// A plan of one endpoint, for races that need many.
fn small_plan() -> Arc<Plan> {
    Arc::new(Plan::new([(endpoint(0), records(1, 0))]).unwrap())
}

/// Each plan is swept at the moment when an Enactor picks it up late, activates
/// it and lets it go.
pub fn a_sweep_at_the_moment_of_activation_deletes_nothing_active<M: Stores>(stores: &M) {
    let plans = stores.effort().sweeps;
    let store = make(stores);
    store.publish(small_plan()).unwrap();
    let first = store.latest().unwrap().unwrap();
    let _ = store.activate(&first, &endpoint(0)).unwrap();
    drop(first);
    stores.settle(&store);
    let (old, quiet) = (AtomicU32::new(1), AtomicBool::new(false));
    thread::scope(|scope| {
        let enactor = scope.spawn(|| {
            while !quiet.load(SeqCst) {
                if let Ok(pin) = store.pin(generation(old.load(SeqCst))) {
                    let _ = store.activate(&pin, &endpoint(0)).unwrap();
                }
                let answer = store.resolve(&endpoint(0));
                assert!(answer.records().is_some(), "ActiveKept: {answer:?}");
            }
        });
        for number in 1..plans {
            let newest = store.publish(small_plan()).unwrap();
            old.store(number, SeqCst);
            let _ = store.sweep(newest).unwrap();
        }
        quiet.store(true, SeqCst);
        assert!(enactor.join().is_ok());
    });
}

/// Threads with a third of the plans each race through them, at one endpoint.
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

/// The race of October 2025, with each thread held where it hurts.
pub fn a_held_enactor_is_told_that_it_is_stale<M: Stores>(stores: &M) {
    let store = make(stores);
    let announced = Announced::default();
    let enactor = |seed| Enactor::new(&store, &announced, seed);
    publish(&store, 1..2);
    thread::scope(|scope| {
        // In here, so that nobody waits for a test that has failed.
        let (holding, is_holding) = channel();
        let (go_on, may_go_on) = channel();
        let slow = scope.spawn(move || {
            let mut slow = enactor(1);
            let pin = slow.pick_up();
            let first = slow.store.activate(&pin, &endpoint(0)).unwrap();
            holding.send(first).unwrap();
            may_go_on.recv().unwrap();
            slow.pass(&pin);
            assert_eq!(slow.store.stale_endpoints(&pin).unwrap(), []);
            slow.tally
        });
        let replaced = EndpointState::VACANT;
        let first = is_holding.recv().unwrap();
        assert_eq!(first, Activation::Activated { replaced });

        publish(&store, 2..BLOCK + 1);
        let fast = scope.spawn(move || first_pass(enactor(2))).join().unwrap();
        let spared = [RetainReason::Active, RetainReason::Rollback].map(|why| (generation(1), why));
        assert_eq!(fast.spared, spared, "early, and when it was due");
        publish(&store, BLOCK + 1..BLOCK + 2);
        let fast = scope.spawn(move || first_pass(enactor(3))).join().unwrap();
        let spared = [
            (generation(1), RetainReason::Rollback),
            (generation(BLOCK), RetainReason::Active),
            (generation(1), RetainReason::Pinned),
            (generation(BLOCK), RetainReason::Rollback),
        ];
        assert_eq!(fast.spared, spared, "early, and when it was due");

        go_on.send(()).unwrap();
        let slow = slow.join().unwrap();
        let named = (0..ENDPOINTS).filter(|&at| names(1, at)).count();
        assert_eq!(slow.stale, named, "it was stale wherever it came");
        assert_eq!((slow.activations, slow.withdrawals), (vec![], 0));
    });
    assert_everywhere(&store, BLOCK + 1, "LatestWins");
    let swept = store.sweep(generation(BLOCK + 1)).unwrap();
    assert_eq!(swept.deleted, [generation(1)], "Reclaimed");
}

/// A pass that panics at any of its steps holds nobody up.
pub fn an_enactor_that_panics_leaves_no_pin_behind<M: Stores>(stores: &M) {
    let named = (0..ENDPOINTS).filter(|&at| names(1, at)).count();
    for step in 0..=named as u64 {
        let store = make(stores);
        let announced = Announced::default();
        publish(&store, 1..2);
        let mut doomed = Enactor::new(&store, &announced, 1);
        doomed.crash_in = Some(step);
        let life = move || {
            let pin = doomed.pick_up();
            doomed.pass(&pin);
        };
        let end = thread::scope(|scope| scope.spawn(life).join());
        assert!(end.is_err(), "it did not panic at step {step}");
        let reached = states(&store);
        let reached = reached.iter().filter(|s| s.standing != Standing::Vacant);
        assert_eq!(reached.count() as u64, step, "it panicked in mid-pass");

        // The others carry on. Plan 1 is a rollback target for one pass more.
        assert_progress_and_reclaimed(&store, 2);
        assert_progress_and_reclaimed(&store, 3);
        assert_eq!(generations(&store), [2, 3].map(generation));
    }
}
