//! A store with one fault.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use linearizability::spec::NAMES;
use plan_store::memory::MemoryPin;
use plan_store::{
    Activation, EndpointName, EndpointState, Failed, Generation, Layer, MemoryStore, Pin, PinError,
    Plan, PlanStore, PublishError, Reader, Resolution, Resolve, RetainReason, StepError, Swept,
};

/// A fault: a wrong answer of one call, or a step that is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// A publish returns the generation of the previous plan.
    Publish,
    /// The first plan is picked up instead of the newest.
    PickUp,
    /// A pin is on the newest plan instead of the one that was asked for.
    PinOther,
    /// A pin is refused although the plan is there.
    PinRefused,
    /// A pin that is released still holds its plan.
    LetGo,
    /// The first endpoint is not activated, but the store says *already*.
    Activate,
    /// The other endpoints are not activated, but the store says *already*.
    ActivateAll,
    /// No endpoint is withdrawn, but the store says *already*.
    Withdraw,
    /// The store reports each endpoint as vacant.
    State,
    /// A reader reads an endpoint once, and always returns that answer.
    Resolve,
    /// A reader finds no descendant.
    NoDescendant,
    /// A reader always finds a descendant.
    AlwaysDescendant,
    /// The store reports no endpoint as stale.
    NoneStale,
    /// The store reports each endpoint as stale that it may know.
    AllStale,
    /// A sweep reports plans as deleted that it spared.
    Delete,
    /// A sweep does not report what it deleted.
    DeleteUntold,
    /// A sweep reports *active* as the reason for each plan that it spared.
    Spare,
    /// A sweep forgets each endpoint that the newest plan does not name, even if an older
    /// plan in the store names it.
    ForgetsTooEarly,
}

/// The endpoints that a store with this fault has forgotten.
type Forgotten = Arc<Mutex<BTreeSet<EndpointName>>>;

/// A store with this fault, or without one.
#[derive(Clone)]
pub(crate) struct Wrong {
    store: MemoryStore,
    fault: Option<Fault>,
    never_let_go: Arc<Mutex<Vec<MemoryPin>>>,
    forgotten: Forgotten,
}

impl Wrong {
    pub(crate) fn new(store: MemoryStore, fault: impl Into<Option<Fault>>) -> Self {
        Self {
            store,
            fault: fault.into(),
            never_let_go: Arc::default(),
            forgotten: Forgotten::default(),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }
}

fn all_endpoints() -> Vec<EndpointName> {
    NAMES.map(|name| name.parse().unwrap()).into()
}

impl Layer for Wrong {
    type Inner = MemoryStore;
    type Error = Infallible;
    type Pin = MemoryPin;
    type Reader = WrongReader;

    fn inner(&self) -> &MemoryStore {
        &self.store
    }

    fn wrap(&self, pin: MemoryPin) -> MemoryPin {
        if self.has(Fault::LetGo) {
            let second = self.store.pin(pin.generation()).unwrap();
            self.never_let_go.lock().unwrap().push(second);
        }
        pin
    }

    fn reader(&self) -> WrongReader {
        WrongReader {
            reader: self.store.reader(),
            fault: self.fault,
            believed: BTreeMap::new(),
            forgotten: Arc::clone(&self.forgotten),
        }
    }

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError> {
        let told = self.store.publish(plan)?;
        let before = Generation::new(told.get() - 1).filter(|_| self.has(Fault::Publish));
        Ok(before.unwrap_or(told))
    }

    fn latest(&self) -> Result<Option<MemoryPin>, PinError> {
        if self.has(Fault::PickUp) {
            return self.store.pin(Generation::FIRST).map(Some);
        }
        self.store.latest()
    }

    fn pin(&self, generation: Generation) -> Result<MemoryPin, PinError> {
        match self.fault {
            Some(Fault::PinRefused) => Err(PinError::NoSuchPlan { generation }),
            Some(Fault::PinOther) => Ok(self.store.latest()?.unwrap()),
            _ => self.store.pin(generation),
        }
    }

    fn activate(
        &self,
        _: &MemoryPin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError>,
    ) -> Result<Activation, StepError> {
        let first = endpoint.as_str() == NAMES[0];
        match self.fault {
            Some(Fault::Activate) if first => Ok(Activation::Already),
            Some(Fault::ActivateAll) if !first => Ok(Activation::Already),
            _ => step(),
        }
    }

    fn withdraw(
        &self,
        _: &MemoryPin,
        _: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError>,
    ) -> Result<Activation, StepError> {
        if self.has(Fault::Withdraw) {
            return Ok(Activation::Already);
        }
        step()
    }

    fn stale_endpoints(&self, pin: &MemoryPin) -> Result<Vec<EndpointName>, StepError> {
        match self.fault {
            Some(Fault::NoneStale) => Ok(Vec::new()),
            Some(Fault::AllStale) => Ok(all_endpoints()),
            _ => self.store.stale_endpoints(pin),
        }
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed> {
        if self.has(Fault::State) || self.forgotten.lock().unwrap().contains(endpoint) {
            return Ok(EndpointState::VACANT);
        }
        self.store.state(endpoint)
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed> {
        let mut swept = self.store.sweep(applied)?;
        match self.fault {
            Some(Fault::Delete) => {
                let spared = swept.spared.drain(..);
                swept.deleted.extend(spared.map(|(plan, _)| plan));
            }
            Some(Fault::DeleteUntold) => swept.deleted.clear(),
            Some(Fault::Spare) => {
                for (_, why) in &mut swept.spared {
                    *why = RetainReason::Active;
                }
            }
            Some(Fault::ForgetsTooEarly) => {
                let newest = self.store.latest().unwrap().unwrap();
                let mut left_out = all_endpoints();
                left_out.retain(|endpoint| !newest.plan().names(endpoint));
                self.forgotten.lock().unwrap().extend(left_out);
            }
            _ => {}
        }
        Ok(swept)
    }
}

pub(crate) struct WrongReader {
    reader: Reader,
    fault: Option<Fault>,
    believed: BTreeMap<EndpointName, Resolution>,
    forgotten: Forgotten,
}

impl Resolve for WrongReader {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        if self.forgotten.lock().unwrap().contains(endpoint) {
            return &Resolution::Unknown;
        }
        if self.fault != Some(Fault::Resolve) {
            return self.reader.resolve(endpoint);
        }
        let reader = &mut self.reader;
        let look = || reader.resolve(endpoint).clone();
        self.believed.entry(endpoint.clone()).or_insert_with(look)
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        match self.fault {
            Some(Fault::NoDescendant) => false,
            Some(Fault::AlwaysDescendant) => true,
            _ => self.reader.has_descendant(name),
        }
    }
}
