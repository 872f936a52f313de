//! A store whose steps can be held and timed.

use plan_store::{Activation, DnsStore, EndpointName, Layer, StepError};

/// Takes each step of [`PlanStore::activate_all`](plan_store::PlanStore::activate_all) when
/// the caller asks for it.
///
/// A store on other machines takes some steps ahead of the caller. A wrapper that stops
/// before a step, or records when a step began, would then be too late. So such a wrapper
/// wraps this.
#[derive(Clone, Debug)]
pub struct OneByOne<S>(pub S);

impl<S: DnsStore> Layer for OneByOne<S> {
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

    /// Takes the step by `activate`. The closure would be a step of the inner store's walk.
    fn activate(
        &self,
        pin: &S::Pin,
        endpoint: &EndpointName,
        _: impl FnOnce() -> Result<Activation, StepError<S::Error>>,
    ) -> Result<Activation, StepError<S::Error>> {
        self.0.activate(pin, endpoint)
    }
}
