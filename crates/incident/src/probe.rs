//! Looking at a store from outside, and putting to the journal what is seen.

use control_plane::{Enactor, Pass};
use plan_store::{EndpointName, Error, Generation, Pin, PlanStore, Resolve, Retention};

use crate::event::{Actor, Event};
use crate::journal::Journal;

/// Resolves the endpoints, as clients do all the time.
pub fn resolve_all(reader: &mut impl Resolve, endpoints: &[EndpointName], journal: &Journal) {
    for endpoint in endpoints {
        let resolution = reader.resolve(endpoint).clone();
        let endpoint = endpoint.clone();
        journal.record(
            Actor::Resolver,
            Event::Resolved {
                endpoint,
                resolution,
                told: None,
            },
        );
    }
}

/// Looks whether every rollback target is there. Sound at any time: a state that
/// is the same before and after has not changed in between.
///
/// # Errors
/// What the store answers, other than that the plan is gone.
pub fn check_rollbacks<S: PlanStore>(
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

/// Whether every endpoint of the newest plan that anybody picked up is on it;
/// to be asked when all is quiet.
///
/// # Errors
/// What the store answers.
pub fn check_latest_wins<S: PlanStore>(
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

/// Publishes the latest content once more and has one Enactor do a pass; to be
/// done when all is quiet. Returns whether that made the plan active everywhere.
///
/// # Errors
/// What the store answers to others than the pass.
pub fn check_progress<S: PlanStore + Clone>(
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

/// Whether all these endpoints answer from this plan.
///
/// # Errors
/// What the store answers.
pub fn is_active_everywhere<S: PlanStore>(
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

/// Sweeps once and looks for plans that nobody needs; to be done when all is
/// quiet. `newest` is the newest plan, applied everywhere.
///
/// # Errors
/// What the store answers, other than that a plan is gone.
pub fn check_reclaimed<S: PlanStore>(
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

/// Asks all that can be asked once all is quiet, and returns whether one publish
/// and one pass still make a plan active everywhere.
///
/// # Errors
/// What the store answers, other than that a plan is gone.
pub fn conclude<S: PlanStore + Clone>(
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

fn exists<S: PlanStore>(store: &S, generation: Generation) -> Result<bool, Error> {
    match store.pin(generation) {
        Ok(_) => Ok(true),
        Err(Error::NoSuchPlan { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
