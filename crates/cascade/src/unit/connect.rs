//! Connect, the contact centre: calls, chats and tasks.
//!
//! Connect keeps its configuration for a while, so it fails late. Chats and tasks depend on
//! events that Lambda's pollers fetch. Its hosts are behind load balancers and are replaced
//! by launches. Its busiest hours are the business hours of the Americas.

use crate::parameters::Connect as Values;
use crate::unit::fleet::{Fleet, Turnover, Weather};
use crate::unit::lambda::Lambda;
use crate::unit::meter::{Meter, amount, share};
use crate::unit::moment::{Moment, STEP_MINUTES};
use crate::unit::record::Record;
use crate::unit::resolvers::Resolvers;
use crate::{Counts, Service, ServiceOutcome};

/// Connect of a unit.
#[derive(Debug)]
pub(crate) struct Connect {
    fleet: Fleet,
    /// How many minutes the events of chats and tasks wait.
    wait: f64,
    contacts: Meter,
    room: Meter,
    counts: Counts,
    record: Record<1>,
}

impl Connect {
    pub(crate) fn new() -> Self {
        let caption = "calls, chats and tasks that fail";
        let series = ("hosts", "share of hosts that run", "");
        Self {
            fleet: Fleet::new(),
            wait: 0.0,
            contacts: Meter::default(),
            room: Meter::default(),
            counts: Counts::default(),
            record: Record::new(Service::Connect, 0.05, caption, [series]),
        }
    }

    /// Simulates one step. Chats and tasks fail if their events wait too long.
    pub(crate) fn step(
        &mut self,
        moment: &Moment<'_>,
        resolvers: &Resolvers,
        lambda: &Lambda,
        weather: Weather,
    ) {
        let values = &moment.values.connect;
        let turnover = Turnover {
            ended: values.ended,
            replaced: values.replaced,
        };
        self.fleet.step(turnover, weather);
        let asked = self.contacts.take(moment.demand(values.demand));
        self.counts.arrive(asked);
        let reach = resolvers.reach(moment.now, moment.keep(values.keep));
        let events = 1.0 - values.chats * self.chats_lost(values, lambda.pollers());
        let room = values.demand * values.capacity * self.fleet.alive() * STEP_MINUTES;
        let able = (amount(asked) * reach * events).min(room);
        self.counts.serve(self.room.take(able));
        let failed = self.counts.fail(u64::MAX);
        self.record
            .push(share(amount(failed), amount(asked)), [self.fleet.alive()]);
    }

    /// The share of chats and tasks that are lost. Events come at the usual rate and leave at
    /// the rate of the running pollers. Events that waited for too long are dropped, because
    /// their chat is over.
    fn chats_lost(&mut self, values: &Values, pollers: f64) -> f64 {
        let change = (1.0 - pollers * values.poll_rate) * STEP_MINUTES;
        self.wait = (self.wait + change).clamp(0.0, values.patience);
        f64::from(u8::from(self.wait >= values.patience))
    }

    pub(crate) fn finish(self) -> ServiceOutcome {
        self.record.finish(self.counts)
    }
}
