//! Stores with one defect each, to show that the tests can fail.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use parking_lot::Mutex;
use plan_store::memory::MemoryPin;
use plan_store::{
    Activation, EndpointName, EndpointState, Failed, Generation, Layer, MemoryStore, Pin, PinError,
    Plan, PlanStore, PublishError, Reader, Resolution, Resolve, RetainReason, Retention, Standing,
    StepError, Swept,
};
use plan_store_conformance::{Effort, Stores};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Defect {
    /// An older plan overwrites a newer one.
    StaleOverwrites,
    /// An activation of an older plan is refused, but reported as done.
    StaleSaysActivated,
    /// A sweep deletes a plan that it must spare for this reason.
    SweepDeletes(RetainReason),
    /// A sweep deletes nothing, and reports that nothing was old enough.
    SweepDeletesNothing,
    /// A sweep does not report what it has spared.
    SweepHidesSpared,
    /// Endpoints on every second plan give no answer.
    AnswersNothing,
    /// Answers name a plan that they do not come from.
    AnswersFromAnotherPlan,
    /// A withdrawn endpoint is reported as unknown, without the plan that withdrew it.
    ForgetsTooEarly,
    /// A name above an endpoint is reported to have no descendant.
    HidesWhatIsBelow,
    /// An endpoint that the store does not know is reported as vacant.
    ForgetsNothing,
    /// A publish returns the generation after its own.
    TellsAnotherGeneration,
    /// The plan before the newest is picked up as the latest.
    PicksUpOlder,
    /// A caller that pins an older plan gets the newest.
    PinsNewest,
    /// A pin that is dropped still holds its plan.
    KeepsPins,
    /// A withdrawal is not done, but reported as done before.
    WithdrawsNothing,
    /// A withdrawal by an older plan is refused, but reported as done.
    StaleSaysWithdrawn,
    /// No endpoint is reported as stale.
    HidesStaleEndpoints,
    /// No plan is reported as active anywhere.
    HidesNewestActive,
    /// Endpoints are reported without their rollback targets.
    HidesRollback,
    /// An activation at an endpoint that the plan does not name is reported as done before.
    ActivatesUnnamed,
    /// A withdrawal of an endpoint that the plan names is reported as done before.
    WithdrawsNamed,
    /// A sweep after a plan that was never published deletes the newest.
    SweepDeletesNewest,
    /// An activation accepts another store's pin.
    ActivatesForeign,
    /// A withdrawal accepts another store's pin.
    WithdrawsForeign,
    /// A search for stale endpoints accepts another store's pin.
    ComparesForeign,
    /// An activation is not done, but reported as done.
    ActivatesNothing,
    /// An older plan is refused because of a newer plan, but that plan is reported as not
    /// newer.
    StaleSaysOlder,
    /// An activation by an older plan deletes the newer one.
    StaleDeletesNewer,
    /// An activation of a plan that is active already is reported as done again.
    AlreadySaysActivated,
    /// A sweep also reports what the sweep before it deleted.
    SweepTellsTwice,
    /// The first stale endpoint is left out of the list.
    HidesAStaleEndpoint,
    /// Every endpoint with an active plan dangles.
    AnswersDangling,
    /// A reader that was asked before answers as if from the first plan.
    ReaderGoesBack,
    /// A reader that was asked before reports an active endpoint as vacant.
    ReaderHidesAnswers,
    /// A reader that was asked before reports a vacant endpoint as unknown, and an unknown
    /// or withdrawn one as vacant.
    ReaderMistakesWhy,
}

/// Makes stores with this defect.
pub(crate) struct Wrongs(pub(crate) Defect);

/// Makes stores with this defect, for short storms.
pub(crate) struct ShortStorms(pub(crate) Defect);

impl Stores for ShortStorms {
    type Store = Wrong;

    fn make(&self, retention: Retention, last: Option<Generation>) -> Wrong {
        Wrongs(self.0).make(retention, last)
    }

    fn effort(&self) -> Effort {
        Effort {
            storms: 1,
            passes: 60,
            ..Effort::FULL
        }
    }
}

/// Makes correct stores, for tests that try nothing.
pub(crate) struct Idle;

impl Stores for Idle {
    type Store = MemoryStore;

    fn make(&self, retention: Retention, _: Option<Generation>) -> MemoryStore {
        MemoryStore::new(retention)
    }

    fn effort(&self) -> Effort {
        Effort {
            scripts: Some(0),
            storms: 0,
            passes: 0,
            collisions: 0,
            sweeps: 0,
        }
    }
}

/// A correct store that is made to look as if it had the defect.
#[derive(Clone)]
pub(crate) struct Wrong {
    store: MemoryStore,
    defect: Defect,
    deleted: Arc<Mutex<BTreeSet<Generation>>>,
    overwritten: Arc<Mutex<BTreeMap<EndpointName, Generation>>>,
    kept: Arc<Mutex<Vec<MemoryPin>>>,
    told_deleted: Arc<Mutex<Vec<Generation>>>,
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
            kept: Arc::default(),
            told_deleted: Arc::default(),
        }
    }

    fn effort(&self) -> Effort {
        Effort::FULL
    }
}

impl Layer for Wrong {
    type Inner = MemoryStore;
    type Error = Infallible;
    type Pin = MemoryPin;
    type Reader = WrongReader;

    fn inner(&self) -> &MemoryStore {
        &self.store
    }

    fn wrap(&self, pin: MemoryPin) -> MemoryPin {
        if self.defect == Defect::KeepsPins {
            self.kept.lock().extend(self.store.pin(pin.generation()));
        }
        pin
    }

    fn reader(&self) -> WrongReader {
        WrongReader {
            reader: self.store.reader(),
            defect: self.defect,
            answer: Resolution::Unknown,
            asked_before: BTreeSet::new(),
        }
    }

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError> {
        let generation = self.store.publish(plan)?;
        match self.defect {
            Defect::TellsAnotherGeneration => Ok(generation.next().unwrap()),
            _ => Ok(generation),
        }
    }

    fn latest(&self) -> Result<Option<MemoryPin>, PinError> {
        let latest = self.store.latest()?;
        let before = |pin: &MemoryPin| Generation::new(pin.generation().get() - 1);
        let older = latest.as_ref().and_then(before);
        match (self.defect, older.map(|older| self.store.pin(older))) {
            (Defect::PicksUpOlder, Some(Ok(older))) => Ok(Some(older)),
            _ => Ok(latest),
        }
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed> {
        let newest = self.store.newest_active()?;
        Ok(newest.filter(|_| self.defect != Defect::HidesNewestActive))
    }

    fn stale_endpoints(&self, pin: &MemoryPin) -> Result<Vec<EndpointName>, StepError> {
        match (self.defect, self.store.stale_endpoints(pin)) {
            (Defect::HidesStaleEndpoints, Ok(_))
            | (Defect::ComparesForeign, Err(StepError::ForeignPin { .. })) => Ok(Vec::new()),
            (Defect::HidesAStaleEndpoint, Ok(stale)) => Ok(stale.into_iter().skip(1).collect()),
            (_, told) => told,
        }
    }

    fn withdraw(
        &self,
        _: &MemoryPin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError>,
    ) -> Result<Activation, StepError> {
        if self.defect == Defect::WithdrawsNothing {
            return Ok(Activation::Already);
        }
        let replaced = self.store.state(endpoint)?;
        match (self.defect, step()) {
            (Defect::StaleSaysWithdrawn, Ok(Activation::Stale { .. })) => {
                Ok(Activation::Activated { replaced })
            }
            (Defect::WithdrawsNamed, Err(StepError::StillInPlan { .. }))
            | (Defect::WithdrawsForeign, Err(StepError::ForeignPin { .. })) => {
                Ok(Activation::Already)
            }
            (_, told) => told,
        }
    }

    fn pin(&self, generation: Generation) -> Result<MemoryPin, PinError> {
        if self.deleted.lock().contains(&generation) {
            return Err(PinError::NoSuchPlan { generation });
        }
        let pin = self.store.pin(generation)?;
        match self.store.latest()? {
            Some(newest) if self.defect == Defect::PinsNewest => Ok(newest),
            _ => Ok(pin),
        }
    }

    fn activate(
        &self,
        pin: &MemoryPin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError>,
    ) -> Result<Activation, StepError> {
        if self.defect == Defect::ActivatesNothing {
            let replaced = self.store.state(endpoint)?;
            return Ok(Activation::Activated { replaced });
        }
        let activation = match (self.defect, step()) {
            (Defect::ActivatesUnnamed, Err(StepError::NotInPlan { .. }))
            | (Defect::ActivatesForeign, Err(StepError::ForeignPin { .. })) => Activation::Already,
            (_, told) => told?,
        };
        if let (Defect::StaleDeletesNewer, Activation::Stale { newer }) = (self.defect, activation)
        {
            self.deleted.lock().insert(newer);
        }
        let replaced = self.store.state(endpoint)?;
        let stale = matches!(activation, Activation::Stale { .. });
        let mut overwritten = self.overwritten.lock();
        overwritten.remove(endpoint);
        Ok(match self.defect {
            Defect::StaleSaysOlder if stale => Activation::Stale {
                newer: pin.generation(),
            },
            Defect::AlreadySaysActivated if activation == Activation::Already => {
                Activation::Activated {
                    replaced: EndpointState::VACANT,
                }
            }
            Defect::StaleSaysActivated if stale => Activation::Activated { replaced },
            Defect::StaleOverwrites if stale => {
                overwritten.insert(endpoint.clone(), pin.generation());
                Activation::Activated { replaced }
            }
            _ => activation,
        })
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed> {
        let mut state = self.store.state(endpoint)?;
        if self.defect == Defect::HidesRollback {
            state.rollback = None;
        }
        Ok(match self.overwritten.lock().get(endpoint) {
            None => state,
            Some(&kept) => EndpointState {
                standing: Standing::Active(kept),
                rollback: state.standing.active(),
            },
        })
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed> {
        if self.defect == Defect::SweepDeletesNothing {
            return Ok(Swept::default());
        }
        let newest = self.store.latest().unwrap().map(|pin| pin.generation());
        let mut swept = self.store.sweep(applied)?;
        match self.defect {
            Defect::SweepDeletesNewest if Some(applied) > newest => {
                swept.deleted.extend(newest);
                self.deleted.lock().extend(newest);
            }
            Defect::SweepHidesSpared => swept.spared.clear(),
            Defect::SweepTellsTwice => {
                let now = swept.deleted.clone();
                let before = std::mem::replace(&mut *self.told_deleted.lock(), now);
                swept.deleted.extend(before);
            }
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
    asked_before: BTreeSet<EndpointName>,
}

impl Resolve for WrongReader {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        let right = self.reader.resolve(endpoint).clone();
        let again = !self.asked_before.insert(endpoint.clone());
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
            (Defect::AnswersDangling, Resolution::Answer { generation, .. }) => {
                Resolution::Dangling { generation }
            }
            (Defect::ReaderGoesBack, Resolution::Answer { records, .. }) if again => {
                let generation = Generation::FIRST;
                Resolution::Answer {
                    generation,
                    records,
                }
            }
            (Defect::ReaderMistakesWhy, Resolution::Vacant) if again => Resolution::Unknown,
            (Defect::ReaderHidesAnswers, Resolution::Answer { .. })
            | (Defect::ReaderMistakesWhy, Resolution::Withdrawn { .. } | Resolution::Unknown)
                if again =>
            {
                Resolution::Vacant
            }
            (Defect::ForgetsNothing, Resolution::Unknown) => Resolution::Vacant,
            (_, right) => right,
        };
        &self.answer
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        self.defect != Defect::HidesWhatIsBelow && self.reader.has_descendant(name)
    }
}
