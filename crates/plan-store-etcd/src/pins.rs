//! Pins: how they are taken and released.

use std::fmt;
use std::sync::Arc;

use plan_store::{Generation, Pin, PinError, Plan};
use tonic::Code;
use tracing::debug;

use crate::Error;
use crate::layout::generation_value;
use crate::proto::etcd::Compare;
use crate::shared::{Shared, head_of};
use crate::threads::Threads;
use crate::txn::{Answers, created_at, exists, get, is, peek, put_under, txn};

/// The pin of an [`EtcdStore`](crate::EtcdStore): a key in etcd, under the store's lease.
#[must_use = "the plan is kept only while its pin exists"]
pub struct EtcdPin {
    held: Held,
    shared: Arc<Shared>,
    threads: Threads,
}

impl EtcdPin {
    pub(crate) fn new(held: Held, shared: Arc<Shared>, threads: Threads) -> Self {
        Self {
            held,
            shared,
            threads,
        }
    }

    /// The plan that it holds; `None` if it is a pin of another store.
    pub(crate) fn held_in(&self, store: &Arc<Shared>) -> Option<&Held> {
        Arc::ptr_eq(&self.shared, store).then_some(&self.held)
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

/// Releases the pin in the background.
impl Drop for EtcdPin {
    fn drop(&mut self) {
        let shared = Arc::clone(&self.shared);
        shared.session.drop_pin(self.held.fence.key.clone());
        self.threads.spawn(async move {
            if let Err(error) = shared.session.delete_dropped().await {
                debug!(%error, "pins not released yet; the next release tries again");
            }
        });
    }
}

impl fmt::Debug for EtcdPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EtcdPin").field(&self.generation()).finish()
    }
}

/// A plan that is held by a key in etcd.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) generation: Generation,
    pub(crate) plan: Arc<Plan>,
    pub(crate) fence: Fence,
}

/// Identifies the key of a pin, so that a transaction can check that it is still there.
#[derive(Clone, Debug)]
pub(crate) struct Fence {
    pub(crate) key: Vec<u8>,
    /// The revision at which the key was created. A later key never has the same one.
    pub(crate) created: i64,
}

impl Fence {
    pub(crate) fn holds(&self) -> Compare {
        created_at(self.key.clone(), self.created)
    }
}

/// The result of an attempt to pin.
enum Attempt {
    Held(Held),
    /// The comparison failed; the value is the generation in `head`.
    Refused(Option<Generation>),
}

/// How often an attempt is repeated under a new lease because the lease was over.
const LEASES: usize = 3;

impl Shared {
    /// Pins the newest plan.
    pub(crate) async fn pin_latest(&self) -> Result<Option<Held>, Error> {
        let (mut newest, _) = self.read_head().await?;
        while let Some(generation) = newest {
            let is_newest = is(self.keys.head(), generation_value(newest));
            match self.try_pin(generation, vec![is_newest]).await? {
                Attempt::Held(held) => return Ok(Some(held)),
                // `head` names no plan of this store: it was set by hand, so that the first
                // plan follows the last plan of another store.
                Attempt::Refused(head) if head == newest => return Ok(None),
                Attempt::Refused(head) => newest = head,
            }
        }
        Ok(None)
    }

    /// Pins this plan, if it is in the store.
    pub(crate) async fn pin(&self, generation: Generation) -> Result<Held, PinError<Error>> {
        match self.try_pin(generation, Vec::new()).await? {
            Attempt::Held(held) => Ok(held),
            Attempt::Refused(_) => Err(PinError::NoSuchPlan { generation }),
        }
    }

    /// Pins this plan, if it is in the store and `also` holds.
    async fn try_pin(&self, generation: Generation, also: Vec<Compare>) -> Result<Attempt, Error> {
        let plan = self.keys.plan(generation);
        let mut compare = also;
        compare.push(exists(plan.clone()));
        let mut left = LEASES;
        loop {
            let lease = self.session.lease().await?;
            let key = self.keys.pin(generation, lease, self.session.next_pin());
            let success = [
                put_under(key.clone(), Vec::new(), lease),
                peek(key.clone()),
                peek(plan.clone()),
            ];
            let failure = [get(self.keys.head())];
            let request = txn(compare.clone(), success, failure);
            match self.client.txn_once(request).await {
                Ok(answer) if answer.succeeded => {
                    let answers = Answers::of(answer);
                    return self.held(generation, key, answers).await.map(Attempt::Held);
                }
                Ok(answer) => {
                    let (head, _) = head_of(Answers::of(answer).key()?.as_ref())?;
                    return Ok(Attempt::Refused(head));
                }
                Err(Error::Refused {
                    code: Code::NotFound,
                    ..
                }) if left > 0 => {
                    self.session.is_over(lease).await;
                    left -= 1;
                }
                Err(error) => {
                    if !error.not_applied() {
                        self.session.drop_doubtful_pin(key);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Makes the pin's handle from the answers to the transaction that put its key.
    async fn held(
        &self,
        generation: Generation,
        key: Vec<u8>,
        mut answers: Answers,
    ) -> Result<Held, Error> {
        let held = async {
            answers.replaced()?;
            let pin = answers.key()?;
            let created = pin.ok_or(Error::PinLost { generation })?.create_revision;
            let stored = answers.key()?.map_or(0, |plan| plan.create_revision);
            let plan = match self.plans.get(generation, stored) {
                Some(plan) => Some(plan),
                None => self.read_plan(generation, 0).await?,
            };
            let plan = plan.ok_or(Error::PinLost { generation })?;
            Ok((plan, created))
        };
        match held.await {
            Ok((plan, created)) => Ok(Held {
                generation,
                plan,
                fence: Fence { key, created },
            }),
            Err(error) => {
                self.session.drop_pin(key);
                Err(error)
            }
        }
    }
}
