//! Redshift: queries, and clusters that wait for hosts.
//!
//! Some queries need the database. A cluster that loses a host needs another one, which a
//! workflow launches. The number of workflows is limited. While launches fail, waiting
//! clusters pile up. When launches succeed again, the workflows take time to catch up.

use crate::unit::meter::{Meter, amount, share};
use crate::unit::moment::{Moment, STEP_MINUTES};
use crate::unit::record::Record;
use crate::unit::resolvers::Resolvers;
use crate::{Counts, Service, ServiceOutcome};

/// Queries of a unit.
#[derive(Debug)]
pub(crate) struct Queries {
    asked: Meter,
    room: Meter,
    counts: Counts,
    record: Record<0>,
}

impl Queries {
    pub(crate) fn new() -> Self {
        let caption = "queries that fail";
        Self {
            asked: Meter::default(),
            room: Meter::default(),
            counts: Counts::default(),
            record: Record::new(Service::Redshift, 0.05, caption, []),
        }
    }

    pub(crate) fn step(&mut self, moment: &Moment<'_>, resolvers: &Resolvers) {
        let values = &moment.values.redshift;
        let asked = self.asked.take(moment.demand(values.queries));
        self.counts.arrive(asked);
        let reach = resolvers.reach(moment.now, moment.keep(values.keep));
        let able = 1.0 - values.depend * (1.0 - reach);
        self.counts.serve(self.room.take(amount(asked) * able));
        let failed = self.counts.fail(u64::MAX);
        self.record.push(share(amount(failed), amount(asked)), []);
    }

    pub(crate) fn finish(self) -> ServiceOutcome {
        self.record.finish(self.counts)
    }
}

/// Clusters of a unit that wait for hosts.
#[derive(Debug)]
pub(crate) struct Clusters {
    lost: Meter,
    repaired: Meter,
    counts: Counts,
    record: Record<1>,
}

impl Clusters {
    pub(crate) fn new() -> Self {
        let caption = "clusters that wait for a host; 1 is a hundredth of all";
        let series = ("waiting", "clusters that wait for a host", "clusters");
        Self {
            lost: Meter::default(),
            repaired: Meter::default(),
            counts: Counts::default(),
            record: Record::new(Service::RedshiftClusters, 0.05, caption, [series]),
        }
    }

    /// Simulates one step, in which the share `success` of launches succeeds.
    pub(crate) fn step(&mut self, moment: &Moment<'_>, success: f64) {
        let values = &moment.values.redshift;
        let hours = STEP_MINUTES / 60.0;
        // Hosts are lost at the same rate all day. The demand does not matter.
        self.counts.arrive(self.lost.take(values.lost * hours));
        // A workflow whose launch is refused starts again from the beginning.
        let able = values.workflows * success.powi(2) * hours;
        let repaired = self.repaired.take(able.min(amount(self.counts.waiting)));
        self.counts.serve(repaired);
        let waiting = amount(self.counts.waiting);
        self.record
            .push(waiting / (values.clusters * 0.01), [waiting]);
    }

    pub(crate) fn finish(self) -> ServiceOutcome {
        self.record.finish(self.counts)
    }
}
