//! A store as one actor uses it, with every step written down.

use std::fmt;
use std::sync::Arc;

use plan_store::{
    Activation, EndpointName, EndpointState, Error, Generation, Pin, Plan, PlanStore, Swept,
};

use crate::event::{Actor, Event};
use crate::hook::{Hook, NoHook, Point};
use crate::journal::Journal;

/// One actor's handle on a store. Before each step it stops at the gate; after
/// each it writes down what came of it. The store and the Enactor are as they
/// always are.
#[derive(Clone)]
pub struct Observed<S> {
    store: S,
    actor: Actor,
    journal: Arc<Journal>,
    gate: Arc<dyn Hook>,
}

impl<S: PlanStore> Observed<S> {
    /// A handle with an open gate.
    pub fn new(store: S, actor: Actor, journal: &Arc<Journal>) -> Self {
        Self::gated(store, actor, journal, Arc::new(NoHook))
    }

    /// A handle that stops at this gate.
    pub fn gated(store: S, actor: Actor, journal: &Arc<Journal>, gate: Arc<dyn Hook>) -> Self {
        let journal = Arc::clone(journal);
        Self {
            store,
            actor,
            journal,
            gate,
        }
    }

    /// Gets to the point, takes the step, and writes down what came of it, if
    /// anything did.
    fn step<T>(
        &self,
        point: &Point,
        step: impl FnOnce(&S) -> Result<T, Error>,
        event: impl FnOnce(&T) -> Option<Event>,
    ) -> Result<T, Error> {
        self.gate.reach(self.actor, point);
        let result = step(&self.store);
        let event = match &result {
            Ok(value) => event(value),
            Err(error) => Some(Event::failed(error)),
        };
        if let Some(event) = event {
            self.journal.record(self.actor, event);
        }
        result
    }

    fn hold(&self, pin: S::Pin) -> ObservedPin<S::Pin> {
        self.journal.hold(pin.generation());
        let journal = Arc::clone(&self.journal);
        ObservedPin { pin, journal }
    }
}

impl<S: PlanStore> PlanStore for Observed<S> {
    type Pin = ObservedPin<S::Pin>;
    type Reader = S::Reader;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, Error> {
        let content = Arc::clone(&plan);
        self.step(
            &Point::Publish,
            |store| store.publish(plan),
            |&generation| {
                Some(Event::Published {
                    generation,
                    plan: content,
                })
            },
        )
    }

    fn latest(&self) -> Result<Option<Self::Pin>, Error> {
        // The Planner looks at the latest plan too, but does not pick it up.
        let picks_up = matches!(self.actor, Actor::Enactor(_));
        let latest = self.step(&Point::PickUp, PlanStore::latest, |pin| {
            let generation = pin.as_ref().filter(|_| picks_up)?.generation();
            Some(Event::PickedUp { generation })
        })?;
        Ok(latest.map(|pin| self.hold(pin)))
    }

    fn pin(&self, generation: Generation) -> Result<Self::Pin, Error> {
        self.store.pin(generation).map(|pin| self.hold(pin))
    }

    fn newest_active(&self) -> Result<Option<Generation>, Error> {
        self.step(&Point::Check, PlanStore::newest_active, |&newest| {
            Some(Event::Checked { newest })
        })
    }

    fn activate(&self, pin: &Self::Pin, endpoint: &EndpointName) -> Result<Activation, Error> {
        self.step(
            &Point::Step(endpoint.clone()),
            |store| store.activate(&pin.pin, endpoint),
            |&outcome| Some(stepped(pin, endpoint, false, outcome)),
        )
    }

    fn stale_endpoints(&self, pin: &Self::Pin) -> Result<Vec<EndpointName>, Error> {
        self.store.stale_endpoints(&pin.pin)
    }

    fn withdraw(&self, pin: &Self::Pin, endpoint: &EndpointName) -> Result<Activation, Error> {
        self.step(
            &Point::Step(endpoint.clone()),
            |store| store.withdraw(&pin.pin, endpoint),
            |&outcome| Some(stepped(pin, endpoint, true, outcome)),
        )
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Error> {
        self.store.state(endpoint)
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Error> {
        self.step(
            &Point::Sweep,
            |store| store.sweep(applied),
            |swept| {
                Some(Event::Swept {
                    applied,
                    swept: swept.clone(),
                })
            },
        )
    }

    fn reader(&self) -> Self::Reader {
        self.store.reader()
    }
}

fn stepped(pin: &impl Pin, endpoint: &EndpointName, withdraws: bool, outcome: Activation) -> Event {
    Event::Stepped {
        endpoint: endpoint.clone(),
        generation: pin.generation(),
        withdraws,
        outcome,
    }
}

/// A pin that the journal knows to be held.
#[derive(Debug)]
pub struct ObservedPin<T: Pin> {
    pin: T,
    journal: Arc<Journal>,
}

impl<T: Pin> Pin for ObservedPin<T> {
    fn generation(&self) -> Generation {
        self.pin.generation()
    }

    fn plan(&self) -> &Arc<Plan> {
        self.pin.plan()
    }
}

impl<T: Pin> Drop for ObservedPin<T> {
    fn drop(&mut self) {
        self.journal.let_go(self.pin.generation());
    }
}

impl<S> fmt::Debug for Observed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("actor", &self.actor)
            .finish_non_exhaustive()
    }
}
