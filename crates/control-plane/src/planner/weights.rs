//! Weights: what a fleet and a health reading make of each endpoint's targets.
//!
//! Each address family of an endpoint is weighed by itself:
//! 1. Unhealthy targets are left out. If every target looks unhealthy, assume that
//!    the health checker is at fault and keep all of them (*fail open*).
//! 2. Each target that is left gets the operator's weight times its capacity,
//!    scaled so that the largest becomes 255. It gets at least 1, unless one of the
//!    two factors is 0.
//! 3. If nothing is above 0 then, each target that is left gets 1.
//!
//! So a plan names every endpoint of the fleet and, in each family that the fleet
//! has there, at least one target that can be drawn.

use plan_store::{EndpointName, InvalidRecordSet, Plan, RecordSet, Target};
use tracing::warn;

use crate::{Fleet, FleetEndpoint, FleetTarget, Health, PlanError};

/// The plan that fleet and health ask for.
pub(super) fn desired(fleet: &Fleet, health: &Health) -> Result<Plan, PlanError> {
    let endpoints = fleet.endpoints().iter().map(|endpoint| {
        let name = endpoint.name().clone();
        match records(endpoint, health) {
            Ok(records) => Ok((name, records)),
            Err(source) => Err(PlanError::InvalidRecords {
                endpoint: name,
                source,
            }),
        }
    });
    Ok(Plan::new(
        endpoints.collect::<Result<Vec<_>, PlanError>>()?,
    )?)
}

fn records(endpoint: &FleetEndpoint, health: &Health) -> Result<RecordSet, InvalidRecordSet> {
    let name = endpoint.name();
    let targets = endpoint.targets().iter();
    let (v4, v6) = targets.partition(|target| target.address.is_ipv4());
    let targets = weigh(name, v4, health)
        .into_iter()
        .chain(weigh(name, v6, health));
    RecordSet::new(endpoint.ttl(), targets)
}

/// The weighed targets of one family of an endpoint.
fn weigh(endpoint: &EndpointName, family: Vec<&FleetTarget>, health: &Health) -> Vec<Target> {
    let is_healthy = |target: &&FleetTarget| health.of(target.address).healthy;
    let mut left: Vec<&FleetTarget> = family.iter().copied().filter(is_healthy).collect();
    if left.is_empty() && !family.is_empty() {
        warn!(%endpoint, targets = family.len(), "all unhealthy, fail open");
        left = family;
    }
    let strengths = left.iter().map(|target| strength(target, health));
    let largest = strengths.clone().max().unwrap_or(0);
    let weights = strengths.map(|strength| weight(strength, largest));
    let addresses = left.iter().map(|target| target.address);
    let targets = addresses.zip(weights);
    targets
        .map(|(address, weight)| Target::new(address, weight))
        .collect()
}

/// The operator's weight times the capacity.
fn strength(target: &FleetTarget, health: &Health) -> u64 {
    let capacity = health.of(target.address).capacity;
    u64::from(target.weight) * u64::from(capacity.unwrap_or(target.capacity))
}

/// A strength, scaled so that the largest becomes 255. A strength above 0 gives at
/// least 1; if all are 0, all give 1.
fn weight(strength: u64, largest: u64) -> u8 {
    if largest == 0 {
        return 1;
    }
    if strength == 0 {
        return 0;
    }
    // Below 2^48, since a strength is below 2^40.
    let nearest = (strength * u64::from(u8::MAX) + largest / 2) / largest;
    u8::try_from(nearest.max(1)).unwrap_or(u8::MAX)
}
