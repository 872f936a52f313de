//! Global tables: writes from other regions, replicated to this one.

use crate::unit::meter::{Meter, amount};
use crate::unit::moment::{Moment, STEP_MINUTES};
use crate::unit::record::Record;
use crate::unit::resolvers::Resolvers;
use crate::{Counts, Service, ServiceOutcome};

/// Replication into a unit.
#[derive(Debug)]
pub(crate) struct GlobalTables {
    writes: Meter,
    room: Meter,
    counts: Counts,
    record: Record<1>,
}

impl GlobalTables {
    pub(crate) fn new() -> Self {
        let caption = "lag of replicas; 1 is an hour";
        let series = ("lag", "lag of replicas", "min");
        Self {
            writes: Meter::default(),
            room: Meter::default(),
            counts: Counts::default(),
            record: Record::new(Service::GlobalTables, 1.0 / 60.0, caption, [series]),
        }
    }

    pub(crate) fn step(&mut self, moment: &Moment<'_>, resolvers: &Resolvers) {
        let values = &moment.values.tables;
        self.counts
            .arrive(self.writes.take(moment.demand(values.writes)));
        let reach = resolvers.reach(moment.now, 0.0);
        let able = values.writes * values.catch_up * reach * STEP_MINUTES;
        self.counts
            .serve(self.room.take(able.min(amount(self.counts.waiting))));
        let lag = amount(self.counts.waiting) / (values.writes * moment.load).max(f64::EPSILON);
        self.record.push(lag / 60.0, [lag]);
    }

    pub(crate) fn finish(self) -> ServiceOutcome {
        self.record.finish(self.counts)
    }
}
