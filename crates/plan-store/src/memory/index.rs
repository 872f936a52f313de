//! The store's index: plans by generation, cells by endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cell::Cell;
use super::cells::Cells;
use super::pins::Pins;
use crate::plan::NameChange;
use crate::{Generation, GenerationsExhausted, Key, Plan, Primitives, Value};

/// The plans and the cells of a store.
pub(super) struct Index<K: Key, V: Value, P: Primitives> {
    /// The newest generation that a plan has got.
    pub(super) latest: Option<Generation>,
    pub(super) plans: BTreeMap<Generation, Arc<Entry<K, V, P>>>,
    /// The cells of all endpoints that a plan in `plans` names, and of other endpoints that no
    /// sweep has forgotten yet.
    pub(super) cells: Cells<K, P>,
}

impl<K: Key, V: Value, P: Primitives> Index<K, V, P> {
    /// An index without plans, whose first plan gets the generation after `latest`.
    pub(super) fn after(latest: Option<Generation>) -> Self {
        Self {
            latest,
            plans: BTreeMap::new(),
            cells: Cells::none(),
        }
    }

    /// Adds a plan. Returns its generation, and whether it names endpoints that were not
    /// known before.
    pub(super) fn insert(
        &mut self,
        plan: Arc<Plan<K, V>>,
        store: &Arc<()>,
    ) -> Result<(Generation, bool), GenerationsExhausted> {
        let generation = self
            .latest
            .map_or(Ok(Generation::FIRST), Generation::next)?;
        let known = self.cells.len();
        let cells = self.cells_of(&plan, generation);
        let pins = Pins::none();
        let store = Arc::clone(store);
        let entry = Entry {
            store,
            generation,
            plan,
            cells,
            pins,
        };
        self.plans.insert(generation, Arc::new(entry));
        self.latest = Some(generation);
        Ok((generation, self.cells.len() > known))
    }

    /// The cells of the plan's endpoints. The plan shares them with the newest plan in the
    /// index, except the cells of endpoints that only one of the two plans names.
    fn cells_of(&mut self, plan: &Plan<K, V>, generation: Generation) -> Cells<K, P> {
        let newest = self.plans.last_key_value();
        let previous = newest.map(|(_, entry)| Arc::clone(entry));
        let Some(previous) = previous else {
            for (name, _) in plan.endpoints() {
                self.cell_for(name, generation);
            }
            return self.cells.clone();
        };
        let mut cells = previous.cells.clone();
        if plan.names_the_same(&previous.plan) {
            return cells;
        }
        for named in plan.named_since(&previous.plan) {
            match named {
                NameChange::Added(name) => cells.insert(self.cell_for(name, generation)),
                NameChange::Removed(name) => cells.remove(name),
            }
        }
        if cells.len() == self.cells.len() {
            // The plan names all known endpoints. The index shares the plan's cells, so that
            // comparing the two is quick.
            self.cells = cells.clone();
        }
        cells
    }

    /// The endpoint's cell. It is a new one if `plan` adds the endpoint to the store.
    fn cell_for(&mut self, name: &K, plan: Generation) -> Arc<Cell<K, P>> {
        if let Some(cell) = self.cells.get(name) {
            return Arc::clone(cell);
        }
        let cell = Arc::new(Cell::vacant(name.clone(), plan));
        self.cells.insert(Arc::clone(&cell));
        cell
    }
}

/// A published plan.
pub(super) struct Entry<K: Key, V: Value, P: Primitives> {
    /// The store that the plan is in.
    pub(super) store: Arc<()>,
    pub(super) generation: Generation,
    pub(super) plan: Arc<Plan<K, V>>,
    /// The cells of the plan's endpoints.
    pub(super) cells: Cells<K, P>,
    pub(super) pins: Pins<P>,
}
