//! The follower: brings the view up to date and keeps it up to date.
//!
//! # States
//! ```text
//!   listing ── all read, at one revision ──► watching ──► watching …
//!      ▲                                        │ the stream ends, or
//!      │ history is compacted, or the           │ the member does not answer
//!      │ cluster was restored from a backup     │
//!      └──────────── waiting ◄──────────────────┘
//!                       │ there is a view of this cluster's history
//!                       └──► watching, from its revision on
//! ```
//!
//! # Rules
//! 1. A watch begins at the revision after the view's, so no change is left out, and
//!    brings all changes of one revision at once.
//! 2. While no change comes, the follower reads `head` every second at the member that it
//!    watches. Such a read needs a majority of the members. If the member does not answer,
//!    the follower goes to the next member.
//! 3. Before a watch begins, the view's witness is read at the view's revision. It is a key
//!    that was written at a revision which the view knows. If the cluster has another one
//!    there, or is not at that revision yet for [`BEHIND`], the cluster was restored from a
//!    backup. (A member may be behind for a moment.)
//! 4. After that the follower lists the cluster. Each endpoint keeps what it shows until the
//!    cluster has something newer.
//! 5. A cluster with another id is not followed, unless its keys say that it takes the place
//!    of the one before.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use plan_store::{EndpointName, Generation, Plan, Standing};
use tokio::time::{Instant, sleep, timeout};
use tonic::Code;
use tracing::{debug, error, info, warn};

use crate::Error;
use crate::client::Watch;
use crate::layout::StoredStanding;
use crate::proto::etcd::event::EventType;
use crate::proto::etcd::{
    Event, KeyValue, RangeRequest, ResponseHeader, WatchCreateRequest, WatchResponse,
};
use crate::shared::{Shared, head_of, standing_of};
use crate::txn::one;
use crate::view::{Shown, View, answer_at};

/// After this long without a message, the follower probes the member.
const PROBE: Duration = Duration::from_secs(1);

/// The pause between a failure and the next attempt.
const PAUSE: Duration = Duration::from_millis(200);

/// How many probes in a row may find a `head` newer than the view before the follower takes
/// the watch for broken.
const PATIENCE: u32 = 3;

/// For how long a member may be behind the view. After that the cluster was restored from a
/// backup.
const BEHIND: Duration = Duration::from_secs(3);

pub(crate) struct Follower {
    shared: Arc<Shared>,
    shown: Arc<Shown>,
    /// Since when the members that answer have been behind the view.
    behind: Option<Instant>,
    /// Whether the log has a line that the cluster is not followed.
    said: Option<Said>,
}

/// What the log says about a cluster that is not followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Lost,
    OtherCluster,
}

/// How following begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// With the changes after the view.
    Watch,
    /// With a list of all keys.
    List,
    /// With a list of all keys, because the cluster was restored from a backup.
    Restore,
}

impl Follower {
    pub(crate) fn new(shared: Arc<Shared>, shown: Arc<Shown>) -> Self {
        Self {
            shared,
            shown,
            behind: None,
            said: None,
        }
    }

    /// Follows the cluster forever.
    pub(crate) async fn run(mut self) {
        let mut begin = self.begin();
        loop {
            let end = self.follow(begin).await;
            debug!(error = %end, "not following");
            begin = match end {
                Error::Compacted { .. } => Begin::List,
                Error::Restored { .. } => Begin::Restore,
                _ => {
                    self.say(&end);
                    self.shown.lost(end);
                    sleep(PAUSE).await;
                    self.begin()
                }
            };
        }
    }

    fn begin(&self) -> Begin {
        if self.shown.get().witness.is_some() {
            Begin::Watch
        } else {
            Begin::List
        }
    }

    /// Logs why the cluster is not followed, once.
    fn say(&mut self, end: &Error) {
        let say = match end {
            Error::OtherCluster { .. } => Said::OtherCluster,
            _ => Said::Lost,
        };
        if self.said.is_none() || say == Said::OtherCluster && self.said != Some(say) {
            warn!(error = %end, "etcd is not followed; readers keep what they show");
            self.said = Some(say);
        }
    }

    /// Follows the cluster until something fails, and returns the error.
    async fn follow(&mut self, begin: Begin) -> Error {
        let watching = async {
            match begin {
                Begin::Watch => self.recognize().await?,
                Begin::List | Begin::Restore => self.list(begin == Begin::Restore).await?,
            }
            let followed = self.shared.keys.followed();
            let create = WatchCreateRequest {
                key: followed.first,
                range_end: followed.end,
                start_revision: self.shown.get().revision + 1,
            };
            self.shared.client.watch(create).await
        };
        match watching.await {
            Ok((at, watch)) => {
                self.behind = None;
                self.shown.contact();
                if self.said.take().is_some() {
                    info!("etcd is followed again");
                }
                self.watch(at, watch).await
            }
            Err(error) => error,
        }
    }

    /// Finds out whether the cluster's history is the one that the view comes from. Also
    /// renews a login token that has expired, which a watch would not.
    async fn recognize(&mut self) -> Result<(), Error> {
        let view = self.shown.get();
        let Some((key, written)) = view.witness.clone() else {
            return Err(Error::Compacted {
                revision: view.revision,
            });
        };
        let range = RangeRequest {
            revision: view.revision,
            ..one(key)
        };
        match self.shared.client.range(range).await {
            Ok(answer) => {
                let header = answer.header.unwrap_or_default();
                self.check_cluster(header).await?;
                if header.cluster_id != view.cluster {
                    return Err(replaced());
                }
                let there = answer.kvs.first().map_or(0, |key| key.mod_revision);
                if there == written {
                    return Ok(());
                }
                let revision = view.revision;
                let reason = format!("its history up to revision {revision} is another one");
                Err(Error::Restored { reason })
            }
            Err(Error::Refused {
                code: Code::OutOfRange,
                message,
                ..
            }) => {
                let header = self
                    .shared
                    .client
                    .range(one(self.shared.keys.head()))
                    .await?;
                let header = header.header.unwrap_or_default();
                self.check_cluster(header).await?;
                if header.cluster_id != view.cluster {
                    return Err(replaced());
                }
                if message.contains("compacted") {
                    let revision = view.revision;
                    return Err(Error::Compacted { revision });
                }
                self.check_revision(header)
            }
            Err(error) => Err(error),
        }
    }

    async fn watch(&mut self, at: usize, mut watch: Watch) -> Error {
        let mut behind = 0;
        loop {
            let step = match timeout(PROBE, watch.message()).await {
                Ok(Ok(Some(message))) => {
                    behind = 0;
                    self.apply(message).await
                }
                Ok(Ok(None)) => Err(no_answer("the watch has ended")),
                Ok(Err(status)) => Err(no_answer(status)),
                Err(_) => self.probe(at, &mut behind).await,
            };
            if let Err(error) = step {
                return error;
            }
        }
    }

    /// Checks that the member answers, and that its watch has delivered all changes.
    async fn probe(&mut self, at: usize, behind: &mut u32) -> Result<(), Error> {
        let head = one(self.shared.keys.head());
        let answer = self.shared.client.range_at(at, head).await?;
        let (_, written) = head_of(answer.kvs.first())?;
        let header = answer.header.unwrap_or_default();
        self.check_cluster(header).await?;
        self.check_revision(header)?;
        if written <= self.shown.get().revision {
            *behind = 0;
            self.shown.contact();
        } else if *behind == PATIENCE {
            return Err(no_answer("the watch does not deliver changes"));
        } else {
            *behind += 1;
        }
        Ok(())
    }

    /// Reads all keys that the view needs, and shows them. `restored` says that the cluster
    /// was restored from a backup; else the list may show it.
    async fn list(&mut self, restored: bool) -> Result<(), Error> {
        let (header, keys) = self
            .shared
            .read_all(&self.shared.keys.followed(), false, 0)
            .await?;
        self.check_cluster(header).await?;
        if !restored {
            self.check_revision(header)?;
        }
        let before = self.shown.get();
        // Plans that were read before may not be those of the restored cluster.
        if restored {
            self.shared.plans.forget_all();
        }
        let mut view = View::clone(&before);
        if restored {
            view.keep_all();
        }
        view.begin_list(header.cluster_id, header.revision);
        let newest = keys.iter().max_by_key(|key| key.mod_revision);
        view.witness = newest.map(|key| (key.key.clone(), key.mod_revision));
        let listed = self.update_all(&mut view, &keys).await?;
        let is_older = before.newest > view.newest || view.kept() > before.kept();
        let restored = restored || is_older;
        for (name, answer) in before.answers() {
            if listed.contains(name) {
                continue;
            }
            if restored {
                view.keep(name.clone(), answer.clone());
            }
            view.remove(name);
        }
        view.remove_passed();
        let endpoints = view.answers().len();
        info!(revision = view.revision, endpoints, "list");
        if restored {
            self.shown.restored();
            say_restored(&view, before.revision);
        }
        self.shown.show(view);
        Ok(())
    }

    /// Brings all endpoints of a list up to date. Returns their names.
    async fn update_all(
        &self,
        view: &mut View,
        keys: &[KeyValue],
    ) -> Result<HashSet<EndpointName>, Error> {
        let actives = self.shared.keys.actives();
        let mut listed = HashSet::new();
        let mut plans = PlansAt {
            shared: &self.shared,
            revision: view.revision,
            read: BTreeMap::new(),
        };
        for key in keys {
            if actives.rest(&key.key).is_none() {
                (view.newest, _) = head_of(Some(key))?;
                continue;
            }
            let (endpoint, stored) = standing_of(&actives, key)?;
            let plan = plans.active(stored).await?;
            let records = plan.and_then(|plan| plan.records(&endpoint).cloned());
            view.update(endpoint.clone(), stored, answer_at(stored, records));
            listed.insert(endpoint);
        }
        Ok(listed)
    }

    /// Refuses an answer that is older than the view.
    fn check_revision(&mut self, header: ResponseHeader) -> Result<(), Error> {
        let seen = self.shown.get().revision;
        if seen <= header.revision {
            self.behind = None;
            return Ok(());
        }
        let reason = format!("it is at revision {}, and was at {seen}", header.revision);
        if self.behind.get_or_insert_with(Instant::now).elapsed() < BEHIND {
            return Err(no_answer(format!("the member is behind: {reason}")));
        }
        Err(Error::Restored { reason })
    }

    /// Refuses an answer from another cluster, unless that takes the place of the one before.
    async fn check_cluster(&self, header: ResponseHeader) -> Result<(), Error> {
        let (is, was) = (header.cluster_id, self.shown.get().cluster);
        if was == 0 || was == is {
            return Ok(());
        }
        let successor = one(self.shared.keys.successor_of(was));
        if self.shared.client.range(successor).await?.kvs.is_empty() {
            return Err(Error::OtherCluster { is, was });
        }
        Ok(())
    }

    /// Applies the changes in a message of the watch to the view.
    async fn apply(&self, message: WatchResponse) -> Result<(), Error> {
        if message.canceled {
            return Err(match message.compact_revision {
                0 => no_answer(format!("the watch is cancelled: {}", message.cancel_reason)),
                revision => Error::Compacted { revision },
            });
        }
        // Only the cluster is checked. The member may be behind the view; its changes come
        // later.
        self.check_cluster(message.header.unwrap_or_default())
            .await?;
        if message.events.is_empty() {
            return Ok(()); // The watch has begun.
        }
        let mut view = View::clone(&self.shown.get());
        let mut plans = PlansAt {
            shared: &self.shared,
            revision: 0,
            read: BTreeMap::new(),
        };
        let kept = view.kept();
        for event in message.events {
            change(&mut view, &mut plans, event).await?;
        }
        view.remove_passed();
        if kept > 0 && view.kept() == 0 {
            info!("the cluster has caught up with what readers show");
        }
        self.shown.show(view);
        Ok(())
    }
}

/// Applies one change to the view.
async fn change(view: &mut View, plans: &mut PlansAt<'_>, event: Event) -> Result<(), Error> {
    let deleted = event.r#type() == EventType::Delete;
    let key = event.kv.unwrap_or_default();
    view.revision = view.revision.max(key.mod_revision);
    if deleted {
        // A later read does not find a key that is gone.
        view.witness.take_if(|(witness, _)| *witness == key.key);
    } else {
        view.witness = Some((key.key.clone(), key.mod_revision));
    }
    let keys = &plans.shared.keys;
    let actives = keys.actives();
    if actives.rest(&key.key).is_none() {
        // `head` names the plan that will be activated next. It is read ahead.
        if !deleted {
            (view.newest, _) = head_of(Some(&key))?;
        }
        if let Some(newest) = view.newest {
            let shared = Arc::clone(plans.shared);
            tokio::spawn(async move { shared.read_plan(newest, 0).await.map(drop) });
        }
    } else if deleted {
        if let Some(endpoint) = actives.endpoint(&key.key) {
            view.remove(&endpoint);
        }
    } else {
        let (endpoint, stored) = standing_of(&actives, &key)?;
        match (stored.standing(), plans.active(stored).await?) {
            // The plan has been swept since. The watch brings the newer one later.
            (Standing::Active(_), None) => {}
            (_, plan) => {
                let records = plan.and_then(|plan| plan.records(&endpoint).cloned());
                view.update(endpoint, stored, answer_at(stored, records));
            }
        }
    }
    Ok(())
}

/// Reads plans as of one revision (0 means now), each plan once.
struct PlansAt<'a> {
    shared: &'a Arc<Shared>,
    revision: i64,
    read: BTreeMap<Generation, Option<Arc<Plan>>>,
}

impl PlansAt<'_> {
    /// The active plan of an endpoint that stands there; `None` if no plan is active or the
    /// plan is not in the store.
    async fn active(&mut self, stored: StoredStanding) -> Result<Option<Arc<Plan>>, Error> {
        let Standing::Active(generation) = stored.standing() else {
            return Ok(None);
        };
        if let Some(plan) = self.read.get(&generation) {
            return Ok(plan.clone());
        }
        let plan = self.shared.read_plan(generation, self.revision).await?;
        self.read.insert(generation, plan.clone());
        Ok(plan)
    }
}

/// The error that another cluster takes the place of the one before.
fn replaced() -> Error {
    Error::Restored {
        reason: "another cluster takes the place of the one before".into(),
    }
}

/// Logs what a restored cluster means for readers.
fn say_restored(view: &View, before: i64) {
    let (revision, kept) = (view.revision, view.kept());
    let Some(shown) = view.newest_shown().filter(|_| kept > 0) else {
        warn!(
            revision,
            before, "etcd was restored from a backup; nothing that is shown was lost"
        );
        return;
    };
    error!(
        revision,
        before,
        kept,
        "etcd was restored from a backup: it has lost changes that are shown here. The kept \
         endpoints show what they have, until etcd is above generation {shown}; run \
         `enact restore-cluster --above {shown}`, with the largest number that a server logs"
    );
}

fn no_answer(reason: impl std::fmt::Display) -> Error {
    Error::NoAnswer {
        endpoint: "the member that is watched".into(),
        reason: reason.to_string(),
    }
}
