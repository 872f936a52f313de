//! An Enactor's pass: its work on one plan.
//!
//! # A pass
//! 1. *Pick up* the latest plan, which pins it.
//! 2. *Check*, once, whether any endpoint is on a newer plan already.
//! 3. *Activate* the plan endpoint by endpoint; *withdraw* the endpoints that it no
//!    longer names.
//! 4. *Sweep*, if all of that succeeded.
//!
//! This is the protocol of the incident, unchanged. The check in step 2 may be long
//! out of date when step 3 begins. It saves work and proves nothing. The store's
//! answers in step 3 keep a slow pass from doing harm: on a store that decides
//! freshness in the write, a pass that was overtaken gets *stale* and ends.

use std::fmt;
use std::sync::Arc;

use plan_store::{Activation, DnsStore, EndpointName, Error as StoreError, Generation, Pin, Swept};
use tracing::field::Empty;
use tracing::{debug, info, info_span, warn};

use crate::{PassError, StepError, chain};

/// Most reads of an endpoint's state to settle a lost reply.
const MAX_READS: u32 = 3;

/// Applies plans. An Enactor keeps no state between passes, so it can be dropped
/// and started again at any time.
#[derive(Clone)]
pub struct Enactor<S> {
    name: Arc<str>,
    store: S,
}

/// The result of a pass.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[must_use]
pub enum Pass {
    /// No plan has been published.
    NoPlan,
    /// The check at the start found an endpoint on a newer plan.
    StaleAtStart {
        /// The plan that was picked up.
        plan: Generation,
        /// The newer plan.
        newer: Generation,
    },
    /// A newer plan was at an endpoint before this one. The pass ended there without
    /// a sweep; the newer plan's pass does the rest.
    Stale {
        /// The plan that was picked up.
        plan: Generation,
        /// The newer plan.
        newer: Generation,
        /// The endpoint.
        endpoint: EndpointName,
    },
    /// The plan is active at all its endpoints.
    Applied {
        /// The plan.
        plan: Generation,
        /// At how many endpoints this pass activated or withdrew. The others were
        /// done before.
        changed: usize,
        /// What the sweep did.
        swept: Swept,
    },
}

/// A step at one endpoint, done by this pass or by an earlier one.
enum Done {
    Now,
    Before,
}

/// Why a step at one endpoint was not done.
enum NotDone {
    Stale { newer: Generation },
    Failed(StepError),
}

/// Why a pass ended before all endpoints were done.
enum Stop {
    /// A newer plan was at this endpoint first.
    Overtaken {
        newer: Generation,
        endpoint: EndpointName,
    },
    Failed(PassError),
}

impl<S: DnsStore> Enactor<S> {
    /// An Enactor over this store. The name appears in logs and reports.
    pub fn new(name: impl Into<Arc<str>>, store: S) -> Self {
        let name = name.into();
        Self { name, store }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Makes one pass, as the module describes it. The result depends only on what
    /// the store answers.
    ///
    /// # Errors
    /// [`PassError::Store`] if no plan could be picked up or swept.
    /// [`PassError::Incomplete`] if the pass failed at some endpoints: all others
    /// are done, and nothing is swept.
    pub fn pass(&self) -> Result<Pass, PassError> {
        let span = info_span!("pass", enactor = %self.name, generation = Empty).entered();
        let Some(pin) = self.store.latest().map_err(StoreError::from)? else {
            debug!("no plan");
            return Ok(Pass::NoPlan);
        };
        let plan = pin.generation();
        span.record("generation", plan.get());
        let newest = self.store.newest_active().map_err(StoreError::from)?;
        if let Some(newer) = newest.filter(|&newest| newest > plan) {
            info!(%newer, "stale at the start");
            return Ok(Pass::StaleAtStart { plan, newer });
        }
        match self.apply(&pin) {
            Ok(changed) => self.sweep(plan, changed),
            Err(Stop::Overtaken { newer, endpoint }) => {
                info!(%newer, %endpoint, "stale");
                Ok(Pass::Stale {
                    plan,
                    newer,
                    endpoint,
                })
            }
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// Ends a pass that has applied its plan.
    fn sweep(&self, plan: Generation, changed: usize) -> Result<Pass, PassError> {
        let swept = self.store.sweep(plan).map_err(StoreError::from)?;
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

    /// Activates the plan everywhere and withdraws the endpoints that it does not
    /// name. Returns at how many endpoints that changed something.
    fn apply(&self, pin: &S::Pin) -> Result<usize, Stop> {
        let mut walk = Walk::default();
        for (endpoint, first) in self.store.activate_all(pin) {
            let again = || self.store.activate(pin, endpoint);
            walk.step(endpoint, self.settle(pin, endpoint, first, again))?;
        }
        let stale_endpoints = self.store.stale_endpoints(pin).map_err(StoreError::from);
        for endpoint in &stale_endpoints.map_err(|error| Stop::Failed(error.into()))? {
            let step = || self.store.withdraw(pin, endpoint);
            walk.step(endpoint, self.settle(pin, endpoint, step(), step))?;
        }
        walk.end(pin.generation()).map_err(Stop::Failed)
    }

    /// Follows a step at an endpoint until its outcome is known.
    ///
    /// After a lost reply it reads the state first. If the step turns out not to be
    /// done, a second attempt is safe even if the lost one arrives later: both are
    /// for the same plan, and the store does the step once.
    fn settle<E: Into<StoreError>>(
        &self,
        pin: &S::Pin,
        endpoint: &EndpointName,
        first: Result<Activation, E>,
        again: impl Fn() -> Result<Activation, E>,
    ) -> Result<Done, NotDone> {
        let generation = pin.generation();
        let failed = |source: StoreError| {
            let endpoint = endpoint.clone();
            NotDone::Failed(StepError::Store { endpoint, source })
        };
        let (mut outcome, mut reads) = (first, 0);
        loop {
            match outcome.map_err(|error| failed(error.into()))? {
                Activation::Activated { .. } => return Ok(Done::Now),
                Activation::Already => return Ok(Done::Before),
                Activation::Stale { newer } => return Err(NotDone::Stale { newer }),
                Activation::Unknown => warn!(%endpoint, "outcome unknown; reading"),
            }
            let now = self.store.state(endpoint);
            let now = now.map_err(|error| failed(error.into()))?;
            reads += 1;
            match now.standing.generation() {
                Some(at) if at == generation => return Ok(Done::Now),
                Some(newer) if newer > generation => return Err(NotDone::Stale { newer }),
                _ if reads < MAX_READS => outcome = again(),
                _ => break,
            }
        }
        Err(NotDone::Failed(StepError::OutcomeUnknown {
            endpoint: endpoint.clone(),
            generation,
            reads,
        }))
    }
}

/// Counts the steps of a pass. A failure at one endpoint does not end the walk.
#[derive(Default)]
struct Walk {
    steps: usize,
    changed: usize,
    failed: usize,
    first: Option<StepError>,
}

impl Walk {
    fn step(&mut self, endpoint: &EndpointName, step: Result<Done, NotDone>) -> Result<(), Stop> {
        self.steps += 1;
        match step {
            Ok(Done::Now) => self.changed += 1,
            Ok(Done::Before) => {}
            Err(NotDone::Failed(error)) => {
                warn!(%endpoint, error = %chain(&error), "endpoint failed");
                self.failed += 1;
                self.first.get_or_insert(error);
            }
            Err(NotDone::Stale { newer }) => {
                let endpoint = endpoint.clone();
                return Err(Stop::Overtaken { newer, endpoint });
            }
        }
        Ok(())
    }

    /// How many endpoints changed, if no step failed.
    fn end(self, generation: Generation) -> Result<usize, PassError> {
        match self.first {
            None => Ok(self.changed),
            Some(first) => Err(PassError::Incomplete {
                generation,
                failed: self.failed,
                of: self.steps,
                first,
            }),
        }
    }
}

impl<S> fmt::Debug for Enactor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Enactor").field(&self.name).finish()
    }
}
