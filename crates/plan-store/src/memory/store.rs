//! The store's handle, and what [`PlanStore`] asks of it.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use tracing::{debug, info};

use super::cell::{Cell, Step};
use super::index::Index;
use super::shared::Shared;
use super::{Contents, Follower, InvalidContents, MemoryPin, Reader, sweep};
use crate::primitives::Lock;
use crate::{
    Activation, EndpointName, EndpointState, Failed, Generation, Key, Native, Pin, PinError, Plan,
    PlanStore, Primitives, PublishError, RecordSet, Resolution, Retention, StepError, Swept, Value,
};

/// The in-process store. Clones are handles on the same store.
///
/// How it works and why it is right: [`memory`](crate::memory).
pub struct MemoryStore<K: Key = EndpointName, V: Value = RecordSet, P: Primitives = Native> {
    shared: Arc<Shared<K, V, P>>,
}

impl<K: Key, V: Value> MemoryStore<K, V> {
    /// An empty store that sweeps down to what `retention` keeps.
    pub fn new(retention: Retention) -> Self {
        Self::with_primitives(retention)
    }

    /// An empty store whose first plan gets the generation after `last`. A control plane needs
    /// this if it restarts while servers remember its plans.
    pub fn continuing(retention: Retention, last: Generation) -> Self {
        Self::build(retention, Some(last))
    }

    /// A store that begins with these contents, such as those of a store on disk.
    ///
    /// # Errors
    /// The contents contradict themselves.
    pub fn restored(
        retention: Retention,
        contents: Contents<K, V>,
    ) -> Result<Self, InvalidContents<K>> {
        Self::restored_with_primitives(retention, contents)
    }
}

impl<K: Key, V: Value, P: Primitives> MemoryStore<K, V, P> {
    /// An empty store on other primitives, a model checker's for example.
    pub fn with_primitives(retention: Retention) -> Self {
        Self::build(retention, None)
    }

    fn build(retention: Retention, latest: Option<Generation>) -> Self {
        let shared = Arc::new(Shared::new(retention, latest));
        Self { shared }
    }

    /// [`MemoryStore::restored`] on other primitives.
    ///
    /// # Errors
    /// The contents contradict themselves.
    pub fn restored_with_primitives(
        retention: Retention,
        contents: Contents<K, V>,
    ) -> Result<Self, InvalidContents<K>> {
        let shared = Arc::new(Shared::restored(retention, contents)?);
        Ok(Self { shared })
    }

    /// A view of one endpoint for one thread. The store need not know the endpoint yet.
    pub fn follow(&self, endpoint: K) -> Follower<K, V, P> {
        Follower::new(Arc::clone(&self.shared), endpoint)
    }

    /// The plans in the store, oldest first.
    pub fn generations(&self) -> Vec<Generation> {
        let keys = |index: &Index<K, V, P>| index.plans.keys().copied().collect();
        self.shared.index.read(keys)
    }

    /// The generation of the pinned plan. Refuses a pin on another store's plan.
    fn own(&self, pin: &MemoryPin<K, V, P>) -> Result<Generation, StepError> {
        let generation = pin.generation();
        if Arc::ptr_eq(&self.shared.store, &pin.entry.store) {
            Ok(generation)
        } else {
            Err(StepError::ForeignPin { generation })
        }
    }
}

impl<K: Key, V: Value, P: Primitives> PlanStore for MemoryStore<K, V, P> {
    type Key = K;
    type Value = V;
    type Error = Infallible;
    type Pin = MemoryPin<K, V, P>;
    type Reader = Reader<K, V, P>;

    fn publish(&self, plan: Arc<Plan<K, V>>) -> Result<Generation, PublishError> {
        let endpoints = plan.endpoints().len();
        let _if_refused_dropped_after_the_lock = Arc::clone(&plan);
        let (inserted, _dropped_after_the_lock) = self.shared.index.write(|index| {
            let list = index.cells.list();
            let inserted = index.insert(plan, &self.shared.store);
            if let Ok((_, true)) = inserted {
                self.shared.endpoints_changed();
            }
            (inserted, list)
        });
        let (generation, _) = inserted.map_err(PublishError::GenerationsExhausted)?;
        info!(%generation, names = endpoints, "publish");
        Ok(generation)
    }

    fn latest(&self) -> Result<Option<MemoryPin<K, V, P>>, PinError> {
        self.shared.index.read(|index| {
            let newest = index.plans.last_key_value();
            newest.map(|(_, entry)| MemoryPin::on(entry)).transpose()
        })
    }

    fn pin(&self, generation: Generation) -> Result<MemoryPin<K, V, P>, PinError> {
        self.shared.index.read(|index| {
            let entry = index.plans.get(&generation);
            MemoryPin::on(entry.ok_or(PinError::NoSuchPlan { generation })?)
        })
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed> {
        let cells = self.shared.index.read(|index| index.cells.clone());
        let states = cells.in_order().iter().map(|cell| cell.state());
        Ok(states.filter_map(|state| state.standing.generation()).max())
    }

    fn activate(&self, pin: &MemoryPin<K, V, P>, endpoint: &K) -> Result<Activation, StepError> {
        let generation = self.own(pin)?;
        let cell = pin.entry.cells.get(endpoint);
        let cell = cell.ok_or(StepError::NotInPlan { generation })?;
        Ok(flip(cell, generation))
    }

    /// Goes along the plan's cells, with no search for each.
    fn activate_all<'a>(
        &'a self,
        pin: &'a MemoryPin<K, V, P>,
    ) -> impl Iterator<Item = (&'a K, Result<Activation, StepError>)> {
        pin.entry.cells.in_order().iter().map(|cell| {
            let activation = self.own(pin).map(|generation| flip(cell, generation));
            (cell.endpoint(), activation)
        })
    }

    fn stale_endpoints(&self, pin: &MemoryPin<K, V, P>) -> Result<Vec<K>, StepError> {
        let by = self.own(pin)?;
        Ok(self.shared.index.read(|index| {
            let not_named = index.cells.without(&pin.entry.cells);
            let behind = not_named.filter(|cell| cell.is_behind(by));
            behind.map(|cell| cell.endpoint().clone()).collect()
        }))
    }

    fn withdraw(&self, pin: &MemoryPin<K, V, P>, endpoint: &K) -> Result<Activation, StepError> {
        let generation = self.own(pin)?;
        if pin.plan().names(endpoint) {
            return Err(StepError::StillInPlan { generation });
        }
        let Some(cell) = self.shared.cell(endpoint) else {
            return Ok(Activation::Already); // Forgotten, or never there.
        };
        let activation = cell.advance(Step::Withdraw(generation));
        info!(%endpoint, %generation, %activation, "withdraw");
        Ok(activation)
    }

    fn state(&self, endpoint: &K) -> Result<EndpointState, Failed> {
        let cell = self.shared.cell(endpoint);
        Ok(cell.map_or(EndpointState::VACANT, |cell| cell.state()))
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed> {
        Ok(sweep::sweep(&self.shared, applied))
    }

    fn reader(&self) -> Reader<K, V, P> {
        Reader::new(Arc::clone(&self.shared))
    }

    fn resolve(&self, endpoint: &K) -> Resolution<V> {
        match self.shared.cell(endpoint) {
            Some(cell) => self.shared.answer(&cell, cell.state()).1,
            None => Resolution::Unknown,
        }
    }
}

impl<K: Key, V: Value, P: Primitives> Clone for MemoryStore<K, V, P> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared }
    }
}

impl<K: Key, V: Value, P: Primitives> fmt::Debug for MemoryStore<K, V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

/// One step of an activation.
fn flip<K: Key, P: Primitives>(cell: &Cell<K, P>, generation: Generation) -> Activation {
    let activation = cell.advance(Step::Activate(generation));
    debug!(endpoint = %cell.endpoint(), %generation, %activation, "activate");
    activation
}
