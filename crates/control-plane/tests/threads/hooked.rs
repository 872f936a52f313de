//! A store whose calls a test can watch, hold up, fail, or lose the reply of.

use std::sync::Arc;

use plan_store::memory::MemoryPin;
use plan_store::{
    Activation, EndpointName, EndpointState, Generation, Layer, MemoryStore, Plan, PlanStore,
    Reader, Retention, Swept,
};

/// What became of a call.
#[derive(Clone, Copy)]
pub(crate) enum Fate {
    Done,
    /// The store failed, and did nothing.
    Failed,
    /// The reply to a step was lost, after the store had done it or not.
    Lost {
        done: bool,
    },
}

type Hook = Arc<dyn Fn(&'static str, Option<&EndpointName>) -> Fate + Send + Sync>;

/// A store that asks a hook before each call of an Enactor or a Planner. The hook may also
/// wait, or panic.
#[derive(Clone)]
pub(crate) struct Hooked {
    pub(crate) store: MemoryStore,
    hook: Hook,
}

impl Hooked {
    pub(crate) fn new(
        hook: impl Fn(&'static str, Option<&EndpointName>) -> Fate + Send + Sync + 'static,
    ) -> Self {
        let store = MemoryStore::new(Retention::newest(0));
        let hook = Arc::new(hook);
        Self { store, hook }
    }

    fn call<T>(
        &self,
        name: &'static str,
        endpoint: Option<&EndpointName>,
        call: impl FnOnce() -> Result<T, plan_store::Error>,
    ) -> Result<T, plan_store::Error> {
        match (self.hook)(name, endpoint) {
            Fate::Failed => Err(failure()),
            Fate::Done | Fate::Lost { .. } => call(),
        }
    }

    fn step(
        &self,
        name: &'static str,
        endpoint: &EndpointName,
        call: impl FnOnce() -> Result<Activation, plan_store::Error>,
    ) -> Result<Activation, plan_store::Error> {
        match (self.hook)(name, Some(endpoint)) {
            Fate::Done => call(),
            Fate::Failed => Err(failure()),
            Fate::Lost { done: false } => Ok(Activation::Unknown),
            Fate::Lost { done: true } => call().map(|_| Activation::Unknown),
        }
    }
}

pub(crate) fn failure() -> plan_store::Error {
    plan_store::Error::Backend("told to fail".into())
}

impl Layer for Hooked {
    type Inner = MemoryStore;
    type Pin = MemoryPin;
    type Reader = Reader;

    fn inner(&self) -> &MemoryStore {
        &self.store
    }

    fn wrap(&self, pin: MemoryPin) -> MemoryPin {
        pin
    }

    fn reader(&self) -> Reader {
        self.store.reader()
    }

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, plan_store::Error> {
        self.call("publish", None, || self.store.publish(plan))
    }

    fn latest(&self) -> Result<Option<MemoryPin>, plan_store::Error> {
        self.call("latest", None, || self.store.latest())
    }

    fn newest_active(&self) -> Result<Option<Generation>, plan_store::Error> {
        self.call("newest_active", None, || self.store.newest_active())
    }

    fn activate(
        &self,
        _: &MemoryPin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, plan_store::Error>,
    ) -> Result<Activation, plan_store::Error> {
        self.step("activate", endpoint, step)
    }

    fn stale_endpoints(&self, pin: &MemoryPin) -> Result<Vec<EndpointName>, plan_store::Error> {
        self.call("stale_endpoints", None, || self.store.stale_endpoints(pin))
    }

    fn withdraw(
        &self,
        _: &MemoryPin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, plan_store::Error>,
    ) -> Result<Activation, plan_store::Error> {
        self.step("withdraw", endpoint, step)
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, plan_store::Error> {
        self.call("state", Some(endpoint), || self.store.state(endpoint))
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, plan_store::Error> {
        self.call("sweep", None, || self.store.sweep(applied))
    }
}
