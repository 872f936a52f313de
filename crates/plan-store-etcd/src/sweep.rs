//! Deletes plans that are not needed any more, and keys that are left over.
//!
//! A sweep reads everything at one revision to see what may be deleted. It then deletes
//! each thing in a transaction that fails if the thing must not be deleted any more:
//!
//! - A plan is deleted if it is not the newest, no endpoint has it active or as its
//!   rollback target, and no pin on it exists.
//! - Endpoints and chunks are deleted if `head` has not been written since the sweep read
//!   it. Then the plans that the sweep read are all plans, and none of them names the
//!   endpoint or has the chunk. The same transaction writes `head` unchanged. So a publish
//!   that has seen these keys and counts on them is refused, and starts again.
//!
//! The keys that a publish puts before it moves `head` belong to a generation beyond
//! `head`: an endpoint's key says so, and a chunk is younger than the newest plan. A sweep
//! leaves both alone, so that it cannot keep a publish from finishing.

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

/// What a sweep has read, all at one revision.
struct Sight {
    newest: Option<Generation>,
    /// The revision at which `head` was written.
    written: i64,
    plans: BTreeSet<Generation>,
    pinned: BTreeSet<Generation>,
    standings: BTreeMap<EndpointName, StoredStanding>,
    rollbacks: BTreeMap<EndpointName, Generation>,
}

/// The most endpoints that one transaction forgets. Each takes two comparisons and two
/// operations; etcd's limit is 128 of either.
const BATCH: usize = 60;

impl Shared {
    pub(crate) async fn sweep(&self, applied: Generation) -> Result<Swept, Error> {
        self.session.delete_dropped().await?;
        let mut sight = self.look().await?;
        let swept = self.delete_plans(&mut sight, applied).await?;
        self.forget_endpoints(&sight).await?;
        if swept.deleted.is_empty() {
            debug!(%applied, plans = %swept, "sweep");
        } else {
            self.delete_chunks().await?;
            info!(%applied, plans = %swept, "sweep");
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

    /// Deletes the plans that are too old to keep and are not needed.
    async fn delete_plans(&self, sight: &mut Sight, applied: Generation) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        // The newest plan stays, whichever plan the caller calls applied.
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
                Err(None) => {} // Another sweep deleted it, and reports it.
            }
            sight.plans.remove(&generation);
        }
        Ok(swept)
    }

    /// Deletes a plan. If it is not deleted, returns why it is needed, or `None` if it is
    /// gone already.
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

    /// Deletes the keys of endpoints where no plan is active, that have no rollback target,
    /// and that no plan names.
    async fn forget_endpoints(&self, sight: &Sight) -> Result<(), Error> {
        let mut idle: Vec<_> = sight.idle().collect();
        let plans = if idle.is_empty() {
            None
        } else {
            Some(&sight.plans)
        };
        // The newest plan comes first, because it names most of them.
        for &generation in plans.into_iter().flatten().rev() {
            if idle.is_empty() {
                return Ok(());
            }
            match self.read_plan(generation, 0).await? {
                Some(plan) => idle.retain(|(name, _)| !plan.names(name)),
                // Another sweep deleted the plan, or a stale read is from before its
                // publish. The endpoints that it names are unknown, so the next sweep
                // decides.
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
                None => return Ok(()), // The next sweep tries again.
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

    /// Deletes the chunks that no plan has.
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
                None => return Ok(()), // The next sweep tries again.
            }
        }
        Ok(())
    }

    /// Does these operations if `head` was last written at `written`, and writes `head`
    /// unchanged. Returns the new revision; `None` if nothing was done.
    async fn with_head(
        &self,
        newest: Option<Generation>,
        written: i64,
        mut compare: Vec<Compare>,
        mut success: Vec<RequestOp>,
    ) -> Result<Option<i64>, Error> {
        compare.push(written_at(self.keys.head(), written));
        success.push(put(self.keys.head(), generation_value(newest)));
        // It may be sent twice: if the first one was done, it has written `head`, and the
        // second one fails.
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

    /// The endpoints where no plan is active and that have no rollback target, except those
    /// of a publish that has not moved `head` yet.
    fn idle(&self) -> impl Iterator<Item = (&EndpointName, StoredStanding)> {
        let standings = self.standings.iter().map(|(name, &stored)| (name, stored));
        standings.filter(|(name, stored)| {
            stored.standing().active().is_none()
                && !self.rollbacks.contains_key(*name)
                && Some(stored.generation()) <= self.newest
        })
    }
}
