//! Deleting the plans that nobody needs. The argument is in the parent module.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::info;

use super::pins::Unpinned;
use super::{Cell, Entry, Index, Shared};
use crate::primitives::{Lock, Primitives};
use crate::{EndpointName, Generation, Needed, Standing, Swept};

/// A plan that is old enough to go, and the proof, if there is one, that nobody
/// held a pin on it when the sweep began.
struct Candidate<P: Primitives> {
    entry: Arc<Entry<P>>,
    unpinned: Option<Unpinned>,
}

/// What the cells hold on to, read after the candidates were seen unpinned.
#[derive(Default)]
struct Uses {
    active: BTreeSet<Generation>,
    rollback: BTreeSet<Generation>,
    /// Endpoints withdrawn for so long that nothing is left to roll back to.
    withdrawn: Vec<EndpointName>,
}

pub(super) fn sweep<P: Primitives>(shared: &Shared<P>, applied: Generation) -> Swept {
    let (candidates, uses) = shared.index.read(|index| {
        let candidates = candidates(index, shared, applied);
        (candidates, uses(index))
    });
    let mut swept = Swept::default();
    for Candidate { entry, unpinned } in candidates {
        let generation = entry.generation;
        if uses.active.contains(&generation) {
            swept.spared.push((generation, Needed::Active));
        } else if uses.rollback.contains(&generation) {
            swept.spared.push((generation, Needed::Rollback));
        } else if unpinned.is_some_and(|proof| entry.pins.delete(proof)) {
            swept.deleted.push(generation);
        } else {
            swept.spared.push((generation, Needed::Pinned));
        }
    }
    if !(swept.deleted.is_empty() && uses.withdrawn.is_empty()) {
        shared.index.write(|index| {
            for generation in &swept.deleted {
                index.plans.remove(generation);
            }
            forget(index, &uses.withdrawn);
        });
    }
    info!(%applied, deleted = ?swept.deleted, spared = ?swept.spared, "sweep");
    swept
}

fn candidates<P: Primitives>(
    index: &Index<P>,
    shared: &Shared<P>,
    applied: Generation,
) -> Vec<Candidate<P>> {
    let old = index.plans.range(..applied);
    old.filter(|&(&generation, _)| !shared.retention.keeps(generation, applied))
        .map(|(_, entry)| Candidate {
            entry: Arc::clone(entry),
            unpinned: entry.pins.unpinned(),
        })
        .collect()
}

fn uses<P: Primitives>(index: &Index<P>) -> Uses {
    let mut uses = Uses::default();
    for (name, cell) in &index.cells {
        let state = cell.state();
        uses.active.extend(state.standing.active());
        uses.rollback.extend(state.rollback);
        if is_spent(cell) {
            uses.withdrawn.push(name.clone());
        }
    }
    uses
}

fn is_spent<P: Primitives>(cell: &Cell<P>) -> bool {
    let state = cell.state();
    matches!(state.standing, Standing::Withdrawn(_)) && state.rollback.is_none()
}

/// Drops the cells of those endpoints that no plan in the store names any more.
fn forget<P: Primitives>(index: &mut Index<P>, withdrawn: &[EndpointName]) {
    for name in withdrawn {
        if !index.plans.values().any(|entry| entry.plan.names(name)) {
            index.cells.remove(name);
        }
    }
}
