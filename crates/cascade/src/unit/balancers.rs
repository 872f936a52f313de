//! Network Load Balancer: health checks, and fail-over between zones.
//!
//! Each load balancer has a node in each of several zones. Some load balancers grow: they
//! get new targets. A check of a node fails if it meets a target whose network state has not
//! arrived. After a few failures in a row, the healthy node is taken out of DNS. After a few
//! passes, it is put back.
//!
//! Each of these changes is work for the checker. If the checker has too much work, its
//! checks are late, and a late check counts as failed. So nodes without new targets flap
//! too, which makes more work.
//!
//! If all nodes of a load balancer are out, it is treated as if none were.

use fastrand::Rng;

use crate::parameters::Balancers as Values;
use crate::unit::meter::{Meter, amount, how_many, share, whole_number};
use crate::unit::moment::{Moment, STEP_MINUTES};
use crate::unit::record::Record;
use crate::{Counts, Service, ServiceOutcome, Switch};

/// A check with a smaller probability of failure counts as one that never fails.
const NEVER: f64 = 1e-6;

/// Zones of a load balancer.
const ZONES: usize = 3;

/// A load balancer's node in one zone.
#[derive(Clone, Copy, Default, Debug)]
struct Node {
    out: bool,
    /// The number of checks in a row that differ from the node's state.
    against: u32,
}

/// The load balancers of a unit.
#[derive(Debug)]
pub(crate) struct Balancers {
    /// The load balancers. Those that grow come first.
    nodes: Vec<[Node; ZONES]>,
    growing: usize,
    nodes_out: usize,
    /// How many thirds of load balancers are out: of those that grow, and of the others.
    thirds_out: [u64; 2],
    /// New targets without network state, as a share of those that grow.
    pending: f64,
    /// Work that the checker has not done yet, in checks.
    overdue: f64,
    /// The share of capacity that is out: of those that grow, and of all.
    out: (f64, f64),
    rng: Rng,
    checks: Meter,
    counts: Counts,
    record: Record<4>,
}

impl Balancers {
    pub(crate) fn new(values: &Values, rng: Rng) -> Self {
        let count = how_many(values.count);
        let caption = "healthy capacity taken out of DNS; 0.05 while fail-over is off";
        let series = [
            (
                "out_growing",
                "capacity out, of load balancers that grow",
                "",
            ),
            ("pending", "new targets without network state", ""),
            ("changes", "nodes taken out or put back", "changes/min"),
            ("overdue", "lateness of checks", "s"),
        ];
        Self {
            nodes: vec![[Node::default(); ZONES]; count],
            growing: how_many(values.count * values.growing),
            nodes_out: 0,
            thirds_out: [0; 2],
            pending: 0.0,
            overdue: 0.0,
            out: (0.0, 0.0),
            rng,
            checks: Meter::default(),
            counts: Counts::default(),
            record: Record::new(Service::LoadBalancers, 0.02, caption, series),
        }
    }

    /// Simulates one step, in which `launched` instances start whose network state takes
    /// `delay` minutes.
    pub(crate) fn step(&mut self, moment: &Moment<'_>, launched: u64, delay: f64) {
        let values = &moment.values.balancers;
        self.grow(values, amount(launched), delay);
        let late = self.lateness(values);
        let changed = self.check(moment, late);
        self.work(values, changed);
        let out = self.capacity_out();
        // Clients follow the names within their TTL.
        let pace = 1.0 - (-STEP_MINUTES * 60.0 / values.ttl).exp();
        self.out.0 += (out.0 - self.out.0) * pace;
        self.out.1 += (out.1 - self.out.1) * pace;
        let off = moment.controls.failover_is_off();
        let impairment = if off { 0.05 } else { self.out.1 };
        let per_minute = amount(changed) / STEP_MINUTES;
        let overdue = self.overdue / self.capacity(values) * 60.0;
        self.record
            .push(impairment, [self.out.0, self.pending, per_minute, overdue]);
    }

    /// Updates the share of targets without network state. By Little's law it is the rate of
    /// new targets times the delay of their state. The estimate follows with that delay.
    fn grow(&mut self, values: &Values, launched: f64, delay: f64) {
        let rate = launched / STEP_MINUTES * values.targets_per_launch;
        let targets = values.targets;
        let arriving = rate * STEP_MINUTES / targets;
        let leaving = self.pending * (STEP_MINUTES / delay.max(STEP_MINUTES));
        self.pending = (self.pending + arriving - leaving).clamp(0.0, 1.0);
    }

    /// Checks that the checker can do in a minute.
    fn capacity(&self, values: &Values) -> f64 {
        self.checks_per_minute() * values.checker
    }

    /// Each node is checked once in each step.
    fn checks_per_minute(&self) -> f64 {
        amount((self.nodes.len() * ZONES) as u64) / STEP_MINUTES
    }

    /// The share of checks that come too late to count as passed.
    fn lateness(&self, values: &Values) -> f64 {
        let minutes = self.overdue / self.capacity(values);
        minutes / (minutes + values.patience / 60.0)
    }

    /// Checks each node, and takes it out or puts it back. Returns the number of changes.
    fn check(&mut self, moment: &Moment<'_>, late: f64) -> u64 {
        let values = &moment.values.balancers;
        if moment.controls.failover_is_off() {
            self.nodes.fill([Node::default(); ZONES]);
            (self.nodes_out, self.thirds_out) = (0, [0; 2]);
            return 0;
        }
        let fresh = (self.pending * values.probes).min(values.worst);
        let most_out = self.most_out(moment, values);
        let (growing, others) = self.nodes.split_at_mut(self.growing);
        let fails = [1.0 - (1.0 - fresh) * (1.0 - late), late];
        let mut changed = 0;
        for (part, (nodes, fails)) in [growing, others].into_iter().zip(fails).enumerate() {
            // Most of the day, no check fails and no node is out.
            if fails < NEVER && self.nodes_out == 0 {
                continue;
            }
            for zones in nodes {
                for zone in 0..ZONES {
                    let turns = zones[zone].see(self.rng.f64() < fails, values);
                    if turns && (zones[zone].out || self.nodes_out < most_out) {
                        let before = thirds_out(zones);
                        zones[zone].turn(&mut self.nodes_out);
                        self.thirds_out[part] += thirds_out(zones);
                        self.thirds_out[part] -= before;
                        changed += 1;
                    }
                }
            }
        }
        changed
    }

    /// How many nodes may be out.
    fn most_out(&self, moment: &Moment<'_>, values: &Values) -> usize {
        if moment.controls.is_on(Switch::VelocityLimit) {
            how_many(values.velocity_limit * amount((self.nodes.len() * ZONES) as u64))
        } else {
            usize::MAX
        }
    }

    /// The checker does its checks, and the work that the changes cause.
    fn work(&mut self, values: &Values, changed: u64) {
        let checks = self.checks_per_minute() * STEP_MINUTES;
        let all = checks + amount(changed) * values.change_work + self.overdue;
        let done = all.min(self.capacity(values) * STEP_MINUTES);
        // Checks that are far behind are dropped, because the next ones are due.
        let most = self.capacity(values) * values.most_overdue;
        self.overdue = (all - done).min(most);
        let asked = self.checks.take(checks);
        self.counts.arrive(asked);
        let late = whole_number(amount(asked) * self.lateness(values));
        self.counts.fail(late);
        self.counts.serve(u64::MAX);
    }

    fn capacity_out(&self) -> (f64, f64) {
        let [growing, others] = self
            .thirds_out
            .map(|thirds| amount(thirds) / amount(ZONES as u64));
        let (growing_all, all) = (amount(self.growing as u64), amount(self.nodes.len() as u64));
        (share(growing, growing_all), share(growing + others, all))
    }

    /// The share of the growing load balancers' capacity that is out.
    pub(crate) fn out_growing(&self) -> f64 {
        self.out.0
    }

    /// The share of all capacity that is out.
    pub(crate) fn out(&self) -> f64 {
        self.out.1
    }

    pub(crate) fn finish(self) -> ServiceOutcome {
        self.record.finish(self.counts)
    }
}

impl Node {
    /// Counts a check. Returns whether to take the node out or put it back.
    fn see(&mut self, failed: bool, values: &Values) -> bool {
        self.against = if failed == self.out {
            0
        } else {
            self.against + 1
        };
        let needed = if self.out { values.rise } else { values.fall };
        f64::from(self.against) >= needed
    }

    /// Takes the node out or puts it back, and updates the number of nodes that are out.
    fn turn(&mut self, nodes_out: &mut usize) {
        self.out = !self.out;
        self.against = 0;
        if self.out {
            *nodes_out += 1;
        } else {
            *nodes_out -= 1;
        }
    }
}

/// How many zones of a load balancer are out; 0 if all are.
fn thirds_out(zones: &[Node; ZONES]) -> u64 {
    match zones.iter().filter(|node| node.out).count() {
        ZONES => 0,
        out => out as u64,
    }
}
