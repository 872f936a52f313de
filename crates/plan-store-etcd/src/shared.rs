//! The state that all handles on a store share, and how the store's keys are read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use plan_store::{EndpointName, EndpointState, Generation, Plan, Resolution, Retention, Standing};

use crate::Error;
use crate::client::Client;
use crate::codec::{self, Sizes};
use crate::error::corrupt;
use crate::layout::{Keys, Span, StoredStanding, value_generation};
use crate::proto::etcd::range_request::{SortOrder, SortTarget};
use crate::proto::etcd::{KeyValue, RangeRequest, ResponseHeader};
use crate::proto::stored::{self, plan::Content};
use crate::session::Session;
use crate::txn::{Answers, all, get, one, txn};
use crate::upkeep::Storage;
use crate::view::answer_at;

pub(crate) struct Shared {
    pub(crate) client: Arc<Client>,
    pub(crate) keys: Keys,
    pub(crate) retention: Retention,
    pub(crate) sizes: Sizes,
    /// How long the leader keeps the history.
    pub(crate) history: Option<Duration>,
    /// The quota of members that do not say what theirs is.
    pub(crate) quota: u64,
    pub(crate) storage: Mutex<Storage>,
    pub(crate) session: Session,
    pub(crate) plans: Plans,
    /// Where endpoints stood when they were last seen. A step starts from that. If it is
    /// out of date, the step takes one more transaction.
    pub(crate) standings: Mutex<HashMap<EndpointName, StoredStanding>>,
}

/// How many keys are read in one request.
const PAGE: i64 = 10_000;

impl Shared {
    /// Reads keys, page after page, all at one revision; 0 means the current one.
    pub(crate) async fn read_all(
        &self,
        span: &Span,
        keys_only: bool,
        revision: i64,
    ) -> Result<(ResponseHeader, Vec<KeyValue>), Error> {
        let mut range = RangeRequest {
            limit: PAGE,
            keys_only,
            revision,
            ..all(span.clone())
        };
        let mut keys: Vec<KeyValue> = Vec::new();
        let mut first = None;
        loop {
            let page = self.client.range(range.clone()).await?;
            let header = page.header.unwrap_or_default();
            let header = *first.get_or_insert(header);
            keys.extend(page.kvs);
            match keys.last() {
                Some(last) if page.more => {
                    range.key.clone_from(&last.key);
                    range.key.push(0);
                }
                _ => return Ok((header, keys)),
            }
            if range.revision == 0 {
                range.revision = header.revision;
            }
        }
    }

    /// Where all endpoints stand, by name.
    pub(crate) async fn read_standings(
        &self,
        revision: i64,
    ) -> Result<Vec<(EndpointName, StoredStanding)>, Error> {
        let span = self.keys.actives();
        let (_, keys) = self.read_all(&span, false, revision).await?;
        keys.iter().map(|key| standing_of(&span, key)).collect()
    }

    /// The newest generation, and the revision at which `head` was written.
    pub(crate) async fn read_head(&self) -> Result<(Option<Generation>, i64), Error> {
        let head = self.client.range(one(self.keys.head())).await?;
        head_of(head.kvs.first())
    }

    pub(crate) async fn read_state(&self, endpoint: &EndpointName) -> Result<EndpointState, Error> {
        let active = get(self.keys.active(endpoint));
        let rollback = get(self.keys.rollback(endpoint));
        let read = self.client.txn(txn([], [active, rollback], [])).await?;
        let mut answers = Answers::of(read);
        let (active, rollback) = (answers.key()?, answers.key()?);
        let Some(active) = active else {
            return Ok(EndpointState::VACANT);
        };
        let (_, stored) = standing_of(&self.keys.actives(), &active)?;
        Ok(EndpointState {
            standing: stored.standing(),
            rollback: rollback.as_ref().map_or(Ok(None), generation_in)?,
        })
    }

    /// What an endpoint answers now.
    pub(crate) async fn read_answer(&self, endpoint: &EndpointName) -> Result<Resolution, Error> {
        let key = self.keys.active(endpoint);
        let mut before = None;
        loop {
            let read = self.client.range(one(key.clone())).await?;
            let Some(active) = read.kvs.first() else {
                return Ok(Resolution::Unknown);
            };
            let (_, stored) = standing_of(&self.keys.actives(), active)?;
            let Standing::Active(generation) = stored.standing() else {
                return Ok(answer_at(stored, None));
            };
            let plan = self.read_plan(generation, 0).await?;
            let records = plan.and_then(|plan| plan.records(endpoint).cloned());
            // The plan may be gone because another one is active by now. If it is still
            // the active one, the endpoint is dangling.
            if records.is_some() || before == Some(stored) {
                return Ok(answer_at(stored, records));
            }
            before = Some(stored);
        }
    }

    /// The revision of the last change to a key that the follower watches.
    pub(crate) async fn last_change(&self) -> Result<i64, Error> {
        let newest = RangeRequest {
            limit: 1,
            keys_only: true,
            sort_order: SortOrder::Descend.into(),
            sort_target: SortTarget::Mod.into(),
            ..all(self.keys.followed())
        };
        let read = self.client.range(newest).await?;
        Ok(read.kvs.first().map_or(0, |key| key.mod_revision))
    }

    /// Reads a plan as of this revision; 0 means the current one. `None` if the plan is not
    /// in the store.
    pub(crate) async fn read_plan(
        &self,
        generation: Generation,
        revision: i64,
    ) -> Result<Option<Arc<Plan>>, Error> {
        let range = RangeRequest {
            revision,
            ..one(self.keys.plan(generation))
        };
        let Some(key) = self.client.range(range.clone()).await?.kvs.pop() else {
            return Ok(None);
        };
        let created = key.create_revision;
        if let Some(plan) = self.plans.get(generation, created) {
            return Ok(Some(plan));
        }
        // A task that had to wait here finds the plan that the task before it has read.
        let _alone = self.plans.reading.lock().await;
        if let Some(plan) = self.plans.get(generation, created) {
            return Ok(Some(plan));
        }
        let parts = match stored_plan(&key)?.content {
            Some(Content::Inline(whole)) => vec![whole],
            Some(Content::Chunks(chunks)) => match self.read_chunks(chunks, revision).await {
                Ok(parts) => parts,
                // The chunk may have been swept with its plan, after the plan's key was
                // read.
                Err(error) => {
                    let again = self.client.range(range).await?;
                    return if again.kvs.is_empty() {
                        Ok(None)
                    } else {
                        Err(error)
                    };
                }
            },
            None => return Err(corrupt(&key.key, "it has no content")),
        };
        let plan = codec::decode(parts).map_err(|reason| corrupt(&key.key, reason))?;
        Ok(Some(self.plans.add(generation, created, plan)))
    }

    async fn read_chunks(
        &self,
        chunks: stored::Chunks,
        revision: i64,
    ) -> Result<Vec<stored::Endpoints>, Error> {
        let mut parts = Vec::with_capacity(chunks.hashes.len());
        for hash in &chunks.hashes {
            let key = self.keys.chunk(hash);
            let range = RangeRequest {
                revision,
                ..one(key.clone())
            };
            let read = self.client.range(range).await?;
            let chunk = read
                .kvs
                .first()
                .ok_or_else(|| corrupt(&key, "it is missing"))?;
            let part = codec::decode_chunk(hash, &chunk.value);
            parts.push(part.map_err(|reason| corrupt(&key, reason))?);
        }
        Ok(parts)
    }
}

pub(crate) fn stored_plan(key: &KeyValue) -> Result<stored::Plan, Error> {
    codec::decode_whole(&key.value).map_err(|error| corrupt(&key.key, error))
}

/// The generation in `head`, and the revision at which it was written: `None` and 0 if the
/// key is not there yet.
pub(crate) fn head_of(head: Option<&KeyValue>) -> Result<(Option<Generation>, i64), Error> {
    head.map_or(Ok((None, 0)), |key| {
        Ok((generation_in(key)?, key.mod_revision))
    })
}

/// The generation that is the value of this key.
pub(crate) fn generation_in(key: &KeyValue) -> Result<Option<Generation>, Error> {
    let generation = value_generation(&key.value);
    generation.ok_or_else(|| corrupt(&key.key, "its value is not a generation"))
}

/// The endpoint of this key, and where it stands.
pub(crate) fn standing_of(
    span: &Span,
    key: &KeyValue,
) -> Result<(EndpointName, StoredStanding), Error> {
    let name = span.endpoint(&key.key);
    let stored = StoredStanding::from_value(&key.value);
    name.zip(stored)
        .ok_or_else(|| corrupt(&key.key, "its value does not say where an endpoint stands"))
}

/// Plans that were read or published lately.
#[derive(Default)]
pub(crate) struct Plans {
    /// Each with the revision at which it was stored, so that it is not mistaken for a plan
    /// of the same generation on another cluster.
    plans: Mutex<BTreeMap<Generation, (i64, Arc<Plan>)>>,
    /// Held while a plan is read.
    reading: tokio::sync::Mutex<()>,
}

/// How many plans are kept.
const KEPT: usize = 8;

impl Plans {
    pub(crate) fn get(&self, generation: Generation, created: i64) -> Option<Arc<Plan>> {
        let plans = self.plans.lock();
        let (at, plan) = plans.get(&generation)?;
        (*at == created).then(|| Arc::clone(plan))
    }

    /// A plan of this generation, whenever it was stored.
    pub(crate) fn any(&self, generation: Generation) -> Option<(i64, Arc<Plan>)> {
        self.plans.lock().get(&generation).cloned()
    }

    /// Drops all plans, which may not be those in the store.
    pub(crate) fn forget_all(&self) {
        self.plans.lock().clear();
    }

    /// Drops the plan of this generation, which may not be the one in the store.
    pub(crate) fn forget(&self, generation: Generation) {
        self.plans.lock().remove(&generation);
    }

    /// Keeps a plan that was read. It shares memory with the previous plan.
    pub(crate) fn add(&self, generation: Generation, created: i64, plan: Plan) -> Arc<Plan> {
        let before = self
            .plans
            .lock()
            .range(..generation)
            .next_back()
            .map(|(_, (_, plan))| Arc::clone(plan));
        let plan = match before {
            Some(before) => plan.sharing(&before),
            None => plan,
        };
        let plan = Arc::new(plan);
        self.keep(generation, created, Arc::clone(&plan));
        plan
    }

    pub(crate) fn keep(&self, generation: Generation, created: i64, plan: Arc<Plan>) {
        let mut plans = self.plans.lock();
        plans.insert(generation, (created, plan));
        while plans.len() > KEPT {
            plans.pop_first();
        }
    }
}
