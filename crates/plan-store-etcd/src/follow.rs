//! Brings the view up to date, and keeps it so.
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
//! 2. While no change comes, the member that is watched is asked for `head` every
//!    second: an answer takes the agreement of most members. One that does not answer
//!    is left.
//! 3. A list is shown only if it is of the same cluster as the view, and not older.

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

/// How often a silent member is asked.
const PROBE: Duration = Duration::from_secs(1);

/// How long after a failure it is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// How often the member may say that `head` is newer than the view, without the
/// watch having brought it.
const PATIENCE: u32 = 3;

pub(crate) struct Follower {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shown: Arc<Shown>,
}

impl Follower {
    /// Follows the cluster for ever.
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

    /// Follows the cluster until something is in the way.
    async fn follow(&self, must_list: bool) -> Error {
        let watching = async {
            if must_list {
                self.list().await?;
            } else {
                // An ordinary request gets a new token, should it take one.
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

    /// Asks the member whether it is there, and whether it has told everything.
    async fn probe(&self, at: usize, behind: &mut u32) -> Result<(), Error> {
        let head = one(self.shared.keys.head());
        let answer = self.shared.client.range_at(at, head).await?;
        let (_, written) = head_of(answer.kvs.first())?;
        self.check(answer.header.unwrap_or_default())?;
        if written <= self.shown.get().revision {
            *behind = 0;
            self.shown.contact();
        } else if *behind == PATIENCE {
            return Err(no_answer("the watch keeps changes back"));
        } else {
            *behind += 1;
        }
        Ok(())
    }

    /// Reads everything.
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

    /// Refuses what is from before the view, or from another cluster.
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

    /// Takes over the changes that the watch has brought.
    async fn apply(&self, message: WatchResponse) -> Result<(), Error> {
        if message.canceled {
            return Err(match message.compact_revision {
                0 => no_answer(format!("the watch is cancelled: {}", message.cancel_reason)),
                revision => Error::Compacted { revision },
            });
        }
        // The member itself may be behind: it will bring the changes in time.
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

/// Makes a change in the view.
async fn change(view: &mut View, plans: &mut PlansAt<'_>, event: Event) -> Result<(), Error> {
    let deleted = event.r#type() == EventType::Delete;
    let key = event.kv.unwrap_or_default();
    view.revision = view.revision.max(key.mod_revision);
    let keys = &plans.shared.keys;
    let actives = keys.actives();
    if actives.rest(&key.key).is_none() {
        // `head`: the next that is activated. It is read now, to be here then.
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
            // The plan is swept by now. The watch brings the newer one later.
            (Standing::Active(_), None) => {}
            (_, plan) => {
                let records = plan.and_then(|plan| plan.records(&endpoint).cloned());
                view.set(endpoint, answer_at(stored, records));
            }
        }
    }
    Ok(())
}

/// The plans of one revision, or with 0 of now, each read once.
struct PlansAt<'a> {
    shared: &'a Arc<Shared>,
    revision: i64,
    read: BTreeMap<Generation, Option<Arc<Plan>>>,
}

impl PlansAt<'_> {
    /// The plan that is active where an endpoint stands, if one is active and it is in
    /// the store.
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
