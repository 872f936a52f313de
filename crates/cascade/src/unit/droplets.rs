//! EC2's DWFM: leases on droplets.
//!
//! Each DWFM host has its droplets. It renews a droplet's lease well before the lease ends,
//! by a request in the host's queue, first in, first out. A request that is not done within
//! its time-out is put in again, at the end of the queue. The old request stays in the queue,
//! and the host still works on it, without any effect.
//!
//! So there is a point of no return. Let all `n` droplets of a host ask at once, and let a
//! request take `w`. The host then needs `n·w` for all of them.
//!
//! - If `n·w` is at most twice the time-out, the host catches up: fewer droplets ask again
//!   than were served in the meantime.
//! - If it is more, the host works only on requests that have already timed out, for ever.
//!   This is congestive collapse.
//!
//! The collapse ends with an empty queue (a restart) and with work that is let in no faster
//! than the host does it (a throttle).

use fastrand::Rng;

use crate::parameters::Droplets as Values;
use crate::unit::meter::{amount, how_many, share};
use crate::unit::moment::Moment;
use crate::unit::record::Record;
use crate::unit::resolvers::{Resolvers, seconds};
use crate::{Counts, Service, ServiceOutcome, Switch, Time};

/// The next event of one droplet. Each droplet has exactly one such event at any time, so
/// no droplet ever has two requests that count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DropletEvent {
    /// Its lease is due for renewal.
    Due,
    /// The throttle lets it in.
    Admitted,
    /// Its request is done, unless the host's queue was emptied in the meantime.
    Done { asked: Time, epoch: u32 },
    /// Its request timed out.
    TimedOut,
}

/// A droplet's next event.
pub(crate) type Next = (Time, DropletEvent);

#[derive(Clone, Copy, Debug)]
struct Droplet {
    lease_until: Time,
}

/// A DWFM host. Its queue is first in, first out, so the time at which the queue will be
/// empty describes the whole queue.
#[derive(Clone, Copy, Debug)]
struct Host {
    /// When the queue will be empty, in seconds since midnight.
    busy_until: f64,
    /// When the throttle lets the next request in, in seconds since midnight.
    next_slot: f64,
    /// How often the queue was emptied.
    epoch: u32,
}

/// The droplets of a unit, and the hosts that lease them.
#[derive(Debug)]
pub(crate) struct Droplets {
    all: Vec<Droplet>,
    hosts: Vec<Host>,
    leased: usize,
    time_out: f64,
    rng: Rng,
    counts: Counts,
    record: Record<3>,
}

/// The surroundings of a host that gets a request.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) moment: Moment<'a>,
    pub(crate) resolvers: &'a Resolvers,
}

impl Droplets {
    pub(crate) fn new(values: &Values, rng: Rng) -> Self {
        let host = Host {
            busy_until: 0.0,
            next_slot: 0.0,
            epoch: 0,
        };
        let droplet = Droplet {
            lease_until: Time::BEGIN + seconds(values.lease_term),
        };
        let caption = "droplets without a lease";
        let series = [
            ("leased", "droplets with a lease", "droplets"),
            ("queue", "wait in a DWFM host's queue, mean", "s"),
            ("renewed", "leases renewed since the day began", "leases"),
        ];
        Self {
            all: vec![droplet; how_many(values.count)],
            hosts: vec![host; how_many(values.hosts)],
            leased: 0,
            time_out: values.time_out,
            rng,
            counts: Counts::default(),
            record: Record::new(Service::Droplets, 0.02, caption, series),
        }
    }

    /// The first event of each droplet, in order of the droplets. Renewals are spread evenly.
    pub(crate) fn first_events(&mut self, values: &Values) -> Vec<Next> {
        let interval = values.renewal_interval;
        let due = |_: &Droplet| Time::BEGIN + seconds(self.rng.f64() * interval);
        let due = self.all.iter().map(due);
        due.map(|at| (at, DropletEvent::Due)).collect()
    }

    /// Handles a droplet's event, and returns its next one.
    pub(crate) fn happen(
        &mut self,
        number: usize,
        event: DropletEvent,
        around: Surroundings<'_>,
    ) -> Next {
        match event {
            DropletEvent::Due => {
                self.counts.arrive(1);
                self.let_in(number, around)
            }
            DropletEvent::Admitted => self.ask(number, around),
            DropletEvent::TimedOut => {
                self.counts.fail(1);
                self.counts.arrive(1);
                self.let_in(number, around)
            }
            DropletEvent::Done { asked, epoch } => {
                self.finish_request(number, asked, epoch, around)
            }
        }
    }

    fn host_of(&self, number: usize) -> usize {
        number % self.hosts.len()
    }

    /// The throttle lets requests in one by one, a little slower than the host does them.
    fn let_in(&mut self, number: usize, around: Surroundings<'_>) -> Next {
        let moment = around.moment;
        if !moment.controls.is_on(Switch::DwfmThrottle) {
            return self.ask(number, around);
        }
        let values = &moment.values.droplets;
        let now = f64::from(moment.now.seconds());
        let host = self.host_of(number);
        let host = &mut self.hosts[host];
        let slot = host.next_slot.max(now);
        host.next_slot = slot + values.work / values.throttle;
        if slot <= now {
            return self.ask(number, around);
        }
        (moment.now + seconds(slot - now), DropletEvent::Admitted)
    }

    /// Puts a request into the host's queue.
    fn ask(&mut self, number: usize, around: Surroundings<'_>) -> Next {
        let (moment, values) = (around.moment, &around.moment.values.droplets);
        let host = self.host_of(number);
        let now = f64::from(moment.now.seconds());
        let wait = self.hosts[host].busy_until - now;
        let refused = moment.controls.is_on(Switch::QueueThrottle) && wait > values.time_out / 2.0;
        if refused || !around.resolvers.reaches(host, moment.now, 0.0) {
            return self.refuse(moment, values);
        }
        // Work after the end of the simulation does not matter.
        let work = values.work * (0.8 + 0.4 * self.rng.f64());
        let done = (now + wait.max(0.0) + work).min(f64::from(Time::MAX.seconds()));
        self.hosts[host].busy_until = done;
        if done - now > values.time_out {
            return (
                moment.now + seconds(values.time_out),
                DropletEvent::TimedOut,
            );
        }
        let (asked, epoch) = (moment.now, self.hosts[host].epoch);
        (
            moment.now + seconds(done - now),
            DropletEvent::Done { asked, epoch },
        )
    }

    /// Without the database, or with a full queue, a request fails at once and is made again
    /// later.
    fn refuse(&mut self, moment: Moment<'_>, values: &Values) -> Next {
        self.counts.fail(1);
        let wait = values.retry * (0.5 + self.rng.f64());
        (moment.now + seconds(wait), DropletEvent::Due)
    }

    fn finish_request(
        &mut self,
        number: usize,
        asked: Time,
        epoch: u32,
        around: Surroundings<'_>,
    ) -> Next {
        let (moment, values) = (around.moment, &around.moment.values.droplets);
        let host = self.host_of(number);
        if self.hosts[host].epoch != epoch {
            let timed_out = asked + seconds(values.time_out);
            return (timed_out, DropletEvent::TimedOut);
        }
        if !around.resolvers.reaches(host, moment.now, 0.0) {
            return self.refuse(moment, values);
        }
        self.counts.serve(1);
        let term = moment.keep(values.lease_term).max(values.lease_term);
        self.all[number].lease_until = moment.now + seconds(term);
        let interval = values.renewal_interval * (0.95 + 0.1 * self.rng.f64());
        (moment.now + seconds(interval), DropletEvent::Due)
    }

    /// Restarts a host. Its queue is then empty, and it works again a little later. Returns
    /// when the next host is restarted, if there is one.
    pub(crate) fn restart(
        &mut self,
        host: usize,
        now: Time,
        values: &Values,
    ) -> Option<(Time, usize)> {
        let restarted = &mut self.hosts[host];
        restarted.busy_until = f64::from(now.seconds()) + values.restart_time / 2.0;
        restarted.next_slot = restarted.busy_until;
        restarted.epoch += 1;
        let time = values.restart_time * (0.8 + 0.4 * self.rng.f64());
        (host + 1 < self.hosts.len()).then(|| (now + seconds(time), host + 1))
    }

    pub(crate) fn step(&mut self, moment: &Moment<'_>) {
        let leased = self.all.iter().filter(|it| it.lease_until > moment.now);
        self.leased = leased.count();
        let now = f64::from(moment.now.seconds());
        let waits = self
            .hosts
            .iter()
            .map(|host| (host.busy_until - now).max(0.0));
        let wait = waits.sum::<f64>() / amount(self.hosts.len() as u64);
        let (leased, renewed) = (amount(self.leased as u64), amount(self.counts.served));
        self.record
            .push(1.0 - self.leased_share(), [leased, wait, renewed]);
    }

    /// The share of droplets with a lease, as of the last step.
    pub(crate) fn leased_share(&self) -> f64 {
        share(amount(self.leased as u64), amount(self.all.len() as u64))
    }

    /// The share of droplets that can take a launch: they have a lease, and a host that
    /// handles the launch in time.
    pub(crate) fn ready_share(&self, moment: &Moment<'_>) -> f64 {
        let now = f64::from(moment.now.seconds());
        let time_out = moment.values.droplets.time_out;
        let in_time = |host: &&Host| host.busy_until - now <= time_out;
        let hosts = self.hosts.iter().filter(in_time).count();
        let in_time = share(amount(hosts as u64), amount(self.hosts.len() as u64));
        self.leased_share().min(in_time)
    }

    /// Whether the hosts are behind, so that requests time out.
    pub(crate) fn is_behind(&self) -> bool {
        self.record.last(1) > self.time_out
    }

    pub(crate) fn finish(self) -> ServiceOutcome {
        self.record.finish(self.counts)
    }
}
