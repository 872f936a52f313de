//! What a [`Layer`] passes on to the inner store.

use std::net::Ipv4Addr;
use std::sync::Arc;

use plan_store::memory::MemoryPin;
use plan_store::{
    Activation, EndpointName, EndpointState, Error, Generation, Layer, MemoryStore, Plan,
    PlanStore, Reader, RecordSet, Resolution, Resolve, Retention, Standing, Swept, Target,
    activate_one_by_one,
};
use plan_store_conformance::counted::{Counted, activate_all_reaches_the_inner_store};
use plan_store_conformance::{Effort, Stores, scripts};

/// Changes nothing.
#[derive(Clone)]
struct Plain<S>(S);

impl<S: PlanStore> Layer for Plain<S> {
    type Inner = S;
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

impl Layer for Refuses {
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

    fn activate(
        &self,
        _: &MemoryPin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, Error>,
    ) -> Result<Activation, Error> {
        if *endpoint == self.endpoint {
            return Err(Error::Backend("refused".into()));
        }
        step()
    }
}

#[test]
fn a_walk_through_a_layer_is_the_inner_stores_walk() {
    activate_all_reaches_the_inner_store(Plain);
    activate_all_reaches_the_inner_store(|counted| counted);
}

/// The check itself can fail.
#[test]
#[should_panic(expected = "one step each time")]
fn a_wrapper_that_activates_one_by_one_is_noticed() {
    struct Forgets(Counted);

    impl PlanStore for Forgets {
        type Pin = MemoryPin;
        type Reader = Reader;

        fn publish(&self, plan: Arc<Plan>) -> Result<Generation, Error> {
            self.0.publish(plan)
        }

        fn latest(&self) -> Result<Option<MemoryPin>, Error> {
            self.0.latest()
        }

        fn pin(&self, generation: Generation) -> Result<MemoryPin, Error> {
            self.0.pin(generation)
        }

        fn newest_active(&self) -> Result<Option<Generation>, Error> {
            self.0.newest_active()
        }

        fn activate(&self, pin: &MemoryPin, endpoint: &EndpointName) -> Result<Activation, Error> {
            self.0.activate(pin, endpoint)
        }

        fn activate_all<'a>(
            &'a self,
            pin: &'a MemoryPin,
        ) -> impl Iterator<Item = (&'a EndpointName, Result<Activation, Error>)> {
            activate_one_by_one(self, pin)
        }

        fn stale_endpoints(&self, pin: &MemoryPin) -> Result<Vec<EndpointName>, Error> {
            self.0.stale_endpoints(pin)
        }

        fn withdraw(&self, pin: &MemoryPin, endpoint: &EndpointName) -> Result<Activation, Error> {
            self.0.withdraw(pin, endpoint)
        }

        fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Error> {
            self.0.state(endpoint)
        }

        fn sweep(&self, applied: Generation) -> Result<Swept, Error> {
            self.0.sweep(applied)
        }

        fn reader(&self) -> Reader {
            self.0.reader()
        }

        fn resolve(&self, endpoint: &EndpointName) -> Resolution {
            self.0.resolve(endpoint)
        }
    }

    activate_all_reaches_the_inner_store(Forgets);
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
