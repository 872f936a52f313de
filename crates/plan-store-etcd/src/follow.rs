//! The follower: brings the view up to date and keeps it up to date.
//!
//! # States
//! ```text
//!   listing ── all read, at one revision ──► watching ──► watching …
//!      ▲                                        │ the stream ends, or
//!      │ history is compacted                   │ the member does not answer
//!      └──────────── waiting ◄──────────────────┘
//!                       │ there is a view
//!                       └──► watching, from its revision on
//! ```
//!
//! # Rules
//! 1. A watch begins at the revision after the view's, so no change is left out, and
//!    brings all changes of one revision at once.
//! 2. While no change comes, the follower reads `head` every second at the member that it
//!    watches. Such a read needs a majority of the members. If the member does not answer,
//!    the follower goes to the next member.
//! 3. A list replaces the view only if it is of the same cluster and not older.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plan_store::{Generation, Plan, Standing};
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use crate::Error;
use crate::client::Watch;
use crate::layout::StoredStanding;
use crate::proto::etcd::event::EventType;
use crate::proto::etcd::{Event, ResponseHeader, WatchCreateRequest, WatchResponse};
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

pub(crate) struct Follower {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shown: Arc<Shown>,
}

impl Follower {
    /// Follows the cluster forever.
    pub(crate) async fn run(self) {
        let mut must_list = self.shown.get().cluster == 0;
        loop {
            let end = self.follow(must_list).await;
            must_list = self.shown.get().cluster == 0 || matches!(end, Error::Compacted { .. });
            debug!(error = %end, "not following");
            if !matches!(end, Error::Compacted { .. }) {
                self.shown.lost(end);
                sleep(PAUSE).await;
            }
        }
    }

    /// Follows the cluster until something fails, and returns the error.
    async fn follow(&self, must_list: bool) -> Error {
        let watching = async {
            if must_list {
                self.list().await?;
            } else {
                // If the login token has expired, this request renews it; a watch would
                // not.
                self.shared.read_head().await?;
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
            Ok((at, watch)) => self.watch(at, watch).await,
            Err(error) => error,
        }
    }

    async fn watch(&self, at: usize, mut watch: Watch) -> Error {
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
    async fn probe(&self, at: usize, behind: &mut u32) -> Result<(), Error> {
        let head = one(self.shared.keys.head());
        let answer = self.shared.client.range_at(at, head).await?;
        let (_, written) = head_of(answer.kvs.first())?;
        self.check(answer.header.unwrap_or_default())?;
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

    /// Reads all keys that the view needs, and shows them.
    async fn list(&self) -> Result<(), Error> {
        let (header, keys) = self
            .shared
            .read_all(&self.shared.keys.followed(), false, 0)
            .await?;
        self.check(header)?;
        let actives = self.shared.keys.actives();
        let mut view = View::at(header.cluster_id, header.revision);
        let mut plans = PlansAt {
            shared: &self.shared,
            revision: header.revision,
            read: BTreeMap::new(),
        };
        for key in &keys {
            if actives.rest(&key.key).is_none() {
                (view.newest, _) = head_of(Some(key))?;
                continue;
            }
            let (endpoint, stored) = standing_of(&actives, key)?;
            let plan = plans.active(stored).await?;
            let records = plan.and_then(|plan| plan.records(&endpoint).cloned());
            view.set(endpoint, answer_at(stored, records));
        }
        info!(
            revision = view.revision,
            endpoints = view.answers().len(),
            "list"
        );
        self.shown.show(view);
        Ok(())
    }

    /// Refuses an answer that is older than the view or from another cluster.
    fn check(&self, header: ResponseHeader) -> Result<(), Error> {
        self.check_cluster(header)?;
        let seen = self.shown.get().revision;
        if seen <= header.revision {
            return Ok(());
        }
        let reason = format!("it is at revision {}, and was at {seen}", header.revision);
        Err(Error::OtherCluster { reason })
    }

    fn check_cluster(&self, header: ResponseHeader) -> Result<(), Error> {
        match self.shown.get().cluster {
            seen if seen == 0 || seen == header.cluster_id => Ok(()),
            seen => Err(Error::OtherCluster {
                reason: format!("it is {:x}, and was {seen:x}", header.cluster_id),
            }),
        }
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
        self.check_cluster(message.header.unwrap_or_default())?;
        if message.events.is_empty() {
            return Ok(()); // The watch has begun.
        }
        let mut view = View::clone(&self.shown.get());
        let mut plans = PlansAt {
            shared: &self.shared,
            revision: 0,
            read: BTreeMap::new(),
        };
        for event in message.events {
            change(&mut view, &mut plans, event).await?;
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
                view.set(endpoint, answer_at(stored, records));
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

fn no_answer(reason: impl std::fmt::Display) -> Error {
    Error::NoAnswer {
        endpoint: "the member that is watched".into(),
        reason: reason.to_string(),
    }
}
