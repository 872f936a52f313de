//! A store with one thing wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan_store::{
    Activation, EndpointName, EndpointState, Error, Generation, MemoryStore, Plan, PlanStore,
    Reader, Resolution, Resolve, Swept,
};

type Pin = <MemoryStore as PlanStore>::Pin;

/// Its readers look once and believe it for good.
#[derive(Clone)]
pub(crate) struct Believing(pub(crate) MemoryStore);

pub(crate) struct BelievingReader {
    reader: Reader,
    believed: BTreeMap<EndpointName, Resolution>,
}

impl PlanStore for Believing {
    type Pin = Pin;
    type Reader = BelievingReader;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, Error> {
        self.0.publish(plan)
    }

    fn latest(&self) -> Result<Option<Pin>, Error> {
        self.0.latest()
    }

    fn pin(&self, generation: Generation) -> Result<Pin, Error> {
        self.0.pin(generation)
    }

    fn newest_active(&self) -> Result<Option<Generation>, Error> {
        self.0.newest_active()
    }

    fn activate(&self, pin: &Pin, endpoint: &EndpointName) -> Result<Activation, Error> {
        self.0.activate(pin, endpoint)
    }

    fn stale_endpoints(&self, pin: &Pin) -> Result<Vec<EndpointName>, Error> {
        self.0.stale_endpoints(pin)
    }

    fn withdraw(&self, pin: &Pin, endpoint: &EndpointName) -> Result<Activation, Error> {
        self.0.withdraw(pin, endpoint)
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Error> {
        self.0.state(endpoint)
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Error> {
        self.0.sweep(applied)
    }

    fn reader(&self) -> BelievingReader {
        BelievingReader {
            reader: self.0.reader(),
            believed: BTreeMap::new(),
        }
    }
}

impl Resolve for BelievingReader {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        let reader = &mut self.reader;
        let look = || reader.resolve(endpoint).clone();
        self.believed.entry(endpoint.clone()).or_insert_with(look)
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        self.reader.has_descendant(name)
    }
}
