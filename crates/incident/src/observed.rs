//! A store as one actor uses it: every step is recorded in the journal.

use std::borrow::Borrow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use plan_store::{
    Activation, DnsStore, EndpointName, Failed, Generation, Layer, Pin, PinError, Plan,
    PublishError, StepError, Swept,
};

use crate::event::{Actor, Event};
use crate::hook::{Hook, NoHook, Point};
use crate::journal::Journal;

/// One actor's handle on a store. It calls a [`Hook`] before each step and records an
/// [`Event`] after it. The store and the Enactor are unchanged.
#[derive(Clone)]
pub struct Observed<S> {
    store: S,
    actor: Actor,
    journal: Arc<Journal>,
    hook: Arc<dyn Hook>,
}

impl<S: DnsStore> Observed<S> {
    /// A handle without a hook.
    pub fn new(store: S, actor: Actor, journal: &Arc<Journal>) -> Self {
        Self::hooked(store, actor, journal, Arc::new(NoHook))
    }

    /// A handle that calls this hook before each step.
    pub fn hooked(store: S, actor: Actor, journal: &Arc<Journal>, hook: Arc<dyn Hook>) -> Self {
        let journal = Arc::clone(journal);
        Self {
            store,
            actor,
            journal,
            hook,
        }
    }

    /// Calls the hook, takes the step, and records the event, if there is one.
    fn step<T, E: StdError + 'static>(
        &self,
        point: &Point,
        step: impl FnOnce() -> Result<T, E>,
        event: impl FnOnce(&T) -> Option<Event>,
    ) -> Result<T, E> {
        self.hook.reach(self.actor, point);
        let result = step();
        let event = match &result {
            Ok(value) => event(value),
            Err(error) => Some(Event::failed(error)),
        };
        if let Some(event) = event {
            self.journal.record(self.actor, event);
        }
        result
    }
}

impl<S: DnsStore> Layer for Observed<S> {
    type Inner = S;
    type Error = S::Error;
    type Pin = ObservedPin<S::Pin>;
    type Reader = S::Reader;

    fn inner(&self) -> &S {
        &self.store
    }

    fn wrap(&self, pin: S::Pin) -> Self::Pin {
        self.journal.hold(pin.generation());
        let journal = Arc::clone(&self.journal);
        ObservedPin { pin, journal }
    }

    fn reader(&self) -> S::Reader {
        self.store.reader()
    }

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError<S::Error>> {
        let content = Arc::clone(&plan);
        self.step(
            &Point::Publish,
            || self.store.publish(plan),
            |&generation| {
                Some(Event::Published {
                    generation,
                    plan: content,
                })
            },
        )
    }

    fn latest(&self) -> Result<Option<S::Pin>, PinError<S::Error>> {
        // The Planner looks at the latest plan too, but does not pick it up.
        let picks_up = matches!(self.actor, Actor::Enactor(_));
        self.step(
            &Point::PickUp,
            || self.store.latest(),
            |pin| {
                let generation = pin.as_ref().filter(|_| picks_up)?.generation();
                Some(Event::PickedUp { generation })
            },
        )
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed<S::Error>> {
        self.step(
            &Point::Check,
            || self.store.newest_active(),
            |&newest| Some(Event::Checked { newest }),
        )
    }

    fn activate(
        &self,
        pin: &Self::Pin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<S::Error>>,
    ) -> Result<Activation, StepError<S::Error>> {
        self.step(&Point::Step(endpoint.clone()), step, |&outcome| {
            Some(stepped(pin, endpoint, false, outcome))
        })
    }

    fn withdraw(
        &self,
        pin: &Self::Pin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<S::Error>>,
    ) -> Result<Activation, StepError<S::Error>> {
        self.step(&Point::Step(endpoint.clone()), step, |&outcome| {
            Some(stepped(pin, endpoint, true, outcome))
        })
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<S::Error>> {
        self.step(
            &Point::Sweep,
            || self.store.sweep(applied),
            |swept| {
                Some(Event::Swept {
                    applied,
                    swept: swept.clone(),
                })
            },
        )
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

impl<T: Pin> Borrow<T> for ObservedPin<T> {
    fn borrow(&self) -> &T {
        &self.pin
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
