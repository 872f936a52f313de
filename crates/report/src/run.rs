//! Runs of the outage's schedule on real threads.

use std::path::Path;

use control_plane::Fleet;
use drill::{Outcome, Repair, outage};
use incident::{IncidentStore, Variant};
use plan_store::{DnsStore, EndpointName, MemoryStore, PlanStore, Retention};

use crate::Error;

const FLEET: &str = include_str!("../../../examples/fleets/small.toml");

/// A run on the store of October 2025. At some step the names become empty, until the
/// operator repairs them by hand.
pub(crate) fn as_it_was(seed: u64) -> Result<Outcome, Error> {
    let variant = Variant::LockPerEndpoint;
    play(
        |retention| IncidentStore::new(variant, retention),
        Some(&repair),
        seed,
    )
}

/// The same schedule on the repaired store.
pub(crate) fn with_the_fix(seed: u64) -> Result<Outcome, Error> {
    play(MemoryStore::new, None, seed)
}

fn repair(store: &IncidentStore, endpoint: &EndpointName) -> Result<(), drill::Error> {
    match store.latest().map_err(plan_store::Error::from)? {
        Some(latest) => Ok(store.repair(&latest, endpoint)?),
        None => Ok(()),
    }
}

fn play<S: DnsStore<Reader: 'static> + Clone + 'static>(
    store: impl FnOnce(Retention) -> S,
    repair: Option<Repair<'_, S>>,
    seed: u64,
) -> Result<Outcome, Error> {
    let fleet = Fleet::parse(FLEET, Path::new("examples/fleets/small.toml"))?;
    Ok(outage(&fleet, store(fleet.retention()), seed, repair)?)
}
