//! A store that begins with what another one held, such as one on disk.
//!
//! The index is complete before any other thread can see it. So all rules of the parent module
//! hold from the beginning: [`Index::restored`] checks what B and C of its induction say, and
//! refuses anything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::cell::{Cell, Known};
use super::cells::Cells;
use super::index::{Entry, Index};
use super::pins::Pins;
use crate::{EndpointName, Generation, Key, Plan, Primitives, RecordSet, Value};

/// What a [`MemoryStore`](crate::MemoryStore) holds, except pins.
#[derive(Debug)]
pub struct Contents<K: Key = EndpointName, V: Value = RecordSet> {
    /// The plans by generation. The first plan that is published gets the generation after the
    /// newest of them.
    pub plans: BTreeMap<Generation, Arc<Plan<K, V>>>,
    /// The endpoints, in any order: each that a plan names, and others that no sweep has
    /// forgotten.
    pub endpoints: Vec<(K, Known)>,
}

/// Why [`Contents`] are not those of a store.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum InvalidContents<K = EndpointName> {
    /// A plan is in use and missing.
    #[error(
        "plan {generation} is active or the rollback target at {endpoint}, but it is not there or does not name that endpoint"
    )]
    MissingPlan {
        /// The plan.
        generation: Generation,
        /// Where it is in use.
        endpoint: K,
    },

    /// A plan names an endpoint that is missing.
    #[error("plan {generation} names {endpoint}, but that endpoint is not there")]
    MissingEndpoint {
        /// The plan.
        generation: Generation,
        /// The endpoint.
        endpoint: K,
    },

    /// An endpoint is there twice.
    #[error("endpoint {endpoint} is there twice")]
    DuplicateEndpoint {
        /// The endpoint.
        endpoint: K,
    },

    /// An endpoint is in a state that no sequence of steps leads to.
    #[error("endpoint {endpoint} cannot be in its state: {known:?}")]
    ImpossibleState {
        /// The endpoint.
        endpoint: K,
        /// Its state.
        known: Known,
    },
}

impl<K: Key, V: Value, P: Primitives> Index<K, V, P> {
    pub(super) fn restored(
        contents: Contents<K, V>,
        store: &Arc<()>,
    ) -> Result<Self, InvalidContents<K>> {
        let latest = contents.plans.last_key_value().map(|(&newest, _)| newest);
        let mut index = Self::after(latest);
        for (endpoint, known) in contents.endpoints {
            check(&endpoint, known, &contents.plans)?;
            if index.cells.get(&endpoint).is_some() {
                return Err(InvalidContents::DuplicateEndpoint { endpoint });
            }
            index.cells.insert(Arc::new(Cell::known(endpoint, known)));
        }
        let mut previous: Option<Arc<Entry<K, V, P>>> = None;
        for (generation, plan) in contents.plans {
            let same = previous.filter(|previous| plan.names_the_same(&previous.plan));
            let cells = match same {
                Some(previous) => previous.cells.clone(),
                None => index.cells_named_by(&plan, generation)?,
            };
            let entry = Arc::new(Entry {
                store: Arc::clone(store),
                generation,
                plan,
                cells,
                pins: Pins::none(),
            });
            index.plans.insert(generation, Arc::clone(&entry));
            previous = Some(entry);
        }
        Ok(index)
    }

    /// The index's cells, without those of endpoints that the plan does not name.
    fn cells_named_by(
        &self,
        plan: &Plan<K, V>,
        generation: Generation,
    ) -> Result<Cells<K, P>, InvalidContents<K>> {
        let mut cells = self.cells.clone();
        for (endpoint, _) in plan.endpoints() {
            if cells.get(endpoint).is_none() {
                let endpoint = endpoint.clone();
                return Err(InvalidContents::MissingEndpoint {
                    generation,
                    endpoint,
                });
            }
        }
        if cells.len() > plan.endpoints().len() {
            for cell in self.cells.in_order() {
                if !plan.names(cell.endpoint()) {
                    cells.remove(cell.endpoint());
                }
            }
        }
        Ok(cells)
    }
}

/// Checks an endpoint's state against the plans.
fn check<K: Key, V: Value>(
    endpoint: &K,
    known: Known,
    plans: &BTreeMap<Generation, Arc<Plan<K, V>>>,
) -> Result<(), InvalidContents<K>> {
    let Known { state, since } = known;
    let (standing, newest) = (state.standing, plans.keys().next_back().copied());
    let possible = match standing.generation() {
        None => state.rollback.is_none(),
        Some(at) => at >= since && Some(at) <= newest && state.rollback < Some(at),
    };
    if !possible || Some(since) > newest {
        let endpoint = endpoint.clone();
        return Err(InvalidContents::ImpossibleState { endpoint, known });
    }
    let names = |generation: Generation| {
        let plan = plans.get(&generation);
        plan.is_some_and(|plan| plan.names(endpoint))
    };
    let in_use = standing.active().into_iter().chain(state.rollback);
    let missing = in_use.into_iter().find(|&plan| !names(plan));
    missing.map_or(Ok(()), |generation| {
        let endpoint = endpoint.clone();
        Err(InvalidContents::MissingPlan {
            generation,
            endpoint,
        })
    })
}
