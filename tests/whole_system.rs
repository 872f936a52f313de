//! The whole system on real threads: a Planner, three Enactors that stall at random, and a
//! client that resolves all the time. A seed decides their actions, but not how the machine
//! interleaves them. A run ends after a number of plans, so no result depends on how long
//! anything takes.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use control_plane::{ControlPlane, Enactor, Fleet, Pace, Planner, ThreadReport};
use drill::chance::{Drift, Stalls};
use incident::{
    Actor, Hook, IncidentStore, Invariant, Journal, NoHook, Observed, Tally, Variant, Verdict,
    probe,
};
use plan_store::{DnsStore, EndpointName, Generation, MemoryStore, Pin, Resolve, Retention};

/// A sweep keeps only the newest plan and what is needed, so it deletes many plans.
const RETENTION: Retention = Retention::newest(1);
/// Every run has at least this many plans.
const PLANS: usize = 300;
/// Ends a run in which an expected event never comes. These events are common.
const MOST_PLANS: usize = 50_000;
/// Ends a test that hangs.
const FAIL_SAFE: Duration = Duration::from_mins(1);

/// A control plane on a store, and what watches it.
struct System<S: DnsStore> {
    store: S,
    endpoints: Vec<EndpointName>,
    journal: Arc<Journal>,
    /// The error messages of failed passes.
    failures: Arc<Mutex<Vec<String>>>,
    reader: S::Reader,
    /// The newest generation that the reader saw at each endpoint.
    seen: BTreeMap<EndpointName, Generation>,
    /// The endpoints where the reader saw an older generation later.
    went_back: Vec<EndpointName>,
}

impl<S: DnsStore + Clone + 'static> System<S> {
    fn new(store: S, fleet: &Fleet) -> Self {
        let endpoints = fleet.endpoints().iter().map(|e| e.name().clone());
        Self {
            endpoints: endpoints.collect(),
            journal: Journal::judging_only(),
            failures: Arc::default(),
            reader: store.reader(),
            store,
            seen: BTreeMap::new(),
            went_back: Vec::new(),
        }
    }

    fn start(&self, fleet: &Fleet, seed: u64) -> ControlPlane {
        let stalls: Arc<dyn Hook> = Stalls::new(seed);
        let handle = |actor| {
            let stalls = Arc::clone(&stalls);
            Observed::hooked(self.store.clone(), actor, &self.journal, stalls)
        };
        let planner = Planner::new(handle(Actor::Planner), fleet.clone());
        let source = Drift::new(fleet, None, Arc::new(NoHook), seed);
        let enactors = Actor::ENACTORS.map(|actor| Enactor::new(actor.to_string(), handle(actor)));
        let pace = Pace {
            backoff_first: Duration::from_millis(1),
            backoff_max: Duration::from_millis(20),
            recheck: None,
            seed,
        };
        let failures = Arc::clone(&self.failures);
        let report = move |report: ThreadReport<'_>| {
            if let ThreadReport::Passed(_, Err(error)) = report {
                failures.lock().unwrap().push(error.to_string());
            }
        };
        let interval = Duration::from_millis(1);
        ControlPlane::start(planner, source, interval, enactors, pace, report).unwrap()
    }

    /// Makes the checks that are possible while the threads run.
    fn look(&mut self) {
        for endpoint in &self.endpoints {
            let Some(now) = self.reader.resolve(endpoint).generation() else {
                continue;
            };
            let before = self.seen.insert(endpoint.clone(), now);
            if before > Some(now) {
                self.went_back.push(endpoint.clone());
            }
        }
        probe::resolve_all(&mut self.reader, &self.endpoints, &self.journal);
        probe::check_rollbacks(&self.store, &self.endpoints, &self.journal).unwrap();
    }

    /// Checks again and again until enough has happened.
    fn watch(&mut self, enough: impl Fn(Tally, &Verdict) -> bool) {
        loop {
            self.look();
            let (tally, verdict) = (self.journal.tally(), self.journal.verdict());
            let published = tally.published;
            if published >= PLANS && enough(tally, &verdict) {
                return;
            }
            assert!(
                published < MOST_PLANS,
                "gave up waiting: {tally:?}, {verdict:?}"
            );
        }
    }

    /// Checks again and again until the plan is active everywhere.
    fn watch_until_active(&mut self, newest: Generation) {
        let begin = Instant::now();
        while !probe::is_active_everywhere(&self.store, &self.endpoints, newest).unwrap() {
            assert!(
                begin.elapsed() < FAIL_SAFE,
                "plan {newest} did not become active everywhere"
            );
            self.look();
        }
    }

    fn newest(&self) -> Generation {
        self.store.latest().unwrap().unwrap().generation()
    }

    fn conclude(&self) -> bool {
        let (store, journal) = (&self.store, &self.journal);
        probe::conclude(store, &self.endpoints, RETENTION, journal).unwrap()
    }
}

fn fleet() -> Fleet {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/fleets/small.toml");
    Fleet::load(&file).unwrap()
}

#[test]
fn the_memory_store_breaks_nothing_and_the_latest_plan_wins() {
    let (fleet, store) = (fleet(), MemoryStore::new(RETENTION));
    let mut system = System::new(store.clone(), &fleet);
    let control_plane = system.start(&fleet, 1);
    system.watch(|tally, _| tally.stale > 0 && tally.swept > 0);

    // No more plans. The last publish woke the Enactors, which apply that plan everywhere.
    let enactors = control_plane.stop_planner();
    let newest = system.newest();
    system.watch_until_active(newest);
    drop(enactors);
    assert_eq!(system.journal.newest_picked_up(), Some(newest));

    // The system is at rest. After one more plan and one pass, a sweep leaves that plan and
    // the plan before, its rollback target.
    assert!(system.conclude());
    assert_eq!(store.generations(), [newest, newest.next().unwrap()]);
    assert_eq!(system.journal.verdict(), Verdict::new());
    assert_eq!(system.went_back, []);
    assert_eq!(*system.failures.lock().unwrap(), [""; 0]);
}

#[test]
fn on_the_incidents_store_the_same_threads_break_what_they_must_not() {
    use Invariant::{ActiveKept, Monotonic, NeverEmpty};
    for variant in [Variant::Incident, Variant::LockPerEndpoint] {
        let fleet = fleet();
        let mut system = System::new(IncidentStore::new(variant, RETENTION), &fleet);
        let control_plane = system.start(&fleet, 1);
        let all = [Monotonic, ActiveKept, NeverEmpty];
        system.watch(|_, verdict| all.iter().all(|broken| verdict.contains_key(broken)));
        drop(control_plane);
    }
}

#[test]
fn compare_and_swap_alone_keeps_what_is_active_and_loses_rollback_targets() {
    use Invariant::{PinnedKept, RollbackKept};
    let (fleet, variant) = (fleet(), Variant::CompareAndSwapOnly);
    let mut system = System::new(IncidentStore::new(variant, RETENTION), &fleet);
    let control_plane = system.start(&fleet, 1);
    let both = [RollbackKept, PinnedKept];
    system.watch(|_, verdict| both.iter().all(|broken| verdict.contains_key(broken)));
    let enactors = control_plane.stop_planner();
    system.watch_until_active(system.newest());
    drop(enactors);
    assert!(system.conclude());
    let broken: Vec<_> = system.journal.verdict().into_keys().collect();
    assert_eq!(broken, both);
    assert_eq!(system.went_back, []);
}
