//! Launches of EC2 instances.
//!
//! A launch needs the database, a droplet with a lease, and a DWFM host that handles it in
//! time, and the throttle must let it in. Customers' automation does not give up: it repeats
//! most failed launches again and again, so the launches of the whole outage wait. Once
//! leases are back, the throttle decides how fast they come. Each launch then gives Network
//! Manager network state to deliver.

use crate::parameters::Launches as Values;
use crate::unit::meter::{Meter, amount, share, whole_number};
use crate::unit::moment::{Moment, STEP_MINUTES};
use crate::unit::record::Record;
use crate::{Counts, Service, ServiceOutcome, Switch};

/// Launches of a unit.
#[derive(Debug)]
pub(crate) struct Launches {
    /// Failed launches that will be repeated.
    wanted: u64,
    /// Whether launches wait for the leases, after people throttled DWFM.
    held: bool,
    fresh: Meter,
    again: Meter,
    room: Meter,
    persist: Meter,
    launched: u64,
    counts: Counts,
    record: Record<3>,
}

/// What launches depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    /// The share that reaches the database.
    pub(crate) reach: f64,
    /// The share of droplets with a lease.
    pub(crate) leased: f64,
    /// The share of droplets that can take a launch.
    pub(crate) ready: f64,
    /// Launches a minute that Network Manager has room for.
    pub(crate) network_room: f64,
    /// The share of new instances whose network state is late.
    pub(crate) late: f64,
}

impl Launches {
    pub(crate) fn new() -> Self {
        let caption = "launches that fail, or come up without a network";
        let series = [
            (
                "wanted",
                "failed launches that will be repeated",
                "launches",
            ),
            ("launched", "launches", "launches/min"),
            ("failed", "share of launches refused", ""),
        ];
        Self {
            wanted: 0,
            held: false,
            fresh: Meter::default(),
            again: Meter::default(),
            room: Meter::default(),
            persist: Meter::default(),
            launched: 0,
            counts: Counts::default(),
            record: Record::new(Service::Launches, 0.05, caption, series),
        }
    }

    pub(crate) fn step(&mut self, moment: &Moment<'_>, needs: Needs) {
        let values = &moment.values.launches;
        self.hold(moment, needs.leased);
        let fresh = self.fresh.take(moment.demand(values.demand));
        let again = self
            .again
            .take(amount(self.wanted) * STEP_MINUTES / values.retry);
        let again = again.min(self.wanted);
        self.wanted -= again;
        self.counts.arrive(fresh + again);
        let asked = amount(fresh + again);
        let able = self.able(moment, needs).min(asked * needs.reach);
        self.launched = self.counts.serve(self.room.take(able));
        let failed = self.counts.fail(u64::MAX);
        // A launch that was repeated before is repeated again. Of the new ones, some are.
        let persisting = self
            .persist
            .take(amount(failed.saturating_sub(again)) * values.persistence);
        self.wanted += again.min(failed) + persisting;
        let failed = share(amount(failed), asked);
        let late = (1.0 - failed) * needs.late;
        let per_minute = amount(self.launched) / STEP_MINUTES;
        self.record
            .push(failed + late, [amount(self.wanted), per_minute, failed]);
    }

    /// With DWFM throttled, nothing is launched until its leases are back.
    fn hold(&mut self, moment: &Moment<'_>, leased: f64) {
        if moment.now
            == moment
                .controls
                .since(Switch::DwfmThrottle)
                .unwrap_or(crate::Time::MAX)
        {
            self.held = true;
        }
        self.held &= leased < moment.values.launches.readmit;
    }

    /// How many launches are possible in this step: droplets have room for them, and the
    /// throttles let them in.
    fn able(&self, moment: &Moment<'_>, needs: Needs) -> f64 {
        if self.held {
            return 0.0;
        }
        let values = &moment.values.launches;
        let mut per_minute = needs.ready * values.placement * values.demand;
        per_minute = per_minute.min(throttle(moment, values));
        if moment.controls.is_on(Switch::QueueThrottle) {
            per_minute = per_minute.min(needs.network_room);
        }
        per_minute * STEP_MINUTES
    }

    /// Launches in this step.
    pub(crate) fn launched(&self) -> u64 {
        self.launched
    }

    /// The share of requests that end in an instance with a network.
    pub(crate) fn success(&self) -> f64 {
        1.0 - self.record.impairment()
    }

    /// How many instances a client gets in an hour if it repeats its request all the time.
    pub(crate) fn per_hour(&self, values: &Values) -> f64 {
        self.success() * 60.0 / values.retry
    }

    /// The share of launches that is refused.
    pub(crate) fn refused(&self) -> f64 {
        self.record.last(2)
    }

    pub(crate) fn finish(self) -> ServiceOutcome {
        self.record.finish(self.counts)
    }
}

/// Launches a minute that people let in.
fn throttle(moment: &Moment<'_>, values: &Values) -> f64 {
    let controls = moment.controls;
    let throttled = match (
        controls.is_on(Switch::NetworkShed),
        controls.is_on(Switch::DwfmThrottle),
    ) {
        (true, _) => values.shed,
        (false, true) => values.throttle,
        (false, false) => f64::INFINITY,
    };
    match moment.minutes_since(Switch::ThrottlesRelaxed) {
        Some(minutes) => {
            let steps = whole_number(minutes / values.relax_interval).min(1000);
            #[allow(clippy::cast_possible_truncation, reason = "at most 1000")]
            let relaxed = values.relax_factor.powi(steps as i32 + 1);
            throttled * relaxed
        }
        None => throttled,
    }
}
