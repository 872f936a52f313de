//! Deletes old plans that are not in use. The parent module shows why no plan in use is lost.
//!
//! What a sweep removes from the index can be large: a plan that shares nothing with others
//! owns the values of all its endpoints. So the sweep drops the plan only after it has
//! released the lock, and no reader or publish waits for that.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::{debug, info};

use super::cells::Cells;
use super::index::{Entry, Index};
use super::pins::{Refused, Unpinned};
use super::shared::Shared;
use crate::primitives::{Lock, Primitives};
use crate::{EndpointState, Generation, Key, RetainReason, Retention, Swept, Value};

/// A plan that is old enough to delete, and the proof that no pin was held on it when the
/// sweep began, or why there is no proof.
type Candidate<'e, P> = (Generation, Result<Unpinned<'e, P>, Refused>);

/// The plans that the cells refer to, read after the candidates were seen unpinned.
#[derive(Default)]
struct Uses {
    active: BTreeSet<Generation>,
    rollback: BTreeSet<Generation>,
}

pub(super) fn sweep<K: Key, V: Value, P: Primitives>(
    shared: &Shared<K, V, P>,
    applied: Generation,
) -> Swept {
    let mut old = Vec::new();
    let entries = &mut old;
    let (candidates, cells, idle) = shared.index.read(move |index| {
        entries.extend(old_plans(index, shared.retention, applied));
        let candidates: Vec<_> = entries.iter().map(candidate).collect();
        (candidates, index.cells.clone(), idle(index))
    });
    let swept = if candidates.is_empty() {
        Swept::default()
    } else {
        delete(candidates, &uses(&cells))
    };
    if !(swept.deleted.is_empty() && idle.is_empty()) {
        // This section frees nothing: `old` still holds the plans, and `cells` the cells.
        shared.index.write(|index| {
            for generation in &swept.deleted {
                index.plans.remove(generation);
            }
            if forget(index, &idle) {
                shared.endpoints_changed();
            }
        });
    }
    if swept.deleted.is_empty() {
        debug!(%applied, plans = %swept, "sweep");
    } else {
        info!(%applied, plans = %swept, "sweep");
    }
    swept
}

/// Deletes the candidates that are not in use.
fn delete<P: Primitives>(candidates: Vec<Candidate<'_, P>>, uses: &Uses) -> Swept {
    let mut swept = Swept::default();
    for (generation, unpinned) in candidates {
        if uses.active.contains(&generation) {
            swept.spared.push((generation, RetainReason::Active));
        } else if uses.rollback.contains(&generation) {
            swept.spared.push((generation, RetainReason::Rollback));
        } else {
            match unpinned.and_then(Unpinned::delete) {
                Ok(()) => swept.deleted.push(generation),
                Err(Refused::Pinned) => swept.spared.push((generation, RetainReason::Pinned)),
                Err(Refused::Deleted) => {} // Another sweep deleted it, and reports it.
            }
        }
    }
    swept
}

/// The plans that are old enough to delete.
fn old_plans<K: Key, V: Value, P: Primitives>(
    index: &Index<K, V, P>,
    retention: Retention,
    applied: Generation,
) -> impl Iterator<Item = Arc<Entry<K, V, P>>> {
    // The newest plan stays, whichever plan the caller has applied.
    let newest = index.plans.last_key_value().map(|(&newest, _)| newest);
    let applied = newest.map_or(applied, |newest| applied.min(newest));
    let older = index.plans.range(..applied);
    older
        .filter(move |&(&generation, _)| !retention.keeps(generation, applied))
        .map(|(_, entry)| Arc::clone(entry))
}

fn candidate<K: Key, V: Value, P: Primitives>(entry: &Arc<Entry<K, V, P>>) -> Candidate<'_, P> {
    (entry.generation, entry.pins.unpinned())
}

/// The plans that these cells refer to. The cells include those of every endpoint that a
/// candidate names, because the candidate was in the index when the cells were taken.
fn uses<K: Key, P: Primitives>(cells: &Cells<K, P>) -> Uses {
    let mut uses = Uses::default();
    let mut noted = EndpointState::VACANT;
    for cell in cells.in_order() {
        let state = cell.state();
        if state == noted {
            continue; // Most endpoints are in the same state as the endpoint before.
        }
        noted = state;
        uses.active.extend(state.standing.active());
        uses.rollback.extend(state.rollback);
    }
    uses
}

/// The endpoints that the newest plan does not name, that have no active plan, and that have
/// no rollback target.
fn idle<K: Key, V: Value, P: Primitives>(index: &Index<K, V, P>) -> Vec<K> {
    let Some((_, newest)) = index.plans.last_key_value() else {
        return Vec::new(); // No plan has ever been published.
    };
    let stale_endpoints = index.cells.without(&newest.cells);
    let idle = stale_endpoints.filter(|cell| {
        let state = cell.state();
        state.standing.active().is_none() && state.rollback.is_none()
    });
    idle.map(|cell| cell.endpoint().clone()).collect()
}

/// Drops the cells of those `idle` endpoints that no plan in the index names, and returns
/// whether there were any. If a plan is active or a rollback target at an endpoint, that plan
/// names the endpoint, so the cell stays.
fn forget<K: Key, V: Value, P: Primitives>(index: &mut Index<K, V, P>, idle: &[K]) -> bool {
    let known = index.cells.len();
    for name in idle {
        if !index.plans.values().any(|entry| entry.plan.names(name)) {
            index.cells.remove(name);
        }
    }
    index.cells.len() < known
}
