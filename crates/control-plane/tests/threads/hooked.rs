//! A store whose calls a test can watch, hold up, fail, or lose the reply of.

use std::convert::Infallible;
use std::sync::Arc;

use plan_store::memory::MemoryPin;
use plan_store::{
    Activation, EndpointName, EndpointState, Failed, Generation, Layer, MemoryStore, PinError,
    Plan, PlanStore, PublishError, Reader, Retention, StepError, Swept,
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

    fn call<T, E: From<ToldToFail>>(
        &self,
        name: &'static str,
        endpoint: Option<&EndpointName>,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        match (self.hook)(name, endpoint) {
            Fate::Failed => Err(ToldToFail.into()),
            Fate::Done | Fate::Lost { .. } => call(),
        }
    }

    fn step(
        &self,
        name: &'static str,
        endpoint: &EndpointName,
        call: impl FnOnce() -> Result<Activation, StepError<ToldToFail>>,
    ) -> Result<Activation, StepError<ToldToFail>> {
        match (self.hook)(name, Some(endpoint)) {
            Fate::Done => call(),
            Fate::Failed => Err(ToldToFail.into()),
            Fate::Lost { done: false } => Ok(Activation::Unknown),
            Fate::Lost { done: true } => call().map(|_| Activation::Unknown),
        }
    }
}

/// What the store fails with when its hook says so.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("told to fail")]
pub(crate) struct ToldToFail;

impl From<Infallible> for ToldToFail {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Layer for Hooked {
    type Inner = MemoryStore;
    type Error = ToldToFail;
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

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError<ToldToFail>> {
        self.call("publish", None, || {
            self.store
                .publish(plan)
                .map_err(|error| error.map(Into::into))
        })
    }

    fn latest(&self) -> Result<Option<MemoryPin>, PinError<ToldToFail>> {
        self.call("latest", None, || {
            self.store.latest().map_err(|error| error.map(Into::into))
        })
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed<ToldToFail>> {
        self.call("newest_active", None, || {
            self.store
                .newest_active()
                .map_err(|error| error.map(Into::into))
        })
    }

    fn activate(
        &self,
        _: &MemoryPin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<ToldToFail>>,
    ) -> Result<Activation, StepError<ToldToFail>> {
        self.step("activate", endpoint, step)
    }

    fn stale_endpoints(&self, pin: &MemoryPin) -> Result<Vec<EndpointName>, StepError<ToldToFail>> {
        self.call("stale_endpoints", None, || {
            self.store
                .stale_endpoints(pin)
                .map_err(|error| error.map(Into::into))
        })
    }

    fn withdraw(
        &self,
        _: &MemoryPin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<ToldToFail>>,
    ) -> Result<Activation, StepError<ToldToFail>> {
        self.step("withdraw", endpoint, step)
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed<ToldToFail>> {
        self.call("state", Some(endpoint), || {
            self.store
                .state(endpoint)
                .map_err(|error| error.map(Into::into))
        })
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<ToldToFail>> {
        self.call("sweep", None, || {
            self.store
                .sweep(applied)
                .map_err(|error| error.map(Into::into))
        })
    }
}
