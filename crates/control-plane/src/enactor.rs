//! One Enactor's work on one plan.
//!
//! # A pass
//! 1. *Pick up* the latest plan, which pins it.
//! 2. *Check*, once: is any endpoint on a newer plan already?
//! 3. *Activate* it endpoint by endpoint; *withdraw* the endpoints that it no
//!    longer names.
//! 4. *Sweep*, if all of that was done.
//!
//! This is the incident's protocol as it was. The check in step 2 may be long
//! out of date when step 3 is reached, and nothing here makes up for that: it
//! saves work and proves nothing. What keeps a slow pass from doing harm is the
//! store's answer in step 3. On a store that decides freshness in the write, a
//! pass that was overtaken hears *stale* and ends.

use std::fmt;
use std::sync::Arc;

use plan_store::{Activation, EndpointName, Generation, Pin, PlanStore, Swept};
use tracing::field::Empty;
use tracing::{debug, info, info_span, warn};

use crate::Error;

/// How often a pass reads an endpoint's state to settle a lost reply.
const MAX_READS: u32 = 3;

/// Applies plans. Holds nothing between passes, so that one can be thrown away
/// and started anew at any time.
#[derive(Clone)]
pub struct Enactor<S> {
    name: Arc<str>,
    store: S,
}

/// What a pass came to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[must_use]
pub enum Pass {
    /// No plan has been published.
    NoPlan,
    /// The check at the start found an endpoint on a newer plan.
    StaleAtStart {
        /// The plan that was picked up.
        plan: Generation,
        /// The newer one.
        active: Generation,
    },
    /// A newer plan had overtaken this one when it came to an endpoint. The pass
    /// ended there, without a sweep; the newer plan's pass does the rest.
    Stale {
        /// The plan that was picked up.
        plan: Generation,
        /// The newer one.
        active: Generation,
        /// The endpoint where it was met.
        endpoint: EndpointName,
    },
    /// The plan is active at all its endpoints.
    Applied {
        /// The plan.
        plan: Generation,
        /// At how many endpoints this pass activated it or withdrew by it; at
        /// the others it had been done before.
        changed: usize,
        /// What the sweep did.
        swept: Swept,
    },
}

/// A step at one endpoint that this pass or an earlier one has done.
enum Done {
    Now,
    Before,
}

/// Why the walk over the endpoints ended early.
enum Stop {
    Stale {
        active: Generation,
        endpoint: EndpointName,
    },
    Failed(Error),
}

impl<S: PlanStore> Enactor<S> {
    /// An Enactor over this store. The name appears in logs and reports.
    pub fn new(name: impl Into<Arc<str>>, store: S) -> Self {
        let name = name.into();
        Self { name, store }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Does one pass, as the module describes it. Deterministic, but for what
    /// the store answers.
    ///
    /// # Errors
    /// [`Error::Store`] if no plan could be picked up or swept;
    /// [`Error::Incomplete`] if some endpoint could not be done. All the others
    /// are done then, and nothing is swept.
    pub fn pass(&self) -> Result<Pass, Error> {
        let span = info_span!("pass", enactor = %self.name, generation = Empty).entered();
        let Some(pin) = self.store.latest()? else {
            debug!("no plan");
            return Ok(Pass::NoPlan);
        };
        let plan = pin.generation();
        span.record("generation", plan.get());
        let newest = self.store.newest_active()?;
        if let Some(active) = newest.filter(|&active| active > plan) {
            info!(%active, "stale at the start");
            return Ok(Pass::StaleAtStart { plan, active });
        }
        match self.apply(&pin) {
            Ok(changed) => {
                let swept = self.store.sweep(plan)?;
                let deleted = swept.deleted.len();
                if changed + deleted > 0 {
                    info!(changed, deleted, "applied");
                } else {
                    debug!("applied already");
                }
                Ok(Pass::Applied {
                    plan,
                    changed,
                    swept,
                })
            }
            Err(Stop::Stale { active, endpoint }) => {
                info!(%active, %endpoint, "stale");
                Ok(Pass::Stale {
                    plan,
                    active,
                    endpoint,
                })
            }
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// Activates the plan everywhere and withdraws what it does not name; says
    /// at how many endpoints that changed something.
    fn apply(&self, pin: &S::Pin) -> Result<usize, Stop> {
        let mut walk = Walk::default();
        for (endpoint, first) in self.store.activate_all(pin) {
            let again = || self.store.activate(pin, endpoint);
            walk.step(endpoint, self.settle(pin, endpoint, first, again))?;
        }
        let stale_endpoints = self.store.stale_endpoints(pin);
        for endpoint in &stale_endpoints.map_err(|error| Stop::Failed(error.into()))? {
            let step = || self.store.withdraw(pin, endpoint);
            walk.step(endpoint, self.settle(pin, endpoint, step(), step))?;
        }
        walk.end(pin.generation()).map_err(Stop::Failed)
    }

    /// Follows a step at an endpoint until its outcome is known.
    ///
    /// After a lost reply it reads first. If the step turns out not to be done,
    /// taking it again is safe even if the lost one arrives later: both are for
    /// the same plan, and the store does it once.
    fn settle(
        &self,
        pin: &S::Pin,
        endpoint: &EndpointName,
        first: Result<Activation, plan_store::Error>,
        again: impl Fn() -> Result<Activation, plan_store::Error>,
    ) -> Result<Done, Stop> {
        let failed = |error: plan_store::Error| Stop::Failed(error.into());
        let stale = |active| Stop::Stale {
            active,
            endpoint: endpoint.clone(),
        };
        let generation = pin.generation();
        let (mut outcome, mut reads) = (first, 0);
        loop {
            match outcome.map_err(failed)? {
                Activation::Activated { .. } => return Ok(Done::Now),
                Activation::Already => return Ok(Done::Before),
                Activation::Stale { newer } => return Err(stale(newer)),
                Activation::Unknown => warn!(%endpoint, "outcome unknown; reading"),
            }
            let now = self.store.state(endpoint).map_err(failed)?;
            reads += 1;
            match now.standing.generation() {
                Some(active) if active == generation => return Ok(Done::Now),
                Some(active) if active > generation => return Err(stale(active)),
                _ if reads < MAX_READS => outcome = again(),
                _ => break,
            }
        }
        Err(Stop::Failed(Error::OutcomeUnknown {
            endpoint: endpoint.clone(),
            generation,
            reads,
        }))
    }
}

/// Counts along the endpoints. One that fails does not keep the others from
/// their turn.
#[derive(Default)]
struct Walk {
    steps: usize,
    changed: usize,
    failed: usize,
    first: Option<Error>,
}

impl Walk {
    fn step(&mut self, endpoint: &EndpointName, step: Result<Done, Stop>) -> Result<(), Stop> {
        self.steps += 1;
        match step {
            Ok(Done::Now) => self.changed += 1,
            Ok(Done::Before) => {}
            Err(Stop::Failed(error)) => {
                warn!(%endpoint, %error, "endpoint failed");
                self.failed += 1;
                self.first.get_or_insert(error);
            }
            Err(stale @ Stop::Stale { .. }) => return Err(stale),
        }
        Ok(())
    }

    /// How many endpoints changed, if none failed.
    fn end(self, generation: Generation) -> Result<usize, Error> {
        match self.first {
            None => Ok(self.changed),
            Some(first) => Err(Error::Incomplete {
                generation,
                failed: self.failed,
                of: self.steps,
                first: Box::new(first),
            }),
        }
    }
}

impl<S> fmt::Debug for Enactor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Enactor").field(&self.name).finish()
    }
}
