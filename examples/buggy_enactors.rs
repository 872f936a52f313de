//! The outage of October 2025 on real threads: a stale overwrite, a sweep that deletes the
//! active plan, and Enactors that are stuck until a person repairs the zone by hand.

use std::process::ExitCode;

use drill::cli;
use incident::{IncidentStore, Invariant, Variant};
use plan_store::{EndpointName, PlanStore};

fn main() -> ExitCode {
    let variant = Variant::LockPerEndpoint;
    cli::main(
        &variant.to_string(),
        |retention| Ok(IncidentStore::new(variant, retention)),
        Some(&repair),
        |outcome| {
            let broken = |invariant| outcome.verdict.contains_key(&invariant);
            outcome.stuck && broken(Invariant::Monotonic) && broken(Invariant::ActiveKept)
        },
    )
}

/// Points the endpoint at the latest plan.
fn repair(store: &IncidentStore, endpoint: &EndpointName) -> Result<(), drill::Error> {
    match store.latest().map_err(plan_store::Error::from)? {
        Some(latest) => Ok(store.repair(&latest, endpoint)?),
        None => Ok(()),
    }
}
