//! The schedule of the outage, played on real threads step by step.

use control_plane::Fleet;
use incident::{Actor, Event, Journal, Point, probe};
use plan_store::{DnsStore, EndpointName, Generation, Pin};

use crate::rig::{Outcome, Rig};
use crate::{Client, Error, Stage};

/// A repair by hand: points the endpoint at the latest plan.
pub type Repair<'a, S> = &'a dyn Fn(&S, &EndpointName) -> Result<(), Error>;

/// Directs the schedule: says which actor runs next, and up to which point.
struct Director<'a, S: DnsStore> {
    rig: &'a Rig<S>,
    stage: Stage,
    client: Client<S::Reader>,
}

impl<S: DnsStore<Reader: 'static> + Clone + 'static> Director<'_, S> {
    /// Lets the Planner publish one plan. The drift of some targets changes no weight, so the
    /// Planner may need one reading of its health source for each target.
    fn publish(&self) -> Result<Generation, Error> {
        let published = || self.rig.journal.tally().published;
        let before = published();
        for _ in 0..=self.rig.fleet.targets().count() {
            self.stage.run(Actor::Planner, &Point::ReadHealth)?;
            if published() > before {
                break;
            }
        }
        let latest = self.rig.store.latest().map_err(plan_store::Error::from)?;
        let latest = latest.filter(|_| published() > before);
        latest
            .map(|pin| pin.generation())
            .ok_or(Error::NothingToPlan)
    }

    fn run(&self, enactor: u8, goal: &Point) -> Result<(), Error> {
        self.stage.run(Actor::Enactor(enactor), goal)
    }

    /// Lets a client resolve all names.
    fn resolve(&mut self) -> Result<(), Error> {
        let (endpoints, journal) = (&self.rig.endpoints, &self.rig.journal);
        self.client.resolve_all(endpoints, journal)
    }

    /// Publishes a plan, lets each Enactor make an undisturbed pass, and returns whether the
    /// plan is then active everywhere.
    fn all_pass(&mut self) -> Result<bool, Error> {
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

    /// The race:
    ///
    /// 1. Enactor 1 picks up plan 2, checks it, and is slow.
    /// 2. The other Enactors apply newer plans, until plan 2 is old enough to be swept.
    /// 3. Enactor 1 activates plan 2.
    /// 4. Enactor 2 sweeps.
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

/// Runs the schedule of the outage: the race, then one publish and a pass by each
/// Enactor. If the Enactors are stuck, the repair and another publish and passes follow.
///
/// # Errors
/// [`Error::NothingToPlan`], [`Error::NobodyThere`], [`Error::Thread`], and the errors of
/// the store.
pub fn outage<S: DnsStore<Reader: 'static> + Clone + 'static>(
    fleet: &Fleet,
    store: S,
    seed: u64,
    repair: Option<Repair<'_, S>>,
) -> Result<Outcome, Error> {
    let rig = Rig::new(fleet, store, Journal::keeping_steps());
    let stage = Stage::new();
    let control_plane = rig.start(None, &stage.hook(), seed)?;
    let outcome = play(&rig, stage, repair);
    drop(control_plane);
    outcome
}

/// Plays the schedule and returns the outcome, which is taken while the threads are still
/// held. The stage is dropped here even if the schedule fails, so the threads can end.
fn play<S: DnsStore<Reader: 'static> + Clone + 'static>(
    rig: &Rig<S>,
    stage: Stage,
    repair: Option<Repair<'_, S>>,
) -> Result<Outcome, Error> {
    let client = Client::start(&rig.store, &rig.endpoints)?;
    let mut director = Director { rig, stage, client };
    director.race()?;
    let stuck = !director.all_pass()?;
    let Some(repair) = repair.filter(|_| stuck) else {
        return Ok(rig.outcome(stuck, false));
    };
    for endpoint in &rig.endpoints {
        repair(&rig.store, endpoint)?;
        let here = rig.store.state(endpoint).map_err(plan_store::Error::from)?;
        if let Some(generation) = here.standing.active() {
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
    let repaired = director.all_pass()?;
    Ok(rig.outcome(stuck, repaired))
}
