//! The election of one leader among the processes that share a store.
//!
//! # States
//! ```text
//!                     the key `leader` is free, and this process puts it
//!   standing by ────────────────────────────────────────────────────────► leading
//!        ▲                                                                   │
//!        └───────────────────────────────────────────────────────────────────┘
//!               the lease was not renewed for its time, or the key is gone
//! ```
//!
//! # Rules
//! 1. The election is for calm: it keeps processes from undoing each other's work. No
//!    guarantee of the store rests on it. A process that wrongly believes that it leads
//!    can do no more harm than two processes without an election.
//! 2. The key is under a lease of its own. etcd deletes the key when the lease runs out, or
//!    when the leader gives it up.
//! 3. The leader counts the time of its lease from before it asked for the renewal, so it
//!    stops leading before etcd lets another process lead.
//! 4. A process that stands by holds no lease. It looks at the key every [`LOOK`].
//! 5. A candidate that is dropped gives up its lease at once.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tracing::{debug, info, warn};

use crate::Error;
use crate::proto::etcd::KeyValue;
use crate::shared::Shared;
use crate::threads::Threads;
use crate::txn::{Answers, created_at, get, one, put_under, revision, txn};
use crate::upkeep::{Storage, Upkeep};

/// How often a process that stands by looks at the key.
const LOOK: Duration = Duration::from_millis(500);

/// How long the end of a candidate may take.
const RESIGNATION: Duration = Duration::from_millis(300);

/// Whether this process leads.
#[derive(Clone, Debug)]
pub enum Leadership {
    /// This process leads.
    Leading,
    /// Another process leads.
    StandingBy {
        /// The name that the leader gave itself.
        leader: String,
    },
    /// It is not known which process leads, because the cluster does not answer.
    Unknown {
        /// Why; `None` before the first answer.
        reason: Option<Error>,
    },
}

/// A process that stands for election. Dropping it gives the leadership up at once.
#[must_use = "the candidacy ends when it is dropped"]
pub struct Candidate {
    state: Arc<Mutex<State>>,
    /// Dropping this ends the task.
    stop: Option<oneshot::Sender<()>>,
    ended: mpsc::Receiver<()>,
    /// Keeps the threads running until the lease is given up.
    _threads: Threads,
}

#[derive(Default)]
struct State {
    /// Until when this process leads, unless the lease is renewed.
    until: Option<Instant>,
    leader: Option<String>,
    error: Option<Error>,
}

impl Candidate {
    pub(crate) fn start(
        shared: Arc<Shared>,
        threads: &Threads,
        name: String,
        ttl: Duration,
    ) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = mpsc::sync_channel(1);
        let election = Election {
            shared,
            name,
            ttl,
            state: Arc::clone(&state),
        };
        threads.spawn(async move {
            election.run(stopped).await;
            // If the receiver is gone, it has waited long enough.
            let _ = end.send(());
        });
        Self {
            state,
            stop: Some(stop),
            ended,
            _threads: threads.clone(),
        }
    }

    /// Whether this process leads now. Does not wait.
    pub fn leadership(&self) -> Leadership {
        let state = self.state.lock();
        if state.until.is_some_and(|until| Instant::now() < until) {
            return Leadership::Leading;
        }
        match (&state.leader, &state.error) {
            (Some(leader), None) => Leadership::StandingBy {
                leader: leader.clone(),
            },
            (_, reason) => Leadership::Unknown {
                reason: reason.clone(),
            },
        }
    }
}

impl Drop for Candidate {
    /// Waits a moment until the lease is given up, since the process may end right after.
    fn drop(&mut self) {
        self.stop.take();
        if self.ended.recv_timeout(RESIGNATION).is_err() {
            debug!("the leadership was not given up in time; its lease will run out");
        }
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Candidate")
            .field(&self.leadership())
            .finish()
    }
}

/// The work of a candidate.
struct Election {
    shared: Arc<Shared>,
    name: String,
    ttl: Duration,
    state: Arc<Mutex<State>>,
}

/// The time in which this process leads.
struct Term {
    lease: i64,
    /// The revision at which its key was created.
    created: i64,
    /// When the last renewal was asked for.
    renewed: Instant,
    /// Goes on as long as the term.
    upkeep: Upkeep,
}

impl Election {
    async fn run(self, mut stop: oneshot::Receiver<()>) {
        let mut term = None;
        loop {
            term = match term {
                None => self.try_to_lead().await,
                Some(term) => self.go_on(term).await,
            };
            let pause = if term.is_some() { self.ttl / 3 } else { LOOK };
            // The receiver has an answer as soon as the candidate is dropped.
            if timeout(pause, &mut stop).await.is_ok() {
                break;
            }
        }
        self.state.lock().until = None;
        if let Some(Term { lease, upkeep, .. }) = term {
            drop(upkeep);
            self.give_up(lease).await;
            info!("the leadership is given up");
        }
    }

    async fn try_to_lead(&self) -> Option<Term> {
        match self.campaign().await {
            Ok(Ok(term)) => {
                info!(name = self.name, "leading");
                self.leads(&term);
                Some(term)
            }
            Ok(Err(leader)) => {
                self.stands_by(leader);
                None
            }
            Err(error) => {
                debug!(%error, "no election");
                self.state.lock().error = Some(error);
                None
            }
        }
    }

    /// Puts the key, if it is free. `Err` has the name of the leader otherwise.
    async fn campaign(&self) -> Result<Result<Term, String>, Error> {
        let (client, key) = (&self.shared.client, self.shared.keys.leader());
        if let Some(leader) = client.range(one(key.clone())).await?.kvs.first() {
            return Ok(Err(name_of(leader)));
        }
        let renewed = Instant::now();
        let seconds = i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX);
        let lease = client.grant(seconds).await?;
        let name = self.name.clone().into_bytes();
        let request = txn(
            [created_at(key.clone(), 0)],
            [put_under(key.clone(), name, lease)],
            [get(key)],
        );
        match client.txn_once(request).await {
            Ok(answer) if answer.succeeded => Ok(Ok(Term {
                lease,
                created: revision(&answer),
                renewed,
                upkeep: Upkeep::start(Arc::clone(&self.shared)),
            })),
            Ok(answer) => {
                self.give_up(lease).await;
                let leader = Answers::of(answer).key()?;
                Ok(Err(leader.as_ref().map(name_of).unwrap_or_default()))
            }
            Err(error) => {
                // With the lease goes the key, should it be put.
                self.give_up(lease).await;
                Err(error)
            }
        }
    }

    /// Renews the lease. `None` if this process does not lead any more.
    async fn go_on(&self, term: Term) -> Option<Term> {
        let asked = Instant::now();
        match self.renew(&term).await {
            Ok(true) => {
                let term = Term {
                    renewed: asked,
                    ..term
                };
                self.leads(&term);
                return Some(term);
            }
            Err(error) if term.renewed.elapsed() < self.ttl => {
                debug!(%error, "the leader's lease is not renewed");
                return Some(term);
            }
            Ok(false) => warn!("not leading any more: the lease has run out"),
            Err(error) => {
                warn!(%error, "not leading any more: the lease could not be renewed");
                self.state.lock().error = Some(error);
            }
        }
        self.state.lock().until = None;
        self.give_up(term.lease).await;
        // What this process knows of the members is not renewed any more.
        *self.shared.storage.lock() = Storage::default();
        None
    }

    /// Whether the lease still runs and the key is still the one that this process put.
    async fn renew(&self, term: &Term) -> Result<bool, Error> {
        if self.shared.client.keep_alive(term.lease).await? <= 0 {
            return Ok(false);
        }
        let key = one(self.shared.keys.leader());
        let leader = self.shared.client.range(key).await?.kvs.pop();
        Ok(leader.is_some_and(|leader| leader.create_revision == term.created))
    }

    /// Ends a lease, and with it the key under it.
    async fn give_up(&self, lease: i64) {
        if let Err(error) = self.shared.client.revoke(lease).await {
            debug!(lease, %error, "lease not revoked; it will run out");
        }
    }

    fn leads(&self, term: &Term) {
        let mut state = self.state.lock();
        state.until = Some(term.renewed + self.ttl);
        state.leader = None;
        state.error = None;
    }

    fn stands_by(&self, leader: String) {
        let mut state = self.state.lock();
        state.error = None;
        if state.leader.as_ref() != Some(&leader) {
            info!(leader, "standing by: another process leads");
            state.leader = Some(leader);
        }
    }
}

fn name_of(leader: &KeyValue) -> String {
    String::from_utf8_lossy(&leader.value).into_owned()
}
