//! ECS, EKS and Fargate: tasks on hosts that are launched for them.
//!
//! A pool of hosts is ready, so a short lack of launches has no effect. Each task takes a
//! host from the pool, and successful launches fill it up again. Tasks that find the pool
//! empty wait, and are given up after a while.

use crate::unit::meter::{Meter, amount, share, whole_number};
use crate::unit::moment::{Moment, STEP_MINUTES};
use crate::unit::record::Record;
use crate::{Counts, Service, ServiceOutcome};

/// Containers of a unit.
#[derive(Debug)]
pub(crate) struct Containers {
    /// Hosts that are ready.
    pool: f64,
    tasks: Meter,
    room: Meter,
    counts: Counts,
    record: Record<2>,
}

impl Containers {
    pub(crate) fn new(values: &crate::parameters::Containers) -> Self {
        let caption = "tasks that do not find a host at once";
        let series = [
            ("pool", "hosts that are ready", "hosts"),
            ("waiting", "tasks that wait for a host", "tasks"),
        ];
        Self {
            pool: values.pool * values.demand,
            tasks: Meter::default(),
            room: Meter::default(),
            counts: Counts::default(),
            record: Record::new(Service::Containers, 0.05, caption, series),
        }
    }

    /// Simulates one step. Each missing host gets `launches` successful launches an hour.
    pub(crate) fn step(&mut self, moment: &Moment<'_>, launches: f64) {
        let values = &moment.values.containers;
        let came = self.tasks.take(moment.demand(values.demand));
        self.counts.arrive(came);
        let most = values.pool * values.demand;
        let missing = most - self.pool + amount(self.counts.waiting);
        let at_most = values.demand * values.launched * STEP_MINUTES;
        self.pool += at_most.min(missing * launches * STEP_MINUTES / 60.0);
        let served = self
            .counts
            .serve(self.room.take(amount(self.counts.waiting).min(self.pool)));
        self.pool = (self.pool - amount(served)).max(0.0);
        let patient = whole_number(values.patience * values.demand);
        self.counts
            .fail(self.counts.waiting.saturating_sub(patient));
        let waiting = amount(self.counts.waiting);
        self.record.push(
            share(waiting, waiting + amount(served)),
            [self.pool, waiting],
        );
    }

    pub(crate) fn finish(self) -> ServiceOutcome {
        self.record.finish(self.counts)
    }
}
