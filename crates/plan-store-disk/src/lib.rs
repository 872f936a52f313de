//! The plan store in a folder of one machine. A change that was acknowledged survives the end of
//! the process and a power cut.
//!
//! ```
//! use plan_store::{Plan, PlanStore, RecordSet, Retention, Target};
//! use plan_store_disk::DiskStore;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("plan-store-disk-doc-{}", std::process::id()));
//! let store = DiskStore::open(&folder, Retention::newest(3))?;
//! let records = RecordSet::new(60, [Target::new([192, 0, 2, 1].into(), 1)])?;
//! let plan = Plan::new([("db.example".parse()?, records)])?;
//! let published = store.publish(plan.into())?;
//! drop(store);
//!
//! let store = DiskStore::open(&folder, Retention::newest(3))?;
//! assert_eq!(store.generations(), [published]);
//! # drop(store);
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Parts
//! ```text
//!   callers ──► queue ──► writer ──► database, a file of redb
//!      │                     │
//!      │ pins, reads         │ changes, once they are durable
//!      ▼                     ▼
//!   MemoryStore ◄────────────┘
//! ```
//! Readers and Enactors see a [`MemoryStore`](plan_store::MemoryStore), whose algorithm is model
//! checked and proved. The database is the durable truth. One thread, the *writer*, makes all
//! changes: it decides the changes that wait in its queue, commits them together, makes them in
//! memory, and acknowledges them. So nothing is served or acknowledged before it is durable, and
//! a whole pass takes a few commits. Pins are in memory only: they end with the process that holds
//! them.
//!
//! # Layout, version 1
//! Rows are encoded with [postcard](https://postcard.jamesmunns.com/wire-format). Endpoints are
//! numbered: 256 of them share a *block*.
//!
//! | table | key | value |
//! |---|---|---|
//! | `about` | `format`; `commits` | the version of this layout; how many commits there were |
//! | `layers` | generation | the generation of the whole plan that it is built on; sizes; the number of parts; whether the plan is in the store |
//! | `parts` | generation, number | endpoints with their records, or with none where the plan does not name them |
//! | `names` | block | the names of its endpoints |
//! | `states` | block | the states of its endpoints: the word of [`EndpointState::to_word`](plan_store::EndpointState::to_word) and the plan that added the endpoint, once for each run of equal states |
//! | `notes` | name | bytes |
//!
//! - **A plan costs its changes.** A layer has only what its plan changes in the plan before it.
//!   When the changes since the last whole plan would take more room than that plan, the next layer
//!   is a whole plan. So the layers that a plan needs take at most twice its size, and reading them
//!   takes at most twice the time.
//! - **A sweep** takes its plan out of the store. A layer is deleted once no plan in the store is
//!   built on it.
//! - **A pass costs little.** In a block, most endpoints are in the same state, so a pass writes a
//!   few bytes for 256 endpoints.
//!
//! # Why each crash point is safe
//! A commit is one transaction of the database. redb writes changed pages to unused places, syncs,
//! and then moves its root in one step; after a crash it takes the newest root whose checksums are
//! right. So the file holds all of a commit or nothing of it. A crash can come:
//! 1. *Before the commit.* The change is not there, and nobody was told that it is.
//! 2. *During the commit.* The change is there or not, and nobody was told.
//! 3. *After the commit, before the change is made in memory or acknowledged.* The change is there,
//!    and nobody was told: the same as a reply that is lost.
//! 4. *After a sweep has deleted a plan in memory, before that is durable.* The plan is there again
//!    after the restart. Nothing uses it: it was neither active nor a rollback target, and pins
//!    ended with the process. The sweep was not acknowledged, and the next one deletes the plan.
//! 5. *While a new file is made.* It is made under another name and then renamed, so it is there
//!    as a whole or not at all.
//!
//! After a restart the store in memory is made from the rows. So the endpoints' words, the plans
//! that added them, the plans, and the next generation are what they were. The file is checked
//! first: redb's checksums of all pages, then that each row can be decoded, that each plan in use
//! is there, and that no endpoint is in a state to which no steps lead.
//!
//! # After a commit that failed
//! A full disk or an I/O error fails the changes of that commit. The store goes on serving what it
//! has, and refuses changes with [`Error`]. The database does not go on after an error, so the
//! next change opens it again. If that works, the change is written and so is what the failed
//! commit left open. No restart is needed. The rules are in the source, in `file.rs` and
//! `writer.rs`:
//! - [`Error::NotWritten`]: no commit was tried, so the change is not there.
//! - [`Error::Unsettled`]: the commit itself failed. The change does not count, but if the process
//!   ends before the store can write again, it may be there after a restart. A step's outcome is
//!   then [`Activation::Unknown`](plan_store::Activation::Unknown).
//!
//! # What the store asks of the machine
//! A sync of the disk must be true: what it has confirmed is there after a power cut. The folder is
//! on a local file system. One process uses it at a time; a second one is refused.

mod backup;
mod begin;
mod durable;
mod error;
mod file;
mod folder;
mod layout;
mod load;
mod restore;
mod store;
mod writer;

pub use backup::{Backup, BackupError};
pub use error::{Cause, Error, OpenError};
pub use restore::{RestoreError, Restored};
pub use store::{DiskPin, DiskStore};
