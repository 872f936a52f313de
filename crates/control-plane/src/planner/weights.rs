//! Weights: what the operator's weights and the capacities make of the targets that are
//! served together.
//!
//! Each target gets the operator's weight times its capacity, scaled so that the largest
//! becomes 255. It gets at least 1, unless one of the two factors is 0. If nothing is
//! above 0 then, each target gets 1.

use plan_store::Target;

use super::targets::Targets;
use crate::FleetTarget;

/// These targets of one family, weighed.
pub(super) fn weigh(served: &[&FleetTarget], targets: &Targets) -> Vec<Target> {
    let strengths = served.iter().map(|target| strength(target, targets));
    let largest = strengths.clone().max().unwrap_or(0);
    let weights = strengths.map(|strength| weight(strength, largest));
    let addresses = served.iter().map(|target| target.address);
    let weighed = addresses.zip(weights);
    weighed
        .map(|(address, weight)| Target::new(address, weight))
        .collect()
}

/// The operator's weight times the capacity.
fn strength(target: &FleetTarget, targets: &Targets) -> u64 {
    let capacity = targets.capacity(target);
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
