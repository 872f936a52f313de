//! The plan store on an etcd cluster: Planner, Enactors and servers as processes of
//! their own, on machines of their own, with the guarantees of
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
//! All below one prefix. A generation as a value is eight bytes, the highest first, so
//! that etcd compares it as a number; in a key it is eight hexadecimal digits.
//!
//! | key | value | written by |
//! |---|---|---|
//! | `head` | the newest generation, 0 before the first | publish; as it is, by a sweep that forgets something and by a publish that settles a lost answer |
//! | `plan/<generation>` | a token, and the content or the names of its chunks | publish, once; deleted by a sweep |
//! | `plan-chunk/<hash>` | a part of a large plan | publish, before it moves `head`; deleted by a sweep |
//! | `active/<endpoint>` | where it stands, see below | publish, if it is not there; activate and withdraw; deleted by a sweep |
//! | `rollback/<endpoint>` | the rollback target, 0 for none | always in the same transaction as `active/<endpoint>` |
//! | `pin/<generation>/<lease>.<n>` | nothing | who picks up the plan, under its lease; deleted when it lets go, or by etcd when the lease runs out |
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
//! etcd does a transaction in one step: it compares, and then does one list of
//! operations or the other. What is compared is the guard; what a caller has read before
//! is only what it compares *with*.
//!
//! | step | compares | does |
//! |---|---|---|
//! | publish *g* | `head` was last written at the revision at which it was read; `plan/g` is not there; the plan before is there still | stores `plan/g`, moves `head` to *g*, gives new endpoints their keys |
//! | pick up *g* | `head` is *g* (or only, for a known *g*:) `plan/g` is there | puts a pin |
//! | activate *g* | `active/e` is what it was thought to be, a number below `4g + 1`; the pin has the create revision that it was given | `active/e` to `4g + 2`, `rollback/e` to what was active |
//! | withdraw by *g* | the same | `active/e` to `4g + 1`, `rollback/e` to what was active |
//! | delete *g* | `plan/g` is there; `head` is above *g*; no `active/…` is `4g + 2`; no `rollback/…` is *g*; there is no `pin/g/…` | deletes `plan/g` |
//! | forget *e* | `head` was last written when the sweep looked; `active/e` and `rollback/e` are what it saw | deletes both, and writes `head` as it is |
//! | delete a chunk | `head` was last written when the sweep looked | deletes it, and writes `head` as it is |
//!
//! # Rules
//! 1. Whatever changes a plan, an endpoint or `head` is one of these transactions. Reads
//!    only save work.
//! 2. While an endpoint is known, its number grows with every step. So no value of
//!    `active/e` returns, and one that is what it was thought to be has not changed.
//! 3. Whoever adds to the plans and whoever takes away what a plan may come to need
//!    writes `head`, and compares when it was written last. So publishes, forgetting and
//!    deleting chunks happen one after another, each knowing all before it.
//! 4. The endpoints of every plan in the store have their keys, and its chunks are there.
//! 5. Leases say who is alive. They are never the guard: the guard is the pin's key, and
//!    etcd takes it away in a step of its own, before or after a transaction, never in it.
//!
//! # Why this suffices
//! **`Monotonic`.** A step is done only below `4g + 1`, and leads to `4g + 1` or
//! `4g + 2`. For etcd compares `active/e` with a number, in the step itself, and that
//! number is below `4g + 1`, whatever the endpoint was thought to be: who thinks that it
//! is beyond compares with `4g`. So no read decides that a step is stale, either. A second
//! comparison, with `4g + 1`, would say the same of the same value. Forgetting starts an
//! endpoint anew only when no plan in the store names it; the next plan that does is newer
//! than all before.
//!
//! **`ActiveKept`, `RollbackKept`, `PinnedKept`.** The deletion compares with every
//! endpoint and every pin, as they are in that step. Afterwards nobody comes to need *g*:
//! to pin it takes `plan/g`, which never comes back; to activate it takes a pin on it; and
//! it becomes a rollback target only where it is active. An activation need not ask for
//! `plan/g`: its pin was put when the plan was there, and while there is a pin the plan is
//! not deleted. A comparison of values is false if there is no key at all; but where a
//! plan is, there are its endpoints' keys (rule 4).
//!
//! **The rollback target is what was active.** etcd cannot copy a value within a
//! transaction, so the value is in the request; that it is the right one is compared, as
//! `active/e` is what it was thought to be. If it is not, the answer says what it is, and
//! the step is tried from there. It goes round only when another step was done meanwhile.
//!
//! **An endpoint's keys are there (rule 4).** The publish that brings it puts them if
//! they are missing, in its own transaction or, if there are too many, before that. It
//! compares when `head` was written, before all that; a sweep that forgets writes
//! `head`. So what was there, or was put, is there when the plan is. What is put early is
//! marked with a generation beyond `head`, and a sweep leaves that alone: it does not
//! keep a large publish from coming to its end. What a publish that died has left there
//! is forgotten once `head` has reached its generation. Chunks are the same, with *younger
//! than the newest plan* for *beyond `head`*; and the chunks that were there already are
//! looked for again in a transaction that compares when `head` was written.
//! One thing is different from the store in one process: if two publishes race, and both
//! bring more than 100 endpoints, one may be taken for brought by the winner's plan. That
//! plan may then withdraw it, until the other's is active.
//!
//! **A slow Enactor.** When a process stands still for longer than its lease, its pins
//! go, and its plan may be swept. Its next step compares with the pin's create revision,
//! which no later key will have, and is refused: with [`Error::PinLost`], or, where the
//! endpoint has moved on, with *stale*. The next pass takes a new lease.
//!
//! # Answers that are lost
//! A transaction whose answer does not come may have been done, or be done yet.
//! - A step's outcome is then [`Activation::Unknown`](plan_store::Activation::Unknown),
//!   for the caller to settle by [`PlanStore::state`](plan_store::PlanStore::state).
//! - A publish settles it by itself, with a transaction that either finds the plan, with
//!   its own token, or writes `head` so that the lost one cannot be done any more. Only
//!   if there is no answer to that either, it ends in [`Error::PublishUnknown`].
//! - A pin that may have been put is deleted.
//! - A sweep fails; the next one does the rest.
//!
//! What etcd itself refuses, and what could not be sent for want of a connection, was not
//! done, and is not unknown.
//!
//! # Reads that are stale
//! Reads ask for linearizable ones, but before 3.4.42, 3.5.28 and 3.6.9 a member of etcd
//! may answer one from before a change that was acknowledged already. No guarantee of
//! this crate rests on a read (rule 1), and readers refuse a view older than their own.
//! What a stale read can do: a step whose answer was lost is found not done and taken
//! again, in vain; a sweep spares a plan for one round; an Enactor misses the first plan
//! for one pass. And [`PlanStore::state`](plan_store::PlanStore::state) and
//! [`PlanStore::newest_active`](plan_store::PlanStore::newest_active) may be behind there.
//!
//! # A member that is cut off
//! A transaction and a linearizable read take the agreement of most members. So one that
//! is cut off from them, a leader that does not know it yet included, acknowledges nothing
//! and answers no read; who asked it waits for the time-out, counts a step as unknown,
//! and asks the next. A watch there ends, as it asks for a member with a leader. Tested on
//! members whose network is cut, each way that three can be parted, beside members that
//! are killed, paused and wiped (`tests/etcd`).
//!
//! # What it costs
//! An activation is one transaction if the store knows where the endpoint stands, else
//! two. A pass asks for all endpoints three times, and activates them 64 in a request;
//! those that it has just seen where it would bring them, too. Without that, their answer
//! would rest on a read, and say *already* where another has been told that its newer plan
//! is active (see [stale reads](crate#reads-that-are-stale)). A sweep reads all endpoints,
//! and each plan that it deletes has etcd look at all of them in one step. etcd must be
//! told to compact its history, for example with
//! `--auto-compaction-mode=revision --auto-compaction-retention=10000`.
//!
//! # In the place of a lost cluster
//! Servers that remember a lost cluster's plans do not take to lower generations. So
//! before the first publish on a new one, put to `head` the highest generation that may
//! have been given out, and the next plan follows that.
//!
//! # Differences from the store in one process
//! - Two [`EtcdStore::connect`] are two stores to their pins, even on the same keys. Clones
//!   are one.
//! - [`EtcdReader`]s lag; [`EtcdStore::catch_up`] waits for them.
//! - A pin that is dropped is deleted in the background. A sweep by the same store waits
//!   for that; another's may spare the plan once more.
//! - [`plan_store::Error::PinsExhausted`] does not occur.

mod batches;
mod client;
mod codec;
mod config;
mod error;
mod follow;
mod layout;
mod pins;
mod proto;
mod publish;
mod reader;
mod session;
mod shared;
mod snapshot;
mod steps;
mod store;
mod supply;
mod sweep;
mod threads;
mod txn;
mod view;

pub use config::{EtcdConfig, Identity, Tls, User};
pub use error::Error;
pub use pins::EtcdPin;
pub use reader::EtcdReader;
pub use store::EtcdStore;
pub use view::Health;
