//! A store with one thing wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use linearizability::spec::NAMES;
use plan_store::memory::MemoryPin;
use plan_store::{
    Activation, EndpointName, EndpointState, Failed, Generation, Layer, MemoryStore, Pin, PinError,
    Plan, PlanStore, PublishError, Reader, Resolution, Resolve, RetainReason, StepError, Swept,
};

/// What is wrong: one call's answer, or one step that is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// A publish is told the generation of the plan before.
    Publish,
    /// The first plan is picked up instead of the newest.
    PickUp,
    /// A pin is on the newest plan instead of the one that was asked for.
    PinOther,
    /// A pin is refused although the plan is there.
    PinRefused,
    /// A pin that is given back stays held.
    LetGo,
    /// The first endpoint is not activated, as if the plan were active there.
    Activate,
    /// The other endpoints are not activated, as if the plan were active there.
    ActivateAll,
    /// No endpoint is withdrawn, as if that had been done.
    Withdraw,
    /// Each endpoint is said to be vacant.
    State,
    /// A reader looks at an endpoint once and believes it for good.
    Resolve,
    /// A reader finds no descendant.
    NoDescendant,
    /// A reader finds a descendant always.
    AlwaysDescendant,
    /// No endpoint is said to be stale.
    NoneStale,
    /// Each endpoint that the store may know is said to be stale.
    AllStale,
    /// A sweep is said to have deleted what it spared.
    Delete,
    /// A sweep does not say what it deleted.
    DeleteUntold,
    /// A sweep is said to have spared each plan because it is active.
    Spare,
    /// A sweep forgets each endpoint that the newest plan does not name, although an older
    /// plan that is left names it.
    ForgetsTooEarly,
}

/// The endpoints that a store with this fault has forgotten.
type Forgotten = Arc<Mutex<BTreeSet<EndpointName>>>;

/// A store with this fault, if with one.
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
