//! The plan store on an etcd cluster. The Planner, the Enactors and the DNS servers can be
//! separate processes on different machines, with the guarantees of
//! [`plan_store::MemoryStore`].
//!
//! ```no_run
//! use std::time::Duration;
//! use control_plane::Enactor;
//! use plan_store_etcd::{EtcdConfig, EtcdStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config: EtcdConfig = "etcd://192.0.2.1:2379,192.0.2.2:2379,192.0.2.3:2379/dns".parse()?;
//! let store = EtcdStore::connect(config)?;
//!
//! // An Enactor's process:
//! let pass = Enactor::new("enactor-1", store.clone()).pass()?;
//!
//! // A server's:
//! store.wait_for_view(Duration::from_secs(10))?;
//! let health = store.health();
//! # Ok(())
//! # }
//! ```
//!
//! # Keys
//! All keys are below one prefix. A generation as a value is eight bytes, the highest
//! first, so that etcd compares it as a number. In a key it is eight hexadecimal digits.
//!
//! | key | value | written by |
//! |---|---|---|
//! | `head` | the newest generation, 0 before the first | publish; rewritten unchanged by a sweep that forgets something and by a publish that settles a lost answer |
//! | `plan/<generation>` | a token, and the content or the names of its chunks | publish, once; deleted by a sweep |
//! | `plan-chunk/<hash>` | a part of a large plan | publish, before it moves `head`; deleted by a sweep |
//! | `active/<endpoint>` | where the endpoint stands, see below | publish, if it is missing; activate and withdraw; deleted by a sweep |
//! | `rollback/<endpoint>` | the rollback target, 0 for none | always in the same transaction as `active/<endpoint>` |
//! | `pin/<generation>/<lease>.<n>` | empty | the store that picks up the plan, under its lease; deleted when the pin is dropped, or by etcd when the lease runs out |
//! | `leader` | the name of the process that leads, under its lease | [`EtcdStore::stand_for_election`]; no rule of the plans concerns it |
//! | `successor-of/<cluster>` | the generation above which this cluster takes the place of that one | [`EtcdStore::continue_above`] |
//! | `note/<name>` | bytes of the program that uses the store | [`EtcdStore::set_note`]; no rule of the plans concerns them |
//!
//! Where an endpoint stands is one number that only grows while the endpoint is known:
//!
//! ```text
//!   4 × generation       this plan brought the endpoint; nothing has happened yet
//!   4 × generation + 1   this plan withdrew it
//!   4 × generation + 2   this plan is active
//! ```
//! So plan *g* may take a step there, activation or withdrawal, exactly if the number is
//! below `4 × g + 1`.
//!
//! # Transactions
//! etcd does a transaction in one step: it compares, and then does one of two lists of
//! operations. The comparison is the guard. Values that the store has read before only
//! serve as the values to compare *with*.
//!
//! | step | compares | does |
//! |---|---|---|
//! | publish *g* | `head` was last written at the revision at which it was read; `plan/g` is not there; the plan before *g* is still there | stores `plan/g`, moves `head` to *g*, gives new endpoints their keys |
//! | continue above *n* | `head` was last written at the revision at which it was read; the latest plan is still there; `plan/<n + 1>` is not there | stores the latest plan again as `plan/<n + 1>`, and moves `head` there |
//! | continue above *n*, without a plan | `head` was last written at the revision at which it was read; the plan that `head` names is not there | moves `head` to *n* |
//! | pick up *g* | `plan/g` is there; to pick up the latest plan also: `head` is *g* | puts a pin |
//! | activate *g* | `active/e` has the value that the store expects, a number below `4g + 1`; the pin has the create revision that it was given | `active/e` to `4g + 2`, `rollback/e` to what was active |
//! | withdraw by *g* | the same | `active/e` to `4g + 1`, `rollback/e` to what was active |
//! | delete *g* | `plan/g` is there; `head` is above *g*; no `active/…` is `4g + 2`; no `rollback/…` is *g*; there is no `pin/g/…` | deletes `plan/g` |
//! | forget *e* | `head` was last written when the sweep read it; `active/e` and `rollback/e` have the values that the sweep read | deletes both, and rewrites `head` unchanged |
//! | delete a chunk | `head` was last written when the sweep read it | deletes the chunk, and rewrites `head` unchanged |
//!
//! # Rules
//! 1. Every change of a plan, an endpoint or `head` is one of these transactions. Reads
//!    only save work.
//! 2. While an endpoint is known, its number grows with every step. So no value of
//!    `active/e` returns: if it has the expected value, it has not changed.
//! 3. Two kinds of transactions both write `head` and compare when it was last written: a
//!    publish that adds a plan, and a sweep that deletes keys which a plan may come to
//!    need. So publishes, forgetting and deleting chunks happen one after another, and each
//!    has seen the effects of all before it.
//! 4. The endpoints of every plan in the store have their keys, and its chunks are there.
//! 5. Leases only tell which stores are alive. They are never the guard. The guard is the
//!    pin's key. etcd deletes that key in a step of its own, before or after a transaction
//!    but never within it.
//!
//! # Why this suffices
//! **`Monotonic`.**
//! 1. A step leads to `4g + 1` or `4g + 2`.
//! 2. In the step itself, etcd compares `active/e` with a number below `4g + 1`. If the
//!    store believes that the endpoint is beyond that, it compares with `4g`. So a step is
//!    done only below `4g + 1`, and no read decides that it is stale. A second comparison,
//!    with `4g + 1`, would add nothing.
//! 3. An endpoint starts anew only after a sweep has forgotten it, when no plan in the
//!    store names it. The next plan that names it is newer than all before.
//!
//! **`ActiveKept`, `RollbackKept`, `PinnedKept`.**
//! 1. The deletion compares with every endpoint and every pin, as they are in that step.
//! 2. After the deletion, nothing comes to need *g*. A pin on it needs `plan/g`, which
//!    never comes back. Its activation needs a pin on it. It becomes a rollback target only
//!    where it is active.
//! 3. An activation need not compare with `plan/g`: the pin was put while the plan was
//!    there, and while there is a pin the plan is not deleted.
//! 4. A comparison of values is false if there is no key at all. But every plan's
//!    endpoints have their keys (rule 4).
//!
//! **The rollback target is the plan that was active.** etcd cannot copy a value within a
//! transaction, so the value is in the request. The comparison of `active/e` makes sure
//! that it is the right one. If `active/e` has another value, etcd's answer contains it,
//! and the store tries the step again with it. That happens only if another step was done
//! meanwhile.
//!
//! **An endpoint's keys are there (rule 4).**
//! 1. The publish that brings an endpoint puts its keys if they are missing, in its own
//!    transaction or, if there are too many, in earlier ones.
//! 2. All these transactions compare when `head` was written, and a sweep that forgets
//!    endpoints writes `head`. So keys that were found or put are still there when the plan
//!    is stored.
//! 3. Keys that are put early are marked with a generation beyond `head`. A sweep leaves
//!    those alone, so it cannot keep a large publish from finishing. If that publish dies,
//!    its keys are forgotten once `head` has reached their generation.
//! 4. Chunks are marked by being *younger than the newest plan*. Chunks that were there
//!    before are checked again in a transaction that compares when `head` was written.
//!
//! In one case this differs from the store in one process. If two publishes race and both
//! bring more than 100 endpoints, an endpoint of the loser may count as brought by the
//! winner's plan. That plan may then withdraw the endpoint, until the loser's plan is
//! active.
//!
//! **A slow Enactor.** If a process stalls for longer than its lease, its pins are deleted
//! and its plan may be swept. Its next step compares with the pin's create revision, which
//! no later key has. So the step is refused with [`Error::PinLost`] or, if the endpoint has
//! moved on, with *stale*. The next pass takes a new lease.
//!
//! # Answers that are lost
//! A transaction without an answer may have been done, or may be done later.
//! - The outcome of a step is then [`Activation::Unknown`](plan_store::Activation::Unknown).
//!   The caller settles it with [`PlanStore::state`](plan_store::PlanStore::state).
//! - A publish settles its outcome itself. It sends a transaction that either finds the
//!   plan with its own token, or writes `head` so that the lost transaction cannot be done
//!   any more. If that gets no answer either, the publish returns
//!   [`Error::PublishUnknown`].
//! - A pin that may have been put is deleted.
//! - A sweep fails; the next one does the rest.
//!
//! If etcd itself refuses a request, or if it could not be sent because there was no
//! connection, the request was not done. Its outcome is known.
//!
//! # Reads that are stale
//! The store asks for linearizable reads. But before 3.4.42, 3.5.28 and 3.6.9, a member of
//! etcd may answer such a read from before a change that was already acknowledged. No
//! guarantee of this crate rests on a read (rule 1), and readers refuse a view older than
//! their own. A stale read can have these effects: a step whose answer was lost is found
//! not done and is taken again, without effect; a sweep spares a plan for one round; an
//! Enactor misses the first plan for one pass. The answers of
//! [`PlanStore::state`](plan_store::PlanStore::state) and
//! [`PlanStore::newest_active`](plan_store::PlanStore::newest_active) may be out of date.
//!
//! # A member that is cut off
//! A transaction and a linearizable read need a majority of the members. So a member that
//! is cut off from the majority acknowledges nothing and answers no read. That includes a
//! leader that has not noticed the cut yet. A store that asks such a member waits for the
//! time-out, counts a step as unknown, and asks the next member. A watch there ends,
//! because it asks for a member with a leader. `crates/interop/tests/etcd` tests this on
//! members whose network is cut, in each way in which three members can be parted, and on
//! members that are killed, paused and wiped.
//!
//! # What it costs
//! An activation is one transaction if the store knows where the endpoint stands, otherwise
//! two. A pass reads all endpoints three times, and activates them with 64 steps in a
//! request. It sends a step even for an endpoint that it has just seen at its plan.
//! Otherwise the outcome would rest on a read, and could be *already* although another
//! Enactor has been told that its newer plan is active (see [stale
//! reads](crate#reads-that-are-stale)). A sweep reads all endpoints, and for each plan that
//! it deletes, etcd compares all of them in one step. The leader compacts
//! etcd's history if [`EtcdConfig::history`] says how long to keep it; otherwise configure etcd
//! to do it, for example with
//! `--auto-compaction-mode=revision --auto-compaction-retention=10000`.
//!
//! # Restored and replaced clusters
//! A cluster that was restored from a backup has lost its latest changes, and may hand out
//! generations again that were served before. A reader notices that: the revision has gone
//! back, or a key that the reader saw at its revision is not the one that the cluster had
//! there. It then lists the cluster, and each endpoint keeps what it shows until the cluster
//! has a newer generation. [`Health::kept`] counts such endpoints.
//! [`EtcdStore::continue_above`] publishes the latest plan again, above what was served.
//!
//! A cluster with another id is not followed, unless [`EtcdStore::continue_above`] has said
//! that it takes the place of the one before.
//!
//! # Differences from the store in one process
//! - Each [`EtcdStore::connect`] makes a store of its own, even on the same keys: the pins
//!   of one are refused by the other. Clones are the same store.
//! - [`EtcdReader`]s lag; [`EtcdStore::catch_up`] waits for them.
//! - A pin that is dropped is deleted in the background. A sweep by the same store waits
//!   for that; a sweep by another store may spare the plan once more.
//! - [`plan_store::PinError::PinsExhausted`] does not occur.

mod batches;
mod client;
mod codec;
mod config;
mod election;
mod error;
mod follow;
mod layout;
mod notes;
mod pins;
mod proto;
mod publish;
mod reader;
mod restore;
mod session;
mod shared;
mod snapshot;
mod steps;
mod store;
mod supply;
mod sweep;
mod threads;
mod txn;
mod upkeep;
mod view;

pub use config::{EtcdConfig, Identity, Tls, User};
pub use election::{Candidate, Leadership};
pub use error::Error;
pub use pins::EtcdPin;
pub use reader::EtcdReader;
pub use restore::Continued;
pub use store::EtcdStore;
pub use upkeep::{MemberStorage, Storage};
pub use view::Health;
