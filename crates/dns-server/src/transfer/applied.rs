//! Which plan secondaries can have: the newest that has been passed by at each of its endpoints.
//!
//! # Rules
//! 1. A plan has been passed by at an endpoint if the endpoint is on it, or on a newer plan: by
//!    activation or withdrawal. Generations of endpoints only grow (`Monotonic`), so each
//!    endpoint is looked at until that is so, and never again for this plan.
//! 2. One plan is looked at until it has been passed by everywhere, even if newer ones have been
//!    published. So a Planner that publishes faster than passes end holds up nothing.
//! 3. If the store does not know an endpoint of the plan any more, a newer plan has withdrawn it
//!    and a sweep has forgotten it. Then the newest plan is looked at instead.
//! 4. If a pass fails at one endpoint again and again, secondaries stay on the plan before. They
//!    get no plan in part.

use std::sync::Arc;

use plan_store::{EndpointName, Generation, Plan, Resolution, Resolve};

/// A plan with its generation.
type Numbered = (Generation, Arc<Plan>);

/// Finds out which plan can be transferred, from what a reader shows.
///
/// ```
/// # use std::sync::Arc;
/// # use plan_store::{MemoryStore, Pin, Plan, PlanStore, RecordSet, Retention, Target};
/// use dns_server::AppliedPlans;
///
/// # let store = MemoryStore::new(Retention::newest(3));
/// # let target = Target::new([192, 0, 2, 1].into(), 1);
/// # let records = RecordSet::new(5, [target])?;
/// # let plan = Plan::new([("db.example".parse()?, records)])?;
/// let mut applied = AppliedPlans::new(store.reader());
/// store.publish(Arc::new(plan))?;
/// let pin = store.latest()?.ok_or("there is a plan")?;
/// let mut look = || applied.look(|| Some((pin.generation(), Arc::clone(pin.plan()))));
/// assert!(look().is_none());
/// for (endpoint, _) in pin.plan().endpoints() {
///     let _activated = store.activate(&pin, endpoint)?;
/// }
/// assert_eq!(look().map(|(generation, _)| generation), Some(pin.generation()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AppliedPlans<R> {
    reader: R,
    /// The plan that is looked at, and its first endpoint that may not have passed it.
    candidate: Option<(Numbered, EndpointName)>,
    /// The last plan that was found.
    applied: Option<Generation>,
}

impl<R: Resolve> AppliedPlans<R> {
    /// None is known yet.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            candidate: None,
            applied: None,
        }
    }

    /// The newest plan that has been passed by everywhere, if it is newer than the last one that
    /// was returned here. `latest` is the newest plan in the store; it is asked for only if it is
    /// needed. Does not wait. Takes time in proportion to the endpoints that have passed.
    pub fn look(&mut self, latest: impl Fn() -> Option<Numbered>) -> Option<Numbered> {
        let mut found = None;
        loop {
            if self.candidate.is_none() {
                let newer = latest().filter(|(newest, _)| Some(*newest) > self.applied);
                self.candidate = newer.and_then(|plan| {
                    let (first, _) = plan.1.endpoints().next()?;
                    let first = first.clone();
                    Some((plan, first))
                });
            }
            let Some(applied) = self.passed() else {
                return found;
            };
            self.applied = Some(applied.0);
            found = Some(applied);
        }
    }

    /// The candidate, if it has been passed by everywhere.
    fn passed(&mut self) -> Option<Numbered> {
        let ((generation, plan), first) = self.candidate.take()?;
        let mut endpoints = plan.endpoints_from(&first);
        let reader = &mut self.reader;
        let not_yet = endpoints.find_map(|(endpoint, _)| match reader.resolve(endpoint) {
            Resolution::Unknown => Some(None),
            known if known.generation() < Some(generation) => Some(Some(endpoint.clone())),
            _ => None,
        });
        drop(endpoints);
        match not_yet {
            None => Some((generation, plan)),
            Some(endpoint) => {
                self.candidate = endpoint.map(|endpoint| ((generation, plan), endpoint));
                None
            }
        }
    }
}
