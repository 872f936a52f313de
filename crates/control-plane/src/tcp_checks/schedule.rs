//! The schedule: when each target is checked next.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use fastrand::Rng;

/// The targets that wait for a check. A target that is being checked is not here.
pub(super) struct Schedule {
    due: BTreeSet<(Instant, IpAddr)>,
    random: Rng,
}

impl Schedule {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            due: BTreeSet::new(),
            random: Rng::with_seed(seed),
        }
    }

    /// Adds a new target, at a random time within the first interval, so that new
    /// targets are not all checked at once.
    pub(super) fn add_new(&mut self, target: IpAddr, interval: Duration, now: Instant) {
        let first = interval.mul_f64(self.random.f64());
        self.due.insert((now + first, target));
    }

    /// Adds a target that has just been checked, for the next interval. The interval
    /// deviates at random by at most `jitter_percent`.
    pub(super) fn add_checked(
        &mut self,
        target: IpAddr,
        interval: Duration,
        jitter_percent: u8,
        now: Instant,
    ) {
        let share = f64::from(jitter_percent) / 100.0;
        let next = interval.mul_f64(1.0 + share * (2.0 * self.random.f64() - 1.0));
        self.due.insert((now + next, target));
    }

    /// Removes the targets that are not to be kept.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(IpAddr) -> bool) {
        self.due.retain(|&(_, target)| keep(target));
    }

    /// Takes a target whose check is due, or returns when the next one will be due.
    pub(super) fn take_due(&mut self, now: Instant) -> Result<IpAddr, Option<Instant>> {
        match self.due.first() {
            Some(&(at, target)) if at <= now => {
                self.due.pop_first();
                Ok(target)
            }
            next => Err(next.map(|&(at, _)| at)),
        }
    }

    #[cfg(test)]
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|&(at, _)| at)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.due.len()
    }
}
