//! The schedule: when each target is checked next.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use control_plane::CheckedTarget;
use fastrand::Rng;

/// The targets that wait for a check. A target that is being checked is not here.
pub(crate) struct Schedule {
    due: BTreeSet<(Instant, CheckedTarget)>,
    random: Rng,
}

impl Schedule {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            due: BTreeSet::new(),
            random: Rng::with_seed(seed),
        }
    }

    /// Adds a target at a random time within its first interval, so that new targets are
    /// not all checked at once. Returns the time.
    pub(crate) fn add_new(
        &mut self,
        target: CheckedTarget,
        interval: Duration,
        now: Instant,
    ) -> Instant {
        let at = now + interval.mul_f64(self.random.f64());
        self.due.insert((at, target));
        at
    }

    /// Adds a target whose last check began at `begun`, for the next interval, which
    /// deviates at random by at most `jitter_percent`. Counting from the beginning keeps a
    /// slow target from being checked less often. A check that took longer than the interval
    /// is followed by the next one at once, which is not late then. Returns the time.
    pub(crate) fn add_checked(
        &mut self,
        target: CheckedTarget,
        interval: Duration,
        jitter_percent: u8,
        (begun, ended): (Instant, Instant),
    ) -> Instant {
        let share = f64::from(jitter_percent) / 100.0;
        let interval = interval.mul_f64(1.0 + share * (2.0 * self.random.f64() - 1.0));
        let at = (begun + interval).max(ended);
        self.due.insert((at, target));
        at
    }

    pub(crate) fn remove(&mut self, target: CheckedTarget, at: Instant) {
        self.due.remove(&(at, target));
    }

    /// When the next check is due.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.due.first().map(|&(at, _)| at)
    }

    /// Takes a target whose check is due, with the time for which it was planned, or returns
    /// when the next one will be due.
    pub(crate) fn take_due(
        &mut self,
        now: Instant,
    ) -> Result<(Instant, CheckedTarget), Option<Instant>> {
        match self.due.first() {
            Some(&(at, _)) if at <= now => self.due.pop_first().ok_or(None),
            next => Err(next.map(|&(at, _)| at)),
        }
    }
}
