//! The serving side.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::Shared;
use super::cached::{Cached, UNKNOWN};
use crate::primitives::{Lock, Primitives};
use crate::{EndpointName, EndpointState, Native, Resolution, Resolve, Standing};

/// A serving thread's view of a [`MemoryStore`](super::MemoryStore).
///
/// While an endpoint's active plan has not changed, resolving it is one atomic
/// load: no lock, and no write to memory that anybody shares. After a change the
/// first call takes the store's lock, shared, to fetch the new records. A call
/// takes effect at that load: what it returns was the endpoint's answer at that
/// moment.
///
/// # Rules
/// 1. What is cached is returned as `cached.rs` says.
/// 2. The cell of an active endpoint is the endpoint's only one. One where
///    nothing is active may be forgotten and replaced. So when a cell is not
///    active, or there is none, `changes` is read *after* it: if no cell has come
///    or gone since the list was made, the one that was read is the right one.
pub struct Reader<P: Primitives = Native> {
    shared: Arc<Shared<P>>,
    /// What `changes` was when the endpoints were last listed.
    changes: Option<u64>,
    places: HashMap<EndpointName, usize>,
    cached: Vec<Cached<P>>,
    /// Where each endpoint is cached, by its labels from the last to the first:
    /// what lies below a name stands together.
    by_labels: Vec<(Box<str>, usize)>,
}

impl<P: Primitives> Reader<P> {
    pub(super) fn new(shared: Arc<Shared<P>>) -> Self {
        Self {
            shared,
            changes: None,
            places: HashMap::new(),
            cached: Vec::new(),
            by_labels: Vec::new(),
        }
    }

    /// Where the endpoint is cached, resolved anew if it has changed.
    fn look(&mut self, endpoint: &EndpointName) -> Option<usize> {
        loop {
            let found = self.places.get(endpoint).copied();
            if let Some(at) = found
                && self.cached[at].resolve(&self.shared).is_active()
            {
                return found;
            }
            if !self.list_endpoints() {
                return found;
            }
        }
    }

    /// Lists the store's endpoints anew, if any have come or gone since the last
    /// time, and says whether so.
    fn list_endpoints(&mut self) -> bool {
        let changes = Some(self.shared.changes());
        if self.changes == changes {
            return false;
        }
        self.changes = changes;
        self.list_cells();
        let names = self.cached.iter().map(Cached::endpoint);
        self.places = names.clone().cloned().zip(0..).collect();
        self.by_labels = names.map(labels_from_last).zip(0..).collect();
        self.by_labels.sort_unstable();
        true
    }

    /// Lists the store's cells, keeping what is cached of those that are still
    /// the same.
    fn list_cells(&mut self) {
        let cells = self.shared.index.read(|index| index.cells.clone());
        let mut old: Vec<_> = self.cached.drain(..).map(Some).collect();
        for cell in cells.in_order() {
            let known = self
                .places
                .get(cell.endpoint())
                .and_then(|&at| old.get_mut(at)?.take());
            self.cached.push(match known {
                Some(cached) if cached.is_of(cell) => cached,
                _ => Cached::new(Arc::clone(cell)),
            });
        }
    }
}

/// The name's labels from the last to the first, each with a dot after it.
fn labels_from_last(name: &EndpointName) -> Box<str> {
    let labels = name.as_str().rsplit('.');
    labels.flat_map(|label| [label, "."]).collect()
}

impl<P: Primitives> Resolve for Reader<P> {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        match self.look(endpoint) {
            Some(at) => self.cached[at].resolution(),
            None => &UNKNOWN,
        }
    }

    fn is_above(&mut self, name: &EndpointName) -> bool {
        self.list_endpoints();
        let mut before = None;
        loop {
            let below = self.states_below(name);
            let withdrawn =
                |state: &EndpointState| matches!(state.standing, Standing::Withdrawn(_));
            if !below.iter().all(withdrawn) {
                return true;
            }
            // Read one after another, they need not have been withdrawn all at
            // once; if nothing has changed by the second time, they were.
            if !self.list_endpoints() && before.as_ref() == Some(&below) {
                return false;
            }
            before = Some(below);
        }
    }
}

impl<P: Primitives> Reader<P> {
    /// The states of the endpoints that lie below this name.
    fn states_below(&self, name: &EndpointName) -> Vec<EndpointState> {
        let labels = labels_from_last(name);
        let first = self
            .by_labels
            .partition_point(|(other, _)| *other <= labels);
        self.by_labels[first..]
            .iter()
            .take_while(|(other, _)| other.starts_with(&*labels))
            .map(|&(_, at)| self.cached[at].state())
            .collect()
    }
}

impl<P: Primitives> fmt::Debug for Reader<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints = self.cached.len();
        f.debug_struct("Reader")
            .field("endpoints", &endpoints)
            .finish_non_exhaustive()
    }
}
