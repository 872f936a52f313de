//! Scripts of operations, and a session that performs them on any store.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use plan_store::{
    Activation, EndpointName, EndpointState, Error, Generation, Pin, Plan, PlanStore, RecordSet,
    Resolution, Resolve, Retention, Swept, Target,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::Stores;

const ENDPOINTS: u8 = 4;
const READERS: usize = 2;

/// The parameters of a store, and a sequence of operations on it.
#[derive(Clone, Debug)]
pub struct Script {
    newest: u32,
    /// The last generation before the store began; 0 for none.
    before: u32,
    /// The operations.
    pub ops: Vec<Op>,
}

/// An operation. It names endpoints and readers by index, pins by their index among the
/// held pins, and plans by their distance from the first plan. So some plans have been
/// swept long ago, and some have never been published.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "a call each, by its name")]
pub enum Op {
    Publish(Vec<u8>),
    Republish(u32),
    Latest,
    Pin(u32),
    Unpin(usize),
    Activate(usize, u8),
    Withdraw(usize, u8),
    StaleEndpoints(usize),
    State(u8),
    NewestActive,
    Sweep(u32),
    Resolve(u8),
    Read(usize, u8),
    HasDescendant(usize, u8),
    NewReader(usize),
    /// An Enactor's pass on the latest plan.
    Pass,
}

/// The store's answer to an operation.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs, reason = "an answer each, by its type")]
pub enum Said {
    Nothing,
    Generation(Option<Generation>),
    Pinned(Generation, Arc<Plan>),
    Activation(Activation),
    Endpoints(Vec<EndpointName>),
    State(EndpointState),
    Swept(Swept),
    Resolved(Resolution),
    Read(EndpointName, Resolution),
    HasDescendant(bool),
    Pass(Vec<Said>),
    Error(String),
}

impl Script {
    /// Any script for these stores.
    pub fn any<M: Stores>(stores: &M) -> impl Strategy<Value = Self> + use<M> {
        let max = Generation::MAX.get();
        let before = select(if stores.can_continue() {
            vec![0, 0, 0, 1, 7, max - 12, max - 5, max - 1, max]
        } else {
            vec![0]
        });
        let ops = prop::collection::vec(any_op(), 1..80);
        (0..=3_u32, before, ops).prop_map(|(newest, before, ops)| Self {
            newest,
            before,
            ops,
        })
    }

    /// The retention of its store.
    pub fn retention(&self) -> Retention {
        Retention::newest(self.newest)
    }

    /// The generation that its store's first plan follows.
    pub fn last(&self) -> Option<Generation> {
        Generation::new(self.before)
    }
}

fn any_op() -> impl Strategy<Value = Op> {
    let endpoint = || 0..ENDPOINTS;
    let all: Vec<u8> = endpoint().collect();
    let plan = || 0..16_u32;
    let pin = || 0..4_usize;
    let reader = || 0..READERS;
    prop_oneof![
        6 => subsequence(all, 1..=usize::from(ENDPOINTS)).prop_map(Op::Publish),
        1 => plan().prop_map(Op::Republish),
        4 => Just(Op::Latest),
        2 => plan().prop_map(Op::Pin),
        4 => pin().prop_map(Op::Unpin),
        8 => (pin(), endpoint()).prop_map(|(pin, at)| Op::Activate(pin, at)),
        5 => (pin(), endpoint()).prop_map(|(pin, at)| Op::Withdraw(pin, at)),
        1 => pin().prop_map(Op::StaleEndpoints),
        1 => endpoint().prop_map(Op::State),
        1 => Just(Op::NewestActive),
        4 => plan().prop_map(Op::Sweep),
        1 => endpoint().prop_map(Op::Resolve),
        6 => (reader(), endpoint()).prop_map(|(reader, at)| Op::Read(reader, at)),
        3 => (reader(), endpoint()).prop_map(|(reader, at)| Op::HasDescendant(reader, at)),
        1 => reader().prop_map(Op::NewReader),
        4 => Just(Op::Pass),
    ]
}

/// The endpoints that all plans choose from.
pub(crate) fn endpoints() -> impl Iterator<Item = EndpointName> {
    (0..ENDPOINTS).map(endpoint)
}

/// Every second endpoint lies below the one before it.
fn endpoint(at: u8) -> EndpointName {
    let name = match at % 2 {
        0 => format!("e{at}.example"),
        _ => format!("e{at}.e{}.example", at - 1),
    };
    name.parse().unwrap()
}

/// A plan of these endpoints. Its serial number makes its records unique.
fn plan(named: &[u8], serial: usize) -> Arc<Plan> {
    let serial = u8::try_from(serial).unwrap();
    let records = |at: u8| {
        let address = |last| Ipv4Addr::new(10, at, serial, last).into();
        let targets = [1, 2].map(|last| Target::new(address(last), last));
        RecordSet::new(5, targets).unwrap()
    };
    Arc::new(Plan::new(named.iter().map(|&at| (endpoint(at), records(at)))).unwrap())
}

/// Performs the operations of a script, and keeps the pins and readers that the store
/// returns.
pub struct Session<'a, M: Stores> {
    stores: &'a M,
    pub(crate) store: M::Store,
    pub(crate) published: BTreeMap<Generation, Arc<Plan>>,
    pub(crate) pins: Vec<PinOf<M>>,
    readers: Vec<ReaderOf<M>>,
    before: u32,
}

pub(crate) type PinOf<M> = <<M as Stores>::Store as PlanStore>::Pin;
pub(crate) type ReaderOf<M> = <<M as Stores>::Store as PlanStore>::Reader;

impl<'a, M: Stores> Session<'a, M> {
    /// A session on a new store with the script's parameters.
    pub fn new(stores: &'a M, script: &Script) -> Self {
        let store = stores.make(script.retention(), script.last());
        Self {
            readers: (0..READERS).map(|_| store.reader()).collect(),
            published: BTreeMap::new(),
            pins: Vec::new(),
            before: script.before,
            stores,
            store,
        }
    }

    /// Performs an operation.
    pub fn perform(&mut self, op: &Op) -> Said {
        let said = self.try_to_perform(op);
        said.unwrap_or_else(|error| Said::Error(error.to_string()))
    }

    fn try_to_perform(&mut self, op: &Op) -> Result<Said, Error> {
        let store = &self.store;
        Ok(match *op {
            Op::Publish(ref named) => {
                let plan = plan(named, self.published.len());
                let generation = store.publish(Arc::clone(&plan))?;
                self.published.insert(generation, plan);
                Said::Generation(Some(generation))
            }
            Op::Republish(at) => {
                let older = self.generation(at);
                let generation = store.republish(older)?;
                let plan = Arc::clone(&self.published[&older]);
                self.published.insert(generation, plan);
                Said::Generation(Some(generation))
            }
            Op::Latest => store
                .latest()?
                .map_or(Said::Nothing, |pin| self.keep_pin(pin)),
            Op::Pin(at) => {
                let pin = store.pin(self.generation(at))?;
                self.keep_pin(pin)
            }
            Op::Unpin(pin) => {
                if !self.pins.is_empty() {
                    drop(self.pins.remove(pin % self.pins.len()));
                }
                Said::Nothing
            }
            Op::Activate(pin, at) => match self.pin(pin) {
                Some(pin) => Said::Activation(store.activate(pin, &endpoint(at))?),
                None => Said::Nothing,
            },
            Op::Withdraw(pin, at) => match self.pin(pin) {
                Some(pin) => Said::Activation(store.withdraw(pin, &endpoint(at))?),
                None => Said::Nothing,
            },
            Op::StaleEndpoints(pin) => match self.pin(pin) {
                Some(pin) => Said::Endpoints(store.stale_endpoints(pin)?),
                None => Said::Nothing,
            },
            Op::State(at) => Said::State(store.state(&endpoint(at))?),
            Op::NewestActive => Said::Generation(store.newest_active()?),
            Op::Sweep(at) => Said::Swept(store.sweep(self.generation(at))?),
            Op::Resolve(at) => {
                self.stores.settle(store);
                Said::Resolved(store.resolve(&endpoint(at)))
            }
            Op::Read(reader, at) => {
                self.stores.settle(store);
                let endpoint = endpoint(at);
                let resolution = self.readers[reader].resolve(&endpoint).clone();
                Said::Read(endpoint, resolution)
            }
            Op::HasDescendant(reader, at) => {
                self.stores.settle(store);
                Said::HasDescendant(self.readers[reader].has_descendant(&endpoint(at)))
            }
            Op::NewReader(reader) => {
                self.readers[reader] = store.reader();
                Said::Nothing
            }
            Op::Pass => self.pass()?,
        })
    }

    fn pass(&self) -> Result<Said, Error> {
        let store = &self.store;
        let Some(pin) = store.latest()? else {
            return Ok(Said::Nothing);
        };
        let mut said = vec![Said::Generation(Some(pin.generation()))];
        for (endpoint, outcome) in store.activate_all(&pin) {
            said.push(Said::Endpoints(vec![endpoint.clone()]));
            said.push(Said::Activation(outcome?));
        }
        for endpoint in store.stale_endpoints(&pin)? {
            said.push(Said::Activation(store.withdraw(&pin, &endpoint)?));
            said.push(Said::Endpoints(vec![endpoint]));
        }
        said.push(Said::Swept(store.sweep(pin.generation())?));
        Ok(Said::Pass(said))
    }

    fn keep_pin(&mut self, pin: PinOf<M>) -> Said {
        let said = Said::Pinned(pin.generation(), Arc::clone(pin.plan()));
        self.pins.push(pin);
        said
    }

    fn pin(&self, pin: usize) -> Option<&PinOf<M>> {
        self.pins.get(pin.checked_rem(self.pins.len())?)
    }

    fn generation(&self, at: u32) -> Generation {
        Generation::new(self.before + 1 + at).unwrap_or(Generation::MAX)
    }

    /// Waits until readers show all changes.
    pub(crate) fn settle(&self) {
        self.stores.settle(&self.store);
    }

    pub(crate) fn state(&self, endpoint: &EndpointName) -> EndpointState {
        self.store.state(endpoint).unwrap()
    }

    /// Whether a plan is in the store.
    pub(crate) fn keeps(&self, plan: Generation) -> bool {
        self.store.pin(plan).is_ok()
    }

    /// The visible state of the store: its plans, and where endpoints stand and what they
    /// answer.
    pub fn audit(&self) -> (Vec<Generation>, Vec<(EndpointState, Resolution)>) {
        self.settle();
        let plans = self.published.keys().copied();
        let endpoints = endpoints().map(|e| (self.state(&e), self.store.resolve(&e)));
        (
            plans.filter(|&plan| self.keeps(plan)).collect(),
            endpoints.collect(),
        )
    }
}

impl<M: Stores> fmt::Debug for Session<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
