//! What all handles on a store share.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::cell::Cell;
use super::index::Index;
use super::{Contents, InvalidContents};
use crate::primitives::{Lock, Word};
use crate::{EndpointState, Generation, Key, Primitives, Resolution, Retention, Standing, Value};

/// The index and its lock, the retention, and the count of changes. A store's handles,
/// readers and followers each hold an `Arc` of it.
pub(super) struct Shared<K: Key, V: Value, P: Primitives> {
    /// Tells this store from others. The entries have it too, so a step can refuse the pin
    /// of another store.
    pub(super) store: Arc<()>,
    pub(super) retention: Retention,
    pub(super) index: P::Lock<Index<K, V, P>>,
    /// How often cells have been added to the index or removed from it. It changes only in
    /// write sections of the lock. It needs no ordering of its own:
    /// - A reader that loads the new count and then takes the lock runs after the section
    ///   that incremented it, so the reader sees the updated cells.
    /// - A reader can load an old count only if the increment does not happen before the
    ///   load. Then the two are concurrent, and an answer from before the change is correct.
    changes: P::Word,
}

impl<K: Key, V: Value, P: Primitives> Shared<K, V, P> {
    pub(super) fn new(retention: Retention, latest: Option<Generation>) -> Self {
        Self {
            store: Arc::new(()),
            retention,
            index: P::Lock::new(Index::after(latest)),
            changes: P::Word::new(0),
        }
    }

    pub(super) fn restored(
        retention: Retention,
        contents: Contents<K, V>,
    ) -> Result<Self, InvalidContents<K>> {
        let store = Arc::new(());
        let index = Index::restored(contents, &store)?;
        Ok(Self {
            store,
            retention,
            index: P::Lock::new(index),
            changes: P::Word::new(0),
        })
    }

    pub(super) fn cell(&self, endpoint: &K) -> Option<Arc<Cell<K, P>>> {
        self.index.read(|index| index.cells.get(endpoint).cloned())
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Relaxed)
    }

    /// Counts a change of the cells. Called only in write sections of the lock.
    pub(super) fn endpoints_changed(&self) {
        self.changes.fetch_add(1, Relaxed);
    }

    /// What an endpoint answers, given that its word said `state`. Also returns the state that
    /// the answer is from. That is a later state if a sweep has deleted the plan meanwhile.
    pub(super) fn answer(
        &self,
        cell: &Cell<K, P>,
        mut state: EndpointState,
    ) -> (EndpointState, Resolution<V>) {
        loop {
            let generation = match state.standing {
                Standing::Vacant => return (state, Resolution::Vacant),
                Standing::Withdrawn(generation) => {
                    return (state, Resolution::Withdrawn { generation });
                }
                Standing::Active(generation) => generation,
            };
            let records = self.index.read(|index| {
                let entry = index.plans.get(&generation)?;
                entry.plan.records(cell.endpoint()).cloned()
            });
            if let Some(records) = records {
                return (
                    state,
                    Resolution::Answer {
                        generation,
                        records,
                    },
                );
            }
            let now = cell.state();
            if now == state {
                return (state, Resolution::Dangling { generation });
            }
            state = now;
        }
    }
}
