//! Connect, the contact centre: calls, chats and tasks.
//!
//! It keeps its configuration for a while, so it falls late. Chats and tasks
//! hang on events that Lambda's pollers fetch. Its hosts stand behind load balancers
//! and are replaced by launches, and its busiest hours are those of the Americas.

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
    /// For how many minutes the events of chats and tasks wait.
    wait: f64,
    contacts: Meter,
    room: Meter,
    counts: Counts,
    record: Record<1>,
}

impl Connect {
    pub(crate) fn new() -> Self {
        let caption = "calls, chats and tasks that fail";
        let series = ("hosts", "hosts there, against the full fleet", "");
        Self {
            fleet: Fleet::new(),
            wait: 0.0,
            contacts: Meter::default(),
            room: Meter::default(),
            counts: Counts::default(),
            record: Record::new(Service::Connect, 0.05, caption, [series]),
        }
    }

    /// Chats and tasks fail as far as Lambda's pollers are down.
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

    /// The share of chats and tasks that are lost. Events come at the pace of the
    /// day and leave as far as pollers run; those of a chat that is over are
    /// dropped.
    fn chats_lost(&mut self, values: &Values, pollers: f64) -> f64 {
        let change = (1.0 - pollers * values.poll_rate) * STEP_MINUTES;
        self.wait = (self.wait + change).clamp(0.0, values.patience);
        f64::from(u8::from(self.wait >= values.patience))
    }

    pub(crate) fn finish(self) -> ServiceOutcome {
        self.record.finish(self.counts)
    }
}
