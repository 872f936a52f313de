//! Endpoints and their cells.

use std::sync::{Arc, OnceLock};

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use super::Cell;
use crate::EndpointName;
use crate::primitives::Primitives;

/// The cells of some endpoints. Persistent, as plans are: a copy is cheap, and one
/// that differs in a few endpoints shares the rest. Sorted, so that all walks are
/// alike under a model checker.
pub(super) struct Cells<P: Primitives> {
    by_name: OrdMap<EndpointName, Arc<Cell<P>>>,
    /// The same, to walk along; made at the first walk, and kept by all copies.
    in_order: Arc<OnceLock<List<P>>>,
}

type List<P> = Box<[Arc<Cell<P>>]>;

impl<P: Primitives> Cells<P> {
    pub(super) fn none() -> Self {
        Self {
            by_name: OrdMap::new(),
            in_order: Arc::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn get(&self, endpoint: &EndpointName) -> Option<&Arc<Cell<P>>> {
        self.by_name.get(endpoint)
    }

    /// The cells, by the names of their endpoints.
    pub(super) fn in_order(&self) -> &[Arc<Cell<P>>] {
        self.in_order
            .get_or_init(|| self.by_name.values().cloned().collect())
    }

    pub(super) fn insert(&mut self, cell: Arc<Cell<P>>) {
        self.by_name.insert(cell.endpoint().clone(), cell);
        self.in_order = Arc::default();
    }

    pub(super) fn remove(&mut self, endpoint: &EndpointName) {
        if self.by_name.remove(endpoint).is_some() {
            self.in_order = Arc::default();
        }
    }

    /// The cells that are here and not in `others`. Costs no more than what the two
    /// do not share.
    pub(super) fn without<'a>(&'a self, others: &'a Self) -> impl Iterator<Item = &'a Cell<P>> {
        let differences = others.by_name.diff(&self.by_name);
        differences.filter_map(|difference| match difference {
            DiffItem::Add(_, cell) => Some(&**cell),
            DiffItem::Remove(..) | DiffItem::Update { .. } => None,
        })
    }
}

impl<P: Primitives> Clone for Cells<P> {
    fn clone(&self) -> Self {
        Self {
            by_name: self.by_name.clone(),
            in_order: Arc::clone(&self.in_order),
        }
    }
}
