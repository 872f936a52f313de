//! Endpoints and their cells.

use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, OnceLock};

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use super::cell::Cell;
use crate::Key;
use crate::primitives::Primitives;

/// The cells of some endpoints. Persistent like a plan: a copy is cheap, and a copy that
/// differs in a few endpoints shares the rest. Sorted, so that under a model checker every
/// walk has the same order.
pub(super) struct Cells<K: Key, P: Primitives> {
    by_name: OrdMap<K, Arc<Cell<K, P>>>,
    /// The same cells as a list. A walk along it takes less than half the instructions of a
    /// walk along the map. The first walk makes the list, and all copies share it.
    ///
    /// The list is not state of the store: it follows from the map, and a change of the map
    /// begins a new list. A race decides only which thread makes the list, so a model checker
    /// need not see it.
    in_order: Arc<OnceLock<List<K, P>>>,
}

pub(super) type List<K, P> = Box<[Arc<Cell<K, P>>]>;

impl<K: Key, P: Primitives> Cells<K, P> {
    pub(super) fn none() -> Self {
        Self {
            by_name: OrdMap::new(),
            in_order: Arc::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn get(&self, endpoint: &K) -> Option<&Arc<Cell<K, P>>> {
        self.by_name.get(endpoint)
    }

    /// The cells, in the order of their endpoints.
    pub(super) fn in_order(&self) -> &[Arc<Cell<K, P>>] {
        self.in_order
            .get_or_init(|| self.by_name.values().cloned().collect())
    }

    /// The list that [`Cells::in_order`] returns. A caller that changes the cells under a lock
    /// holds the list meanwhile. Then the caller drops the list itself, after the lock.
    pub(super) fn list(&self) -> Arc<OnceLock<List<K, P>>> {
        Arc::clone(&self.in_order)
    }

    /// The cells of the endpoints that lie below this key. They are a range of the order.
    pub(super) fn below(&self, name: &K) -> impl Iterator<Item = &Cell<K, P>> {
        let after = (Excluded(name), Unbounded);
        let cells = self.by_name.range::<_, K>(after).map(|(_, cell)| &**cell);
        cells.take_while(|cell| cell.endpoint().is_below(name))
    }

    pub(super) fn insert(&mut self, cell: Arc<Cell<K, P>>) {
        self.by_name.insert(cell.endpoint().clone(), cell);
        self.in_order = Arc::default();
    }

    pub(super) fn remove(&mut self, endpoint: &K) {
        if self.by_name.remove(endpoint).is_some() {
            self.in_order = Arc::default();
        }
    }

    /// The cells that are here, of the endpoints that `others` do not have. Costs no
    /// more than what the two do not share.
    pub(super) fn without<'a>(&'a self, others: &'a Self) -> impl Iterator<Item = &'a Cell<K, P>> {
        let differences = others.by_name.diff(&self.by_name);
        differences.filter_map(|difference| match difference {
            DiffItem::Add(_, cell) => Some(&**cell),
            DiffItem::Remove(..) | DiffItem::Update { .. } => None,
        })
    }

    /// The endpoints that have a cell here, and in `later` none or another one. Costs
    /// no more than what the two do not share.
    pub(super) fn replaced_in<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = &'a K> {
        let differences = self.by_name.diff(&later.by_name);
        differences.filter_map(|difference| match difference {
            DiffItem::Remove(name, _) | DiffItem::Update { old: (name, _), .. } => Some(name),
            DiffItem::Add(..) => None,
        })
    }
}

impl<K: Key, P: Primitives> Clone for Cells<K, P> {
    fn clone(&self) -> Self {
        Self {
            by_name: self.by_name.clone(),
            in_order: Arc::clone(&self.in_order),
        }
    }
}
