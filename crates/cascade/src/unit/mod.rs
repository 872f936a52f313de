//! All services of one region or cell.
//!
//! Droplets and resolvers act one by one, each at its own time. Everything else is counted in
//! whole requests, once a step. A service comes after the services that it depends on.

mod balancers;
mod connect;
mod containers;
mod droplets;
mod fleet;
mod front;
mod lambda;
mod launches;
mod meter;
mod moment;
mod network;
mod record;
mod redshift;
mod resolvers;
mod tables;

use std::f64::consts::TAU;

use fastrand::Rng;

pub(crate) use moment::{Controls, Moment, STEP_MINUTES};

use crate::parameters::{Demand, Values};
use crate::{Counts, DnsAnswer, Service, ServiceOutcome, Switch, Time};
use balancers::Balancers;
use connect::Connect;
use containers::Containers;
use droplets::{DropletEvent, Droplets, Surroundings};
use fleet::Weather;
use front::Front;
use lambda::Lambda;
use launches::{Launches, Needs};
use network::NetworkManager;
use redshift::{Clusters, Queries};
use resolvers::Resolvers;
use tables::GlobalTables;

/// Something that happens in a unit between steps.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum UnitEvent {
    /// A resolver asks for the name.
    Ask(usize),
    /// Something happens to a droplet.
    Droplet(usize, DropletEvent),
    /// A DWFM host is restarted.
    Restart(usize),
}

/// The next event, and its time.
pub(crate) type Next = (Time, UnitEvent);

/// The shares of requests that fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failing {
    pub(crate) launches: f64,
    pub(crate) invocations: f64,
    pub(crate) sign_ins: f64,
}

impl Failing {
    pub(crate) fn worst(&self) -> f64 {
        self.launches.max(self.invocations).max(self.sign_ins)
    }
}

/// All services of one region or cell.
#[derive(Debug)]
pub(crate) struct Unit {
    values: Values,
    controls: Controls,
    outlives: bool,
    /// This day's demand against the mean.
    day: f64,
    /// The requests that the unit gets, relative to those of its own customers.
    pub(crate) traffic: f64,
    rng: Rng,
    resolvers: Resolvers,
    tables: GlobalTables,
    droplets: Droplets,
    launches: Launches,
    network: NetworkManager,
    balancers: Balancers,
    lambda: Lambda,
    containers: Containers,
    connect: Connect,
    tokens: Front,
    sign_in: Front,
    queries: Queries,
    clusters: Clusters,
}

impl Unit {
    /// Each mechanism draws from its own random stream, so that none disturbs another.
    pub(crate) fn new(values: &Values, outlives: bool, rng: &mut Rng) -> Self {
        let mut own = rng.fork();
        let noise = values.demand.day_noise * (2.0 * own.f64() - 1.0);
        Self {
            values: *values,
            controls: Controls::default(),
            outlives,
            day: 1.0 + noise,
            traffic: 1.0,
            resolvers: Resolvers::new(&values.dns, own.fork()),
            tables: GlobalTables::new(),
            droplets: Droplets::new(&values.droplets, own.fork()),
            launches: Launches::new(),
            network: NetworkManager::new(&values.network, own.fork()),
            balancers: Balancers::new(&values.balancers, own.fork()),
            lambda: Lambda::new(),
            containers: Containers::new(&values.containers),
            connect: Connect::new(),
            tokens: Front::new(Service::Tokens),
            sign_in: Front::new(Service::SignIn),
            queries: Queries::new(),
            clusters: Clusters::new(),
            rng: own,
        }
    }

    /// The first events.
    pub(crate) fn first_events(&mut self) -> Vec<Next> {
        let events = self.droplets.first_events(&self.values.droplets);
        let events = events.into_iter().enumerate();
        events
            .map(|(number, (at, event))| (at, UnitEvent::Droplet(number, event)))
            .collect()
    }

    /// The answer for the name changes.
    pub(crate) fn change_dns(&mut self, now: Time, answer: DnsAnswer) -> Vec<Next> {
        let asks = self.resolvers.change(now, answer, &self.values.dns);
        let next = asks.into_iter();
        next.map(|(at, number)| (at, UnitEvent::Ask(number)))
            .collect()
    }

    /// People use a switch, if there is a need. Returns the event that follows.
    pub(crate) fn switch(&mut self, now: Time, switch: Switch) -> Option<Next> {
        if !self.needs(switch) {
            return None;
        }
        self.controls.set(switch, now);
        (switch == Switch::DwfmThrottle).then_some((now, UnitEvent::Restart(0)))
    }

    /// Whether there is a need for this switch. People do not change a service that works.
    fn needs(&self, switch: Switch) -> bool {
        let controls = &self.controls;
        match switch {
            Switch::InternalEndpoints => self.resolvers.any_without(),
            Switch::DwfmThrottle => self.droplets.leased_share() < 0.9 || self.droplets.is_behind(),
            Switch::PollersRestored => self.lambda.pollers() < 0.9,
            Switch::NetworkShed => self.network.late_share() > 0.1,
            Switch::AsyncThrottle => self.lambda.hosts() < 0.9,
            Switch::FailoverOff => self.balancers.out() >= 0.02,
            Switch::ThrottlesRelaxed => {
                controls.is_on(Switch::DwfmThrottle) || controls.is_on(Switch::NetworkShed)
            }
            Switch::FailoverOn => controls.failover_is_off(),
            Switch::VelocityLimit | Switch::QueueThrottle => true,
        }
    }

    /// Handles an event, and returns the next one.
    pub(crate) fn happen(&mut self, now: Time, event: UnitEvent) -> Option<Next> {
        let values = &self.values;
        match event {
            UnitEvent::Ask(number) => {
                let again = self.resolvers.ask(now, number, &values.dns)?;
                Some((again.0, UnitEvent::Ask(again.1)))
            }
            UnitEvent::Restart(host) => {
                let next = self.droplets.restart(host, now, &values.droplets)?;
                Some((next.0, UnitEvent::Restart(next.1)))
            }
            UnitEvent::Droplet(number, event) => {
                let around = Surroundings {
                    moment: moment(now, values, &self.controls, self.outlives, 0.0),
                    resolvers: &self.resolvers,
                };
                let (at, next) = self.droplets.happen(number, event, around);
                Some((at, UnitEvent::Droplet(number, next)))
            }
        }
    }

    /// Simulates one step of half a minute.
    pub(crate) fn step(&mut self, now: Time) {
        let (values, controls) = (self.values, self.controls);
        let noise = 1.0 + values.demand.noise * (2.0 * self.rng.f64() - 1.0);
        let load = of_the_hour(&values.demand, now) * self.day * noise * self.traffic;
        let moment = moment(now, &values, &controls, self.outlives, load);
        self.resolvers.step();
        self.tables.step(&moment, &self.resolvers);
        self.queries.step(&moment, &self.resolvers);
        self.step_ec2(&moment);
        let weather = Weather {
            out: self.balancers.out_growing(),
            launches: self.launches.per_hour(&values.launches),
        };
        let (tokens, sign_in) = ((&values.tokens).into(), (&values.sign_in).into());
        self.tokens
            .step(&moment, tokens, &self.resolvers, weather.out);
        self.sign_in.step(&moment, sign_in, &self.resolvers, 0.0);
        self.lambda.step(&moment, &self.resolvers, weather);
        self.containers.step(&moment, weather.launches);
        self.connect
            .step(&moment, &self.resolvers, &self.lambda, weather);
        self.clusters.step(&moment, self.launches.success());
    }

    /// Simulates one step of EC2 and of the load balancers.
    fn step_ec2(&mut self, moment: &Moment<'_>) {
        self.droplets.step(moment);
        let needs = Needs {
            reach: self.resolvers.reach(moment.now, moment.keep(0.0)),
            leased: self.droplets.leased_share(),
            ready: self.droplets.ready_share(moment),
            network_room: self.network.room(moment),
            late: self.network.late_share(),
        };
        self.launches.step(moment, needs);
        self.network.step(moment, &self.launches, needs.leased);
        let delay = self.network.delay(&moment.values.network);
        self.balancers.step(moment, self.launches.launched(), delay);
    }

    /// The shares of customers' requests that fail now.
    pub(crate) fn failing(&self) -> Failing {
        Failing {
            launches: self.launches.refused(),
            invocations: self.lambda.failed(),
            sign_ins: self.sign_in.failed(),
        }
    }

    /// The services, in the order of [`Service::ALL`].
    pub(crate) fn finish(self) -> Vec<ServiceOutcome> {
        vec![
            self.resolvers.finish(Counts::default()),
            self.tables.finish(),
            self.droplets.finish(),
            self.launches.finish(),
            self.network.finish(),
            self.balancers.finish(),
            self.lambda.finish(),
            self.containers.finish(),
            self.connect.finish(),
            self.tokens.finish(),
            self.sign_in.finish(),
            self.queries.finish(),
            self.clusters.finish(),
        ]
    }
}

fn moment<'a>(
    now: Time,
    values: &'a Values,
    controls: &'a Controls,
    outlives: bool,
    load: f64,
) -> Moment<'a> {
    Moment {
        now,
        values,
        controls,
        load,
        outlives,
    }
}

/// Demand at this time of day, relative to the mean of a usual day.
fn of_the_hour(demand: &Demand, now: Time) -> f64 {
    let hours = now.minutes() / 60.0 - demand.peak_hour;
    demand.scale * (1.0 + demand.swing * (TAU * hours / 24.0).cos())
}
