//! A `MemoryStore` whose steps the [`observer`](crate::observer) checks.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;

use plan_store::dns::{MemoryPin, MemoryStore, Reader};
use plan_store::{
    Activation, EndpointName, EndpointState, Failed, Generation, PinError, Plan, PlanStore,
    PublishError, RecordSet, Resolution, Retention, StepError, Swept,
};

use crate::observer;
use crate::recorded::{Recorded, Threads};

/// A `MemoryStore` on recorded primitives. It tells the observer which plan a call publishes,
/// and from which plan a sweep judges; the observer sees everything else in the accesses. All
/// other calls are the inner store's.
#[derive(Debug)]
pub struct Watched<P: Threads> {
    store: MemoryStore<Recorded<P>>,
}

impl<P: Threads> Watched<P> {
    /// An empty store. The observer checks its steps until the execution ends, and those of no
    /// other store. Under a [`Mutation`](crate::mutant::Mutation) there is no observer, unless
    /// the mutation asks for one.
    pub fn new(retention: Retention) -> Self {
        observer::watch(retention);
        let store = MemoryStore::with_primitives(retention);
        Self { store }
    }
}

impl<P: Threads> Clone for Watched<P> {
    fn clone(&self) -> Self {
        let store = self.store.clone();
        Self { store }
    }
}

impl<P: Threads> Deref for Watched<P> {
    type Target = MemoryStore<Recorded<P>>;

    fn deref(&self) -> &Self::Target {
        &self.store
    }
}

impl<P: Threads> PlanStore for Watched<P> {
    type Key = EndpointName;
    type Value = RecordSet;
    type Error = Infallible;
    type Pin = MemoryPin<Recorded<P>>;
    type Reader = Reader<Recorded<P>>;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError> {
        let names = plan.endpoints().map(|(name, _)| name.clone()).collect();
        observer::publishes(P::current(), names, || self.store.publish(plan))
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed> {
        observer::sweeps(P::current(), applied, || self.store.sweep(applied))
    }

    fn latest(&self) -> Result<Option<Self::Pin>, PinError> {
        self.store.latest()
    }

    fn pin(&self, generation: Generation) -> Result<Self::Pin, PinError> {
        self.store.pin(generation)
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed> {
        self.store.newest_active()
    }

    fn activate(&self, pin: &Self::Pin, endpoint: &EndpointName) -> Result<Activation, StepError> {
        self.store.activate(pin, endpoint)
    }

    fn activate_all<'a>(
        &'a self,
        pin: &'a Self::Pin,
    ) -> impl Iterator<Item = (&'a EndpointName, Result<Activation, StepError>)> {
        self.store.activate_all(pin)
    }

    fn stale_endpoints(&self, pin: &Self::Pin) -> Result<Vec<EndpointName>, StepError> {
        self.store.stale_endpoints(pin)
    }

    fn withdraw(&self, pin: &Self::Pin, endpoint: &EndpointName) -> Result<Activation, StepError> {
        self.store.withdraw(pin, endpoint)
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed> {
        self.store.state(endpoint)
    }

    fn reader(&self) -> Self::Reader {
        self.store.reader()
    }

    fn resolve(&self, endpoint: &EndpointName) -> Resolution {
        self.store.resolve(endpoint)
    }
}
