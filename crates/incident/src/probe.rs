//! Checks a store from outside, and records what it finds in the journal.

use control_plane::{Enactor, Pass};
use plan_store::{DnsStore, EndpointName, Error, Generation, Pin, PinError, Resolve, Retention};

use crate::event::{Actor, Event};
use crate::journal::Journal;

/// Resolves the endpoints, as clients do. Returns the plan that each answer came from.
pub fn resolve_all(
    reader: &mut impl Resolve,
    endpoints: &[EndpointName],
    journal: &Journal,
) -> Vec<Option<Generation>> {
    let resolve = |endpoint: &EndpointName| {
        let resolution = reader.resolve(endpoint).clone();
        let from = resolution.generation();
        let endpoint = endpoint.clone();
        journal.record(
            Actor::Resolver,
            Event::Resolved {
                endpoint,
                resolution,
                told: None,
            },
        );
        from
    };
    endpoints.iter().map(resolve).collect()
}

/// Checks that every rollback target exists. Concurrent steps do no harm: a missing plan
/// counts only if the endpoint's state is the same before and after the look-up.
///
/// # Errors
/// The store's errors, except that a plan does not exist.
pub fn check_rollbacks<S: DnsStore>(
    store: &S,
    endpoints: &[EndpointName],
    journal: &Journal,
) -> Result<(), Error> {
    for endpoint in endpoints {
        let state = store.state(endpoint)?;
        let Some(rollback) = state.rollback else {
            continue;
        };
        if !exists(store, rollback)? && store.state(endpoint)? == state {
            let endpoint = endpoint.clone();
            journal.record(Actor::Operator, Event::RollbackGone { endpoint, rollback });
        }
    }
    Ok(())
}

/// Checks that every endpoint is on the newest plan that any Enactor picked up. Call it at
/// rest.
///
/// # Errors
/// The store's errors.
pub fn check_latest_wins<S: DnsStore>(
    store: &S,
    endpoints: &[EndpointName],
    journal: &Journal,
) -> Result<(), Error> {
    let Some(newest) = journal.newest_picked_up() else {
        return Ok(());
    };
    for endpoint in endpoints {
        if store.state(endpoint)?.standing.generation() != Some(newest) {
            let endpoint = endpoint.clone();
            journal.record(Actor::Operator, Event::LeftBehind { endpoint, newest });
        }
    }
    Ok(())
}

/// Publishes the latest content once more, lets one Enactor do a pass, and returns whether
/// that made the plan active everywhere. Call it at rest.
///
/// # Errors
/// The store's errors, except those of the pass, which are recorded.
pub fn check_progress<S: DnsStore + Clone>(
    store: &S,
    endpoints: &[EndpointName],
    journal: &Journal,
) -> Result<bool, Error> {
    let Some(latest) = store.latest()? else {
        return Ok(true);
    };
    let generation = store.republish(latest.generation())?;
    drop(latest);
    let pass = Enactor::new("probe", store.clone()).pass();
    let applied = matches!(pass, Ok(Pass::Applied { plan, .. }) if plan == generation);
    let everywhere = is_active_everywhere(store, endpoints, generation)?;
    if let Err(error) = &pass {
        journal.record(Actor::Operator, Event::failed(error));
    }
    if !(applied && everywhere) {
        journal.record(Actor::Operator, Event::NoProgress { generation });
    }
    Ok(applied && everywhere)
}

/// Whether this plan is active at all these endpoints.
///
/// # Errors
/// The store's errors.
pub fn is_active_everywhere<S: DnsStore>(
    store: &S,
    endpoints: &[EndpointName],
    generation: Generation,
) -> Result<bool, Error> {
    for endpoint in endpoints {
        if store.state(endpoint)?.standing.active() != Some(generation) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sweeps once, then looks for plans that should be gone. `newest` is the newest plan,
/// which is active everywhere. Call it at rest.
///
/// # Errors
/// The store's errors, except that a plan does not exist.
pub fn check_reclaimed<S: DnsStore>(
    store: &S,
    endpoints: &[EndpointName],
    newest: Generation,
    retention: Retention,
    journal: &Journal,
) -> Result<(), Error> {
    store.sweep(newest)?;
    let mut needed = Vec::new();
    for endpoint in endpoints {
        let state = store.state(endpoint)?;
        needed.extend(state.standing.active());
        needed.extend(state.rollback);
    }
    for generation in (1..=newest.get()).filter_map(Generation::new) {
        let may_be_there = retention.keeps(generation, newest) || needed.contains(&generation);
        if !may_be_there && exists(store, generation)? {
            journal.record(Actor::Operator, Event::NotReclaimed { generation });
        }
    }
    Ok(())
}

/// Makes all checks that need the system at rest. Returns whether one publish and one pass
/// still make a plan active everywhere.
///
/// # Errors
/// The store's errors, except that a plan does not exist.
pub fn conclude<S: DnsStore + Clone>(
    store: &S,
    endpoints: &[EndpointName],
    retention: Retention,
    journal: &Journal,
) -> Result<bool, Error> {
    resolve_all(&mut store.reader(), endpoints, journal);
    check_rollbacks(store, endpoints, journal)?;
    check_latest_wins(store, endpoints, journal)?;
    let progresses = check_progress(store, endpoints, journal)?;
    resolve_all(&mut store.reader(), endpoints, journal);
    let latest = store.latest()?.map(|pin| pin.generation());
    if let Some(newest) = latest.filter(|_| progresses) {
        check_reclaimed(store, endpoints, newest, retention, journal)?;
    }
    Ok(progresses)
}

fn exists<S: DnsStore>(store: &S, generation: Generation) -> Result<bool, Error> {
    match store.pin(generation) {
        Ok(_) => Ok(true),
        Err(PinError::NoSuchPlan { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
