//! The simulation of one day.

use fastrand::Rng;

use crate::architecture::Spread;
use crate::customers::{Ledger, Router};
use crate::queue::EventQueue;
use crate::unit::{Next, Unit, UnitEvent};
use crate::{Architecture, DnsAnswer, DnsTimeline, Outcome, Parameters, STEP, Switch, Time};

/// The input of a simulation.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// The answers for the database's name.
    pub dns: DnsTimeline,
    /// Rates, capacities, time-outs and switches.
    pub parameters: Parameters,
    /// How the services are arranged.
    pub architecture: Architecture,
}

impl Scenario {
    /// The incident as published, with the parameters of this crate.
    pub fn october_2025() -> Self {
        Self {
            dns: DnsTimeline::october_2025(),
            parameters: Parameters::default(),
            architecture: Architecture::ONE_REGION,
        }
    }
}

/// Simulates the day from [`Time::BEGIN`] to [`Time::END`]. The same scenario and seed give
/// the same outcome. Time and memory are bounded for all parameters.
pub fn simulate(scenario: &Scenario, seed: u64) -> Outcome {
    let mut world = World::new(scenario, seed);
    let mut events = 0;
    while let Some((now, event)) = world.queue.take_before(Time::END) {
        events += 1;
        world.happen(now, event);
    }
    let mut units = world.units.into_iter();
    Outcome {
        seed,
        services: units.next().map(Unit::finish).unwrap_or_default(),
        customers: world.ledger.finish(),
        events,
    }
}

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The answer for the first unit's database changes.
    Dns(DnsAnswer),
    /// People switch something.
    Switch(Switch),
    /// A step of half a minute begins.
    Step,
    /// Something happens in a unit.
    In(usize, UnitEvent),
}

/// The units, and the routing between them. The outage hits the first unit. All other units
/// are alike, so the second one represents all of them.
struct World<'a> {
    scenario: &'a Scenario,
    queue: EventQueue<Event>,
    units: Vec<Unit>,
    /// The share of customers whose home each unit is.
    weights: Vec<f64>,
    router: Option<Router>,
    ledger: Ledger,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, seed: u64) -> Self {
        let values = &scenario.parameters.values;
        let (first, router) = match scenario.architecture.spread {
            Spread::OneRegion => (1.0, None),
            Spread::Regions => (
                1.0 / values.architecture.regions.floor(),
                Some(Router::default()),
            ),
            Spread::Cells => (1.0 / values.architecture.cells.floor(), None),
        };
        let weights = if first < 1.0 {
            vec![first, 1.0 - first]
        } else {
            vec![1.0]
        };
        let mut rng = Rng::with_seed(seed);
        let unit = |_: &f64| Unit::new(values, scenario.architecture.outlives, &mut rng);
        let mut world = Self {
            scenario,
            queue: EventQueue::new(Time::BEGIN),
            units: weights.iter().map(unit).collect(),
            weights,
            router,
            ledger: Ledger::default(),
        };
        world.plan();
        world
    }

    /// Puts the events that are known in advance into the queue.
    fn plan(&mut self) {
        for change in self.scenario.dns.changes() {
            self.queue.put(change.at, Event::Dns(change.answer));
        }
        for (at, switch) in self.scenario.parameters.switches() {
            self.queue.put(at, Event::Switch(switch));
        }
        if self.scenario.architecture.announced {
            for switch in [Switch::VelocityLimit, Switch::QueueThrottle] {
                self.queue.put(Time::BEGIN, Event::Switch(switch));
            }
        }
        for number in 0..self.units.len() {
            for next in self.units[number].first_events() {
                self.put(number, next);
            }
        }
        self.queue.put(Time::BEGIN, Event::Step);
    }

    fn put(&mut self, unit: usize, (at, event): Next) {
        self.queue.put(at, Event::In(unit, event));
    }

    fn happen(&mut self, now: Time, event: Event) {
        match event {
            Event::Dns(answer) => {
                for next in self.units[0].change_dns(now, answer) {
                    self.put(0, next);
                }
            }
            Event::Switch(switch) => {
                for number in 0..self.units.len() {
                    if let Some(next) = self.units[number].switch(now, switch) {
                        self.put(number, next);
                    }
                }
            }
            Event::In(number, event) => {
                if let Some(next) = self.units[number].happen(now, event) {
                    self.put(number, next);
                }
            }
            Event::Step => {
                self.step(now);
                self.queue.put(now + STEP, Event::Step);
            }
        }
    }

    fn step(&mut self, now: Time) {
        for unit in &mut self.units {
            unit.step(now);
        }
        self.ledger.step(&self.units, &self.weights);
        if let Some(router) = &mut self.router {
            let values = &self.scenario.parameters.values.architecture;
            let moved = router.step(self.units[0].failing(), values);
            self.units[0].traffic = 1.0 - moved;
            self.units[1].traffic = 1.0 + moved * self.weights[0] / self.weights[1];
        }
    }
}
