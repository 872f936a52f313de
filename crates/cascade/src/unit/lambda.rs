//! Lambda: invocations, event queues, and the pollers that feed them.
//!
//! Synchronous invocations are served at once or fail. Asynchronous work waits in queues, and
//! pollers fetch it. A poller that cannot reach the database for a while ends, and only
//! people start it again. Both kinds of work run on the same hosts, synchronous work first.

use crate::unit::fleet::{Fleet, Turnover, Weather};
use crate::unit::meter::{Meter, amount, share};
use crate::unit::moment::{Moment, STEP_MINUTES};
use crate::unit::record::Record;
use crate::unit::resolvers::Resolvers;
use crate::{Counts, Service, ServiceOutcome, Switch};

/// Lambda of a unit.
#[derive(Debug)]
pub(crate) struct Lambda {
    fleet: Fleet,
    /// The share of pollers that run.
    pollers: f64,
    /// Whether people hold asynchronous work back.
    throttled: bool,
    sync: Meter,
    events: Meter,
    sync_room: Meter,
    room: Meter,
    backlog: u64,
    /// The share of synchronous invocations that fail.
    failed: f64,
    /// Minutes that asynchronous work waits.
    wait: f64,
    counts: Counts,
    record: Record<5>,
}

impl Lambda {
    pub(crate) fn new() -> Self {
        let caption = "invocations that fail, or events that wait too long";
        let series = [
            ("failed", "synchronous invocations that fail", ""),
            ("backlog", "asynchronous events waiting", "events"),
            ("wait", "wait of asynchronous events", "min"),
            ("hosts", "share of hosts that run", ""),
            ("pollers", "pollers running", ""),
        ];
        Self {
            fleet: Fleet::new(),
            pollers: 1.0,
            throttled: false,
            sync: Meter::default(),
            events: Meter::default(),
            sync_room: Meter::default(),
            room: Meter::default(),
            backlog: 0,
            failed: 0.0,
            wait: 0.0,
            counts: Counts::default(),
            record: Record::new(Service::Lambda, 0.05, caption, series),
        }
    }

    pub(crate) fn step(&mut self, moment: &Moment<'_>, resolvers: &Resolvers, weather: Weather) {
        let values = &moment.values.lambda;
        let turnover = Turnover {
            ended: values.ended,
            replaced: values.replaced,
        };
        self.fleet.step(turnover, weather);
        let reach = resolvers.reach(moment.now, moment.keep(values.keep));
        self.poll(moment, reach);
        let room = values.demand * values.capacity * self.fleet.alive() * STEP_MINUTES;
        let left = self.invoke(moment, reach, room);
        self.work_off(moment, left);
        let late = f64::from(u8::from(self.wait > values.late));
        let impairment = self.failed * (1.0 - values.events) + late * values.events;
        let others = [
            self.failed,
            amount(self.backlog),
            self.wait,
            self.fleet.alive(),
            self.pollers,
        ];
        self.record.push(impairment, others);
    }

    /// Pollers end without the database, and run again after people start them.
    fn poll(&mut self, moment: &Moment<'_>, reach: f64) {
        let started = moment
            .minutes_since(Switch::PollersRestored)
            .map_or(0.0, |minutes| minutes / moment.values.lambda.pollers_start);
        self.pollers = self.pollers.min(reach).max(started.min(reach));
    }

    /// Serves synchronous invocations. Returns the room that they leave.
    fn invoke(&mut self, moment: &Moment<'_>, reach: f64, room: f64) -> f64 {
        let values = &moment.values.lambda;
        let asked = self
            .sync
            .take(moment.demand(values.demand * (1.0 - values.events)));
        let served = self
            .sync_room
            .take((amount(asked) * reach).min(room))
            .min(asked);
        self.counts.arrive(asked);
        self.counts.serve(served);
        let failed = self.counts.fail(asked - served);
        self.failed = share(amount(failed), amount(asked));
        room - amount(served)
    }

    /// Does asynchronous work that the pollers fetch and the hosts have room for.
    fn work_off(&mut self, moment: &Moment<'_>, left: f64) {
        let values = &moment.values.lambda;
        let came = self
            .events
            .take(moment.demand(values.demand * values.events));
        self.counts.arrive(came);
        self.backlog += came;
        self.throttle(moment);
        let usual = values.demand * values.events * STEP_MINUTES;
        let allowed = if self.throttled {
            usual * values.throttle
        } else {
            left
        };
        let polled = usual * values.poll_rate * self.pollers;
        let room = left.min(allowed).min(polled);
        let done = self.counts.serve(self.room.take(room).min(self.backlog));
        self.backlog -= done;
        let usual_wait = amount(self.backlog) / usual.max(f64::EPSILON) * STEP_MINUTES;
        self.wait = usual_wait;
    }

    /// People hold asynchronous work back until enough hosts run again.
    fn throttle(&mut self, moment: &Moment<'_>) {
        let now = Some(moment.now);
        self.throttled |= moment.controls.since(Switch::AsyncThrottle) == now;
        self.throttled &= self.fleet.alive() < moment.values.lambda.unthrottle;
    }

    /// The share of synchronous invocations that fail.
    pub(crate) fn failed(&self) -> f64 {
        self.failed
    }

    /// The share of hosts that run.
    pub(crate) fn hosts(&self) -> f64 {
        self.fleet.alive()
    }

    /// The share of pollers that run.
    pub(crate) fn pollers(&self) -> f64 {
        self.pollers
    }

    pub(crate) fn finish(self) -> ServiceOutcome {
        self.record.finish(self.counts)
    }
}
