//! The outage, on real threads: to the letter of a schedule, or left to chance.
//!
//! Both run the same Planner and the same three Enactors on whatever store they
//! are given.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use control_plane::{
    ControlPlane, Enactor, Fleet, FleetEndpoint, Pace, Pass, Planner, ScriptedHealth, ThreadReport,
};
use parking_lot::Mutex;
use plan_store::{EndpointName, Generation, Pin, PlanStore};

use crate::chance::{Drift, Stalls};
use crate::{Client, Error, Stage};
use incident::{Actor, Event, Hook, Journal, NoHook, Observed, Point, Step, Tally, Verdict, probe};

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
    passes: Arc<Mutex<Passes>>,
}

/// What the passes came to so far.
#[derive(Default)]
struct Passes {
    ended: usize,
    /// The Enactors that have failed since a pass was last applied.
    failing: BTreeSet<usize>,
}

impl Passes {
    fn count(&mut self, enactor: usize, pass: &Result<Pass, control_plane::PassError>) {
        self.ended += 1;
        match pass {
            Ok(Pass::Applied { .. }) => self.failing.clear(),
            Ok(_) => {}
            Err(_) => {
                self.failing.insert(enactor);
            }
        }
    }

    /// Whether no Enactor can go on, and none will. Only a pass that is applied
    /// deletes, and only an Enactor that holds a deleted plan can bring it back:
    /// one that picked it up before. Once each has failed after the last
    /// deletion, each has let go of what it held then.
    fn are_stuck(&self) -> bool {
        self.failing.len() == Actor::ENACTORS.len()
    }
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

    fn start(
        &self,
        script: Option<ScriptedHealth>,
        gate: &Arc<dyn Hook>,
        seed: u64,
    ) -> Result<ControlPlane, Error> {
        let handle = |actor, gate| Observed::gated(self.store.clone(), actor, &self.journal, gate);
        let planner = Planner::new(handle(Actor::Planner, Arc::new(NoHook)), self.fleet.clone());
        let source = Drift::new(&self.fleet, script, Arc::clone(gate), seed);
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
            if let ThreadReport::Passed(at, pass) = report {
                passes.lock().count(at, pass);
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
            passes: self.passes.lock().ended,
            stuck,
            repaired,
        }
    }
}

/// The director of the schedule.
struct Director<'a, S: PlanStore> {
    rig: &'a Rig<S>,
    stage: Stage,
    client: Client<S::Reader>,
}

impl<S: PlanStore<Reader: 'static> + Clone + 'static> Director<'_, S> {
    /// Has the Planner publish one plan. Not every target's drift changes a
    /// weight, so each gets its turn.
    fn publish(&self) -> Result<Generation, Error> {
        let published = || self.rig.journal.tally().published;
        let before = published();
        let endpoints = self.rig.fleet.endpoints().iter();
        for _ in 0..=endpoints.flat_map(FleetEndpoint::targets).count() {
            self.stage.run(Actor::Planner, &Point::ReadHealth)?;
            if published() > before {
                break;
            }
        }
        let latest = self.rig.store.latest()?;
        let latest = latest.filter(|_| published() > before);
        latest
            .map(|pin| pin.generation())
            .ok_or(Error::NothingToPlan)
    }

    fn run(&self, enactor: u8, goal: &Point) -> Result<(), Error> {
        self.stage.run(Actor::Enactor(enactor), goal)
    }

    /// Has a client resolve all names.
    fn resolve(&mut self) -> Result<(), Error> {
        let (endpoints, journal) = (&self.rig.endpoints, &self.rig.journal);
        self.client.resolve_all(endpoints, journal)
    }

    /// Publishes, has each Enactor do an undisturbed pass, and says whether the
    /// plan is active everywhere then.
    fn everybody_passes(&mut self) -> Result<bool, Error> {
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
        self.resolve()?;
        Ok(done)
    }

    /// The race: Enactor 1 picks plan 2 up, checks it, and is slow; the others
    /// go on until plan 2 is old enough to sweep; then both finish.
    fn race(&mut self) -> Result<(), Error> {
        let retention = self.rig.fleet.retention();
        self.publish()?;
        self.run(2, &Point::PassEnd)?;
        self.resolve()?;
        let slow = self.publish()?;
        self.run(1, &Point::Step(self.rig.endpoints[0].clone()))?;
        let mut newest = self.publish()?;
        self.run(3, &Point::PassEnd)?;
        while retention.keeps(slow, newest) {
            newest = self.publish()?;
        }
        self.run(2, &Point::Sweep)?;
        self.resolve()?;
        self.run(1, &Point::PassEnd)?;
        self.resolve()?;
        self.run(2, &Point::PassEnd)?;
        self.resolve()?;
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
pub fn outage<S: PlanStore<Reader: 'static> + Clone + 'static>(
    fleet: &Fleet,
    store: S,
    seed: u64,
    repair: Option<Repair<'_, S>>,
) -> Result<Outcome, Error> {
    let rig = Rig::new(fleet, store, Journal::keeping_steps());
    let stage = Stage::new();
    let control_plane = rig.start(None, &stage.gate(), seed)?;
    let outcome = play(&rig, stage, repair);
    drop(control_plane);
    outcome
}

/// Plays the schedule. The stage ends with the play, however that ends, so that
/// the threads can end too; the outcome is taken while they are still held.
fn play<S: PlanStore<Reader: 'static> + Clone + 'static>(
    rig: &Rig<S>,
    stage: Stage,
    repair: Option<Repair<'_, S>>,
) -> Result<Outcome, Error> {
    let client = Client::start(&rig.store, &rig.endpoints)?;
    let mut director = Director { rig, stage, client };
    director.race()?;
    let stuck = !director.everybody_passes()?;
    let Some(repair) = repair.filter(|_| stuck) else {
        return Ok(rig.outcome(stuck, false));
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
    let repaired = director.everybody_passes()?;
    Ok(rig.outcome(stuck, repaired))
}

/// Lets the threads run as they like, with random stalls, while a client
/// resolves. The fleet's health follows its script, and drifts. Runs while
/// `goes_on` says so of what has come about so far, and ends before that when
/// nobody can go on.
///
/// # Errors
/// [`Error::Thread`], and what the store answers.
pub fn free_running<S: PlanStore<Reader: 'static> + Clone + 'static>(
    fleet: &Fleet,
    store: S,
    seed: u64,
    mut goes_on: impl FnMut(&Outcome) -> bool,
) -> Result<Outcome, Error> {
    let rig = Rig::new(fleet, store, Journal::judging_only());
    let (store, endpoints, journal) = (&rig.store, &rig.endpoints, &rig.journal);
    let gate: Arc<dyn Hook> = Stalls::new(seed);
    let script = ScriptedHealth::new(fleet);
    let control_plane = rig.start(Some(script), &gate, seed)?;
    let mut client = Client::start(store, endpoints)?;
    while !rig.passes.lock().are_stuck() && goes_on(&rig.outcome(false, false)) {
        client.resolve_all(endpoints, journal)?;
        probe::check_rollbacks(store, endpoints, journal)?;
    }
    drop(control_plane);
    let progresses = probe::conclude(store, endpoints, fleet.retention(), journal)?;
    Ok(rig.outcome(!progresses, false))
}
