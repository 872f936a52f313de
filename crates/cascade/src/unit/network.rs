//! EC2's Network Manager: it delivers network state.
//!
//! Each change (an instance starts, ends, moves) goes through the queue of one of many
//! partitions, first in, first out. A new instance has no network until its state is
//! delivered. Changes for droplets without a lease cannot be delivered. They wait, and come
//! in a flood when the leases are back, followed by the waiting launches.

use fastrand::Rng;

use crate::parameters::Network as Values;
use crate::unit::launches::Launches;
use crate::unit::meter::{Meter, amount, share, whole_number};
use crate::unit::moment::{Moment, STEP_MINUTES};
use crate::unit::record::Record;
use crate::{Counts, Service, ServiceOutcome};

/// One of the queues.
#[derive(Clone, Copy, Debug)]
struct Partition {
    /// Its share of all changes.
    weight: f64,
    /// Changes in the queue.
    backlog: f64,
}

/// Network Manager of a unit.
#[derive(Debug)]
pub(crate) struct NetworkManager {
    partitions: Vec<Partition>,
    /// Changes for droplets that have no lease.
    held: f64,
    leased: f64,
    arrivals: Meter,
    departures: Meter,
    counts: Counts,
    record: Record<3>,
}

impl NetworkManager {
    pub(crate) fn new(values: &Values, mut rng: Rng) -> Self {
        let count = whole_number(values.partitions);
        let mut weigh = || 1.0 + values.unevenness * (2.0 * rng.f64() - 1.0);
        let weights: Vec<_> = (0..count).map(|_| weigh()).collect();
        let all: f64 = weights.iter().sum();
        let partition = |weight| Partition {
            weight: weight / all,
            backlog: 0.0,
        };
        let caption = "new instances whose network state is late";
        let series = [
            ("backlog", "changes in the queues", "changes"),
            ("delay", "delay of network state, mean", "min"),
            ("held", "changes for droplets without a lease", "changes"),
        ];
        Self {
            partitions: weights.into_iter().map(partition).collect(),
            held: 0.0,
            leased: 1.0,
            arrivals: Meter::default(),
            departures: Meter::default(),
            counts: Counts::default(),
            record: Record::new(Service::NetworkManager, 0.5, caption, series),
        }
    }

    pub(crate) fn step(&mut self, moment: &Moment<'_>, launches: &Launches, leased: f64) {
        let values = &moment.values.network;
        let other = moment.demand(values.other_changes);
        let of_launches = amount(launches.launched()) * values.changes_per_launch;
        let flood = self.flood(other, leased);
        self.arrive(of_launches + other * leased + flood);
        self.work_off(values.capacity * STEP_MINUTES);
        let late = self.late(values);
        self.record
            .push(late, [self.backlog(), self.delay(values), self.held]);
    }

    /// Holds changes that cannot be delivered, and returns held ones that now can.
    fn flood(&mut self, other: f64, leased: f64) -> f64 {
        let regained = share(leased - self.leased, 1.0 - self.leased).clamp(0.0, 1.0);
        let flood = self.held * regained;
        self.held += other * (1.0 - leased) - flood;
        self.leased = leased;
        flood
    }

    fn arrive(&mut self, changes: f64) {
        let changes = self.arrivals.take(changes);
        self.counts.arrive(changes);
        for partition in &mut self.partitions {
            partition.backlog += amount(changes) * partition.weight;
        }
    }

    fn work_off(&mut self, capacity: f64) {
        let each = capacity / amount(self.partitions.len() as u64);
        let mut done = 0.0;
        for partition in &mut self.partitions {
            let work = partition.backlog.min(each);
            partition.backlog -= work;
            done += work;
        }
        self.counts.serve(self.departures.take(done));
    }

    fn backlog(&self) -> f64 {
        self.partitions.iter().map(|it| it.backlog).sum()
    }

    /// Minutes from a change to its delivery, on the mean.
    pub(crate) fn delay(&self, values: &Values) -> f64 {
        values.least_delay + self.backlog() / values.capacity
    }

    /// The share of changes that go to a late partition.
    fn late(&self, values: &Values) -> f64 {
        let each = values.capacity / amount(self.partitions.len() as u64);
        let is_late = |it: &&Partition| values.least_delay + it.backlog / each >= values.late;
        self.partitions
            .iter()
            .filter(is_late)
            .map(|it| it.weight)
            .sum()
    }

    /// The share of new instances whose network state is late.
    pub(crate) fn late_share(&self) -> f64 {
        self.record.impairment()
    }

    /// Launches a minute that leave time to work off the backlog.
    pub(crate) fn room(&self, moment: &Moment<'_>) -> f64 {
        let values = &moment.values.network;
        let other = values.other_changes * moment.load;
        // The backlog must be gone before it counts as late.
        let left = values.capacity - other - self.backlog() / values.late;
        (left / values.changes_per_launch.max(f64::EPSILON)).max(0.0)
    }

    pub(crate) fn finish(self) -> ServiceOutcome {
        self.record.finish(self.counts)
    }
}
