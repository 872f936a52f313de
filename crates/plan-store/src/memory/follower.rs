//! The serving side for one endpoint. The rules of `reader.rs` hold here too.

use std::fmt;
use std::sync::Arc;

use super::cached::Cached;
use super::shared::Shared;
use crate::primitives::Primitives;
use crate::{EndpointName, Key, Native, RecordSet, Resolution, Value};

/// A thread's view of one endpoint of a [`MemoryStore`](super::MemoryStore): a
/// [`Reader`](super::Reader) without the search for a name.
///
/// While the endpoint's active plan does not change, resolving it is one atomic load and a
/// comparison.
pub struct Follower<K: Key = EndpointName, V: Value = RecordSet, P: Primitives = Native> {
    shared: Arc<Shared<K, V, P>>,
    endpoint: K,
    /// What `changes` was when the cell was last looked up.
    changes: Option<u64>,
    /// If the endpoint has no cell, this has a cell of its own.
    cached: Cached<K, V, P>,
}

impl<K: Key, V: Value, P: Primitives> Follower<K, V, P> {
    pub(super) fn new(shared: Arc<Shared<K, V, P>>, endpoint: K) -> Self {
        Self {
            cached: Cached::unknown(&endpoint),
            shared,
            endpoint,
            changes: None,
        }
    }

    /// The endpoint that it follows.
    pub fn endpoint(&self) -> &K {
        &self.endpoint
    }

    /// What the endpoint answers at this moment.
    #[inline]
    pub fn resolve(&mut self) -> &Resolution<V> {
        if !self.cached.is_current_answer() {
            self.look();
        }
        self.cached.resolution()
    }

    /// Resolves anew, and looks up the cell again until it is the right one.
    #[cold]
    fn look(&mut self) {
        loop {
            if self.cached.resolve(&self.shared).is_active() {
                return;
            }
            let changes = Some(self.shared.changes());
            if self.changes == changes {
                return;
            }
            self.changes = changes;
            self.look_up_cell();
        }
    }

    fn look_up_cell(&mut self) {
        match self.shared.cell(&self.endpoint) {
            Some(cell) if self.cached.is_of(&cell) => {}
            Some(cell) => self.cached = Cached::new(cell),
            None => self.cached = Cached::unknown(&self.endpoint),
        }
    }
}

impl<K: Key, V: Value, P: Primitives> fmt::Debug for Follower<K, V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
