//! The reference: a store for one thread at a time. It takes the steps of [`protocol`], behind
//! one lock, and says what the docs of [`PlanStore`] say about each.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use parking_lot::Mutex;
use plan_store::{
    Activation, EndpointName, EndpointState, Failed, Generation, Pin, PinError, Plan, PlanStore,
    PublishError, RecordSet, Resolution, Resolve, RetainReason, Retention, Standing, StepError,
    Swept, activate_one_by_one,
};
use protocol::{PinId, Refused, State, Step, SweepId};

/// The reference. Clones are handles on the same store.
#[derive(Clone, Debug)]
pub struct Reference {
    book: Arc<Mutex<Book>>,
}

/// The state of the store, and the contents of its plans.
#[derive(Debug)]
struct Book {
    state: State<EndpointName>,
    /// All plans that were ever published.
    contents: BTreeMap<Generation, Arc<Plan>>,
    pins: PinId,
    sweeps: SweepId,
}

/// A pin of the reference.
#[derive(Debug)]
pub struct ReferencePin {
    book: Arc<Mutex<Book>>,
    id: PinId,
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
        let last = last.map_or(0, Generation::get);
        let book = Arc::new(Mutex::new(Book {
            state: State::new(last, Generation::MAX.get(), retention.count()),
            contents: BTreeMap::new(),
            pins: 0,
            sweeps: 0,
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
        let names = plan.endpoints().map(|(name, _)| name.clone()).collect();
        if book.state.take(&Step::Publish { names }).is_err() {
            let exhausted = generation(book.state.newest).next();
            return exhausted.map_err(PublishError::GenerationsExhausted);
        }
        let generation = generation(book.state.newest);
        book.contents.insert(generation, plan);
        Ok(generation)
    }

    fn latest(&self) -> Result<Option<ReferencePin>, PinError> {
        let newest = self.book.lock().state.index().next_back();
        newest.map(|plan| self.pin(generation(plan))).transpose()
    }

    fn pin(&self, generation: Generation) -> Result<ReferencePin, PinError> {
        let mut book = self.book.lock();
        let (id, plan) = (book.pins, generation.get());
        book.pins += 1;
        if book.state.take(&Step::Pin { pin: id, plan }).is_err() {
            return Err(PinError::NoSuchPlan { generation });
        }
        Ok(ReferencePin {
            id,
            generation,
            plan: Arc::clone(&book.contents[&generation]),
            book: Arc::clone(&self.book),
        })
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed> {
        let book = self.book.lock();
        let standings = book.standings().map(|(_, standing, _)| standing.plan);
        Ok(standings.max().and_then(Generation::new))
    }

    fn activate(
        &self,
        pin: &ReferencePin,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError> {
        let mut book = self.book.lock();
        let (before, endpoint) = (book.state.standing(endpoint), endpoint.clone());
        let taken = book.state.take(&Step::Activate {
            pin: pin.id,
            endpoint,
        });
        match taken {
            Err(Refused::NotNamed) => Err(StepError::NotInPlan {
                generation: pin.generation,
            }),
            taken => Ok(outcome(taken, before, pin.generation)),
        }
    }

    fn activate_all<'a>(
        &'a self,
        pin: &'a ReferencePin,
    ) -> impl Iterator<Item = (&'a EndpointName, Result<Activation, StepError>)> {
        activate_one_by_one(self, pin)
    }

    fn stale_endpoints(&self, pin: &ReferencePin) -> Result<Vec<EndpointName>, StepError> {
        let (book, plan) = (self.book.lock(), pin.generation.get());
        let stale = book.standings().filter(|&(name, standing, since)| {
            !pin.plan.names(name) && standing.plan < plan && since < plan
        });
        Ok(stale.map(|(name, ..)| name.clone()).collect())
    }

    fn withdraw(
        &self,
        pin: &ReferencePin,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError> {
        let mut book = self.book.lock();
        let generation = pin.generation;
        if pin.plan.names(endpoint) {
            return Err(StepError::StillInPlan { generation });
        }
        let Some(&cell) = book.state.known.get(endpoint) else {
            return Ok(Activation::Already); // Nothing to withdraw.
        };
        let before = book.state.standing(endpoint);
        let taken = book.state.take(&Step::Withdraw { pin: pin.id, cell });
        Ok(outcome(taken, before, generation))
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed> {
        let standing = self.book.lock().state.standing(endpoint);
        Ok(standing.map_or(EndpointState::VACANT, |(standing, _)| state_of(standing)))
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed> {
        Ok(self.book.lock().sweep(applied))
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
    /// The endpoints that the store knows: where each stands, and which plan brought it.
    fn standings(
        &self,
    ) -> impl Iterator<Item = (&EndpointName, protocol::Standing, protocol::Generation)> {
        let known = self.state.known.keys();
        known.filter_map(|name| {
            let (standing, since) = self.state.standing(name)?;
            Some((name, standing, since))
        })
    }

    /// All steps of a sweep, one after another. A step that is refused has no effect.
    fn sweep(&mut self, applied: Generation) -> Swept {
        let (sweep, applied) = (self.sweeps, applied.get().min(self.state.newest));
        self.sweeps += 1;
        let _ = self.state.take(&Step::Begin { sweep, applied });
        let begun = self.state.sweeps[&sweep].clone();
        for &plan in &begun.old {
            let count = self.state.plans[&plan].taken;
            let _ = self.state.take(&Step::See { sweep, plan, count });
        }
        for &cell in &begun.listed {
            let value = self.state.cells[cell].now().plan;
            let _ = self.state.take(&Step::Read { sweep, cell, value });
        }
        let mut swept = Swept::default();
        for &plan in &begun.old {
            match self.state.take(&Step::Delete { sweep, plan }) {
                Ok(()) => swept.deleted.push(generation(plan)),
                Err(_) => swept.spared.push((generation(plan), self.reason(plan))),
            }
        }
        for plan in swept.deleted.iter().map(|plan| plan.get()) {
            let _ = self.state.take(&Step::Remove { sweep, plan });
        }
        for endpoint in self.state.known.clone().into_keys() {
            let _ = self.state.take(&Step::Forget { endpoint });
        }
        swept
    }

    /// What a sweep says about a plan that it could not delete.
    fn reason(&self, plan: protocol::Generation) -> RetainReason {
        let any = |is: fn(protocol::Standing) -> protocol::Generation| {
            self.standings()
                .any(|(_, standing, _)| is(standing) == plan)
        };
        if any(protocol::Standing::active) {
            RetainReason::Active
        } else if any(|standing| standing.rollback) {
            RetainReason::Rollback
        } else {
            RetainReason::Pinned
        }
    }

    fn resolve(&self, endpoint: &EndpointName) -> Resolution {
        let standing = self.state.standing(endpoint);
        match standing.map(|(standing, _)| state_of(standing).standing) {
            None => Resolution::Unknown,
            Some(Standing::Vacant) => Resolution::Vacant,
            Some(Standing::Withdrawn(generation)) => Resolution::Withdrawn { generation },
            Some(Standing::Active(generation)) => {
                let plan = self.state.indexed(generation.get());
                let plan = plan.and_then(|_| self.contents.get(&generation));
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

fn generation(number: protocol::Generation) -> Generation {
    Generation::new(number).unwrap()
}

fn state_of(standing: protocol::Standing) -> EndpointState {
    EndpointState {
        standing: match Generation::new(standing.plan) {
            None => Standing::Vacant,
            Some(plan) if standing.withdrawn => Standing::Withdrawn(plan),
            Some(plan) => Standing::Active(plan),
        },
        rollback: Generation::new(standing.rollback),
    }
}

/// What the caller of a step is told, at an endpoint that stood there before.
fn outcome(
    taken: Result<(), Refused>,
    before: Option<(protocol::Standing, protocol::Generation)>,
    plan: Generation,
) -> Activation {
    let (standing, since) = before.unwrap();
    match taken {
        Ok(()) => Activation::Activated {
            replaced: state_of(standing),
        },
        Err(Refused::OlderThanCell) => Activation::Stale {
            newer: generation(since),
        },
        Err(Refused::NotNewer) if standing.plan == plan.get() => Activation::Already,
        Err(Refused::NotNewer) => Activation::Stale {
            newer: generation(standing.plan),
        },
        Err(other) => panic!("a step under a pin: {other}"),
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
        let _ = self.book.lock().state.take(&Step::Unpin { pin: self.id });
    }
}

impl Resolve for ReferenceReader {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        self.answer = self.book.lock().resolve(endpoint);
        &self.answer
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        let book = self.book.lock();
        let mut below = book.standings().filter(|(other, ..)| other.is_below(name));
        below.any(|(_, standing, _)| !standing.withdrawn)
    }
}
