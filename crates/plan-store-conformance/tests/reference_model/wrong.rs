//! Stores with one defect each, to show that the tests can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use plan_store::memory::MemoryPin;
use plan_store::{
    Activation, EndpointName, EndpointState, Error, Generation, Layer, MemoryStore, Pin, PlanStore,
    Reader, Resolution, Resolve, RetainReason, Retention, Standing, Swept,
};
use plan_store_conformance::{Effort, Stores};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Defect {
    /// An older plan goes over a newer one.
    StaleOverwrites,
    /// An older plan is refused, and told that it is active.
    StaleSaysActivated,
    /// A sweep deletes a plan that it has to retain for this reason.
    SweepDeletes(RetainReason),
    /// A sweep deletes nothing, and says that nothing was old enough.
    SweepDeletesNothing,
    /// A sweep does not say what it has spared.
    SweepHidesSpared,
    /// Every second plan answers nothing.
    AnswersNothing,
    /// Answers claim to come from a plan that they do not come from.
    AnswersFromAnotherPlan,
    /// A withdrawn endpoint does not say by which plan.
    ForgetsTooEarly,
    /// A name is not told to be above an endpoint.
    HidesWhatIsBelow,
}

/// Where stores with this defect come from.
pub(crate) struct Wrongs(pub(crate) Defect);

/// A good store that is made to look as if it had the defect.
#[derive(Clone)]
pub(crate) struct Wrong {
    store: MemoryStore,
    defect: Defect,
    deleted: Arc<Mutex<BTreeSet<Generation>>>,
    overwritten: Arc<Mutex<BTreeMap<EndpointName, Generation>>>,
}

impl Stores for Wrongs {
    type Store = Wrong;

    fn make(&self, retention: Retention, last: Option<Generation>) -> Wrong {
        let store = match last {
            None => MemoryStore::new(retention),
            Some(last) => MemoryStore::continuing(retention, last),
        };
        Wrong {
            store,
            defect: self.0,
            deleted: Arc::default(),
            overwritten: Arc::default(),
        }
    }

    fn effort(&self) -> Effort {
        Effort::FULL
    }
}

impl Layer for Wrong {
    type Inner = MemoryStore;
    type Pin = MemoryPin;
    type Reader = WrongReader;

    fn inner(&self) -> &MemoryStore {
        &self.store
    }

    fn wrap(&self, pin: MemoryPin) -> MemoryPin {
        pin
    }

    fn reader(&self) -> WrongReader {
        WrongReader {
            reader: self.store.reader(),
            defect: self.defect,
            answer: Resolution::Unknown,
        }
    }

    fn pin(&self, generation: Generation) -> Result<MemoryPin, Error> {
        if self.deleted.lock().contains(&generation) {
            return Err(Error::NoSuchPlan { generation });
        }
        self.store.pin(generation)
    }

    fn activate(
        &self,
        pin: &MemoryPin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, Error>,
    ) -> Result<Activation, Error> {
        let activation = step()?;
        let replaced = self.store.state(endpoint)?;
        let stale = matches!(activation, Activation::Stale { .. });
        let mut overwritten = self.overwritten.lock();
        overwritten.remove(endpoint);
        Ok(match self.defect {
            Defect::StaleSaysActivated if stale => Activation::Activated { replaced },
            Defect::StaleOverwrites if stale => {
                overwritten.insert(endpoint.clone(), pin.generation());
                Activation::Activated { replaced }
            }
            _ => activation,
        })
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Error> {
        let state = self.store.state(endpoint)?;
        Ok(match self.overwritten.lock().get(endpoint) {
            None => state,
            Some(&kept) => EndpointState {
                standing: Standing::Active(kept),
                rollback: state.standing.active(),
            },
        })
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Error> {
        if self.defect == Defect::SweepDeletesNothing {
            return Ok(Swept::default());
        }
        let mut swept = self.store.sweep(applied)?;
        match self.defect {
            Defect::SweepHidesSpared => swept.spared.clear(),
            Defect::SweepDeletes(reason) => {
                let (deleted, spared) = swept.spared.iter().partition(|(_, why)| *why == reason);
                swept.spared = spared;
                let deleted: Vec<(Generation, RetainReason)> = deleted;
                self.deleted.lock().extend(deleted.iter().map(|(g, _)| g));
            }
            _ => {}
        }
        Ok(swept)
    }
}

pub(crate) struct WrongReader {
    reader: Reader,
    defect: Defect,
    answer: Resolution,
}

impl Resolve for WrongReader {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        let right = self.reader.resolve(endpoint).clone();
        self.answer = match (self.defect, right) {
            (Defect::AnswersNothing, Resolution::Answer { generation, .. })
                if generation.get().is_multiple_of(2) =>
            {
                Resolution::Vacant
            }
            (Defect::AnswersFromAnotherPlan, Resolution::Answer { records, .. }) => {
                let generation = Generation::FIRST;
                Resolution::Answer {
                    generation,
                    records,
                }
            }
            (Defect::ForgetsTooEarly, Resolution::Withdrawn { .. }) => Resolution::Unknown,
            (_, right) => right,
        };
        &self.answer
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        self.defect != Defect::HidesWhatIsBelow && self.reader.has_descendant(name)
    }
}
