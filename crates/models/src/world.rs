//! The parts of the larger models: a store in use, and the threads that use it.

use std::ops::RangeInclusive;
use std::sync::Arc;

use control_plane::{Enactor, Pass};
use incident::{Actor, Event, Journal, Observed, probe};
use plan_store::{
    DnsStore, EndpointName, Generation, Plan, PlanStore, RecordSet, Resolve, Retention, Target,
};

use crate::checker::{Checker, Work};
use crate::must;
use crate::outcome::{End, Outcome, passes_told};

/// The result of one thread's work.
#[derive(Debug)]
pub enum Part {
    /// The generations of the plans that a Planner published.
    Planner(Vec<Generation>),
    /// The results of an Enactor's passes; `None` for a pass that failed.
    Enactor(u8, Vec<Option<Pass>>),
    /// The plans that a resolver's answers came from.
    Resolver(Vec<Option<Generation>>),
}

/// `count` endpoints: a.example, b.example, ...
pub fn endpoints(count: u8) -> Vec<EndpointName> {
    let letters = (b'a'..).take(count.into()).map(char::from);
    letters
        .map(|letter| must(format!("{letter}.example").parse()))
        .collect()
}

/// A plan for these endpoints; `octet` makes its content.
pub fn plan(endpoints: &[EndpointName], octet: u8) -> Arc<Plan> {
    let records = || {
        let target = Target::new([192, 0, 2, octet].into(), 255);
        must(RecordSet::new(5, [target]))
    };
    let named = endpoints.iter().map(|name| (name.clone(), records()));
    Arc::new(must(Plan::new(named)))
}

/// A store in use: two plans are published, and the first is active everywhere.
#[derive(Debug)]
pub struct World<S> {
    /// The store.
    pub store: S,
    /// The endpoints that all plans name.
    pub endpoints: Vec<EndpointName>,
    /// Records the actors' steps, and the invariants that break.
    pub journal: Arc<Journal>,
    retention: Retention,
}

impl<S: DnsStore + Clone + 'static> World<S> {
    /// A world whose plans have one target for each endpoint.
    pub fn new(store: S, endpoints: Vec<EndpointName>, retention: Retention) -> Self {
        let mut octet = 0;
        let names = endpoints.clone();
        Self::planned_by(store, endpoints, retention, |planner| {
            octet += 1;
            must(planner.publish(plan(&names, octet)));
        })
    }

    /// A world with plans that the caller makes; `publish` is called twice.
    pub fn planned_by(
        store: S,
        endpoints: Vec<EndpointName>,
        retention: Retention,
        mut publish: impl FnMut(&Observed<S>),
    ) -> Self {
        let world = Self {
            store,
            endpoints,
            journal: Journal::keeping_steps(),
            retention,
        };
        let planner = world.handle(Actor::Planner);
        publish(&planner);
        let pass = must(Enactor::new("setup", world.store.clone()).pass());
        assert!(matches!(pass, Pass::Applied { .. }), "{pass:?}");
        publish(&planner);
        probe::resolve_all(&mut world.store.reader(), &world.endpoints, &world.journal);
        world
    }

    /// The store as this actor uses it, with every step in the journal.
    pub fn handle(&self, actor: Actor) -> Observed<S> {
        Observed::new(self.store.clone(), actor, &self.journal)
    }

    /// The work of a Planner's thread: it publishes these plans.
    pub fn planner(&self, octets: RangeInclusive<u8>) -> Work<Part> {
        let (handle, endpoints) = (self.handle(Actor::Planner), self.endpoints.clone());
        Box::new(move || {
            let publish = |octet| must(handle.publish(plan(&endpoints, octet)));
            Part::Planner(octets.map(publish).collect())
        })
    }

    /// The work of an Enactor's thread: it makes this many passes.
    pub fn enactor(&self, number: u8, passes: usize) -> Work<Part> {
        let enactor = Enactor::new("enactor", self.handle(Actor::Enactor(number)));
        Box::new(move || {
            let passes = (0..passes).map(|_| enactor.pass().ok());
            Part::Enactor(number, passes.collect())
        })
    }

    /// The work of a resolver's thread: it asks this reader for all names, `rounds` times.
    pub fn resolver(&self, mut reader: impl Resolve + Send + 'static, rounds: usize) -> Work<Part> {
        let (names, journal) = (self.endpoints.clone(), Arc::clone(&self.journal));
        Box::new(move || {
            let round = |_| probe::resolve_all(&mut reader, &names, &journal);
            Part::Resolver((0..rounds).flat_map(round).collect())
        })
    }

    /// Runs each piece of work on a thread of its own. After all have ended, makes the
    /// checks at rest, and returns the outcome.
    pub fn run<J: Checker>(&self, work: Vec<Work<Part>>) -> Outcome {
        let parts = J::run_all(work);
        let (store, journal) = (&self.store, &self.journal);
        let (mut published, mut passes, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            match part {
                Part::Planner(plans) => published.extend(plans),
                Part::Resolver(told) => answers.extend(told),
                Part::Enactor(number, results) => passes.extend(
                    journal.read(|steps| passes_told(steps, Actor::Enactor(number), results)),
                ),
            }
        }
        passes.sort();
        let state = |endpoint| must(store.state(endpoint));
        let endpoints = self.endpoints.iter().map(state).collect();
        let newest = published.iter().max().copied();
        let all = (1..=newest.map_or(0, Generation::get)).filter_map(Generation::new);
        let plans = all.filter(|&plan| store.pin(plan).is_ok()).collect();
        must(probe::conclude(
            store,
            &self.endpoints,
            self.retention,
            journal,
        ));
        let broken = journal.verdict().into_keys().collect();
        let stuck = journal.read(|steps| {
            let mut looks = steps.iter().filter(|step| step.actor == Actor::Operator);
            looks.find_map(|step| match step.event {
                Event::Failed { gone, .. } => gone,
                _ => None,
            })
        });
        Outcome {
            published,
            passes,
            answers,
            end: End {
                endpoints,
                plans,
                stuck,
                broken,
            },
        }
    }
}
