//! The store: a handle whose calls block until the cluster has answered.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use plan_store::{
    Activation, EndpointName, EndpointState, Failed, Generation, Pin, PinError, Plan, PlanStore,
    PublishError, RecordSet, Resolution, StepError, Swept, activate_one_by_one,
};
use tracing::{debug, info};

use crate::Error;
use crate::batches;
use crate::client::Client;
use crate::codec::Sizes;
use crate::config::EtcdConfig;
use crate::election::Candidate;
use crate::layout::{Keys, StoredStanding};
use crate::pins::{EtcdPin, Held};
use crate::reader::EtcdReader;
use crate::restore::Continued;
use crate::session::Session;
use crate::shared::{Plans, Shared};
use crate::steps::{Outcome, Step};
use crate::supply::Supply;
use crate::threads::Threads;
use crate::upkeep::Storage;
use crate::view::{Health, Shown};

/// A plan store on an etcd cluster. Clones are handles on the same store.
///
/// The [crate's documentation](crate) says how it works and why it is correct.
#[derive(Clone)]
pub struct EtcdStore {
    shared: Arc<Shared>,
    threads: Threads,
    supply: Arc<Supply>,
    config: Arc<EtcdConfig>,
}

impl EtcdStore {
    /// A store on this cluster. The cluster need not exist yet: calls fail as long as no
    /// member can be reached.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::NoThreads`], [`Error::ForeignSnapshot`].
    pub fn connect(config: EtcdConfig) -> Result<Self, Error> {
        config.check()?;
        let client = Arc::new(Client::new(&config)?);
        let supply = Arc::new(Supply::new(&config)?);
        let shared = Arc::new(Shared {
            session: Session::new(Arc::clone(&client), config.lease_ttl),
            client,
            keys: Keys::below(&config.prefix),
            retention: config.retention,
            sizes: Sizes::DEFAULT,
            history: config.history,
            quota: config.quota,
            storage: Mutex::default(),
            plans: Plans::default(),
            standings: Mutex::default(),
        });
        let leaving = Arc::clone(&shared);
        let threads = Threads::start(async move { leaving.session.end().await })?;
        Ok(Self {
            shared,
            threads,
            supply,
            config: Arc::new(config),
        })
    }

    /// The plans in the store, oldest first.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub fn generations(&self) -> Result<Vec<Generation>, Error> {
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

    /// The note with this name: bytes that a program keeps beside the plans. `None` if it was
    /// never set.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub fn note(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let (shared, name) = (Arc::clone(&self.shared), name.to_owned());
        self.threads.run(async move {
            let note = shared.read_note(&name).await?;
            Ok(note.map(|note| note.value))
        })
    }

    /// Sets the note with this name: at most about 1.4 MB, since etcd takes requests of at
    /// most 1.5 MiB by default. The last writer wins. Each write stays in etcd's history until
    /// that is compacted, so write a large note seldom.
    ///
    /// # Errors
    /// The cluster cannot be asked, or refuses. After [`Error::NoAnswer`] the note may have
    /// been set.
    pub fn set_note(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let (shared, name) = (Arc::clone(&self.shared), name.to_owned());
        let bytes = bytes.to_vec();
        self.threads
            .run(async move { shared.write_note(&name, bytes).await })
    }

    /// Replaces the note with this name if it is still `before`, where `None` means that it was
    /// never set. Returns whether it was. So several processes can each change a part of a note,
    /// and none takes back what another has changed.
    ///
    /// # Errors
    /// As for [`EtcdStore::set_note`].
    pub fn replace_note(
        &self,
        name: &str,
        before: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<bool, Error> {
        let (shared, name) = (Arc::clone(&self.shared), name.to_owned());
        let (before, bytes) = (before.map(<[u8]>::to_vec), bytes.to_vec());
        self.threads.run(async move {
            let before = before.as_deref();
            shared.replace_note(&name, before, bytes).await
        })
    }

    /// Publishes the latest plan again, above a generation that was served. An operator does
    /// this once after the cluster was restored from a backup, with the newest generation that
    /// any server shows. If the cluster takes the place of another one, `replaces` is that
    /// one's id. If the store has no plan, its next plan follows `served`.
    ///
    /// It may be called again: nothing happens if the store is above that generation already.
    ///
    /// # Errors
    /// The cluster cannot be asked. Or `served` is more than 1,000,000 above the newest generation
    /// in the store ([`Error::TooFarAbove`]), because generations are used up for good. After
    /// [`Error::PublishUnknown`], call it again.
    pub fn continue_above(
        &self,
        served: Generation,
        replaces: Option<u64>,
    ) -> Result<Continued, PublishError<Error>> {
        let shared = Arc::clone(&self.shared);
        self.threads
            .run(async move { shared.continue_above(served, replaces).await })
    }

    /// What this process knows of the cluster's storage while it leads.
    pub fn storage(&self) -> Storage {
        self.shared.storage.lock().clone()
    }

    /// The health of this store's connection, and of its readers if there are any.
    pub fn health(&self) -> Health {
        let health = self.supply.health();
        let contact = self.shared.client.contact();
        let at = contact.at.map(|at| at.elapsed());
        Health {
            connected: if self.supply.has_started() {
                health.connected
            } else {
                contact.answers
            },
            last_contact: at.into_iter().chain(health.last_contact).min(),
            ..health
        }
    }

    /// Waits until readers have a view to show, from the cluster or from disk.
    ///
    /// # Errors
    /// [`Error::NoView`].
    pub fn wait_for_view(&self, within: Duration) -> Result<(), Error> {
        self.shown().wait_for(0, within)
    }

    /// Waits until readers show all changes that the cluster has now.
    ///
    /// # Errors
    /// [`Error::NoView`]; or any error of the read that asks the cluster what it holds.
    pub fn catch_up(&self, within: Duration) -> Result<(), Error> {
        let begun = Instant::now();
        let shown = Arc::clone(self.shown());
        let shared = Arc::clone(&self.shared);
        let revision = self
            .threads
            .run(async move { shared.last_change().await })?;
        shown.wait_for(revision, within.saturating_sub(begun.elapsed()))
    }

    /// Waits until there is a newer plan than this one, and returns its generation; `None`
    /// after `within`. An Enactor waits here between its passes. The first call starts the
    /// follower.
    pub fn wait_for_plan_after(
        &self,
        than: Option<Generation>,
        within: Duration,
    ) -> Option<Generation> {
        self.shown().wait_for_plan_after(than, within)
    }

    /// Has this process stand for election as the store's leader, under this name. A leader
    /// that dies is replaced after [`EtcdConfig::lease_ttl`], and one that ends at once.
    pub fn stand_for_election(&self, name: impl Into<String>) -> Candidate {
        let (shared, ttl) = (Arc::clone(&self.shared), self.config.lease_ttl);
        Candidate::start(shared, &self.threads, name.into(), ttl)
    }

    /// The newest plan that the follower has seen, active or not, if its content has been read
    /// already. Does not wait, and does not ask the cluster.
    pub fn newest_seen(&self) -> Option<(Generation, Arc<Plan>)> {
        let newest = self.shown().get().newest?;
        let (_, plan) = self.shared.plans.any(newest)?;
        Some((newest, plan))
    }

    fn shown(&self) -> &Arc<Shown> {
        self.supply.shown(&self.shared, &self.threads)
    }

    /// The plan that the pin holds; an error if it is a pin of another store.
    fn own<'a>(&self, pin: &'a EtcdPin) -> Result<&'a Held, StepError<Error>> {
        let generation = pin.generation();
        pin.held_in(&self.shared)
            .ok_or(StepError::ForeignPin { generation })
    }

    fn step(&self, held: &Held, endpoint: &EndpointName, to: StoredStanding) -> Outcome {
        let (shared, held) = (Arc::clone(&self.shared), held.clone());
        let endpoint = endpoint.clone();
        self.threads
            .run(async move { shared.step(&held, &Step { endpoint, to }).await })
    }

    /// Reads where all endpoints stand, so that the steps of a pass begin there.
    fn look_ahead(&self) {
        let shared = Arc::clone(&self.shared);
        let looked = self.threads.run(async move { shared.look_ahead().await });
        if let Err(error) = looked {
            debug!(%error, "not read ahead; each step reads where its endpoint stands");
        }
    }

    /// Activates the plan at these endpoints, a few requests ahead of the caller.
    fn walk<'a>(
        &'a self,
        held: &'a Held,
        endpoints: impl Iterator<Item = &'a EndpointName>,
    ) -> impl Iterator<Item = (&'a EndpointName, Outcome)> {
        self.look_ahead();
        let generation = held.generation;
        let outcomes = batches::activate(&self.shared, &self.threads, held, endpoints);
        outcomes.inspect(move |(endpoint, outcome)| match outcome {
            Ok(activation) => debug!(%endpoint, %generation, %activation, "activate"),
            Err(error) => debug!(%endpoint, %generation, %error, "activate"),
        })
    }

    fn pinned(&self, held: Held) -> EtcdPin {
        EtcdPin::new(held, Arc::clone(&self.shared), self.threads.clone())
    }
}

impl PlanStore for EtcdStore {
    type Key = EndpointName;
    type Value = RecordSet;
    type Error = Error;
    type Pin = EtcdPin;
    type Reader = EtcdReader;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError<Error>> {
        let shared = Arc::clone(&self.shared);
        self.threads.run(async move { shared.publish(plan).await })
    }

    fn latest(&self) -> Result<Option<EtcdPin>, PinError<Error>> {
        let shared = Arc::clone(&self.shared);
        let held = self.threads.run(async move { shared.pin_latest().await })?;
        Ok(held.map(|held| self.pinned(held)))
    }

    fn pin(&self, generation: Generation) -> Result<EtcdPin, PinError<Error>> {
        let shared = Arc::clone(&self.shared);
        let held = self
            .threads
            .run(async move { shared.pin(generation).await })?;
        Ok(self.pinned(held))
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed<Error>> {
        let shared = Arc::clone(&self.shared);
        let endpoints = self
            .threads
            .run(async move { shared.read_standings(0).await })?;
        let generations = endpoints
            .iter()
            .filter_map(|(_, stored)| stored.standing().generation());
        Ok(generations.max())
    }

    fn activate(
        &self,
        pin: &EtcdPin,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError<Error>> {
        let held = self.own(pin)?;
        let generation = held.generation;
        if !held.plan.names(endpoint) {
            return Err(StepError::NotInPlan { generation });
        }
        let activation = self.step(held, endpoint, StoredStanding::active(generation))?;
        debug!(%endpoint, %generation, %activation, "activate");
        Ok(activation)
    }

    /// Many endpoints share a request, and a few requests are under way at a time. Each
    /// endpoint is still a step of its own. When the caller drops the iterator, the
    /// requests that are under way may still be done.
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

    fn stale_endpoints(&self, pin: &EtcdPin) -> Result<Vec<EndpointName>, StepError<Error>> {
        let held = self.own(pin)?;
        let shared = Arc::clone(&self.shared);
        let endpoints = self
            .threads
            .run(async move { shared.read_standings(0).await })?;
        let stale = endpoints
            .into_iter()
            .filter(|(_, stored)| stored.generation() < held.generation)
            .filter(|(name, _)| !held.plan.names(name));
        Ok(stale.map(|(name, _)| name).collect())
    }

    fn withdraw(
        &self,
        pin: &EtcdPin,
        endpoint: &EndpointName,
    ) -> Result<Activation, StepError<Error>> {
        let held = self.own(pin)?;
        let generation = held.generation;
        if held.plan.names(endpoint) {
            return Err(StepError::StillInPlan { generation });
        }
        let activation = self.step(held, endpoint, StoredStanding::withdrawn(generation))?;
        info!(%endpoint, %generation, %activation, "withdraw");
        Ok(activation)
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Failed<Error>> {
        let (shared, endpoint) = (Arc::clone(&self.shared), endpoint.clone());
        self.threads
            .run(async move { Ok(shared.read_state(&endpoint).await?) })
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<Error>> {
        let shared = Arc::clone(&self.shared);
        self.threads
            .run(async move { Ok(shared.sweep(applied).await?) })
    }

    /// The first reader starts the follower.
    fn reader(&self) -> EtcdReader {
        EtcdReader::new(Arc::clone(&self.shown().view), self.threads.clone())
    }

    /// Asks the cluster. If it cannot be reached, the answer is [`Resolution::Unknown`].
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

impl fmt::Debug for EtcdStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        f.debug_struct("EtcdStore")
            .field("endpoints", &config.endpoints)
            .field("prefix", &config.prefix)
            .finish_non_exhaustive()
    }
}
