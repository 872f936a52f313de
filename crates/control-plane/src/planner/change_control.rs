//! Change control: which changes of the configuration take effect at once, and which wait
//! for a person.
//!
//! Health has no part in it. A change is what a new fleet file or a drain makes of one endpoint; an
//! endpoint whose change is held keeps its configuration, and health still decides on its
//! targets. No endpoint waits for another.
//!
//! # Rules
//! 1. A target is taken away if it was not drained before, and is absent or drained after.
//! 2. An endpoint with at least four targets may lose the set share of them. A smaller one
//!    may lose all but the last. A whole address family never goes freely, and neither does
//!    an endpoint. Drained targets do not count.
//! 3. What goes beyond is held, with an id, until a person confirms that id, or until the
//!    file asks for something else.
//! 4. The id is a hash of the endpoint's name and of what the change makes of it. So it is
//!    the same in each process, and another change has another id.
//! 5. An endpoint that a plan names and this Planner does not know is taken as it is in the
//!    plan, and the file is judged by that. So after a restart the targets that the plan
//!    left out do not count.
//! 6. How a target is checked is no change of an endpoint: it takes effect at once, also at an
//!    endpoint whose change is held. A target that only the plan names is checked as the
//!    fleet says for its endpoint.
//! 7. A drain or its end is judged first, with the configuration in force, and what the file
//!    asks for then. So a change of the file that is held delays no drain.
//! 8. Several small changes each pass: the rules judge steps, not their sum.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::Instant;

use plan_store::{EndpointName, Plan, RecordSet};

use super::orders::DrainScope;
use crate::{CheckedTarget, Fleet, FleetEndpoint, FleetTarget, Watchlist};

/// From so many targets on, a share of them may go; a smaller endpoint may lose all but
/// the last.
const FEW: usize = 4;

/// The configuration that is in force, and the changes that are held.
#[derive(Clone, Debug, Default)]
pub(super) struct ChangeControl {
    accepted: BTreeMap<EndpointName, Accepted>,
    held: BTreeMap<EndpointName, Held>,
}

/// The configuration of an endpoint that is in force.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) config: FleetEndpoint,
    /// The same without the drains that persons have ordered.
    undrained: FleetEndpoint,
    /// The configurations before, the newest first, while no target of a newer one is
    /// proven.
    pub(super) previous: Vec<FleetEndpoint>,
    /// Since when this one is in force.
    pub(super) since: Instant,
    /// Whether the endpoint has been in a plan.
    pub(super) served: bool,
}

#[derive(Clone, Debug)]
struct Held {
    change: HeldChange,
    /// What the change makes of the endpoint; `None` if it goes.
    to: Option<Asked>,
}

/// What an endpoint is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Asked {
    config: FleetEndpoint,
    /// The same without the drains that persons have ordered.
    undrained: FleetEndpoint,
}

/// A change of an endpoint's configuration that waits for a confirmation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldChange {
    /// Names the change; a confirmation repeats it.
    pub id: ChangeId,
    /// The endpoint, or the zone whose static records change. It keeps its configuration
    /// meanwhile.
    pub endpoint: EndpointName,
    /// Why the change is held.
    pub reason: HoldReason,
    /// Since when it is held.
    pub since: Instant,
}

/// Why a change is held.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HoldReason {
    /// The fleet does not name the endpoint any more.
    Goes,
    /// The fleet, or a drain, takes too many targets away.
    Loses {
        /// How many go.
        removed: usize,
        /// Of how many: the targets in force that are not drained.
        of: usize,
        /// How many targets the fleet file has at the endpoint, the drained ones included.
        named: usize,
    },
    /// A zone loses too many record sets of its zone file.
    LosesRecords {
        /// How many go.
        removed: usize,
        /// Of how many.
        of: usize,
    },
}

/// The id of a change: the same for the same change of the same endpoint, whatever process
/// computes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ChangeId(u64);

/// How a hold ended, and which one.
#[derive(Debug)]
pub(super) enum Ended {
    Confirmed(HeldChange),
    Withdrawn(HeldChange),
}

/// The holds that began and ended in one step.
#[derive(Debug, Default)]
pub(super) struct HoldChanges {
    pub(super) begun: Vec<HeldChange>,
    pub(super) ended: Vec<Ended>,
}

impl HoldChanges {
    /// These and others.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.begun.extend(others.begun);
        self.ended.extend(others.ended);
        self
    }
}

impl ChangeControl {
    /// The configuration in force, by name.
    pub(super) fn endpoints(&self) -> impl Iterator<Item = (&EndpointName, &Accepted)> {
        self.accepted.iter()
    }

    pub(super) fn endpoints_mut(&mut self) -> impl Iterator<Item = &mut Accepted> {
        self.accepted.values_mut()
    }

    pub(super) fn names(&self, endpoint: &EndpointName) -> bool {
        self.accepted.contains_key(endpoint)
    }

    /// Whether an endpoint in force lies below this name.
    pub(super) fn lie_below(&self, name: &EndpointName) -> bool {
        let mut after = self.accepted.range(name..).map(|(after, _)| after);
        after
            .find(|after| *after != name)
            .is_some_and(|after| after.is_below(name))
    }

    /// The changes that are held, by the endpoint's name.
    pub(super) fn held(&self) -> impl Iterator<Item = &HeldChange> {
        self.held.values().map(|held| &held.change)
    }

    /// All targets of the configuration in force, and of the changes that are held.
    pub(super) fn watchlist(&self, fleet: &Fleet) -> Watchlist {
        // What is held is the fleet's.
        let mut list = Watchlist::of(fleet);
        for endpoint in self.accepted.values().flat_map(Accepted::configs) {
            list.add(fleet, endpoint);
        }
        list
    }

    /// Takes the endpoints of a plan that are not known as the plan has them. Their targets are
    /// checked as the fleet says.
    pub(super) fn adopt(&mut self, plan: &Plan, fleet: &Fleet, now: Instant) {
        let in_file = fleet.endpoints().iter().map(|file| (file.name(), file));
        let in_file: HashMap<_, _> = in_file.collect();
        let endpoints = plan.endpoints().filter(|(_, set)| set.has_targets());
        for (name, records) in endpoints {
            let file = in_file.get(name).copied();
            self.accepted
                .entry(name.clone())
                .or_insert_with(|| Accepted::of_records(name, records, file, now))
                .served = true;
        }
    }

    /// The targets in force that are not drained.
    pub(super) fn undrained(&self) -> impl Iterator<Item = CheckedTarget> {
        let targets = self.accepted.values().flat_map(|a| a.config.targets());
        targets.filter(|target| !target.drained).map(Into::into)
    }

    /// Has the targets in force checked as the fleet says at their endpoint. Returns those that
    /// are checked in another way than before: how before, and how now.
    pub(super) fn check_as(&mut self, fleet: &Fleet) -> Vec<(CheckedTarget, CheckedTarget)> {
        let mut changed = Vec::new();
        for file in fleet.endpoints() {
            let accepted = self.accepted.get_mut(file.name());
            for config in accepted.into_iter().flat_map(Accepted::configs_mut) {
                changed.extend(config.check_as(file));
            }
        }
        changed
    }

    /// Judges what this fleet and these drains make of each endpoint.
    pub(super) fn propose(
        &mut self,
        fleet: &Fleet,
        drains: &BTreeSet<DrainScope>,
        now: Instant,
    ) -> HoldChanges {
        let mut changes = HoldChanges::default();
        let percent = fleet.change_limits().max_removal_percent;
        self.drain(drains, percent, now);
        let mut named = BTreeSet::new();
        for endpoint in fleet.endpoints() {
            named.insert(endpoint.name());
            let to = Asked::new(endpoint, drains);
            self.judge(endpoint.name(), Some(to), percent, now, &mut changes);
        }
        let going = self.accepted.keys().filter(|name| !named.contains(name));
        for name in going.cloned().collect::<Vec<_>>() {
            self.judge(&name, None, percent, now, &mut changes);
        }
        changes
    }

    /// Lays the drains over the configuration in force, at each endpoint where that may pass.
    fn drain(&mut self, drains: &BTreeSet<DrainScope>, percent: u8, now: Instant) {
        let mut passed = Vec::new();
        for (name, accepted) in &self.accepted {
            let to = Asked::new(&accepted.undrained, drains);
            if to.config != accepted.config
                && refuse(&accepted.config, Some(&to.config), percent).is_none()
            {
                passed.push((name.clone(), to));
            }
        }
        for (name, to) in passed {
            self.accept(&name, Some(to), now);
        }
    }

    /// Lets the change with this id take effect, if it is held.
    pub(super) fn confirm(&mut self, id: ChangeId, now: Instant) -> Option<HeldChange> {
        let mut held = self.held.iter();
        let (name, _) = held.find(|(_, held)| held.change.id == id)?;
        let held = self.held.remove(&name.clone())?;
        self.accept(&held.change.endpoint, held.to, now);
        Some(held.change)
    }

    fn judge(
        &mut self,
        name: &EndpointName,
        to: Option<Asked>,
        percent: u8,
        now: Instant,
        changes: &mut HoldChanges,
    ) {
        let config = to.as_ref().map(|to| &to.config);
        let from = self.accepted.get(name).map(|accepted| &accepted.config);
        let refused = from.and_then(|from| refuse(from, config, percent));
        let before = self.held.remove(name);
        let Some(reason) = refused else {
            changes
                .ended
                .extend(before.map(|b| Ended::Withdrawn(b.change)));
            if from != config {
                self.accept(name, to, now);
            } else if let (Some(accepted), Some(to)) = (self.accepted.get_mut(name), to) {
                accepted.undrained = to.undrained;
            }
            return;
        };
        let id = ChangeId::of(name, config);
        let mut change = HeldChange {
            id,
            endpoint: name.clone(),
            reason,
            since: now,
        };
        match before {
            Some(before) if before.change.id == id => change.since = before.change.since,
            before => {
                changes
                    .ended
                    .extend(before.map(|b| Ended::Withdrawn(b.change)));
                changes.begun.push(change.clone());
            }
        }
        self.held.insert(name.clone(), Held { change, to });
    }

    fn accept(&mut self, name: &EndpointName, to: Option<Asked>, now: Instant) {
        let before = self.accepted.remove(name);
        let Some(Asked { config, undrained }) = to else {
            return;
        };
        let served = before.as_ref().is_some_and(|before| before.served);
        let previous = before.filter(|before| before.served).map_or_else(
            Vec::new,
            |Accepted {
                 config, previous, ..
             }| [vec![config], previous].concat(),
        );
        let accepted = Accepted {
            config,
            undrained,
            previous,
            since: now,
            served,
        };
        self.accepted.insert(name.clone(), accepted);
    }
}

impl Asked {
    fn new(undrained: &FleetEndpoint, drains: &BTreeSet<DrainScope>) -> Self {
        let is_drained = |target: &FleetTarget| drains.iter().any(|drain| drain.covers(target));
        Self {
            config: undrained.with_drained(is_drained),
            undrained: undrained.clone(),
        }
    }
}

impl Accepted {
    /// What a plan has of an endpoint, which the fleet file has too, or not.
    fn of_records(
        name: &EndpointName,
        records: &RecordSet,
        file: Option<&FleetEndpoint>,
        now: Instant,
    ) -> Self {
        let config = FleetEndpoint::of_records(name, records, file);
        Self {
            undrained: config.clone(),
            config,
            previous: Vec::new(),
            since: now,
            served: true,
        }
    }

    /// The configuration in force and those before it, the newest first.
    pub(super) fn configs(&self) -> impl Iterator<Item = &FleetEndpoint> {
        [&self.config].into_iter().chain(&self.previous)
    }

    /// The same, with the one without the drains of persons.
    fn configs_mut(&mut self) -> impl Iterator<Item = &mut FleetEndpoint> {
        let in_force = [&mut self.config, &mut self.undrained];
        in_force.into_iter().chain(&mut self.previous)
    }
}

/// Why the change must be confirmed, if it must.
fn refuse(from: &FleetEndpoint, to: Option<&FleetEndpoint>, percent: u8) -> Option<HoldReason> {
    if percent >= 100 {
        return None;
    }
    let Some(to) = to else {
        return Some(HoldReason::Goes);
    };
    let kept: HashSet<IpAddr> = usable(to).collect();
    let of = usable(from).count();
    let removed = usable(from).filter(|target| !kept.contains(target)).count();
    let may_go = may_go(removed, of, percent);
    let loses_family = [IpAddr::is_ipv4, IpAddr::is_ipv6]
        .iter()
        .any(|is_of| usable(from).any(|t| is_of(&t)) && !kept.iter().any(is_of));
    let named = to.targets().len();
    (!may_go || loses_family).then_some(HoldReason::Loses { removed, of, named })
}

/// Whether so many may go without a confirmation (rule 2).
pub(super) fn may_go(removed: usize, of: usize, percent: u8) -> bool {
    if of >= FEW || percent >= 100 {
        removed * 100 <= of * usize::from(percent)
    } else {
        removed < of || of == 0
    }
}

/// The targets that are not drained.
fn usable(endpoint: &FleetEndpoint) -> impl Iterator<Item = IpAddr> + '_ {
    let targets = endpoint.targets().iter().filter(|target| !target.drained);
    targets.map(|target| target.address)
}

impl ChangeId {
    /// The id of the change that makes this of the endpoint: FNV-1a over the text that
    /// describes it. <http://www.isthe.com/chongo/tech/comp/fnv/>
    fn of(name: &EndpointName, to: Option<&FleetEndpoint>) -> Self {
        let mut text = format!("{name}\n");
        if let Some(to) = to {
            let (ttl, fail, least) = (to.ttl(), to.fail(), to.min_healthy_percent());
            // Writing to a string does not fail.
            let _ = writeln!(text, "{ttl} {fail:?} {least}");
            for target in to.targets() {
                let (address, zone, capacity) = (target.address, &target.zone, target.capacity);
                let (weight, tier, drained) = (target.weight, target.tier, target.drained);
                let _ = writeln!(
                    text,
                    "{address} {zone} {capacity} {weight} {tier} {drained}"
                );
                if let Some(own) = &target.check {
                    let _ = writeln!(text, "{:?}", own.check());
                }
            }
        }
        Self::of_text(&text)
    }

    /// The id of the change that this text describes.
    pub(super) fn of_text(text: &str) -> Self {
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash)
    }
}

/// Sixteen hexadecimal digits.
impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for ChangeId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Goes => f.write_str("the fleet does not name the endpoint any more"),
            Self::Loses { removed, of, named } => {
                let left = of.saturating_sub(*removed);
                let targets = if *of == 1 { "target" } else { "targets" };
                write!(
                    f,
                    "the fleet or a drain would leave {left} of the {of} {targets} that may still serve ({named} in the fleet file)"
                )
            }
            Self::LosesRecords { removed, of } => {
                let sets = if *of == 1 {
                    "record set"
                } else {
                    "record sets"
                };
                write!(f, "the zone file takes away {removed} of {of} {sets}")
            }
        }
    }
}
