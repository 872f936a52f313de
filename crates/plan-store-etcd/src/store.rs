//! The store, as [`PlanStore`] has it.

use std::collections::VecDeque;
use std::fmt;
use std::iter;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use plan_store::{
    Activation, EndpointName, EndpointState, Error as StoreError, Generation, Pin, Plan, PlanStore,
    Resolution, Swept, activate_one_by_one,
};
use tracing::{debug, info};

use crate::Error;
use crate::client::Client;
use crate::codec::Sizes;
use crate::config::EtcdConfig;
use crate::follow::Follower;
use crate::layout::{Keys, Place};
use crate::pins::Held;
use crate::reader::EtcdReader;
use crate::session::Session;
use crate::shared::{Plans, Shared};
use crate::snapshot;
use crate::steps::{self, Outcome, Step};
use crate::threads::{Begun, Threads};
use crate::view::{Health, Shown};

/// A plan store on an etcd cluster. Clones are handles on the same store.
///
/// How it works and why it is right: the [crate's documentation](crate).
#[derive(Clone)]
pub struct EtcdStore {
    shared: Arc<Shared>,
    threads: Threads,
    follower: Arc<Following>,
}

/// What the readers are supplied by, once there is one.
struct Following {
    config: EtcdConfig,
    shown: OnceLock<Arc<Shown>>,
}

/// [`EtcdStore`]'s pin: a key in etcd, under this store's lease.
#[must_use = "the plan is held only as long as its pin"]
pub struct EtcdPin {
    held: Held,
    store: EtcdStore,
}

/// Steps that share a request.
struct Batch<'a> {
    endpoints: Vec<&'a EndpointName>,
    task: Begun<Vec<Outcome>, Error>,
}

impl<'a> Batch<'a> {
    fn wait(self) -> impl Iterator<Item = (&'a EndpointName, Outcome)> {
        let outcomes = self.task.wait().unwrap_or_default();
        // None of a task that has panicked: that is no outcome that is known.
        let unknown = iter::repeat_with(|| Ok(Activation::Unknown));
        self.endpoints
            .into_iter()
            .zip(outcomes.into_iter().chain(unknown))
    }
}

/// How many requests of a pass are under way at a time.
const WINDOW: usize = 4;

impl EtcdStore {
    /// A store on this cluster, which need not be there yet: who asks for something
    /// is told if it is not.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::NoThreads`].
    pub fn connect(config: EtcdConfig) -> Result<Self, Error> {
        config.check()?;
        let client = Arc::new(Client::new(&config)?);
        let shared = Arc::new(Shared {
            session: Session::new(Arc::clone(&client), config.lease_ttl),
            client,
            keys: Keys::below(&config.prefix),
            retention: config.retention,
            sizes: Sizes::DEFAULT,
            plans: Plans::default(),
            places: Mutex::default(),
        });
        let leaving = Arc::clone(&shared);
        let threads = Threads::start(async move { leaving.session.end().await })?;
        let follower = Arc::new(Following {
            config,
            shown: OnceLock::new(),
        });
        Ok(Self {
            shared,
            threads,
            follower,
        })
    }

    /// The plans in the store, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    pub fn generations(&self) -> Result<Vec<Generation>, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.threads.run(async move {
            let span = shared.keys.plans();
            let (_, keys) = shared.read_all(&span, true, 0).await?;
            Ok(keys
                .iter()
                .filter_map(|key| span.generation(&key.key))
                .collect())
        })
    }

    /// How readers are supplied. Begins to follow the cluster, if nobody has yet.
    pub fn health(&self) -> Health {
        self.shown().health()
    }

    /// Waits until readers have something to show, from the cluster or from disk.
    ///
    /// # Errors
    /// [`Error::NoView`].
    pub fn wait_for_view(&self, within: Duration) -> Result<(), Error> {
        self.shown().wait_for(0, within)
    }

    /// Waits until readers show all that the cluster holds now.
    ///
    /// # Errors
    /// [`Error::NoView`]; whatever keeps the cluster from saying what it holds.
    pub fn catch_up(&self, within: Duration) -> Result<(), Error> {
        let begun = Instant::now();
        let shown = Arc::clone(self.shown());
        let shared = Arc::clone(&self.shared);
        let revision = self
            .threads
            .run(async move { shared.last_change().await })?;
        shown.wait_for(revision, within.saturating_sub(begun.elapsed()))
    }

    /// Waits until there is a newer plan than this one, and says which: for an Enactor
    /// that is to look when it is worth it. `None` if there is none in time. Begins to
    /// follow the cluster, if nobody has yet.
    pub fn wait_for_plan_after(
        &self,
        than: Option<Generation>,
        within: Duration,
    ) -> Option<Generation> {
        self.shown().wait_for_plan_after(than, within)
    }

    fn shown(&self) -> &Arc<Shown> {
        self.follower.shown.get_or_init(|| {
            let shown = Arc::new(Shown::nothing());
            if let Some(file) = &self.follower.config.snapshot {
                snapshot::show(file, &shown);
                let saving = snapshot::keep(file.clone(), Arc::clone(&shown));
                self.threads.spawn(saving);
            }
            let follower = Follower {
                shared: Arc::clone(&self.shared),
                shown: Arc::clone(&shown),
            };
            self.threads.spawn(follower.run());
            shown
        })
    }

    /// Refuses a pin of another store; else says what it holds.
    fn own<'a>(&self, pin: &'a EtcdPin) -> Result<&'a Held, StoreError> {
        if Arc::ptr_eq(&self.shared, &pin.store.shared) {
            Ok(&pin.held)
        } else {
            let generation = pin.generation();
            Err(StoreError::ForeignPin { generation })
        }
    }

    fn step(&self, held: &Held, endpoint: &EndpointName, to: Place) -> Outcome {
        let (shared, held) = (Arc::clone(&self.shared), held.clone());
        let endpoint = endpoint.clone();
        self.threads
            .run(async move { shared.step(&held, &Step { endpoint, to }).await })
    }

    /// Learns where all endpoints stand, so that the steps of a pass begin there.
    fn look_ahead(&self) {
        let shared = Arc::clone(&self.shared);
        let looked = self.threads.run(async move { shared.look_ahead().await });
        if let Err(error) = looked {
            debug!(%error, "the steps find out where endpoints stand");
        }
    }

    /// Begins to activate the next few of these endpoints, if there are any more.
    fn begin_steps<'a>(
        &self,
        held: &Held,
        endpoints: &mut impl Iterator<Item = &'a EndpointName>,
    ) -> Option<Batch<'a>> {
        let to = Place::Active(held.generation);
        let endpoints: Vec<_> = endpoints.take(steps::BATCH).collect();
        let steps = endpoints.iter().map(|&endpoint| Step {
            endpoint: endpoint.clone(),
            to,
        });
        let steps: Vec<_> = steps.collect();
        if steps.is_empty() {
            return None;
        }
        let (shared, held) = (Arc::clone(&self.shared), held.clone());
        let task = async move { Ok(shared.step_all(&held, &steps).await) };
        let task = self.threads.begin(task);
        Some(Batch { endpoints, task })
    }

    /// Activates the plan at these endpoints, a few batches ahead of the caller.
    fn walk<'a>(
        &'a self,
        held: &'a Held,
        mut endpoints: impl Iterator<Item = &'a EndpointName>,
    ) -> impl Iterator<Item = (&'a EndpointName, Outcome)> {
        self.look_ahead();
        let mut batches = iter::from_fn(move || self.begin_steps(held, &mut endpoints)).fuse();
        let mut under_way: VecDeque<_> = batches.by_ref().take(WINDOW).collect();
        let ended = iter::from_fn(move || {
            let batch = under_way.pop_front()?;
            under_way.extend(batches.next());
            Some(batch.wait())
        });
        let generation = held.generation;
        ended.flatten().inspect(move |(endpoint, outcome)| {
            debug!(%endpoint, %generation, ?outcome, "activate");
        })
    }

    fn pinned(&self, held: Held) -> EtcdPin {
        let store = self.clone();
        EtcdPin { held, store }
    }
}

impl PlanStore for EtcdStore {
    type Pin = EtcdPin;
    type Reader = EtcdReader;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.threads.run(async move { shared.publish(plan).await })
    }

    fn latest(&self) -> Result<Option<EtcdPin>, StoreError> {
        let shared = Arc::clone(&self.shared);
        let held = self.threads.run(async move { shared.pin_latest().await })?;
        Ok(held.map(|held| self.pinned(held)))
    }

    fn pin(&self, generation: Generation) -> Result<EtcdPin, StoreError> {
        let shared = Arc::clone(&self.shared);
        let held = self
            .threads
            .run(async move { shared.pin(generation).await })?;
        Ok(self.pinned(held))
    }

    fn newest_active(&self) -> Result<Option<Generation>, StoreError> {
        let shared = Arc::clone(&self.shared);
        let places = self
            .threads
            .run(async move { shared.read_places(0).await })?;
        let standing = places
            .iter()
            .filter_map(|(_, place)| place.standing().generation());
        Ok(standing.max())
    }

    fn activate(&self, pin: &EtcdPin, endpoint: &EndpointName) -> Result<Activation, StoreError> {
        let held = self.own(pin)?;
        let generation = held.generation;
        if !held.plan.names(endpoint) {
            let endpoint = endpoint.clone();
            return Err(StoreError::NotInPlan {
                endpoint,
                generation,
            });
        }
        let activation = self.step(held, endpoint, Place::Active(generation));
        debug!(%endpoint, %generation, ?activation, "activate");
        activation
    }

    /// Many endpoints share a request, and a few requests are under way at a time;
    /// still each endpoint is a step of its own. When the caller drops the iterator,
    /// those that are under way may be done as well.
    fn activate_all<'a>(
        &'a self,
        pin: &'a EtcdPin,
    ) -> impl Iterator<Item = (&'a EndpointName, Outcome)> {
        let held = self.own(pin);
        // Another store's pin is refused at each endpoint.
        let refused = held.is_err().then(|| activate_one_by_one(self, pin));
        let endpoints = pin.plan().endpoints().map(|(endpoint, _)| endpoint);
        let walk = held.map(|held| self.walk(held, endpoints));
        let steps = walk.into_iter().flatten();
        steps.chain(refused.into_iter().flatten())
    }

    fn stale_endpoints(&self, pin: &EtcdPin) -> Result<Vec<EndpointName>, StoreError> {
        let held = self.own(pin)?;
        let shared = Arc::clone(&self.shared);
        let places = self
            .threads
            .run(async move { shared.read_places(0).await })?;
        let behind = places
            .into_iter()
            .filter(|(name, place)| place.generation() < held.generation && !held.plan.names(name));
        Ok(behind.map(|(name, _)| name).collect())
    }

    fn withdraw(&self, pin: &EtcdPin, endpoint: &EndpointName) -> Result<Activation, StoreError> {
        let held = self.own(pin)?;
        let generation = held.generation;
        if held.plan.names(endpoint) {
            let endpoint = endpoint.clone();
            return Err(StoreError::StillInPlan {
                endpoint,
                generation,
            });
        }
        let activation = self.step(held, endpoint, Place::Withdrawn(generation));
        info!(%endpoint, %generation, ?activation, "withdraw");
        activation
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, StoreError> {
        let (shared, endpoint) = (Arc::clone(&self.shared), endpoint.clone());
        self.threads
            .run(async move { Ok(shared.read_state(&endpoint).await?) })
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, StoreError> {
        let shared = Arc::clone(&self.shared);
        self.threads
            .run(async move { Ok(shared.sweep(applied).await?) })
    }

    /// Begins to follow the cluster, if nobody has yet.
    fn reader(&self) -> EtcdReader {
        EtcdReader::new(Arc::clone(&self.shown().view), self.clone())
    }

    /// Asks the cluster; where it cannot be reached, the answer is
    /// [`Resolution::Unknown`].
    fn resolve(&self, endpoint: &EndpointName) -> Resolution {
        let (shared, name) = (Arc::clone(&self.shared), endpoint.clone());
        let answer = self
            .threads
            .run(async move { shared.read_answer(&name).await });
        answer.unwrap_or_else(|error| {
            debug!(%endpoint, %error, "not resolved");
            Resolution::Unknown
        })
    }
}

impl Pin for EtcdPin {
    fn generation(&self) -> Generation {
        self.held.generation
    }

    fn plan(&self) -> &Arc<Plan> {
        &self.held.plan
    }
}

/// Lets go in the background.
impl Drop for EtcdPin {
    fn drop(&mut self) {
        let shared = Arc::clone(&self.store.shared);
        shared.session.drop_pin(self.held.fence.key.clone());
        self.store.threads.spawn(async move {
            if let Err(error) = shared.session.delete_dropped().await {
                debug!(%error, "pins are let go later");
            }
        });
    }
}

impl fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.follower.config;
        f.debug_struct("EtcdStore")
            .field("endpoints", &config.endpoints)
            .field("prefix", &config.prefix)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for EtcdPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EtcdPin").field(&self.generation()).finish()
    }
}
