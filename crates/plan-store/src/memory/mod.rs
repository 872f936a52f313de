//! The in-process store.
//!
//! # Parts
//! ```text
//!   MemoryStore ──► Shared ──► Index (behind a lock)
//!                                ├─ plans: generation ─► Entry { plan, cells, pins }
//!                                └─ cells: name ───────► Cell  { active | rollback }
//! ```
//! A **cell** belongs to an endpoint and says which generation is active and
//! which is the rollback target, in one atomic word (`cell.rs`). An **entry** is a
//! published plan with its pins, one atomic word too (`pins.rs`), and with the
//! cells of the endpoints it names (`cells.rs`), so that the holder of a pin
//! reaches them without a lock. The **index** (`index.rs`) only finds things. All
//! handles, readers (`reader.rs`) and followers (`follower.rs`) share it (`shared.rs`).
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
//! | the index | anyone, under the lock shared | publish and sweep, under the lock alone |
//! | `changes` | readers | publish and sweep, under the lock alone |
//!
//! # Rules
//! 1. Everything that moves moves one way: an endpoint's generation up, a plan
//!    to *deleted*. No word ever holds a value again that it has left.
//! 2. A plan is moved into a cell only under a pin (`cell.rs`, rule 2).
//! 3. A sweep deletes a plan in this order: see it unpinned; look through all
//!    cells and find it nowhere; delete it by a compare-and-swap that fails if
//!    anybody has taken a pin since it was seen unpinned; take it out of the index.
//! 4. A plan is in the index from its publish to its deletion, and the cells of
//!    the endpoints it names are there as long.
//! 5. No section under the lock calls out, takes another lock, or drops a plan.
//!
//! # Why no plan that is in use is deleted
//! Let a sweep delete plan *g*, and let *s* be the moment it saw *g* unpinned.
//! - *Pinned?* The compare-and-swap succeeded, so no pin was taken after *s*, and
//!   at *s* none was held. Nobody holds one.
//! - *Active or rollback target at some endpoint?* The sweep read that endpoint's
//!   word after *s* and did not find *g* in it. Whoever moved *g* in held a pin
//!   (rule 2). Was it let go before *s*? Then seeing *g* unpinned shows the sweep
//!   the activation, or what replaced it, when it reads the word afterwards
//!   (`give_back` releases, `unpinned` acquires). Was it taken after *s*? Then
//!   the compare-and-swap fails. And *g* becomes a rollback target only where it
//!   is active.
//!
//! # Why a reader never finds its plan gone
//! A reader that reads *g* in a word and then does not find it in the index
//! lost a race: *g* was swept in between, so the word had moved on before. It
//! reads the word again, and sees that it has: the sweep had read the newer
//! word before it took the lock to remove *g*, and the reader took the lock
//! after that. So it goes round only when an activation has overtaken it.
//!
//! # Endpoints come and go
//! A plan that names a new endpoint brings a cell along. One that no longer
//! names an endpoint withdraws it, by a step like an activation: the cell then
//! stands at *withdrawn by g*, which fences off every older plan, also where
//! nothing had been activated yet. Once nothing is active, nothing is left to
//! roll back to and no plan in the store names the endpoint, a sweep forgets the
//! cell. Nobody can activate a plan in it then: that takes a pin on a plan that
//! names the endpoint, and a pinned plan is in the store. Who had found the cell
//! before may still withdraw it, which no longer matters. A plan that names the
//! endpoint again brings a new cell, which remembers that plan: an older one
//! cannot withdraw it.

mod cached;
mod cell;
mod cells;
mod follower;
mod index;
mod pins;
mod reader;
mod shared;
mod store;
mod sweep;

pub use self::follower::Follower;
pub use self::pins::MemoryPin;
pub use self::reader::Reader;
pub use self::store::MemoryStore;
