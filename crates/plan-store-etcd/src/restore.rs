//! Continues a cluster that was restored from a backup, or that takes the place of another.
//!
//! The latest plan of the cluster is published again, under a generation above all that were
//! served. Its content is copied as it is stored; the chunks that it names stay, because the
//! transaction compares that the plan which names them is still there.

use std::fmt;

use plan_store::{Generation, PublishError};
use prost::Message;
use tracing::info;

use crate::Error;
use crate::error::corrupt;
use crate::layout::generation_value;
use crate::proto::etcd::{KeyValue, RangeResponse};
use crate::proto::stored;
use crate::publish::token;
use crate::shared::{Shared, stored_plan};
use crate::txn::{created_at, one, put, txn, written_at};

/// The largest step from the newest generation of the store to the one that was served. A number
/// with a digit too many must not use up the generations: nothing takes them back.
pub(crate) const MAX_STEP: u32 = 1_000_000;

/// What [`EtcdStore::continue_above`](crate::EtcdStore::continue_above) has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Continued {
    /// The latest plan was published again.
    Published {
        /// Its new generation.
        generation: Generation,
    },
    /// The store has no plan. Its next plan follows this generation.
    Follows {
        /// The generation that was served.
        generation: Generation,
    },
    /// The store is above that generation already.
    Already {
        /// The newest plan.
        newest: Generation,
    },
}

impl fmt::Display for Continued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published { generation } => {
                write!(
                    f,
                    "the latest plan is published again as generation {generation}"
                )
            }
            Self::Follows { generation } => write!(
                f,
                "the store has no plan; the Planner's next one follows generation {generation}"
            ),
            Self::Already { newest } => {
                write!(
                    f,
                    "the store is at generation {newest} already; no plan was published"
                )
            }
        }
    }
}

impl Shared {
    pub(crate) async fn continue_above(
        &self,
        served: Generation,
        replaces: Option<u64>,
    ) -> Result<Continued, PublishError<Error>> {
        let continued = self.publish_above(served).await?;
        if let Some(cluster) = replaces {
            let successor = self.keys.successor_of(cluster);
            let put = put(successor, generation_value(Some(served)));
            // Putting it twice has the same effect as putting it once.
            self.client.txn(txn([], [put], [])).await?;
        }
        info!(%continued, "the cluster continues above {served}");
        Ok(continued)
    }

    async fn publish_above(&self, served: Generation) -> Result<Continued, PublishError<Error>> {
        let mut before = None;
        loop {
            let (newest, written) = self.read_head().await?;
            if let Some(newest) = newest.filter(|newest| *newest > served) {
                return Ok(Continued::Already { newest });
            }
            let at = newest.map_or(0, Generation::get);
            if served.get() - at > MAX_STEP {
                return Err(Error::TooFarAbove { served, newest: at }.into());
            }
            let next = served.next().map_err(PublishError::GenerationsExhausted)?;
            if before == Some(written) {
                let reason = "it is there already, although `head` is below it";
                return Err(corrupt(&self.keys.plan(next), reason).into());
            }
            let latest = match newest {
                Some(newest) => self.client.range(one(self.keys.plan(newest))).await?,
                None => RangeResponse::default(),
            };
            let head = self.keys.head();
            let is_same = written_at(head.clone(), written);
            before = latest.kvs.first().map(|_| written);
            let (request, continued) = if let Some(latest) = latest.kvs.first() {
                let plan = again(latest)?;
                let there = created_at(latest.key.clone(), latest.create_revision);
                let key = self.keys.plan(next);
                let compare = [is_same, there, created_at(key.clone(), 0)];
                let success = [put(head, generation_value(Some(next))), put(key, plan)];
                let continued = Continued::Published { generation: next };
                (txn(compare, success, []), continued)
            } else {
                // The read may have been stale. If the plan is there, `head` must go on naming it.
                let absent = newest.map(|newest| created_at(self.keys.plan(newest), 0));
                let compare: Vec<_> = [is_same].into_iter().chain(absent).collect();
                let success = [put(head, generation_value(Some(served)))];
                let continued = Continued::Follows { generation: served };
                (txn(compare, success, []), continued)
            };
            match self.client.txn_once(request).await {
                Ok(answer) if answer.succeeded => return Ok(continued),
                Ok(_) => {} // Another publish or a sweep came first.
                Err(error) if error.not_applied() => return Err(error.into()),
                Err(error) => {
                    let source = Box::new(error);
                    let generation = next;
                    return Err(Error::PublishUnknown { generation, source }.into());
                }
            }
        }
    }
}

/// The stored plan as another publish would store it.
fn again(latest: &KeyValue) -> Result<Vec<u8>, Error> {
    let plan = stored::Plan {
        token: token(),
        ..stored_plan(latest)?
    };
    Ok(plan.encode_to_vec())
}
