//! Decisions: what one endpoint serves, judged from its configuration and from what is
//! known of its own targets, and from nothing else.
//!
//! Each address family is decided by itself. Drained targets take no part until rule 5,
//! unless all targets of the family are drained: an endpoint is never emptied.
//!
//! # Rules
//! 1. Only proven targets are served (see `targets`).
//! 2. The lowest tier that has enough healthy targets serves, with these: at least one, and
//!    at least `min_healthy_percent` of its proven targets.
//! 3. If no tier has enough, the lowest tier with a healthy target serves whole, unhealthy
//!    targets included (*fail open*).
//! 4. If no target is healthy, the endpoint's policy decides: all of the lowest tier, or
//!    those that were healthy last.
//! 5. The policy may let healthy drained targets go first.
//! 6. If no target is proven, all serve, but only when each has been checked, or when the
//!    wait for that is over (see `records`).
//!
//! Healthy drained targets are in the plan too, at weight 0, at which no server draws them.

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use plan_store::{Family, Target};

use super::change_control::Accepted;
use super::suspicion::Suspected;
use super::targets::{Standing, Targets};
use super::weights::weigh;
use crate::{FailPolicy, FleetEndpoint, FleetTarget};

/// What decisions are made from, for all endpoints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    pub(super) targets: &'a Targets,
    pub(super) suspected: &'a Suspected,
    pub(super) now: Instant,
    /// The detection window.
    pub(super) window: Duration,
    /// How long new targets may be waited for.
    pub(super) first_round: Duration,
}

/// What an endpoint serves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Decision {
    /// IPv4 before IPv6.
    pub(super) targets: Vec<Target>,
    /// Whether unhealthy targets are among them because too few are healthy.
    pub(super) fails_open: bool,
}

/// What a family serves.
enum Serves<'a> {
    /// These targets, for they are healthy.
    Healthy(Vec<&'a FleetTarget>),
    /// These targets, for too few are healthy.
    FailsOpen(Vec<&'a FleetTarget>),
    /// No target is proven.
    Unproven {
        /// Whether each has been checked.
        checked: bool,
    },
}

impl Situation<'_> {
    /// What the endpoint serves; `None` if it is new and its targets have not been checked.
    ///
    /// 1. New targets are waited for until they have been checked, for at most
    ///    `first_round`.
    /// 2. If a change has replaced all targets and none of the new ones is proven, the
    ///    endpoint goes on with the targets before: as long as one of them is healthy, and
    ///    in any case during that wait.
    pub(super) fn records(&self, endpoint: &Accepted) -> Option<Decision> {
        let waits = self.now < endpoint.since + self.first_round;
        let proven = endpoint.configs().position(|c| has_proven(self.targets, c));
        if let Some(before) = proven.and_then(|at| endpoint.previous.get(at.checked_sub(1)?))
            && (waits || self.has_healthy(before))
        {
            return Some(self.decide(before, false));
        }
        // A new endpoint comes with all that its first round finds, so that the first
        // target to answer does not carry the load alone.
        let awaited = |target: &FleetTarget| !self.is_checked(target);
        if waits && !endpoint.served && endpoint.config.targets().iter().any(awaited) {
            return None;
        }
        Some(self.decide(&endpoint.config, waits && endpoint.served))
    }

    /// What the endpoint serves. With `waits`, a family without a proven target is left
    /// out until its targets have been checked.
    fn decide(&self, endpoint: &FleetEndpoint, waits: bool) -> Decision {
        let mut decision = Decision {
            targets: Vec::new(),
            fails_open: false,
        };
        let mut left_out = Vec::new();
        for family in [Family::A, Family::Aaaa] {
            let all = of_family(endpoint, family);
            let served = match self.serves(endpoint, &all) {
                Serves::Healthy(targets) => targets,
                Serves::FailsOpen(targets) => {
                    decision.fails_open = true;
                    targets
                }
                Serves::Unproven { checked } if waits && !checked => {
                    left_out.push(all);
                    continue;
                }
                Serves::Unproven { .. } => {
                    decision.fails_open |= !all.is_empty();
                    undrained(&all)
                }
            };
            self.add(&mut decision.targets, &all, &served);
        }
        if decision.targets.is_empty() {
            // Never nothing, whatever is waited for.
            decision.fails_open = true;
            for all in left_out {
                self.add(&mut decision.targets, &all, &undrained(&all));
            }
        }
        decision
    }

    /// Adds the served targets of a family, and the healthy drained ones at weight 0.
    fn add(&self, to: &mut Vec<Target>, all: &[&FleetTarget], served: &[&FleetTarget]) {
        to.extend(weigh(served, self.targets));
        let served: HashSet<IpAddr> = served.iter().map(|target| target.address).collect();
        let idle = all.iter().filter(|target| {
            target.drained && self.is_healthy(target) && !served.contains(&target.address)
        });
        to.extend(idle.map(|target| Target::new(target.address, 0)));
    }

    fn serves<'a>(&self, endpoint: &FleetEndpoint, all: &[&'a FleetTarget]) -> Serves<'a> {
        let usable = undrained(all);
        let proven: Vec<_> = usable
            .iter()
            .copied()
            .filter(|&target| self.targets.is_proven(target))
            .collect();
        let mut tiers: Vec<u8> = proven.iter().map(|target| target.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        let mut first_with_healthy = None;
        for &tier in &tiers {
            let in_tier: Vec<_> = proven.iter().copied().filter(|t| t.tier == tier).collect();
            let healthy: Vec<_> = in_tier
                .iter()
                .copied()
                .filter(|target| self.is_healthy(target))
                .collect();
            let least = in_tier.len() * usize::from(endpoint.min_healthy_percent());
            if !healthy.is_empty() && healthy.len() * 100 >= least {
                return Serves::Healthy(healthy);
            }
            if !healthy.is_empty() {
                first_with_healthy.get_or_insert(in_tier);
            }
        }
        if let Some(tier) = first_with_healthy {
            return Serves::FailsOpen(tier);
        }
        let Some(&lowest) = tiers.first() else {
            let checked = usable.iter().all(|target| self.is_checked(target));
            return Serves::Unproven { checked };
        };
        Serves::FailsOpen(self.when_none_is_healthy(endpoint.fail(), all, proven, lowest))
    }

    /// What the policy says. None of the proven targets is healthy.
    fn when_none_is_healthy<'a>(
        &self,
        policy: FailPolicy,
        all: &[&'a FleetTarget],
        proven: Vec<&'a FleetTarget>,
        lowest_tier: u8,
    ) -> Vec<&'a FleetTarget> {
        let whole_tier = |target: &&FleetTarget| target.tier == lowest_tier;
        match policy {
            FailPolicy::All => proven.into_iter().filter(whole_tier).collect(),
            FailPolicy::Last => self.healthy_last(proven),
            FailPolicy::Drained => {
                let drained = |target: &&FleetTarget| target.drained && self.is_healthy(target);
                let drained: Vec<_> = all.iter().copied().filter(drained).collect();
                if drained.is_empty() {
                    proven.into_iter().filter(whole_tier).collect()
                } else {
                    drained
                }
            }
        }
    }

    /// Those of these targets, which are all down, that were healthy last.
    fn healthy_last<'a>(&self, down: Vec<&'a FleetTarget>) -> Vec<&'a FleetTarget> {
        let since = |target: &FleetTarget| match self.targets.standing(target) {
            Standing::Down { since } => Some(since),
            _ => None,
        };
        let last = down.iter().filter_map(|target| since(target)).max();
        let is_last = |target: &&FleetTarget| {
            let age = last.zip(since(target));
            age.is_some_and(|(last, since)| last.duration_since(since) <= self.window)
        };
        down.into_iter().filter(is_last).collect()
    }

    /// Healthy, or unhealthy by a finding that is suspected.
    fn is_healthy(&self, target: &FleetTarget) -> bool {
        match self.targets.standing(target) {
            Standing::Up => true,
            Standing::Down { .. } => self.suspected.targets.contains(&target.into()),
            Standing::New { .. } => false,
        }
    }

    fn is_checked(&self, target: &FleetTarget) -> bool {
        let standing = self.targets.standing(target);
        standing != Standing::New { checked: false }
    }

    fn has_healthy(&self, endpoint: &FleetEndpoint) -> bool {
        endpoint
            .targets()
            .iter()
            .any(|target| self.is_healthy(target))
    }
}

/// Whether a target of this endpoint is proven.
pub(super) fn has_proven(targets: &Targets, endpoint: &FleetEndpoint) -> bool {
    let mut all = endpoint.targets().iter();
    all.any(|target| targets.is_proven(target))
}

fn of_family(endpoint: &FleetEndpoint, family: Family) -> Vec<&FleetTarget> {
    let targets = endpoint.targets().iter();
    targets
        .filter(|target| target.address.is_ipv4() == (family == Family::A))
        .collect()
}

/// The targets that are not drained; all, if all are drained.
fn undrained<'a>(all: &[&'a FleetTarget]) -> Vec<&'a FleetTarget> {
    let usable: Vec<_> = all.iter().copied().filter(|t| !t.drained).collect();
    if usable.is_empty() {
        all.to_vec()
    } else {
        usable
    }
}
