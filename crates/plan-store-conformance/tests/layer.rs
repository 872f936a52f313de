//! What a [`Layer`] passes on to the inner store.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use plan_store::memory::MemoryPin;
use plan_store::{
    Activation, DnsStore, EndpointName, EndpointState, Failed, Generation, Layer, MemoryStore, Pin,
    PinError, Plan, PlanStore, PublishError, Reader, RecordSet, Resolution, Resolve, Retention,
    Standing, StepError, Swept, Target,
};
use plan_store_conformance::counted::activate_all_reaches_the_inner_store;
use plan_store_conformance::{Effort, Stores, edges, scripts};

/// Changes nothing.
#[derive(Clone)]
struct Plain<S>(S);

impl<S: DnsStore> Layer for Plain<S> {
    type Inner = S;
    type Error = S::Error;
    type Pin = S::Pin;
    type Reader = S::Reader;

    fn inner(&self) -> &S {
        &self.0
    }

    fn wrap(&self, pin: S::Pin) -> S::Pin {
        pin
    }

    fn reader(&self) -> S::Reader {
        self.0.reader()
    }
}

struct Plains;

impl Stores for Plains {
    type Store = Plain<MemoryStore>;

    fn make(&self, retention: Retention, last: Option<Generation>) -> Plain<MemoryStore> {
        Plain(match last {
            None => MemoryStore::new(retention),
            Some(last) => MemoryStore::continuing(retention, last),
        })
    }

    fn effort(&self) -> Effort {
        Effort {
            scripts: Some(100),
            ..Effort::FULL
        }
    }
}

#[test]
fn a_store_in_a_layer_that_changes_nothing_is_that_store() {
    scripts::the_store_agrees_with_the_reference(&Plains);
}

/// Refuses to activate one endpoint.
struct Refuses {
    store: MemoryStore,
    endpoint: EndpointName,
}

/// The error of the refused step.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl Error for Refused {}

impl From<Infallible> for Refused {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Layer for Refuses {
    type Inner = MemoryStore;
    type Error = Refused;
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

    fn activate(
        &self,
        _: &MemoryPin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<Refused>>,
    ) -> Result<Activation, StepError<Refused>> {
        if *endpoint == self.endpoint {
            return Err(Refused.into());
        }
        step()
    }
}

#[test]
fn a_walk_through_a_layer_is_the_inner_stores_walk() {
    activate_all_reaches_the_inner_store(Plain);
    activate_all_reaches_the_inner_store(|counted| counted);
}

/// Activates one by one, in the plan's order or backwards.
#[derive(Clone)]
struct Walks<S> {
    store: S,
    backwards: bool,
}

impl<S: DnsStore> PlanStore for Walks<S> {
    type Key = EndpointName;
    type Value = RecordSet;
    type Error = S::Error;
    type Pin = S::Pin;
    type Reader = S::Reader;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError<S::Error>> {
        self.store.publish(plan)
    }

    fn latest(&self) -> Result<Option<S::Pin>, PinError<S::Error>> {
        self.store.latest()
    }

    fn pin(&self, generation: Generation) -> Result<S::Pin, PinError<S::Error>> {
        self.store.pin(generation)
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed<S::Error>> {
        self.store.newest_active()
    }

    fn activate(
        &self,
        pin: &S::Pin,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError<S::Error>> {
        self.store.activate(pin, endpoint)
    }

    fn activate_all<'a>(
        &'a self,
        pin: &'a S::Pin,
    ) -> impl Iterator<Item = (&'a EndpointName, Result<Activation, StepError<S::Error>>)> {
        let mut endpoints: Vec<_> = pin.plan().endpoints().map(|(name, _)| name).collect();
        if self.backwards {
            endpoints.reverse();
        }
        let steps = endpoints.into_iter();
        steps.map(|endpoint| (endpoint, self.activate(pin, endpoint)))
    }

    fn stale_endpoints(&self, pin: &S::Pin) -> Result<Vec<EndpointName>, StepError<S::Error>> {
        self.store.stale_endpoints(pin)
    }

    fn withdraw(
        &self,
        pin: &S::Pin,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError<S::Error>> {
        self.store.withdraw(pin, endpoint)
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed<S::Error>> {
        self.store.state(endpoint)
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<S::Error>> {
        self.store.sweep(applied)
    }

    fn reader(&self) -> S::Reader {
        self.store.reader()
    }

    fn resolve(&self, endpoint: &EndpointName) -> Resolution {
        self.store.resolve(endpoint)
    }
}

/// The check itself can fail.
#[test]
#[should_panic(expected = "one step each time")]
fn a_wrapper_that_activates_one_by_one_is_noticed() {
    activate_all_reaches_the_inner_store(|store| Walks {
        store,
        backwards: false,
    });
}

struct Backwards;

impl Stores for Backwards {
    type Store = Walks<MemoryStore>;

    fn make(&self, retention: Retention, last: Option<Generation>) -> Walks<MemoryStore> {
        let store = Plains.make(retention, last).0;
        let backwards = true;
        Walks { store, backwards }
    }

    fn effort(&self) -> Effort {
        Effort::FULL
    }
}

/// So can this one.
#[test]
#[should_panic(expected = "in the plan's order")]
fn a_walk_in_another_order_is_noticed() {
    edges::a_walk_takes_each_endpoint_of_the_plan_once_and_in_its_order(&Backwards);
}

#[test]
fn a_step_that_a_layer_leaves_out_is_not_taken_and_the_others_are() {
    let names = ["e0.example", "e1.example", "e2.example", "e3.example"];
    let names = names.map(|name| name.parse::<EndpointName>().unwrap());
    let endpoints = names.each_ref().map(|name| {
        let target = Target::new(Ipv4Addr::LOCALHOST.into(), 1);
        (name.clone(), RecordSet::new(5, [target]).unwrap())
    });
    for refused in &names {
        let store = Refuses {
            store: MemoryStore::new(Retention::newest(1)),
            endpoint: refused.clone(),
        };
        let plan = Arc::new(Plan::new(endpoints.clone()).unwrap());
        let generation = PlanStore::publish(&store, plan).unwrap();
        let pin = PlanStore::latest(&store).unwrap().unwrap();
        let walk = store.activate_all(&pin);
        let walked: Vec<_> = walk
            .map(|(name, outcome)| (name, outcome.is_ok()))
            .collect();
        let expected = names.each_ref().map(|name| (name, name != refused));
        assert_eq!(walked, expected);
        for (name, activated) in expected {
            let standing = PlanStore::state(&store, name).unwrap().standing;
            let wanted = if activated {
                Standing::Active(generation)
            } else {
                Standing::Vacant
            };
            assert_eq!(standing, wanted, "{name}, {refused} refused");
        }
    }
}

/// A layer whose readers know nothing.
struct Silent(MemoryStore);

struct SilentReader;

impl Layer for Silent {
    type Inner = MemoryStore;
    type Error = Infallible;
    type Pin = MemoryPin;
    type Reader = SilentReader;

    fn inner(&self) -> &MemoryStore {
        &self.0
    }

    fn wrap(&self, pin: MemoryPin) -> MemoryPin {
        pin
    }

    fn reader(&self) -> SilentReader {
        SilentReader
    }
}

impl Resolve for SilentReader {
    fn resolve(&mut self, _: &EndpointName) -> &Resolution {
        &Resolution::Unknown
    }

    fn has_descendant(&mut self, _: &EndpointName) -> bool {
        false
    }
}

#[test]
fn a_layer_resolves_as_its_own_readers_do() {
    let name = "a.example".parse::<EndpointName>().unwrap();
    let target = Target::new(Ipv4Addr::LOCALHOST.into(), 1);
    let records = RecordSet::new(5, [target]).unwrap();
    let store = Silent(MemoryStore::new(Retention::newest(1)));
    let plan = Plan::new([(name.clone(), records)]).unwrap();
    PlanStore::publish(&store, Arc::new(plan)).unwrap();
    assert_eq!(store.0.resolve(&name), Resolution::Vacant);
    assert_eq!(store.resolve(&name), Resolution::Unknown);
}
