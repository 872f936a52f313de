//! The interface of every store: what the Planner, the Enactors and the servers call.

use std::error::Error as StdError;
use std::sync::Arc;

use crate::{
    EndpointName, Failed, Generation, Key, PinError, Plan, PublishError, RecordSet, RepublishError,
    StepError, Value,
};

/// A hold on a plan. The plan is not deleted while the pin lives. Dropping the pin
/// lets go of the plan.
pub trait Pin<K: Key = EndpointName, V: Value = RecordSet> {
    /// The plan's generation.
    fn generation(&self) -> Generation;

    /// The plan's content.
    fn plan(&self) -> &Arc<Plan<K, V>>;
}

/// The serving side's view of a store; one for each thread.
pub trait Resolve<K = EndpointName, V = RecordSet> {
    /// What `endpoint` answers at this moment.
    fn resolve(&mut self, endpoint: &K) -> &Resolution<V>;

    /// Whether at least one endpoint [below](Key::is_below) `key` is not withdrawn.
    ///
    /// A DNS server asks this before it denies a name. To a resolver, a name with an endpoint
    /// below it exists, even if it is no endpoint itself: a denial of the name would deny
    /// everything below it (RFC 8020).
    fn has_descendant(&mut self, key: &K) -> bool;
}

/// A store of plans and of which of them is active at which endpoint.
///
/// The Planner publishes plans. An Enactor picks up the latest plan, activates it endpoint by
/// endpoint, withdraws the endpoints that the plan does not name any more, and sweeps: see
/// [the order of a pass](crate#the-order-of-a-pass). Servers resolve. All of them call the
/// store at the same time, from any thread.
///
/// A store may be far away. If a reply is lost, the step's outcome is
/// [`Activation::Unknown`]. Every method may block for as long as the store takes. No method
/// waits for another caller's pass to end.
///
/// Write a wrapper around a store as a [`Layer`](crate::Layer). Everything that a store may do
/// in its own way is a required method, so that a wrapper cannot miss one.
pub trait PlanStore: Send + Sync {
    /// What endpoints are named by.
    type Key: Key;
    /// What a plan says of an endpoint.
    type Value: Value;
    /// The store's own error: what its disk or its network fails with. [`Infallible`] if
    /// nothing can.
    ///
    /// [`Infallible`]: std::convert::Infallible
    type Error: StdError + Send + Sync + 'static;
    /// This store's pin.
    type Pin: Pin<Self::Key, Self::Value> + Send;
    /// This store's serving side.
    type Reader: Resolve<Self::Key, Self::Value> + Send;

    /// Adds a plan under the next generation, which it returns. The plan is not active yet.
    ///
    /// # Errors
    /// See [`PublishError`].
    fn publish(
        &self,
        plan: Arc<Plan<Self::Key, Self::Value>>,
    ) -> Result<Generation, PublishError<Self::Error>>;

    /// Picks up the newest plan: pins it and returns the pin. `None` before the first
    /// publish.
    ///
    /// # Errors
    /// See [`PinError`].
    fn latest(&self) -> Result<Option<Self::Pin>, PinError<Self::Error>>;

    /// Pins a plan of a known generation.
    ///
    /// # Errors
    /// [`PinError::NoSuchPlan`] once it is swept; see [`PinError`].
    fn pin(&self, generation: Generation) -> Result<Self::Pin, PinError<Self::Error>>;

    /// The newest generation that any endpoint is on, by activation or by withdrawal.
    /// Endpoints that a sweep has forgotten do not count. An Enactor compares its plan with
    /// this once, before the first endpoint.
    ///
    /// The answer is advice: the store looks at one endpoint after another, so the answer may
    /// be out of date when it arrives.
    ///
    /// # Errors
    /// The store failed.
    fn newest_active(&self) -> Result<Option<Generation>, Failed<Self::Error>>;

    /// Makes the pinned plan the active one at `endpoint`. The plan that was active becomes
    /// the rollback target in the same atomic step.
    ///
    /// # Errors
    /// [`StepError::NotInPlan`]; see [`StepError`].
    fn activate(
        &self,
        pin: &Self::Pin,
        endpoint: &Self::Key,
    ) -> Result<Activation, StepError<Self::Error>>;

    /// Activates the pinned plan at each endpoint that it names, once, in the order of
    /// [`Plan::endpoints`]. A [`Layer`](crate::Layer) relies on that order. Each time the
    /// iterator is advanced, it takes the step at the next endpoint and returns the endpoint
    /// with the outcome. Each endpoint is a step of its own, as with [`PlanStore::activate`].
    ///
    /// The caller may drop the iterator early. A store that is far away may have begun a
    /// few more steps by then.
    ///
    /// A store without a quicker way returns [`activate_one_by_one`].
    #[must_use = "the steps are taken as the iterator is advanced"]
    fn activate_all<'a>(
        &'a self,
        pin: &'a Self::Pin,
    ) -> impl Iterator<Item = (&'a Self::Key, Result<Activation, StepError<Self::Error>>)>;

    /// The stale endpoints: the pinned plan does not name them, and they still stand on
    /// an older plan or on none. Endpoints that a newer plan added are not among them,
    /// nor are those that a sweep has forgotten.
    ///
    /// # Errors
    /// [`StepError::ForeignPin`], [`StepError::Store`].
    fn stale_endpoints(&self, pin: &Self::Pin) -> Result<Vec<Self::Key>, StepError<Self::Error>>;

    /// Withdraws an endpoint that the pinned plan does not name. From then on the endpoint has
    /// no records, and no older plan can bring it back.
    ///
    /// A withdrawal is a step like an activation, with the same outcomes. It is
    /// [`Activation::Already`] also if the store does not know the endpoint. It is
    /// [`Activation::Stale`] also if a newer plan added the endpoint and nothing has been
    /// activated there yet.
    ///
    /// # Errors
    /// [`StepError::StillInPlan`]; see [`StepError`].
    fn withdraw(
        &self,
        pin: &Self::Pin,
        endpoint: &Self::Key,
    ) -> Result<Activation, StepError<Self::Error>>;

    /// Where an endpoint stands. [`EndpointState::VACANT`] if the store does not know it.
    ///
    /// # Errors
    /// The store failed.
    fn state(&self, endpoint: &Self::Key) -> Result<EndpointState, Failed<Self::Error>>;

    /// Deletes the plans that are too old to keep and are not in use. [`Retention`] says what
    /// is too old, counted from the plan that was applied last. A plan is applied after
    /// [every step of its pass](crate#the-order-of-a-pass) is done. If `applied` is beyond the
    /// newest plan, it counts as the newest plan, which no sweep deletes.
    ///
    /// A sweep also forgets each endpoint where no plan is active, that has no rollback
    /// target, and that no plan in the store names.
    ///
    /// # Errors
    /// The store failed.
    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<Self::Error>>;

    /// A view for one serving thread.
    fn reader(&self) -> Self::Reader;

    /// What `endpoint` answers at this moment. For infrequent callers; a server keeps a
    /// [`PlanStore::reader`].
    fn resolve(&self, endpoint: &Self::Key) -> Resolution<Self::Value>;

    /// Publishes the content of an older plan again, as the newest generation. This is how an
    /// operator returns to older content: no endpoint's generation ever goes down.
    ///
    /// # Errors
    /// See [`RepublishError`].
    fn republish(&self, older: Generation) -> Result<Generation, RepublishError<Self::Error>> {
        let pin = self.pin(older)?;
        Ok(self.publish(Arc::clone(pin.plan()))?)
    }
}

/// [`PlanStore::activate_all`] for a store without a quicker way: one
/// [`PlanStore::activate`] after another.
#[must_use = "the steps are taken as the iterator is advanced"]
pub fn activate_one_by_one<'a, S: PlanStore>(
    store: &'a S,
    pin: &'a S::Pin,
) -> impl Iterator<Item = (&'a S::Key, Result<Activation, StepError<S::Error>>)> {
    let endpoints = pin.plan().endpoints();
    endpoints.map(|(endpoint, _)| (endpoint, store.activate(pin, endpoint)))
}

/// What became of an attempt to activate or withdraw.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[must_use = "a stale or unknown outcome means that the plan is not active here"]
pub enum Activation {
    /// Done; the endpoint was in this state before.
    Activated {
        /// What the step replaced.
        replaced: EndpointState,
    },
    /// Nothing to do: this plan had done the step before, or the store does not know the
    /// endpoint that is to be withdrawn.
    Already,
    /// Refused, because a newer plan was here first or added the endpoint.
    Stale {
        /// The newer plan's generation. That plan need not be active here: it may have
        /// withdrawn the endpoint, or only added it.
        newer: Generation,
    },
    /// The reply was lost: the store may or may not have taken the step. Read
    /// [`PlanStore::state`] before anything else, and do not retry blindly. If the state does
    /// not settle it, the step counts as not done, and the pass must not sweep.
    Unknown,
}

/// What an endpoint answers from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Standing {
    /// No plan has been activated here.
    Vacant,
    /// This plan is active.
    Active(Generation),
    /// This plan withdrew the endpoint.
    Withdrawn(Generation),
}

impl Standing {
    /// The generation that brought the endpoint here.
    pub fn generation(self) -> Option<Generation> {
        match self {
            Self::Vacant => None,
            Self::Active(generation) | Self::Withdrawn(generation) => Some(generation),
        }
    }

    /// The plan that is active, if one is.
    pub fn active(self) -> Option<Generation> {
        match self {
            Self::Active(generation) => Some(generation),
            Self::Vacant | Self::Withdrawn(_) => None,
        }
    }
}

/// Where an endpoint stands: what it answers from, and what it answered from
/// before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EndpointState {
    /// What it answers from.
    pub standing: Standing,
    /// The plan that was active before, if one was.
    pub rollback: Option<Generation>,
}

impl EndpointState {
    /// An endpoint where nothing has happened.
    pub const VACANT: Self = Self {
        standing: Standing::Vacant,
        rollback: None,
    };

    /// The state after a step from here to `standing`: what was active becomes
    /// the rollback target. An endpoint that was vacant or withdrawn leaves none.
    #[must_use]
    pub fn moved_to(self, standing: Standing) -> Self {
        let rollback = self.standing.active();
        Self { standing, rollback }
    }
}

/// What a sweep did.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Swept {
    /// The plans it deleted, oldest first.
    pub deleted: Vec<Generation>,
    /// The plans that were old enough to delete but are in use, each with the reason.
    pub spared: Vec<(Generation, RetainReason)>,
}

/// Why a sweep retained a plan that is old enough to delete.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RetainReason {
    /// It is active at some endpoint.
    Active,
    /// It is the rollback target of some endpoint.
    Rollback,
    /// A pin is held on it, or was held while the sweep looked.
    Pinned,
}

/// How many of the newest plans a sweep keeps, whether or not they are in use.
///
/// A sweep after plan *applied* keeps all plans that are newer than *applied*. Of the others
/// it keeps the `newest` newest ones, *applied* included, and those that are in use. With
/// `newest = 2`:
///
/// ```text
///   plans in the store          1   2   3   4   5   6
///   sweep after plan 5          x   x   x   keep keep keep
///   ... with 2 a rollback target    spared
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Retention {
    newest: u32,
}

impl Retention {
    /// Keeps the newest `newest` plans. 0 and 1 both keep the applied plan.
    pub const fn newest(newest: u32) -> Self {
        Self { newest }
    }

    /// The number of plans that [`Retention::newest`] was given.
    pub const fn count(self) -> u32 {
        self.newest
    }

    /// Whether a sweep after plan `applied` keeps this plan for its age alone.
    pub fn keeps(self, generation: Generation, applied: Generation) -> bool {
        match applied.get().checked_sub(generation.get()) {
            None | Some(0) => true,
            Some(age) => age < self.newest,
        }
    }
}

/// What an endpoint answers. A DNS store's values are record sets; in another store, the
/// records are the value that the plan has for the endpoint.
#[derive(PartialEq, Eq, Debug)]
pub enum Resolution<V = RecordSet> {
    /// The store does not know the endpoint: no plan in the store names it.
    Unknown,
    /// Plans name it, but none has been activated yet.
    Vacant,
    /// A plan withdrew it.
    Withdrawn {
        /// That plan.
        generation: Generation,
    },
    /// The endpoint's records, all of them from one plan.
    Answer {
        /// That plan.
        generation: Generation,
        /// The records.
        records: Arc<V>,
    },
    /// The active plan is gone. A DNS server answers NOERROR without records.
    /// [`MemoryStore`](crate::MemoryStore) never answers this.
    Dangling {
        /// The plan that is gone.
        generation: Generation,
    },
}

/// Shares the records.
impl<V> Clone for Resolution<V> {
    fn clone(&self) -> Self {
        match *self {
            Self::Unknown => Self::Unknown,
            Self::Vacant => Self::Vacant,
            Self::Withdrawn { generation } => Self::Withdrawn { generation },
            Self::Answer {
                generation,
                ref records,
            } => Self::Answer {
                generation,
                records: Arc::clone(records),
            },
            Self::Dangling { generation } => Self::Dangling { generation },
        }
    }
}

impl<V> Resolution<V> {
    /// The records, if there are any.
    pub fn records(&self) -> Option<&Arc<V>> {
        match self {
            Self::Answer { records, .. } => Some(records),
            _ => None,
        }
    }

    /// Whether a plan is active: one that is there, or one that is gone.
    pub(crate) fn is_active(&self) -> bool {
        matches!(self, Self::Answer { .. } | Self::Dangling { .. })
    }

    /// The generation that the answer comes from, if one does.
    pub fn generation(&self) -> Option<Generation> {
        match self {
            Self::Unknown | Self::Vacant => None,
            Self::Withdrawn { generation }
            | Self::Answer { generation, .. }
            | Self::Dangling { generation } => Some(*generation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_follows_its_worked_example() {
        let kept = |newest, applied| -> Vec<u32> {
            let g = |n| Generation::new(n).unwrap();
            (1..=6)
                .filter(|&n| Retention::newest(newest).keeps(g(n), g(applied)))
                .collect()
        };
        assert_eq!(kept(2, 5), [4, 5, 6]);
        assert_eq!(kept(1, 5), [5, 6]);
        assert_eq!(kept(0, 5), [5, 6]);
        assert_eq!(kept(9, 5), [1, 2, 3, 4, 5, 6]);
        assert_eq!(kept(2, 1), [1, 2, 3, 4, 5, 6]);
    }
}
