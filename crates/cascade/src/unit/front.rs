//! A service that answers requests from the database: STS, and sign-in.
//!
//! Failed requests are repeated a little later. So the rush continues after its cause is
//! gone, until all of them are served.

use crate::parameters::{SignIn, Tokens};
use crate::unit::meter::{Meter, amount, share};
use crate::unit::moment::{Moment, STEP_MINUTES};
use crate::unit::record::Record;
use crate::unit::resolvers::Resolvers;
use crate::{Counts, Service, ServiceOutcome, Switch};

/// The parameters of such a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Build {
    /// Requests a minute, on the mean.
    demand: f64,
    /// Its capacity, relative to the demand.
    capacity: f64,
    /// For how many seconds it continues without the database's name.
    keep: f64,
    /// Minutes until a failed request is repeated.
    retry: f64,
    /// The share of failed requests that is repeated.
    persistence: f64,
    /// Minutes in which its hosts get another way to the database.
    rollout: f64,
}

impl From<&Tokens> for Build {
    fn from(values: &Tokens) -> Self {
        Self {
            demand: values.demand,
            capacity: values.capacity,
            keep: values.keep,
            retry: values.retry,
            persistence: values.persistence,
            rollout: values.rollout,
        }
    }
}

impl From<&SignIn> for Build {
    fn from(values: &SignIn) -> Self {
        Self {
            demand: values.demand,
            capacity: values.capacity,
            keep: values.keep,
            retry: values.retry,
            persistence: values.persistence,
            rollout: values.rollout,
        }
    }
}

/// One such service of a unit.
#[derive(Debug)]
pub(crate) struct Front {
    /// Failed requests that will be repeated.
    waiting: u64,
    fresh: Meter,
    again: Meter,
    room: Meter,
    persist: Meter,
    counts: Counts,
    record: Record<2>,
}

impl Front {
    pub(crate) fn new(service: Service) -> Self {
        let caption = "requests that fail";
        let series = [
            ("again", "failed requests that will be repeated", "requests"),
            ("capacity", "capacity, relative to the mean demand", "ratio"),
        ];
        Self {
            waiting: 0,
            fresh: Meter::default(),
            again: Meter::default(),
            room: Meter::default(),
            persist: Meter::default(),
            counts: Counts::default(),
            record: Record::new(service, 0.05, caption, series),
        }
    }

    /// Simulates one step, in which the share `out` of its capacity is out of DNS.
    pub(crate) fn step(
        &mut self,
        moment: &Moment<'_>,
        build: Build,
        resolvers: &Resolvers,
        out: f64,
    ) {
        let fresh = self.fresh.take(moment.demand(build.demand));
        let again = self
            .again
            .take(amount(self.waiting) * STEP_MINUTES / build.retry);
        let again = again.min(self.waiting);
        self.waiting -= again;
        self.counts.arrive(fresh + again);
        let asked = amount(fresh + again);
        let capacity = build.capacity * (1.0 - out);
        let able = capacity * build.demand * STEP_MINUTES;
        let reach = reach(moment, build, resolvers);
        self.counts.serve(self.room.take(able.min(asked * reach)));
        let failed = self.counts.fail(u64::MAX);
        self.waiting += self.persist.take(amount(failed) * build.persistence);
        let failed = share(amount(failed), asked);
        self.record.push(failed, [amount(self.waiting), capacity]);
    }

    /// The share of requests that fail.
    pub(crate) fn failed(&self) -> f64 {
        self.record.impairment()
    }

    pub(crate) fn finish(self) -> ServiceOutcome {
        self.record.finish(self.counts)
    }
}

/// The share of its hosts that reach the database, by its name or by the other way that
/// people set up.
fn reach(moment: &Moment<'_>, build: Build, resolvers: &Resolvers) -> f64 {
    let by_name = resolvers.reach(moment.now, moment.keep(build.keep));
    let rolled_out = moment
        .minutes_since(Switch::InternalEndpoints)
        .map_or(0.0, |minutes| minutes / build.rollout);
    by_name.max(rolled_out.min(1.0))
}
