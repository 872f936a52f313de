//! Deleting the plans that nobody needs, and what else is left over.
//!
//! A sweep looks at everything at one revision, to see what may go, and then takes
//! each away in a transaction that fails if it may not go any more:
//!
//! - a plan, if it is not the newest, and no endpoint has it active or as its
//!   rollback target, and nobody holds a pin on it;
//! - endpoints and chunks, if `head` has not been written since it looked. Then the
//!   plans that it looked at are all that there are, and none of them named the
//!   endpoint or had the chunk. The same transaction writes `head` as it was, so a
//!   publish that counts on these keys, having seen them, is refused and looks again.
//!
//! What a publish puts before it moves `head` is for a generation beyond `head`:
//! endpoints say so, and chunks are younger than the newest plan. A sweep leaves both
//! alone, so that it does not keep a publish from getting on.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use plan_store::{EndpointName, Generation, RetainReason, Swept};
use tracing::{debug, info};

use crate::Error;
use crate::layout::{StoredStanding, generation_value};
use crate::proto::etcd::{Compare, KeyValue, RequestOp};
use crate::proto::stored::plan::Content;
use crate::shared::{Shared, generation_in, head_of, stored_plan};
use crate::txn::{
    Answers, delete, exists, get, get_all, get_keys, is, is_greater, none_exists, none_is, peek,
    put, revision, txn, written_at,
};

/// What a sweep sees, all at one revision.
struct Sight {
    newest: Option<Generation>,
    /// When `head` was written.
    written: i64,
    plans: BTreeSet<Generation>,
    pinned: BTreeSet<Generation>,
    standings: BTreeMap<EndpointName, StoredStanding>,
    rollbacks: BTreeMap<EndpointName, Generation>,
}

/// Most endpoints that are forgotten in one transaction: each takes two comparisons
/// and two operations of the 128 that there may be.
const BATCH: usize = 60;

impl Shared {
    pub(crate) async fn sweep(&self, applied: Generation) -> Result<Swept, Error> {
        self.session.delete_dropped().await?;
        let mut sight = self.look().await?;
        let swept = self.delete_plans(&mut sight, applied).await?;
        self.forget_endpoints(&sight).await?;
        if swept.deleted.is_empty() {
            debug!(%applied, spared = ?swept.spared, "sweep");
        } else {
            self.delete_chunks().await?;
            info!(%applied, deleted = ?swept.deleted, spared = ?swept.spared, "sweep");
        }
        Ok(swept)
    }

    async fn look(&self) -> Result<Sight, Error> {
        let (plans, pins) = (self.keys.plans(), self.keys.pins());
        let few = [
            get(self.keys.head()),
            get_keys(plans.clone()),
            get_keys(pins.clone()),
        ];
        let read = self.client.txn(txn([], few, [])).await?;
        let at = revision(&read);
        let mut answers = Answers::of(read);
        let (newest, written) = head_of(answers.key()?.as_ref())?;
        let generations = |keys: Vec<KeyValue>, span: &crate::layout::Span| {
            keys.iter()
                .filter_map(|key| span.generation(&key.key))
                .collect()
        };
        let plans = generations(answers.keys()?, &plans);
        let pinned = generations(answers.keys()?, &pins);
        let standings = self.read_standings(at).await?.into_iter().collect();
        let span = self.keys.rollbacks();
        let (_, keys) = self.read_all(&span, false, at).await?;
        let mut rollbacks = BTreeMap::new();
        for key in keys {
            if let (Some(name), Some(to)) = (span.endpoint(&key.key), generation_in(&key)?) {
                rollbacks.insert(name, to);
            }
        }
        Ok(Sight {
            newest,
            written,
            plans,
            pinned,
            standings,
            rollbacks,
        })
    }

    /// Deletes those plans that are too old to keep and that nobody needs.
    async fn delete_plans(&self, sight: &mut Sight, applied: Generation) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        // The newest plan stays, whatever is said to be applied.
        let applied = sight.newest.map_or(applied, |newest| applied.min(newest));
        let old: Vec<_> = sight.plans.range(..applied).copied().collect();
        for generation in old {
            if self.retention.keeps(generation, applied) {
                continue;
            }
            if let Some(needed) = sight.needed(generation) {
                swept.spared.push((generation, needed));
                continue;
            }
            match self.delete_plan(generation).await? {
                Ok(()) => swept.deleted.push(generation),
                Err(Some(needed)) => {
                    swept.spared.push((generation, needed));
                    continue;
                }
                Err(None) => {} // By another sweep, which says so.
            }
            sight.plans.remove(&generation);
        }
        Ok(swept)
    }

    /// Deletes a plan, or says why it is needed, if it is still there.
    async fn delete_plan(
        &self,
        generation: Generation,
    ) -> Result<Result<(), Option<RetainReason>>, Error> {
        let plan = self.keys.plan(generation);
        let compare = [
            exists(plan.clone()),
            is_greater(self.keys.head(), generation_value(Some(generation))),
            none_is(
                self.keys.actives(),
                StoredStanding::active(generation).to_value(),
            ),
            none_is(self.keys.rollbacks(), generation_value(Some(generation))),
            none_exists(self.keys.pins_on(generation)),
        ];
        let failure = [peek(plan.clone()), get_keys(self.keys.pins_on(generation))];
        let answer = self
            .client
            .txn_once(txn(compare, [delete(plan)], failure))
            .await?;
        if answer.succeeded {
            return Ok(Ok(()));
        }
        let mut answers = Answers::of(answer);
        Ok(Err(match (answers.key()?, answers.keys()?.is_empty()) {
            (None, _) => None,
            (Some(_), false) => Some(RetainReason::Pinned),
            (Some(_), true) => Some(RetainReason::Active),
        }))
    }

    /// Takes away the keys of the endpoints where nothing is active, that have
    /// nothing to roll back to, and that no plan names.
    async fn forget_endpoints(&self, sight: &Sight) -> Result<(), Error> {
        let mut idle: Vec<_> = sight.idle().collect();
        let plans = if idle.is_empty() {
            None
        } else {
            Some(&sight.plans)
        };
        // The newest first: it names most of them.
        for &generation in plans.into_iter().flatten().rev() {
            if idle.is_empty() {
                return Ok(());
            }
            match self.read_plan(generation, 0).await? {
                Some(plan) => idle.retain(|(name, _)| !plan.names(name)),
                // Deleted by another sweep, or read from before it was published, which
                // a stale read may be. What it names is not known: the next sweep looks.
                None => return Ok(()),
            }
        }
        let mut written = sight.written;
        for some in idle.chunks(BATCH) {
            let (compare, forget): (Vec<_>, Vec<_>) = some
                .iter()
                .map(|&(name, stored)| self.forget(name, stored))
                .unzip();
            let (compare, forget) = (compare.concat(), forget.concat());
            match self
                .with_head(sight.newest, written, compare, forget)
                .await?
            {
                Some(revision) => written = revision,
                None => return Ok(()), // The next sweep looks again.
            }
            let mut standings = self.standings.lock();
            for (name, _) in some {
                standings.remove(*name);
            }
        }
        Ok(())
    }

    fn forget(
        &self,
        name: &EndpointName,
        stored: StoredStanding,
    ) -> (Vec<Compare>, Vec<RequestOp>) {
        let (active, rollback) = (self.keys.active(name), self.keys.rollback(name));
        let compare = vec![
            is(active.clone(), stored.to_value()),
            is(rollback.clone(), generation_value(None)),
        ];
        (compare, vec![delete(active), delete(rollback)])
    }

    /// Takes away the chunks that no plan has.
    async fn delete_chunks(&self) -> Result<(), Error> {
        let chunks = get_keys(self.keys.chunks());
        let read = [get(self.keys.head()), get_all(self.keys.plans()), chunks];
        let mut answers = Answers::of(self.client.txn(txn([], read, [])).await?);
        let (newest, mut written) = head_of(answers.key()?.as_ref())?;
        let (plans, chunks) = (answers.keys()?, answers.keys()?);
        let before = plans.iter().map(|plan| plan.create_revision).max();
        let mut needed = HashSet::new();
        for plan in &plans {
            if let Some(Content::Chunks(chunks)) = stored_plan(plan)?.content {
                needed.extend(chunks.hashes.iter().map(|hash| self.keys.chunk(hash)));
            }
        }
        let left_over = chunks
            .into_iter()
            .filter(|chunk| Some(chunk.create_revision) < before && !needed.contains(&chunk.key));
        let left_over: Vec<_> = left_over.map(|chunk| delete(chunk.key)).collect();
        for some in left_over.chunks(BATCH) {
            match self
                .with_head(newest, written, Vec::new(), some.to_vec())
                .await?
            {
                Some(revision) => written = revision,
                None => return Ok(()), // The next sweep looks again.
            }
        }
        Ok(())
    }

    /// Does this if `head` was last written at `written`, and writes it as it is.
    /// Says at which revision, if it was done.
    async fn with_head(
        &self,
        newest: Option<Generation>,
        written: i64,
        mut compare: Vec<Compare>,
        mut success: Vec<RequestOp>,
    ) -> Result<Option<i64>, Error> {
        compare.push(written_at(self.keys.head(), written));
        success.push(put(self.keys.head(), generation_value(newest)));
        // Done twice, it has written `head` the first time.
        let answer = self.client.txn(txn(compare, success, [])).await?;
        Ok(answer.succeeded.then(|| revision(&answer)))
    }
}

impl Sight {
    fn needed(&self, plan: Generation) -> Option<RetainReason> {
        if self
            .standings
            .values()
            .any(|&stored| stored == StoredStanding::active(plan))
        {
            Some(RetainReason::Active)
        } else if self.rollbacks.values().any(|&to| to == plan) {
            Some(RetainReason::Rollback)
        } else if self.pinned.contains(&plan) {
            Some(RetainReason::Pinned)
        } else {
            None
        }
    }

    /// The endpoints where nothing is active and that have nothing to roll back to,
    /// but for those of a publish that has not moved `head` yet.
    fn idle(&self) -> impl Iterator<Item = (&EndpointName, StoredStanding)> {
        let standings = self.standings.iter().map(|(name, &stored)| (name, stored));
        standings.filter(|(name, stored)| {
            stored.standing().active().is_none()
                && !self.rollbacks.contains_key(*name)
                && Some(stored.generation()) <= self.newest
        })
    }
}
