//! Checks that a wrapper uses the inner store's [`PlanStore::activate_all`], as an Enactor
//! without a wrapper does.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use plan_store::memory::MemoryPin;
use plan_store::{
    Activation, DnsStore, EndpointName, EndpointState, Failed, Generation, MemoryStore, PinError,
    Plan, PlanStore, PublishError, Reader, RecordSet, Resolution, Retention, StepError, Swept,
    Target,
};

/// A store that counts activations by the method that the caller used.
#[derive(Clone, Debug)]
pub struct Counted {
    store: MemoryStore,
    calls: Arc<Calls>,
}

#[derive(Default, Debug)]
struct Calls {
    activate: AtomicUsize,
    activate_all: AtomicUsize,
}

/// Activates a plan of three endpoints through a wrapper.
///
/// # Panics
/// If the activations do not reach the inner store as steps of its `activate_all`.
pub fn activate_all_reaches_the_inner_store<W: DnsStore>(wrap: impl FnOnce(Counted) -> W) {
    let store = Counted {
        store: MemoryStore::new(Retention::newest(1)),
        calls: Arc::default(),
    };
    let calls = Arc::clone(&store.calls);
    let wrapped = wrap(store);
    let endpoints = ["a.example", "b.example", "c.example"].map(|name| {
        let name: EndpointName = name.parse().unwrap();
        let target = Target::new(Ipv4Addr::LOCALHOST.into(), 1);
        let records = RecordSet::new(5, [target]).unwrap();
        (name, records)
    });
    let plan = Arc::new(Plan::new(endpoints).unwrap());
    wrapped.publish(Arc::clone(&plan)).unwrap();
    let pin = wrapped.latest().unwrap().unwrap();
    for (at, (endpoint, outcome)) in wrapped.activate_all(&pin).enumerate() {
        assert_eq!(
            Some(endpoint),
            plan.endpoints().map(|(name, _)| name).nth(at)
        );
        assert!(matches!(outcome, Ok(Activation::Activated { .. })));
        let walked = calls.activate_all.load(Ordering::Relaxed);
        assert_eq!(walked, at + 1, "one step each time");
    }
    assert_eq!(calls.activate_all.load(Ordering::Relaxed), 3);
    assert_eq!(calls.activate.load(Ordering::Relaxed), 0);
}

impl PlanStore for Counted {
    type Key = EndpointName;
    type Value = RecordSet;
    type Error = Infallible;
    type Pin = MemoryPin;
    type Reader = Reader;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError> {
        self.store.publish(plan)
    }

    fn latest(&self) -> Result<Option<MemoryPin>, PinError> {
        self.store.latest()
    }

    fn pin(&self, generation: Generation) -> Result<MemoryPin, PinError> {
        self.store.pin(generation)
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed> {
        self.store.newest_active()
    }

    fn activate(&self, pin: &MemoryPin, endpoint: &EndpointName) -> Result<Activation, StepError> {
        self.calls.activate.fetch_add(1, Ordering::Relaxed);
        self.store.activate(pin, endpoint)
    }

    fn activate_all<'a>(
        &'a self,
        pin: &'a MemoryPin,
    ) -> impl Iterator<Item = (&'a EndpointName, Result<Activation, StepError>)> {
        self.store.activate_all(pin).inspect(|_| {
            self.calls.activate_all.fetch_add(1, Ordering::Relaxed);
        })
    }

    fn stale_endpoints(&self, pin: &MemoryPin) -> Result<Vec<EndpointName>, StepError> {
        self.store.stale_endpoints(pin)
    }

    fn withdraw(&self, pin: &MemoryPin, endpoint: &EndpointName) -> Result<Activation, StepError> {
        self.store.withdraw(pin, endpoint)
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed> {
        self.store.state(endpoint)
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed> {
        self.store.sweep(applied)
    }

    fn reader(&self) -> Reader {
        self.store.reader()
    }

    fn resolve(&self, endpoint: &EndpointName) -> Resolution {
        self.store.resolve(endpoint)
    }
}
