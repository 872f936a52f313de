//! Targets: what is known of each, from the readings and from the plan that this Planner
//! found when it started.
//!
//! # Rules
//! 1. A target is *proven* if it has been up since it is watched, or if the plan that the
//!    Planner found served it. All others are *new*: targets that were added, and targets
//!    that the plan had left out.
//! 2. A proven target counts as up until its checks say *down*.
//! 3. A new target counts as new until it is up for the first time, whatever its checks
//!    say before.
//! 4. A target that is checked in another way than before stays proven if it was healthy, and
//!    is as new if it was not: as after a restart.
//! 5. What is known is a function of the last report on each target. When a reading was
//!    made does not matter, and neither does what a reading in between would have said.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::{CheckedTarget, Health, HealthCheck, TargetState, Watched, Way};

/// What is known of the watched targets.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets {
    known: HashMap<CheckedTarget, Known>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    state: TargetState,
    capacity: Option<u32>,
    /// Whether the plan that the Planner found served it.
    served: bool,
}

/// What an endpoint's decision asks of a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Proven and healthy.
    Up,
    /// Proven and unhealthy.
    Down { since: Instant },
    /// It has never been up, as far as is known.
    New {
        /// Whether a check of it has ended.
        checked: bool,
    },
}

/// The targets whose standing a reading has changed, by address.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) fallen: Vec<Named>,
    pub(super) risen: Vec<Named>,
    /// New targets whose first checks have succeeded. What made them new is the cause of what
    /// follows, not their health.
    pub(super) proven: Vec<Named>,
}

/// A target as the log names it: its address, and the check if that is not the fleet's.
#[derive(Debug)]
pub(super) struct Named {
    address: IpAddr,
    own: Option<Arc<HealthCheck>>,
}

impl Named {
    fn new(target: CheckedTarget, watched: &Watched) -> Self {
        let has_own = target.way != Way::FLEETS;
        Self {
            address: target.address,
            own: has_own.then(|| Arc::clone(&watched.check)),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.own {
            None => write!(f, "{}", self.address),
            Some(check) => write!(f, "{} ({check})", self.address),
        }
    }
}

impl Known {
    const UNKNOWN: Self = Self {
        state: TargetState::Unknown,
        capacity: None,
        served: false,
    };

    fn standing(self) -> Standing {
        match self.state {
            TargetState::Up => Standing::Up,
            TargetState::Down { since, was_up } if was_up || self.served => {
                Standing::Down { since }
            }
            TargetState::Unknown | TargetState::Failing if self.served => Standing::Up,
            TargetState::Unknown => Standing::New { checked: false },
            TargetState::Failing | TargetState::Down { .. } => Standing::New { checked: true },
        }
    }
}

impl Targets {
    /// Takes these targets, which the plan serves, as proven.
    pub(super) fn adopt(&mut self, served: impl Iterator<Item = CheckedTarget>) {
        for target in served {
            self.entry(target).served = true;
        }
    }

    /// What is known of `before` counts for `now`, which takes its place, unless something is
    /// known of `now`. That it is watched is no knowledge: its first check may not have ended.
    pub(super) fn hand_over(&mut self, before: CheckedTarget, now: CheckedTarget) {
        let is_known = self.standing(now) != (Standing::New { checked: false });
        if let (Some(&known), false) = (self.known.get(&before), is_known) {
            let served = known.standing() == Standing::Up;
            self.known.insert(now, Known { served, ..known });
        }
    }

    /// Takes the reports of a reading on the watched targets. A report of *unknown* takes
    /// nothing back.
    pub(super) fn observe(
        &mut self,
        health: &Health,
        watched: &BTreeMap<CheckedTarget, Watched>,
    ) -> Changes {
        let mut changes = Changes::default();
        for (target, report) in health.reports() {
            let Some(watched) = watched.get(&target) else {
                continue;
            };
            let known = self.entry(target);
            let before = known.standing();
            known.capacity = report.capacity;
            if report.state != TargetState::Unknown {
                known.state = report.state;
            }
            match (before, known.standing()) {
                (Standing::Up, Standing::Down { .. }) => {
                    changes.fallen.push(Named::new(target, watched));
                }
                (Standing::New { checked: false }, Standing::Up) => {
                    changes.proven.push(Named::new(target, watched));
                }
                (Standing::Down { .. } | Standing::New { checked: true }, Standing::Up) => {
                    changes.risen.push(Named::new(target, watched));
                }
                _ => {}
            }
        }
        changes
    }

    /// Takes those of these targets for healthy that no check has reported on.
    pub(super) fn assume_healthy(&mut self, targets: impl Iterator<Item = CheckedTarget>) {
        for target in targets {
            let known = self.entry(target);
            if known.standing() == (Standing::New { checked: false }) {
                known.state = TargetState::Up;
            }
        }
    }

    /// Forgets all targets but these.
    pub(super) fn retain(&mut self, watched: &BTreeMap<CheckedTarget, Watched>) {
        self.known.retain(|target, _| watched.contains_key(target));
    }

    pub(super) fn standing(&self, target: impl Into<CheckedTarget>) -> Standing {
        let known = self.known.get(&target.into()).copied();
        known.unwrap_or(Known::UNKNOWN).standing()
    }

    pub(super) fn is_proven(&self, target: impl Into<CheckedTarget>) -> bool {
        !matches!(self.standing(target), Standing::New { .. })
    }

    /// The capacity that was reported last.
    pub(super) fn capacity(&self, target: impl Into<CheckedTarget>) -> Option<u32> {
        self.known
            .get(&target.into())
            .and_then(|known| known.capacity)
    }

    /// The proven targets that are down, with the time.
    pub(super) fn down(&self) -> impl Iterator<Item = (Instant, CheckedTarget)> + '_ {
        let all = self.known.iter();
        all.filter_map(|(&target, known)| match known.standing() {
            Standing::Down { since } => Some((since, target)),
            _ => None,
        })
    }

    fn entry(&mut self, target: CheckedTarget) -> &mut Known {
        self.known.entry(target).or_insert(Known::UNKNOWN)
    }
}
