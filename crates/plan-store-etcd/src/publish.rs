//! Publishes a plan.
//!
//! # Steps
//! 1. Read `head`. It gives the next generation, and the revision at which `head` was
//!    written.
//! 2. If the plan is too large for one request, put those of its chunks that are not there.
//!    Then a transaction checks that all are there, and writes `head` unchanged.
//! 3. Endpoints that the previous plan does not name get keys, if they have none. Step 4
//!    does that for as many as fit into its transaction, this step for the others.
//! 4. In one transaction: if `head` has not been written since and the generation is
//!    free, store the plan and move `head` on.
//!
//! If step 4 is refused, another publish or a sweep has written `head`, and the publish
//! starts again. If the answer to step 4 is lost, the publish *settles* it: it writes
//! `head` unchanged, if `head` is still as it was read. If that succeeds, the lost
//! transaction can never be done any more, and the publish starts again. If it fails, the
//! token of the plan that is there tells whose plan it is. So a plan is published once,
//! however many answers are lost.
//!
//! The keys that are put before step 4 belong to a generation beyond `head`, and no sweep
//! deletes those; see [`crate::sweep`].

use std::collections::HashSet;
use std::sync::Arc;

use plan_store::{EndpointName, Generation, Plan, PublishError};
use prost::Message;
use tracing::{debug, info};

use crate::Error;
use crate::codec::{Chunk, Encoded, encode};
use crate::layout::{StoredStanding, generation_value};
use crate::proto::etcd::{Compare, RequestOp};
use crate::proto::stored::{self, plan::Content};
use crate::shared::{Shared, head_of, stored_plan};
use crate::txn::{Answers, created_at, exists, get, nested, put, revision, txn, written_at};

/// `head`, as a publish has read it.
#[derive(Clone, Copy, Debug)]
struct Head {
    newest: Option<Generation>,
    written: i64,
}

/// The result of an attempt to publish.
enum Attempt {
    /// The plan is there, stored at this revision.
    Published(i64),
    /// The plan is not there and never will be.
    Lost,
}

/// The most comparisons or operations of one kind in a transaction. A few others fit beside
/// them.
const BATCH: usize = 100;

/// How often a publish tries to settle a lost answer.
const SETTLINGS: usize = 3;

impl Shared {
    /// Stores a plan under the next generation. Starts again only if `head` was written
    /// meanwhile, by another publish or by a sweep that had something to forget.
    pub(crate) async fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError<Error>> {
        let encoded = encode(&plan, self.sizes);
        loop {
            let (newest, written) = self.read_head().await?;
            let generation = newest.map_or(Ok(Generation::FIRST), Generation::next);
            let generation = generation.map_err(PublishError::GenerationsExhausted)?;
            let head = Head { newest, written };
            let Some(head) = self.put_chunks(head, &encoded).await? else {
                continue;
            };
            match self.try_publish(&plan, &encoded, generation, head).await? {
                Attempt::Published(created) => {
                    let endpoints = plan.endpoints().len();
                    self.plans.keep(generation, created, plan);
                    info!(%generation, names = endpoints, "publish");
                    return Ok(generation);
                }
                Attempt::Lost => debug!(%generation, "came second; trying again"),
            }
        }
    }

    async fn try_publish(
        &self,
        plan: &Plan,
        encoded: &Encoded,
        generation: Generation,
        head: Head,
    ) -> Result<Attempt, Error> {
        let (mut seeds, before) = self.seeds(plan, generation, head);
        if !self.put_seeds(&mut seeds, head).await? {
            return Ok(Attempt::Lost);
        }
        let token = token();
        let key = self.keys.plan(generation);
        let mut compare = vec![
            written_at(self.keys.head(), head.written),
            created_at(key.clone(), 0),
        ];
        compare.extend(before);
        let mut success = vec![
            put(self.keys.head(), generation_value(Some(generation))),
            put(key, to_store(encoded, &token).encode_to_vec()),
        ];
        success.extend(seeds);
        match self.client.txn_once(txn(compare, success, [])).await {
            Ok(answer) if answer.succeeded => Ok(Attempt::Published(revision(&answer))),
            Ok(_) => {
                if let Some(newest) = head.newest {
                    self.plans.forget(newest);
                }
                Ok(Attempt::Lost)
            }
            Err(error) if error.not_applied() => Err(error),
            Err(error) => self.settle(generation, head, &token, error).await,
        }
    }

    /// Finds out whether a publish was done whose answer is lost.
    async fn settle(
        &self,
        generation: Generation,
        head: Head,
        token: &[u8],
        mut last: Error,
    ) -> Result<Attempt, Error> {
        debug!(%generation, error = %last, "outcome unknown; settling");
        let compare = [written_at(self.keys.head(), head.written)];
        let success = [put(self.keys.head(), generation_value(head.newest))];
        let failure = [get(self.keys.plan(generation)), get(self.keys.head())];
        let settling = txn(compare, success, failure);
        for _ in 0..SETTLINGS {
            let answer = match self.client.txn(settling.clone()).await {
                Ok(answer) => answer,
                Err(error) => {
                    last = error;
                    continue;
                }
            };
            if answer.succeeded {
                return Ok(Attempt::Lost);
            }
            let mut answers = Answers::of(answer);
            let (plan, now) = (answers.key()?, answers.key()?);
            let (newest, _) = head_of(now.as_ref())?;
            return match plan {
                Some(plan) if stored_plan(&plan)?.token == token => {
                    Ok(Attempt::Published(plan.create_revision))
                }
                Some(_) => Ok(Attempt::Lost),
                None if newest < Some(generation) => Ok(Attempt::Lost),
                // The plan has been swept, so its token does not tell any more whose it
                // was.
                None => break,
            };
        }
        let source = Box::new(last);
        Err(Error::PublishUnknown { generation, source })
    }

    /// The operations that give keys to new endpoints. They are complete only while the
    /// previous plan is in the store, so that comparison comes with them.
    fn seeds(
        &self,
        plan: &Plan,
        generation: Generation,
        head: Head,
    ) -> (Vec<RequestOp>, Option<Compare>) {
        let before = head.newest.and_then(|newest| {
            let (created, before) = self.plans.any(newest)?;
            Some((created_at(self.keys.plan(newest), created), before))
        });
        let (compare, before) = before.unzip();
        let named = |name: &EndpointName| before.as_ref().is_some_and(|before| before.names(name));
        let new = plan.endpoints().filter(|(name, _)| !named(name));
        let seeds = new.map(|(name, _)| self.seed(name, generation)).collect();
        (seeds, compare)
    }

    fn seed(&self, endpoint: &EndpointName, generation: Generation) -> RequestOp {
        let active = self.keys.active(endpoint);
        let success = [
            put(
                active.clone(),
                StoredStanding::vacant(generation).to_value(),
            ),
            put(self.keys.rollback(endpoint), generation_value(None)),
        ];
        nested(txn([created_at(active, 0)], success, []))
    }

    /// Does all operations except the last [`BATCH`]. Returns false if `head` has been
    /// written meanwhile.
    async fn put_seeds(&self, seeds: &mut Vec<RequestOp>, head: Head) -> Result<bool, Error> {
        while seeds.len() > BATCH {
            let some = seeds.split_off(seeds.len() - BATCH);
            let compare = [written_at(self.keys.head(), head.written)];
            // Doing these operations twice has the same effect as doing them once.
            let answer = self.client.txn(txn(compare, some, [])).await?;
            if !answer.succeeded {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts the chunks that are not there, and checks that all are there. Returns `head` as
    /// it is then, or `None` if another client has written it meanwhile.
    async fn put_chunks(&self, mut head: Head, plan: &Encoded) -> Result<Option<Head>, Error> {
        let Encoded::Chunked(chunks) = plan else {
            return Ok(Some(head));
        };
        let (_, there) = self.read_all(&self.keys.chunks(), true, 0).await?;
        let there: HashSet<_> = there.into_iter().map(|key| key.key).collect();
        for Chunk { hash, bytes } in chunks {
            let key = self.keys.chunk(hash);
            if !there.contains(&key) {
                let compare = [created_at(key.clone(), 0)];
                self.client
                    .txn(txn(compare, [put(key, bytes.clone())], []))
                    .await?;
            }
        }
        for some in chunks.chunks(BATCH) {
            let mut compare = vec![written_at(self.keys.head(), head.written)];
            compare.extend(
                some.iter()
                    .map(|chunk| exists(self.keys.chunk(&chunk.hash))),
            );
            let same = put(self.keys.head(), generation_value(head.newest));
            // It may be sent twice: if the first one was done, it has written `head`, and
            // the second one fails.
            let answer = self.client.txn(txn(compare, [same], [])).await?;
            if !answer.succeeded {
                return Ok(None);
            }
            head.written = revision(&answer);
        }
        Ok(Some(head))
    }
}

fn to_store(plan: &Encoded, token: &[u8]) -> stored::Plan {
    let content = match plan {
        Encoded::Inline(whole) => Content::Inline(whole.clone()),
        Encoded::Chunked(chunks) => Content::Chunks(stored::Chunks {
            hashes: chunks.iter().map(|chunk| chunk.hash.to_vec()).collect(),
        }),
    };
    stored::Plan {
        token: token.to_vec(),
        content: Some(content),
    }
}

/// A random token. It must be unique, but it is not a secret.
pub(crate) fn token() -> Vec<u8> {
    fastrand::u128(..).to_be_bytes().to_vec()
}
