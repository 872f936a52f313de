//! What the process and its Planner are at, for the API and for the status page.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use control_plane::{
    CheckedTarget, DrainScope, Fleet, FleetEndpoint, FleetTarget, HeldChange, PlannerHandle,
    Status as Planning, TargetState,
};
use health_checks::TargetStatus;
use plan_store::{EndpointName, Generation, Resolution, Resolve};

use crate::api::{self, MOST_TARGETS, moment, past, time};
use crate::backing::Backing;
use crate::cli::Role;
use crate::current_fleet::CurrentFleet;
use crate::current_planner::CurrentPlanner;
use crate::dns;
use crate::fleet_hash::FleetHash;
use crate::health::Checked;
use crate::orders::scope_text;
use crate::readiness::Readiness;

/// Everything that is shown of a process. Looks only at memory, unless the store's reader has
/// to wait.
pub(crate) struct Overview<S> {
    pub(crate) role: Role,
    pub(crate) store: S,
    pub(crate) readiness: Readiness,
    pub(crate) planner: CurrentPlanner,
    pub(crate) health: Checked,
    pub(crate) fleet: CurrentFleet,
    pub(crate) hash: FleetHash,
    pub(crate) server: dns::Shared,
}

impl<S: Backing> Overview<S> {
    pub(crate) fn status(&self) -> api::Status {
        let planning = self.planner.handle().as_ref().map(PlannerHandle::status);
        let ready = self.readiness.check();
        let parts = match &ready {
            Ok(()) => self.readiness.lines(),
            Err(missing) => missing.lines(),
        };
        api::Status {
            version: env!("CARGO_PKG_VERSION").into(),
            role: self.role.to_string(),
            fleet_hash: self.hash.to_string(),
            ready: ready.is_ok(),
            parts: parts
                .lines()
                .filter(|line| *line != "ready")
                .map(str::to_owned)
                .collect(),
            generations: self.generations(planning.as_deref()),
            planner: planning.map(|planning| self.planner_status(&planning)),
        }
    }

    fn generations(&self, planning: Option<&Planning>) -> api::Generations {
        let mut reader = self.store.reader();
        let fleet = self.fleet.get();
        let held: HashSet<_> = planning.into_iter().flat_map(held_at).collect();
        let (mut active, mut held_here) = (Vec::new(), 0);
        for (name, _) in self.all(&fleet) {
            if let Resolution::Answer {
                generation,
                records,
            } = reader.resolve(&name)
                && records.has_targets()
            {
                active.push(generation.get());
                held_here += usize::from(held.contains(&name));
            }
        }
        let newest = active.iter().max().copied();
        let answered = self.server.get().and_then(|dns| dns.counts().generation);
        api::Generations {
            newest: planning.and_then(|p| p.newest).map(Generation::get),
            active: newest,
            answered: answered.map(Generation::get),
            endpoints: active.len(),
            held: held_here,
            behind: active.iter().filter(|at| Some(**at) != newest).count(),
        }
    }

    fn planner_status(&self, planning: &Planning) -> api::PlannerStatus {
        let all = self.health.status();
        let mut targets = api::TargetCounts::default();
        for target in &all {
            match target.state {
                TargetState::Up => targets.up += 1,
                TargetState::Down { .. } => targets.down += 1,
                TargetState::Failing => targets.failing += 1,
                TargetState::Unknown => targets.unknown += 1,
            }
        }
        let not_up = all.iter().filter(|target| target.state != TargetState::Up);
        let names =
            |names: &BTreeSet<EndpointName>| names.iter().map(ToString::to_string).collect();
        api::PlannerStatus {
            targets,
            not_up: not_up.take(MOST_TARGETS).map(target).collect(),
            fail_open: names(&planning.fail_open),
            awaited: names(&planning.awaited),
            suspected: planning.suspected,
            suspected_until: planning.suspected_until.map(moment),
            held: planning.held.iter().map(held).collect(),
            rejected: planning.rejected.iter().map(held).collect(),
            drains: drains(planning, |_| true),
            freeze: planning.orders.freeze.as_ref().map(order),
            waiting: planning.waiting,
        }
    }

    /// An endpoint of the fleet file, or one that is served; `None` if it is neither.
    pub(crate) fn endpoint(&self, name: &EndpointName) -> Option<api::Endpoint> {
        let fleet = self.fleet.get();
        let config = fleet.endpoints().iter().find(|e| e.name() == name);
        let planning = self.planner.handle().as_ref().map(PlannerHandle::status);
        let known: BTreeMap<_, _> = self
            .health
            .status()
            .into_iter()
            .map(|t| (t.target, t))
            .collect();
        let endpoint = self.endpoint_with(name, config, planning.as_deref(), &known);
        (config.is_some() || endpoint.generation.is_some()).then_some(endpoint)
    }

    /// The endpoints of the fleet file, and those that are served without being there: the
    /// change that would take them away is held.
    fn all<'f>(&self, fleet: &'f Fleet) -> Vec<(EndpointName, Option<&'f FleetEndpoint>)> {
        let named = fleet.endpoints().iter();
        let mut all: Vec<_> = named.map(|e| (e.name().clone(), Some(e))).collect();
        let known: HashSet<_> = fleet.endpoints().iter().map(FleetEndpoint::name).collect();
        if let Some((_, plan)) = self.store.newest_plan() {
            let served = plan
                .endpoints()
                .filter(|(_, records)| records.has_targets());
            let others = served.filter(|(name, _)| !known.contains(name));
            all.extend(others.map(|(name, _)| (name.clone(), None)));
        }
        all
    }

    /// The names of the endpoints.
    pub(super) fn names(&self) -> Vec<EndpointName> {
        let fleet = self.fleet.get();
        let all = self.all(&fleet).into_iter();
        all.map(|(name, _)| name).collect()
    }

    /// Endpoints, at most so many. Those with trouble are first.
    pub(crate) fn endpoints(&self, most: usize) -> api::Endpoints {
        let fleet = self.fleet.get();
        let planning = self.planner.handle().as_ref().map(PlannerHandle::status);
        let known = self.health.status().into_iter();
        let known: BTreeMap<_, _> = known.map(|t| (t.target, t)).collect();
        let troubled: BTreeSet<_> = planning.iter().flat_map(|p| troubled(p)).collect();
        let all = self.all(&fleet).into_iter();
        let (mut shown, calm): (Vec<_>, Vec<_>) =
            all.partition(|(name, _)| troubled.contains(name));
        shown.extend(calm);
        let more = shown.len().saturating_sub(most);
        shown.truncate(most);
        let endpoints = shown
            .iter()
            .map(|(name, config)| self.endpoint_with(name, *config, planning.as_deref(), &known))
            .collect();
        api::Endpoints { endpoints, more }
    }

    /// The targets that are checked, as far as a list has room.
    pub(crate) fn list_of_targets(&self) -> api::Targets {
        let mut all = self.health.status();
        all.sort_by_key(|target| (target.state == TargetState::Up, target.target));
        let more = all.len().saturating_sub(MOST_TARGETS);
        let targets = all.iter().take(MOST_TARGETS).map(target).collect();
        api::Targets { targets, more }
    }

    fn endpoint_with(
        &self,
        name: &EndpointName,
        config: Option<&FleetEndpoint>,
        planning: Option<&Planning>,
        known: &BTreeMap<CheckedTarget, TargetStatus>,
    ) -> api::Endpoint {
        let resolution = self.store.resolve(name);
        let records = resolution.records();
        let served: BTreeMap<_, _> = records
            .into_iter()
            .flat_map(|records| records.targets())
            .map(|target| (target.address, target.weight))
            .collect();
        let drained = |target: &FleetTarget| {
            let mut drains = planning.into_iter().flat_map(|planning| &planning.drains);
            target.drained || drains.any(|drain| drain.covers(target))
        };
        let status = |known: Option<&TargetStatus>, address| {
            known.map_or_else(|| unchecked(address), target)
        };
        let named = config.into_iter().flat_map(FleetEndpoint::targets);
        let mut targets: Vec<_> = named
            .clone()
            .map(|t| api::EndpointTarget {
                target: status(known.get(&t.into()), t.address),
                zone: Some(t.zone.clone()),
                tier: Some(t.tier),
                drained: drained(t),
                served: served.get(&t.address).copied(),
            })
            .collect();
        let others = served
            .iter()
            .filter(|(at, _)| !named.clone().any(|t| t.address == **at));
        targets.extend(others.map(|(&address, &weight)| api::EndpointTarget {
            // The file does not say how it is checked here. If other endpoints check the address in
            // other ways, this may be what one of those says.
            target: status(of_address(known, address), address),
            zone: None,
            tier: None,
            drained: false,
            served: Some(weight),
        }));
        let generation = match &resolution {
            Resolution::Answer { generation, .. } => Some(generation.get()),
            _ => None,
        };
        let is_here = |change: &&HeldChange| change.endpoint == *name;
        api::Endpoint {
            name: name.to_string(),
            generation,
            ttl: records.map(|records| records.ttl()),
            fails_open: planning.is_some_and(|p| p.fail_open.contains(name)),
            held: planning.and_then(|p| p.held.iter().find(is_here)).map(held),
            targets,
        }
    }

    /// A target that is checked, or that the fleet file names, or that is served; `None` if it
    /// is neither.
    pub(crate) fn target(&self, address: IpAddr) -> Option<api::TargetDetails> {
        let fleet = self.fleet.get();
        let mut reader = self.store.reader();
        let mut serves = |name: &EndpointName| {
            let records = reader.resolve(name).records();
            records.is_some_and(|records| records.targets().any(|t| t.address == address))
        };
        let names = |endpoint: &FleetEndpoint| is_in(endpoint, address).next().is_some();
        let mut endpoints = self.all(&fleet);
        endpoints.retain(|(name, config)| config.is_some_and(names) || serves(name));
        let known = self.health.status().into_iter();
        let mut known = known.filter(|status| status.target.address == address);
        let first = known.next();
        if first.is_none() && endpoints.is_empty() {
            return None;
        }
        let here = || fleet.endpoints().iter().flat_map(|e| is_in(e, address));
        let planning = self.planner.handle().as_ref().map(PlannerHandle::status);
        let covers = |scope: &DrainScope| {
            *scope == DrainScope::Target(address) || here().any(|target| scope.covers(target))
        };
        let drains = planning.map(|planning| drains(&planning, covers));
        Some(api::TargetDetails {
            target: first.map_or_else(|| unchecked(address), |first| target(&first)),
            others: known.map(|other| target(&other)).collect(),
            endpoints: endpoints.iter().map(|(name, _)| name.to_string()).collect(),
            drains: drains.unwrap_or_default(),
            drained_by_file: here().any(|target| target.drained),
        })
    }
}

/// The target with this address at an endpoint.
fn is_in(endpoint: &FleetEndpoint, address: IpAddr) -> impl Iterator<Item = &FleetTarget> {
    let targets = endpoint.targets().iter();
    targets.filter(move |target| target.address == address)
}

/// The names at which a change is held, a rejected one too.
fn held_at(planning: &Planning) -> impl Iterator<Item = &EndpointName> {
    let held = planning.held.iter().chain(&planning.rejected);
    held.map(|held| &held.endpoint)
}

/// What is known of this address, in the first of the ways in which it is checked.
fn of_address(
    known: &BTreeMap<CheckedTarget, TargetStatus>,
    address: IpAddr,
) -> Option<&TargetStatus> {
    let mut known = known.range(CheckedTarget::from(address)..);
    let (target, status) = known.next()?;
    (target.address == address).then_some(status)
}

/// The endpoints that a person has to look at.
fn troubled(planning: &Planning) -> impl Iterator<Item = &EndpointName> {
    let held = planning.held.iter().map(|held| &held.endpoint);
    held.chain(&planning.fail_open).chain(&planning.awaited)
}

/// The drains of persons that are in force, of these scopes.
fn drains(planning: &Planning, wanted: impl Fn(&DrainScope) -> bool) -> Vec<api::Drain> {
    let all = planning.orders.drains.iter();
    all.filter(|(scope, _)| wanted(scope))
        .map(|(scope, drain)| api::Drain {
            scope: scope_text(scope),
            order: order(&drain.order),
            until: drain.until.map(time),
        })
        .collect()
}

pub(super) fn order(order: &control_plane::Order) -> api::Order {
    api::Order {
        by: order.by.clone(),
        at: time(order.at),
        why: order.why.clone(),
    }
}

pub(super) fn held(change: &HeldChange) -> api::Held {
    api::Held {
        id: change.id.to_string(),
        endpoint: change.endpoint.to_string(),
        reason: change.reason.to_string(),
        since: past(change.since),
    }
}

/// A target of which this process knows nothing.
fn unchecked(address: IpAddr) -> api::Target {
    api::Target {
        address: address.to_string(),
        check: None,
        state: "unknown".into(),
        since: None,
        error: None,
        error_since: None,
        not_checked: false,
        damped: false,
    }
}

fn target(status: &TargetStatus) -> api::Target {
    let since = match status.state {
        TargetState::Down { since, .. } => Some(past(since)),
        _ => None,
    };
    api::Target {
        since,
        check: Some(status.check.to_string()),
        state: crate::health::word(status.state).into(),
        error: status.error.as_ref().map(ToString::to_string),
        error_since: status.error_since.map(past),
        not_checked: status.not_made,
        damped: status.damped,
        ..unchecked(status.target.address)
    }
}
