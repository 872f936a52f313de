//! Wrappers around a store that change only a part of it.

use std::borrow::Borrow;
use std::error::Error as StdError;
use std::sync::Arc;

use crate::{
    Activation, EndpointState, Failed, Generation, Pin, PinError, Plan, PlanStore, PublishError,
    Resolution, Resolve, StepError, Swept,
};

/// The keys of the store that `L` wraps.
pub type InnerKey<L> = <<L as Layer>::Inner as PlanStore>::Key;
/// The values of the store that `L` wraps.
pub type InnerValue<L> = <<L as Layer>::Inner as PlanStore>::Value;
/// The error of the store that `L` wraps.
pub type InnerError<L> = <<L as Layer>::Inner as PlanStore>::Error;
/// The pin of the store that `L` wraps.
pub type InnerPin<L> = <<L as Layer>::Inner as PlanStore>::Pin;

/// A wrapper around a [`PlanStore`] that is a `PlanStore` itself.
///
/// A layer overrides the methods that it changes. All others call the same method of the inner
/// store, so the code below the layer is the code that runs without it.
///
/// [`Layer::activate`] and [`Layer::withdraw`] are called *around* each step. The layer
/// gets the step as a closure: the layer may do something before and after the step, replace
/// the outcome, or not take the step at all. [`PlanStore::activate_all`] calls
/// [`Layer::activate`] for each endpoint, and the step is the next one of the inner store's
/// `activate_all`. Once the layer has left out a step, the endpoints after it are activated one
/// by one.
///
/// `Layer` and [`PlanStore`] have methods of the same names. So import only `PlanStore` where
/// you call a layer. With both traits in scope, the calls are ambiguous.
///
/// ```
/// use std::convert::Infallible;
/// use plan_store::{Activation, EndpointName, Layer, MemoryStore, Reader, StepError};
/// use plan_store::memory::MemoryPin;
///
/// /// Logs each activation.
/// struct Logged(MemoryStore);
///
/// impl Layer for Logged {
///     type Inner = MemoryStore;
///     type Error = Infallible;
///     type Pin = MemoryPin;
///     type Reader = Reader;
///
///     fn inner(&self) -> &MemoryStore {
///         &self.0
///     }
///
///     fn wrap(&self, pin: MemoryPin) -> MemoryPin {
///         pin
///     }
///
///     fn reader(&self) -> Reader {
///         plan_store::PlanStore::reader(&self.0)
///     }
///
///     fn activate(
///         &self,
///         _: &MemoryPin,
///         endpoint: &EndpointName,
///         step: impl FnOnce() -> Result<Activation, StepError>,
///     ) -> Result<Activation, StepError> {
///         let outcome = step();
///         println!("{endpoint}: {outcome:?}");
///         outcome
///     }
/// }
/// ```
pub trait Layer: Send + Sync {
    /// The store that is wrapped.
    type Inner: PlanStore;
    /// The layer's error: the inner store's, or one made from it.
    type Error: StdError + Send + Sync + 'static + From<InnerError<Self>>;
    /// The layer's pin: the inner store's, or one that holds it.
    type Pin: Pin<InnerKey<Self>, InnerValue<Self>> + Send + Borrow<InnerPin<Self>>;
    /// The layer's serving side.
    type Reader: Resolve<InnerKey<Self>, InnerValue<Self>> + Send;

    /// The store that is wrapped.
    fn inner(&self) -> &Self::Inner;

    /// Makes the layer's pin from the inner store's pin. The layer's store calls this for each
    /// pin that [`Layer::latest`] and [`Layer::pin`] return.
    fn wrap(&self, pin: InnerPin<Self>) -> Self::Pin;

    /// See [`PlanStore::reader`].
    fn reader(&self) -> Self::Reader;

    /// See [`PlanStore::publish`].
    ///
    /// # Errors
    /// Those of the inner store, unless the layer says otherwise.
    fn publish(
        &self,
        plan: Arc<Plan<InnerKey<Self>, InnerValue<Self>>>,
    ) -> Result<Generation, PublishError<Self::Error>> {
        self.inner()
            .publish(plan)
            .map_err(|error| error.map(Into::into))
    }

    /// See [`PlanStore::latest`].
    ///
    /// # Errors
    /// As for [`Layer::publish`].
    fn latest(&self) -> Result<Option<InnerPin<Self>>, PinError<Self::Error>> {
        self.inner().latest().map_err(|error| error.map(Into::into))
    }

    /// See [`PlanStore::pin`].
    ///
    /// # Errors
    /// As for [`Layer::publish`].
    fn pin(&self, generation: Generation) -> Result<InnerPin<Self>, PinError<Self::Error>> {
        self.inner()
            .pin(generation)
            .map_err(|error| error.map(Into::into))
    }

    /// See [`PlanStore::newest_active`].
    ///
    /// # Errors
    /// As for [`Layer::publish`].
    fn newest_active(&self) -> Result<Option<Generation>, Failed<Self::Error>> {
        self.inner()
            .newest_active()
            .map_err(|error| error.map(Into::into))
    }

    /// Called around each activation at an endpoint; `step` takes it in the inner store.
    ///
    /// # Errors
    /// As for [`Layer::publish`].
    fn activate(
        &self,
        _pin: &Self::Pin,
        _endpoint: &InnerKey<Self>,
        step: impl FnOnce() -> Result<Activation, StepError<Self::Error>>,
    ) -> Result<Activation, StepError<Self::Error>> {
        step()
    }

    /// See [`PlanStore::stale_endpoints`].
    ///
    /// # Errors
    /// As for [`Layer::publish`].
    fn stale_endpoints(
        &self,
        pin: &Self::Pin,
    ) -> Result<Vec<InnerKey<Self>>, StepError<Self::Error>> {
        self.inner()
            .stale_endpoints(pin.borrow())
            .map_err(|error| error.map(Into::into))
    }

    /// Called around each withdrawal of an endpoint; `step` takes it in the inner store.
    ///
    /// # Errors
    /// As for [`Layer::publish`].
    fn withdraw(
        &self,
        _pin: &Self::Pin,
        _endpoint: &InnerKey<Self>,
        step: impl FnOnce() -> Result<Activation, StepError<Self::Error>>,
    ) -> Result<Activation, StepError<Self::Error>> {
        step()
    }

    /// See [`PlanStore::state`].
    ///
    /// # Errors
    /// As for [`Layer::publish`].
    fn state(&self, endpoint: &InnerKey<Self>) -> Result<EndpointState, Failed<Self::Error>> {
        self.inner()
            .state(endpoint)
            .map_err(|error| error.map(Into::into))
    }

    /// See [`PlanStore::sweep`].
    ///
    /// # Errors
    /// As for [`Layer::publish`].
    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<Self::Error>> {
        self.inner()
            .sweep(applied)
            .map_err(|error| error.map(Into::into))
    }
}

impl<L: Layer> PlanStore for L {
    type Key = InnerKey<L>;
    type Value = InnerValue<L>;
    type Error = L::Error;
    type Pin = L::Pin;
    type Reader = L::Reader;

    fn publish(
        &self,
        plan: Arc<Plan<Self::Key, Self::Value>>,
    ) -> Result<Generation, PublishError<Self::Error>> {
        Layer::publish(self, plan)
    }

    fn latest(&self) -> Result<Option<L::Pin>, PinError<Self::Error>> {
        let pin = Layer::latest(self)?;
        Ok(pin.map(|pin| self.wrap(pin)))
    }

    fn pin(&self, generation: Generation) -> Result<L::Pin, PinError<Self::Error>> {
        let pin = Layer::pin(self, generation)?;
        Ok(self.wrap(pin))
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed<Self::Error>> {
        Layer::newest_active(self)
    }

    fn activate(
        &self,
        pin: &L::Pin,
        endpoint: &Self::Key,
    ) -> Result<Activation, StepError<Self::Error>> {
        let step = || lift(self.inner().activate(pin.borrow(), endpoint));
        Layer::activate(self, pin, endpoint, step)
    }

    fn activate_all<'a>(
        &'a self,
        pin: &'a L::Pin,
    ) -> impl Iterator<Item = (&'a Self::Key, Result<Activation, StepError<Self::Error>>)> {
        // The inner store's walk, as long as the layer takes each of its steps.
        let mut walk = Some(self.inner().activate_all(pin.borrow()));
        pin.plan().endpoints().map(move |(endpoint, _)| {
            let mut left_out = true;
            let outcome = Layer::activate(self, pin, endpoint, || {
                left_out = false;
                match walk.as_mut().and_then(Iterator::next) {
                    Some((at, outcome)) => {
                        debug_assert_eq!(at, endpoint, "the walk is in the plan's order");
                        lift(outcome)
                    }
                    None => lift(self.inner().activate(pin.borrow(), endpoint)),
                }
            });
            if left_out {
                walk = None;
            }
            (endpoint, outcome)
        })
    }

    fn stale_endpoints(&self, pin: &L::Pin) -> Result<Vec<Self::Key>, StepError<Self::Error>> {
        Layer::stale_endpoints(self, pin)
    }

    fn withdraw(
        &self,
        pin: &L::Pin,
        endpoint: &Self::Key,
    ) -> Result<Activation, StepError<Self::Error>> {
        let step = || lift(self.inner().withdraw(pin.borrow(), endpoint));
        Layer::withdraw(self, pin, endpoint, step)
    }

    fn state(&self, endpoint: &Self::Key) -> Result<EndpointState, Failed<Self::Error>> {
        Layer::state(self, endpoint)
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<Self::Error>> {
        Layer::sweep(self, applied)
    }

    fn reader(&self) -> L::Reader {
        Layer::reader(self)
    }

    /// Asks a new reader, because the layer may answer in another way than the inner
    /// store.
    fn resolve(&self, endpoint: &Self::Key) -> Resolution<Self::Value> {
        Layer::reader(self).resolve(endpoint).clone()
    }
}

/// A step's outcome with the layer's error.
fn lift<E: From<F>, F>(step: Result<Activation, StepError<F>>) -> Result<Activation, StepError<E>> {
    step.map_err(|error| error.map(E::from))
}
