//! Suspicion: if a large part of the whole fleet becomes unhealthy at once, the checks may
//! be at fault. Removals then wait for a while, and go through if the finding stands.
//!
//! # Rules
//! 1. The times at which targets became unhealthy count, not when a tick saw them.
//! 2. At the moment at which more than the set share of all watched addresses has become
//!    unhealthy within one detection window, all targets of that window are suspected. An
//!    address that is checked in several ways counts once: one dead machine is one, whatever
//!    number of ports it has.
//! 3. A suspected target counts as healthy until the set time after that moment is over.
//!    So targets that were removed before the moment come back meanwhile.
//! 4. Only targets that are still unhealthy count. If so many recover that rule 2 does not
//!    hold any more, the suspicion is over at once for all of the window.
//!
//! The result is a function of the targets that are down, with their times, and the clock.
//! So it is the same at any interval of the Planner. This is a velocity limit: a slow loss
//! of targets, however large in the end, is never suspected.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::targets::Targets;
use crate::{CheckedTarget, Fleet};

/// When the removal of targets waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// The share of the fleet, in per cent.
    pub(super) percent: u8,
    /// The detection window.
    pub(super) window: Duration,
    /// How long the removal waits.
    pub(super) wait: Duration,
}

/// The suspected targets of this moment.
#[derive(Debug, Default)]
pub(super) struct Suspected {
    pub(super) targets: HashSet<CheckedTarget>,
    /// When the last of them is not suspected any more.
    pub(super) until: Option<Instant>,
}

impl Limit {
    pub(super) fn of(fleet: &Fleet) -> Self {
        let limits = fleet.change_limits();
        Self {
            percent: limits.suspect_percent,
            window: fleet.detection(),
            wait: limits.suspect_for,
        }
    }

    /// The targets that are suspected now, of a fleet of `watched` addresses.
    pub(super) fn suspected(self, targets: &Targets, watched: usize, now: Instant) -> Suspected {
        let mut down: Vec<_> = targets.down().collect();
        down.sort_unstable();
        let mut suspected = Suspected::default();
        for ((_, target), until) in down.iter().zip(self.waits(&down, watched)) {
            if let Some(until) = until.filter(|until| now < *until) {
                suspected.targets.insert(*target);
                suspected.until = suspected.until.max(Some(until));
            }
        }
        suspected
    }

    /// Until when the removal of each target waits; the targets are sorted by time.
    fn waits(self, down: &[(Instant, CheckedTarget)], watched: usize) -> Vec<Option<Instant>> {
        let mut waits = vec![None; down.len()];
        // The first target of the window, and the first that is not suspected yet.
        let (mut first, mut next) = (0, 0);
        // The addresses in the window, and how many of their targets are.
        let mut fallen = HashMap::new();
        for (last, &(moment, target)) in down.iter().enumerate() {
            *fallen.entry(target.address).or_insert(0) += 1;
            while moment.duration_since(down[first].0) > self.window {
                leave(&mut fallen, down[first].1.address);
                first += 1;
            }
            if fallen.len() * 100 > watched * usize::from(self.percent) {
                let until = moment + self.wait;
                waits[first.max(next)..=last].fill(Some(until));
                next = last + 1;
            }
        }
        waits
    }
}

/// Takes one target of this address out of the window.
fn leave(fallen: &mut HashMap<IpAddr, usize>, address: IpAddr) {
    if let Some(targets) = fallen.get_mut(&address) {
        *targets -= 1;
        if *targets == 0 {
            fallen.remove(&address);
        }
    }
}
