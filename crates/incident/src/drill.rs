//! The outage, on real threads: to the letter of a schedule, or left to chance.
//!
//! Both run the same Planner and the same three Enactors on whatever store they
//! are given.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use control_plane::{
    ControlPlane, Enactor, Fleet, Health, HealthSource, Pace, Planner, TargetHealth, ThreadReport,
};
use fastrand::Rng;
use parking_lot::Mutex;
use plan_store::{EndpointName, Generation, PlanStore, Resolve, Retention};

use crate::{
    Actor, Error, Event, Gate, Journal, Observed, Open, Point, Stage, Step, Tally, Verdict, probe,
};

/// The Planner's interval in a drill.
const INTERVAL: Duration = Duration::from_millis(1);

/// What a drill came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The steps, if they were kept.
    pub steps: Vec<Step>,
    /// The invariants that broke.
    pub verdict: Verdict,
    /// How much was done.
    pub tally: Tally,
    /// Passes that ended, in whatever way.
    pub passes: usize,
    /// Whether no Enactor could make a new plan active any more.
    pub stuck: bool,
    /// Whether a repair by hand ended that.
    pub repaired: bool,
}

/// A repair by hand, where there is one: points the endpoint at the latest plan.
pub type Repair<'a, S> = &'a dyn Fn(&S, &EndpointName) -> Result<(), Error>;

/// A control plane under observation.
struct Rig<S> {
    store: S,
    fleet: Fleet,
    endpoints: Vec<EndpointName>,
    journal: Arc<Journal>,
    passes: Arc<AtomicUsize>,
}

impl<S: PlanStore + Clone + 'static> Rig<S> {
    fn new(fleet: &Fleet, store: S, journal: Arc<Journal>) -> Self {
        let mut endpoints: Vec<_> = fleet.endpoints().iter().map(|e| e.name().clone()).collect();
        endpoints.sort();
        let fleet = fleet.clone();
        Self {
            store,
            fleet,
            endpoints,
            journal,
            passes: Arc::default(),
        }
    }

    fn start(&self, gate: &Arc<dyn Gate>, seed: u64) -> Result<ControlPlane, Error> {
        let handle = |actor, gate| Observed::gated(self.store.clone(), actor, &self.journal, gate);
        let planner = Planner::new(handle(Actor::Planner, Arc::new(Open)), self.fleet.clone());
        let source = Drift::new(&self.fleet, Arc::clone(gate), seed);
        let enactors = Actor::ENACTORS
            .map(|actor| Enactor::new(actor.to_string(), handle(actor, Arc::clone(gate))));
        let pace = Pace {
            backoff_first: Duration::from_millis(1),
            backoff_max: Duration::from_millis(20),
            recheck: None,
            seed,
        };
        let (gate, passes) = (Arc::clone(gate), Arc::clone(&self.passes));
        let report = move |report: ThreadReport<'_>| {
            if let ThreadReport::Passed(at, _) = report {
                passes.fetch_add(1, Ordering::Relaxed);
                gate.reach(Actor::ENACTORS[at], &Point::PassEnd);
            }
        };
        Ok(ControlPlane::start(
            planner, source, INTERVAL, enactors, pace, report,
        )?)
    }

    fn outcome(&self, stuck: bool, repaired: bool) -> Outcome {
        Outcome {
            steps: self.journal.steps(),
            verdict: self.journal.verdict(),
            tally: self.journal.tally(),
            passes: self.passes.load(Ordering::Relaxed),
            stuck,
            repaired,
        }
    }
}

/// The director of the schedule.
struct Director<'a, S> {
    rig: &'a Rig<S>,
    stage: &'a Stage,
}

impl<S: PlanStore + Clone + 'static> Director<'_, S> {
    /// Has the Planner publish one plan.
    fn publish(&self) -> Result<Generation, Error> {
        let before = self.rig.journal.tally().published;
        self.stage.run(Actor::Planner, &Point::ReadHealth)?;
        let published = self.rig.journal.tally().published;
        let number = u32::try_from(published).ok().filter(|_| published > before);
        number.and_then(Generation::new).ok_or(Error::NothingToPlan(
            "the drift of capacities changed no weight",
        ))
    }

    fn run(&self, enactor: u8, goal: &Point) -> Result<(), Error> {
        self.stage.run(Actor::Enactor(enactor), goal)
    }

    /// Has a client resolve all names.
    fn resolve(&self) {
        let mut reader = self.rig.store.reader();
        probe::resolve_all(&mut reader, &self.rig.endpoints, &self.rig.journal);
    }

    /// Publishes, has each Enactor do an undisturbed pass, and says whether the
    /// plan is active everywhere then.
    fn everybody_passes(&self) -> Result<bool, Error> {
        let generation = self.publish()?;
        for enactor in 1..=3 {
            self.run(enactor, &Point::PassEnd)?;
        }
        let rig = self.rig;
        let done = probe::is_active_everywhere(&rig.store, &rig.endpoints, generation)?;
        if !done {
            rig.journal
                .record(Actor::Operator, Event::NoProgress { generation });
        }
        self.resolve();
        Ok(done)
    }

    /// The race: Enactor 1 picks plan 2 up, checks it, and is slow; the others
    /// go on until plan 2 is old enough to sweep; then both finish.
    fn race(&self, retention: Retention) -> Result<(), Error> {
        self.publish()?;
        self.run(2, &Point::PassEnd)?;
        self.resolve();
        let slow = self.publish()?;
        self.run(1, &Point::Step(self.rig.endpoints[0].clone()))?;
        let mut newest = self.publish()?;
        self.run(3, &Point::PassEnd)?;
        while retention.keeps(slow, newest) {
            newest = self.publish()?;
        }
        self.run(2, &Point::Sweep)?;
        self.resolve();
        self.run(1, &Point::PassEnd)?;
        self.resolve();
        self.run(2, &Point::PassEnd)?;
        self.resolve();
        let rig = self.rig;
        Ok(probe::check_rollbacks(
            &rig.store,
            &rig.endpoints,
            &rig.journal,
        )?)
    }
}

/// Runs the schedule of the outage: the race; then one publish and a pass by each
/// Enactor; and, if they are stuck, the repair and another round.
///
/// # Errors
/// [`Error::NothingToPlan`], [`Error::NobodyThere`], [`Error::Thread`], and what
/// the store answers.
pub fn outage<S: PlanStore + Clone + 'static>(
    fleet: &Fleet,
    store: S,
    seed: u64,
    repair: Option<Repair<'_, S>>,
) -> Result<Outcome, Error> {
    let rig = Rig::new(fleet, store, Journal::keeping_steps());
    let stage = Stage::new();
    let gate: Arc<dyn Gate> = Arc::clone(&stage) as _;
    let control_plane = rig.start(&gate, seed)?;
    let played = play(&rig, &stage, fleet.retention(), repair);
    let outcome = played.map(|(stuck, repaired)| rig.outcome(stuck, repaired));
    stage.open();
    drop(control_plane);
    outcome
}

fn play<S: PlanStore + Clone + 'static>(
    rig: &Rig<S>,
    stage: &Stage,
    retention: Retention,
    repair: Option<Repair<'_, S>>,
) -> Result<(bool, bool), Error> {
    let director = Director { rig, stage };
    director.race(retention)?;
    let stuck = !director.everybody_passes()?;
    let Some(repair) = repair.filter(|_| stuck) else {
        return Ok((stuck, false));
    };
    for endpoint in &rig.endpoints {
        repair(&rig.store, endpoint)?;
        if let Some(generation) = rig.store.state(endpoint)?.standing.active() {
            let endpoint = endpoint.clone();
            rig.journal.record(
                Actor::Operator,
                Event::Repaired {
                    endpoint,
                    generation,
                },
            );
        }
    }
    Ok((stuck, director.everybody_passes()?))
}

/// Lets the threads run as they like, with random stalls, while a client
/// resolves; stops early when nobody can go on. `progress` is called about once a
/// second.
///
/// # Errors
/// [`Error::Thread`], and what the store answers.
pub fn free_running<S: PlanStore + Clone + 'static>(
    fleet: &Fleet,
    store: S,
    seed: u64,
    time: Duration,
    mut progress: impl FnMut(&Outcome),
) -> Result<Outcome, Error> {
    let rig = Rig::new(fleet, store, Journal::judging_only());
    let gate: Arc<dyn Gate> = Arc::new(Stalls::new(seed));
    let control_plane = rig.start(&gate, seed)?;
    let mut reader = rig.store.reader();
    let (begin, mut told) = (Instant::now(), Instant::now());
    while begin.elapsed() < time && !is_dangling(&mut reader, &rig.endpoints) {
        probe::resolve_all(&mut reader, &rig.endpoints, &rig.journal);
        probe::check_rollbacks(&rig.store, &rig.endpoints, &rig.journal)?;
        if told.elapsed() >= Duration::from_secs(1) {
            told = Instant::now();
            progress(&rig.outcome(false, false));
        }
    }
    drop(control_plane);
    probe::resolve_all(&mut reader, &rig.endpoints, &rig.journal);
    let goes_on = probe::check_progress(&rig.store, &rig.endpoints, &rig.journal)?;
    Ok(rig.outcome(!goes_on, false))
}

fn is_dangling(reader: &mut impl Resolve, endpoints: &[EndpointName]) -> bool {
    let mut resolutions = endpoints.iter().map(|name| reader.resolve(name).clone());
    resolutions.any(|resolution| matches!(resolution, plan_store::Resolution::Dangling { .. }))
}

/// Capacities as they drift on any day: each reading finds another target at
/// another capacity.
struct Drift {
    targets: Vec<(IpAddr, u32)>,
    reading: usize,
    gate: Arc<dyn Gate>,
    rng: Rng,
}

impl Drift {
    fn new(fleet: &Fleet, gate: Arc<dyn Gate>, seed: u64) -> Self {
        let targets = fleet
            .endpoints()
            .iter()
            .flat_map(control_plane::FleetEndpoint::targets);
        // A target may serve several endpoints; it drifts once.
        let once: BTreeMap<_, _> = targets
            .map(|target| (target.address, target.capacity))
            .collect();
        Self {
            targets: once.into_iter().collect(),
            reading: 0,
            gate,
            rng: Rng::with_seed(seed),
        }
    }
}

impl HealthSource for Drift {
    fn read(&mut self) -> Result<Health, control_plane::Error> {
        self.gate.reach(Actor::Planner, &Point::ReadHealth);
        self.reading += 1;
        let drifting = self.reading % self.targets.len().max(1);
        let percent = self.rng.u32(40..90);
        let health = self
            .targets
            .iter()
            .enumerate()
            .map(|(at, &(address, capacity))| {
                let now = if at == drifting {
                    capacity * percent / 100
                } else {
                    capacity
                };
                let capacity = Some(now.max(1));
                (
                    address,
                    TargetHealth {
                        healthy: true,
                        capacity,
                    },
                )
            });
        Ok(health.collect())
    }
}

/// A gate at which actors stay for random times: mostly not at all, now and then
/// for so long that many plans go by.
struct Stalls {
    rng: Mutex<Rng>,
}

impl Stalls {
    fn new(seed: u64) -> Self {
        let rng = Mutex::new(Rng::with_seed(seed));
        Self { rng }
    }
}

impl Gate for Stalls {
    fn reach(&self, _: Actor, point: &Point) {
        if !matches!(point, Point::Step(_) | Point::Sweep) {
            return;
        }
        let (dice, stall) = {
            let mut rng = self.rng.lock();
            (rng.u8(..), rng.u64(1..30))
        };
        match dice {
            0..8 => thread::sleep(Duration::from_millis(stall)),
            8..64 => thread::yield_now(),
            _ => {}
        }
    }
}
