//! The reference: a store as the docs of [`PlanStore`] describe it, for one thread at a
//! time. It is a few maps behind one lock, kept as simple as possible.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use parking_lot::Mutex;
use plan_store::{
    Activation, EndpointName, EndpointState, Failed, Generation, Pin, PinError, Plan, PlanStore,
    PublishError, RecordSet, Resolution, Resolve, RetainReason, Retention, Standing, StepError,
    Swept, activate_one_by_one,
};

/// The reference. Clones are handles on the same store.
#[derive(Clone, Debug)]
pub struct Reference {
    book: Arc<Mutex<Book>>,
}

/// The whole state of the store.
#[derive(Debug)]
struct Book {
    retention: Retention,
    last: Option<Generation>,
    plans: BTreeMap<Generation, Arc<Plan>>,
    /// The number of pins on each plan.
    pins: BTreeMap<Generation, usize>,
    endpoints: BTreeMap<EndpointName, EndpointState>,
    /// The plan that brought each endpoint.
    since: BTreeMap<EndpointName, Generation>,
}

/// A pin of the reference.
#[derive(Debug)]
pub struct ReferencePin {
    book: Arc<Mutex<Book>>,
    generation: Generation,
    plan: Arc<Plan>,
}

/// A reader of the reference.
#[derive(Debug)]
pub struct ReferenceReader {
    book: Arc<Mutex<Book>>,
    answer: Resolution,
}

/// Makes references.
#[derive(Clone, Copy, Debug)]
pub struct References;

impl Reference {
    /// An empty store whose first plan follows `last`.
    pub(crate) fn new(retention: Retention, last: Option<Generation>) -> Self {
        let book = Arc::new(Mutex::new(Book {
            retention,
            last,
            plans: BTreeMap::new(),
            pins: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            since: BTreeMap::new(),
        }));
        Self { book }
    }
}

impl PlanStore for Reference {
    type Key = EndpointName;
    type Value = RecordSet;
    type Error = Infallible;
    type Pin = ReferencePin;
    type Reader = ReferenceReader;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError> {
        let mut book = self.book.lock();
        let generation = match book.last {
            None => Generation::FIRST,
            Some(last) => last.next().map_err(PublishError::GenerationsExhausted)?,
        };
        for (name, _) in plan.endpoints() {
            if !book.endpoints.contains_key(name) {
                book.endpoints.insert(name.clone(), EndpointState::VACANT);
                book.since.insert(name.clone(), generation);
            }
        }
        book.plans.insert(generation, plan);
        book.last = Some(generation);
        Ok(generation)
    }

    fn latest(&self) -> Result<Option<ReferencePin>, PinError> {
        let newest = self.book.lock().plans.keys().next_back().copied();
        newest.map(|generation| self.pin(generation)).transpose()
    }

    fn pin(&self, generation: Generation) -> Result<ReferencePin, PinError> {
        let mut book = self.book.lock();
        let plan = book.plans.get(&generation).cloned();
        let plan = plan.ok_or(PinError::NoSuchPlan { generation })?;
        *book.pins.entry(generation).or_default() += 1;
        let book = Arc::clone(&self.book);
        Ok(ReferencePin {
            book,
            generation,
            plan,
        })
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed> {
        let book = self.book.lock();
        let generations = book.endpoints.values().map(|e| e.standing.generation());
        Ok(generations.max().flatten())
    }

    fn activate(
        &self,
        pin: &ReferencePin,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError> {
        let (generation, endpoint) = (pin.generation, endpoint.clone());
        if !pin.plan.names(&endpoint) {
            return Err(StepError::NotInPlan { generation });
        }
        Ok(self
            .book
            .lock()
            .advance(&endpoint, Standing::Active(generation)))
    }

    fn activate_all<'a>(
        &'a self,
        pin: &'a ReferencePin,
    ) -> impl Iterator<Item = (&'a EndpointName, Result<Activation, StepError>)> {
        activate_one_by_one(self, pin)
    }

    fn stale_endpoints(&self, pin: &ReferencePin) -> Result<Vec<EndpointName>, StepError> {
        let book = self.book.lock();
        let older = |state: &EndpointState| match state.standing.generation() {
            None => true,
            Some(here) => here < pin.generation,
        };
        let stale = book.endpoints.iter();
        let stale = stale.filter(|(name, state)| {
            !pin.plan.names(name) && older(state) && book.since[*name] < pin.generation
        });
        Ok(stale.map(|(name, _)| name.clone()).collect())
    }

    fn withdraw(
        &self,
        pin: &ReferencePin,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError> {
        let (generation, endpoint) = (pin.generation, endpoint.clone());
        if pin.plan.names(&endpoint) {
            return Err(StepError::StillInPlan { generation });
        }
        Ok(self
            .book
            .lock()
            .advance(&endpoint, Standing::Withdrawn(generation)))
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed> {
        let state = self.book.lock().endpoints.get(endpoint).copied();
        Ok(state.unwrap_or(EndpointState::VACANT))
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed> {
        let mut book = self.book.lock();
        let swept = book.old_plans(applied);
        for generation in &swept.deleted {
            book.plans.remove(generation);
        }
        book.forget();
        Ok(swept)
    }

    fn reader(&self) -> ReferenceReader {
        ReferenceReader {
            book: Arc::clone(&self.book),
            answer: Resolution::Unknown,
        }
    }

    fn resolve(&self, endpoint: &EndpointName) -> Resolution {
        self.reader().resolve(endpoint).clone()
    }
}

impl Book {
    /// Moves an endpoint forward, never back.
    fn advance(&mut self, endpoint: &EndpointName, to: Standing) -> Activation {
        let Some(state) = self.endpoints.get_mut(endpoint) else {
            return Activation::Already; // Nothing to withdraw.
        };
        let replaced = *state;
        let since = self.since[endpoint];
        match replaced.standing.generation() {
            None if to.generation() < Some(since) => Activation::Stale { newer: since },
            Some(newer) if Some(newer) > to.generation() => Activation::Stale { newer },
            Some(active) if Some(active) == to.generation() => Activation::Already,
            _ => {
                state.standing = to;
                state.rollback = replaced.standing.active();
                Activation::Activated { replaced }
            }
        }
    }

    /// The plans that are too old to keep: those to delete, and those to spare.
    fn old_plans(&self, applied: Generation) -> Swept {
        let mut swept = Swept::default();
        let newest = self.plans.keys().next_back().copied();
        let applied = newest.map_or(applied, |newest| newest.min(applied));
        for &generation in self.plans.keys() {
            if self.retention.keeps(generation, applied) {
                continue;
            }
            match self.retain_reason(generation) {
                Some(reason) => swept.spared.push((generation, reason)),
                None => swept.deleted.push(generation),
            }
        }
        swept
    }

    fn retain_reason(&self, plan: Generation) -> Option<RetainReason> {
        let mut endpoints = self.endpoints.values();
        if endpoints
            .clone()
            .any(|e| e.standing == Standing::Active(plan))
        {
            Some(RetainReason::Active)
        } else if endpoints.any(|e| e.rollback == Some(plan)) {
            Some(RetainReason::Rollback)
        } else if self.pins.get(&plan).is_some_and(|&held| held > 0) {
            Some(RetainReason::Pinned)
        } else {
            None
        }
    }

    /// Forgets the endpoints where no plan is active, that have no rollback target, and
    /// that no plan names.
    fn forget(&mut self) {
        for (name, state) in self.endpoints.clone() {
            let named = self.plans.values().any(|plan| plan.names(&name));
            if let (None, None, false) = (state.standing.active(), state.rollback, named) {
                self.endpoints.remove(&name);
                self.since.remove(&name);
            }
        }
    }

    fn resolve(&self, endpoint: &EndpointName) -> Resolution {
        match self.endpoints.get(endpoint).map(|state| state.standing) {
            None => Resolution::Unknown,
            Some(Standing::Vacant) => Resolution::Vacant,
            Some(Standing::Withdrawn(generation)) => Resolution::Withdrawn { generation },
            Some(Standing::Active(generation)) => {
                let plan = self.plans.get(&generation);
                match plan.and_then(|plan| plan.records(endpoint)) {
                    None => Resolution::Dangling { generation },
                    Some(records) => Resolution::Answer {
                        generation,
                        records: Arc::clone(records),
                    },
                }
            }
        }
    }
}

impl Pin for ReferencePin {
    fn generation(&self) -> Generation {
        self.generation
    }

    fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }
}

impl Drop for ReferencePin {
    fn drop(&mut self) {
        *self.book.lock().pins.entry(self.generation).or_default() -= 1;
    }
}

impl Resolve for ReferenceReader {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        self.answer = self.book.lock().resolve(endpoint);
        &self.answer
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        let book = self.book.lock();
        let mut below = book
            .endpoints
            .iter()
            .filter(|(other, _)| other.is_below(name));
        below.any(|(_, state)| !matches!(state.standing, Standing::Withdrawn(_)))
    }
}
