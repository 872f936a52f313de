//! The in-process store.
//!
//! # Parts
//! ```text
//!   MemoryStore ──► Shared ──► Index (behind a lock)
//!                                ├─ plans: generation ─► Entry { plan, cells, pins }
//!                                └─ cells: key ────────► Cell  { active | rollback }
//! ```
//! A plan has a key for each endpoint, and a value. The store needs the order of the keys, and
//! nothing of the values. A **cell** belongs to an endpoint and says which generation is active
//! and which is the rollback target, in one atomic word. An **entry** is a published plan
//! with its pins, one atomic word too, and with the cells of the endpoints that it
//! names, so that the holder of a pin reaches them without a lock. The **index** only
//! finds things. All handles, readers and followers share it. The layout of each word,
//! its own rules and its orderings are in the source, where the word is.
//!
//! Plans and lists of cells are persistent: a successor shares what it does not
//! change, so a publish costs its changes. They are immutable once they can be seen,
//! and so no part of any argument below.
//!
//! # Who may touch what
//! | | reads | changes |
//! |---|---|---|
//! | a cell's word | anyone | the holder of a pin on the plan it is moved on to |
//! | a plan's pins | anyone | pinning and letting go; a sweep, to *deleted* |
//! | the index | anyone, under the lock, shared | publish and sweep, under the lock, alone |
//! | the count of changes of the index's cells | readers | publish and sweep, under the lock, alone |
//!
//! # Rules
//! 1. Everything that moves moves one way: an endpoint's generation up, a plan
//!    to *deleted*. No word ever holds a value again that it has left.
//! 2. A plan is moved into a cell of an endpoint that it names, and only under a pin.
//!    What becomes the rollback target was active in the same word just before.
//! 3. A sweep deletes a plan in this order: in one section see it unpinned and take all
//!    cells of the index; read the cells' words and find the plan in none; delete it by a
//!    compare-and-swap that fails if a pin was taken since it was seen unpinned.
//! 4. A sweep takes a plan out of the index only after it has deleted that plan, and a
//!    cell only in a section in which no plan in the index names the endpoint.
//! 5. No section under the lock takes another lock or drops a plan. The only code of the
//!    caller's that runs in a section compares, clones and drops keys, and compares values.
//!
//! # Why nothing in use is lost: one induction
//! A plan is *in use* if a pin is held on it, or if it is active or a rollback
//! target at some endpoint. After each step of any execution:
//! - **A.** No plan in use is deleted.
//! - **B.** Each plan that is not deleted is in the index.
//! - **C.** For each endpoint that a plan in the index names, the index has the very cell
//!   that the plan has.
//!
//! All three hold in a new store. Suppose that they have held so far. The next step is one
//! of these, and they hold after it:
//! - *A publish.* The new plan is in the index and not deleted. Its cells are those of the
//!   plan before it or of the index, which has them by C, or are added in the same section.
//! - *A pin is taken.* That is a compare-and-swap which a deleted plan refuses.
//! - *A pin is given back.* The plan may be in use or not; no plan is deleted.
//! - *An activation or a withdrawal.* The plan that becomes active is pinned (rule 2), and
//!   so not deleted by A. The new rollback target was active, and so not deleted by A.
//! - *A deletion of a plan* g, see below.
//! - *A sweep removes plans.* They are deleted, and B says nothing about deleted plans.
//! - *A sweep forgets an endpoint.* No plan in the index names it (rule 4), so C says
//!   nothing about it.
//!
//! A deletion keeps B and C. Let *s* be the moment at which the sweep saw *g* unpinned. If *g*
//! were in use after the deletion, A would break. It is not:
//! - *Pinned?* None was held at *s*, and as the compare-and-swap succeeded, none was taken
//!   after *s*.
//! - *Active or a rollback target at some endpoint?* Then *g* names that endpoint (rule 2).
//!   At *s* the plan was not deleted, so it was in the index (B), and with it the endpoint's
//!   cell (C). So the sweep read the cell's word after *s*, and *g* was not in it. A word
//!   does not return to *g* (rule 1), so *g* was moved in later than what the sweep read,
//!   and its activator held a pin meanwhile. If that pin was given back before *s*, the sweep
//!   has seen the activation, or what replaced it: giving back releases, and the look that
//!   finds no pin acquires. If it was held at *s*, *g* was not unpinned. If it was taken
//!   after *s*, the compare-and-swap fails. So none of the three is possible.
//!
//! It follows that no cell is forgotten in which a plan is active or a rollback target:
//! that plan is in use, so it is in the index (A, B), and so is the cell (C).
//!
//! A sweep that dies between a deletion and the removal, which only a panic can bring about,
//! leaves a deleted plan in the index. A, B and C hold all the same. A caller that asks for the
//! plan is refused, as if it were gone. No later sweep removes it: its memory stays taken until the
//! store is dropped, and the endpoints that it names are not forgotten.
//!
//! # Why a reader never finds its plan gone
//! A reader may read *g* in a word and then not find *g* in the index. Then a sweep removed *g*
//! in between, so the word had moved on before. The reader reads the word again, and sees that
//! it has moved: the sweep had read the newer word before it took the lock to remove *g*, and
//! the reader took the lock after that. So the reader repeats this only if an activation has
//! overtaken it.
//!
//! # Endpoints come and go
//! A plan that names a new endpoint brings a cell along. One that no longer
//! names an endpoint withdraws it, by a step like an activation. The cell then
//! stands at *withdrawn by g*, which fences off every older plan, even if
//! no plan had been activated there yet. Once nothing is active, nothing is left to
//! roll back to and no plan in the store names the endpoint, a sweep forgets the
//! cell. No caller can activate a plan in it then: that takes a pin on a plan that
//! names the endpoint, and a pinned plan is in the index (A, B). A caller that had found
//! the cell before may still withdraw it, which no longer matters. A plan that names the
//! endpoint again brings a new cell, which remembers that plan: an older one
//! cannot withdraw it.

mod cached;
mod cell;
mod cells;
mod follower;
mod index;
mod pins;
mod reader;
mod restored;
mod shared;
mod store;
mod sweep;

pub use self::cell::{Known, Step};
pub use self::follower::Follower;
pub use self::pins::MemoryPin;
pub use self::reader::Reader;
pub use self::restored::{Contents, InvalidContents};
pub use self::store::MemoryStore;
