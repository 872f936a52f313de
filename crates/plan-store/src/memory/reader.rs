//! The serving side.
//!
//! # Rules
//! 1. The reader returns a cached resolution as `cached.rs` says.
//! 2. The cell of an active endpoint is the endpoint's only one. A cell where no plan is
//!    active may be forgotten and replaced. So if a cell is not active, or there is none, the
//!    reader loads `changes` *after* it. If no cell has come or gone since the reader took
//!    `cells`, the cell that it read is the right one.
//! 3. Only cells in `cells` are cached: the reader drops a cell that is not there any more.
//!    A name without a cell is not cached, so clients that ask for many names cannot fill
//!    the cache.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::cached::Cached;
use super::cell::Cell;
use super::cells::Cells;
use super::shared::Shared;
use crate::primitives::{Lock, Primitives};
use crate::{
    EndpointName, EndpointState, Key, Native, RecordSet, Resolution, Resolve, Standing, Value,
};

/// A serving thread's view of a [`MemoryStore`](super::MemoryStore).
///
/// While an endpoint's active plan does not change, resolving the endpoint is one atomic
/// load: no lock, and no write to shared memory. After a change, the first call takes the
/// store's lock, shared, to fetch the new records. A call takes effect at that load: it
/// returns the endpoint's answer at that moment.
///
/// The reader remembers the endpoints that it was asked for, while the store knows them. It
/// remembers no others, so clients that ask for many names cannot fill its memory.
pub struct Reader<K: Key = EndpointName, V: Value = RecordSet, P: Primitives = Native> {
    shared: Arc<Shared<K, V, P>>,
    /// What `changes` was when `cells` were taken.
    changes: Option<u64>,
    /// The store's cells. Shared with it, as they are persistent.
    cells: Cells<K, P>,
    /// The cells that a client has asked for.
    cached: Vec<Cached<K, V, P>>,
    places: HashMap<K, usize, RandomState>,
}

impl<K: Key, V: Value, P: Primitives> Reader<K, V, P> {
    pub(super) fn new(shared: Arc<Shared<K, V, P>>) -> Self {
        Self {
            shared,
            changes: None,
            cells: Cells::none(),
            cached: Vec::new(),
            places: HashMap::default(),
        }
    }

    /// Where the endpoint is cached, resolved anew if it has changed.
    fn look(&mut self, endpoint: &K) -> Option<usize> {
        loop {
            let found = self.place(endpoint);
            let is_active = |at: usize| self.cached[at].resolve(&self.shared).is_active();
            if found.is_some_and(is_active) || !self.refresh() {
                return found;
            }
        }
    }

    /// Where the endpoint is cached, from now on if it was not. `None` if it has no
    /// cell.
    fn place(&mut self, endpoint: &K) -> Option<usize> {
        if let Some(&at) = self.places.get(endpoint) {
            return Some(at);
        }
        let cell = self.cells.get(endpoint)?;
        let at = self.cached.len();
        self.cached.push(Cached::new(Arc::clone(cell)));
        self.places.insert(endpoint.clone(), at);
        Some(at)
    }

    /// Takes the store's cells anew, if any have come or gone since the last time,
    /// and says whether so. Costs what has come and gone, not what is there.
    fn refresh(&mut self) -> bool {
        let changes = Some(self.shared.changes());
        if self.changes == changes {
            return false;
        }
        self.changes = changes;
        let cells = self.shared.index.read(|index| index.cells.clone());
        let before = std::mem::replace(&mut self.cells, cells.clone());
        for endpoint in before.replaced_in(&cells) {
            self.drop_cached(endpoint);
        }
        true
    }

    fn drop_cached(&mut self, endpoint: &K) {
        let Some(at) = self.places.remove(endpoint) else {
            return;
        };
        self.cached.swap_remove(at);
        if let Some(moved) = self.cached.get(at) {
            self.places.insert(moved.endpoint().clone(), at);
        }
    }

    /// The states of the endpoints that lie below this key, if all of them are
    /// withdrawn.
    fn withdrawn_below(&self, name: &K) -> Option<Vec<EndpointState>> {
        let states = self.cells.below(name).map(Cell::state);
        let withdrawn = |state: &EndpointState| matches!(state.standing, Standing::Withdrawn(_));
        states.map(|state| Some(state).filter(withdrawn)).collect()
    }
}

impl<K: Key, V: Value, P: Primitives> Resolve<K, V> for Reader<K, V, P> {
    fn resolve(&mut self, endpoint: &K) -> &Resolution<V> {
        match self.look(endpoint) {
            Some(at) => self.cached[at].resolution(),
            None => &Resolution::Unknown,
        }
    }

    fn has_descendant(&mut self, name: &K) -> bool {
        self.refresh();
        let mut before = None;
        loop {
            let Some(below) = self.withdrawn_below(name) else {
                return true;
            };
            // The states were read one after another, so the endpoints need not all have been
            // withdrawn at one moment. If a second look finds the same states, they were. A
            // look at other cells proves nothing about these.
            if self.refresh() {
                before = None;
            } else if before.as_ref() == Some(&below) {
                return false;
            } else {
                before = Some(below);
            }
        }
    }
}

impl<K: Key, V: Value, P: Primitives> fmt::Debug for Reader<K, V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints = self.cells.len();
        f.debug_struct("Reader")
            .field("endpoints", &endpoints)
            .finish_non_exhaustive()
    }
}
