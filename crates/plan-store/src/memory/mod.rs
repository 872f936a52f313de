//! The in-process store.
//!
//! # Parts
//! ```text
//!   MemoryStore ──► Shared ──► Index (behind a lock)
//!                                ├─ plans: generation ─► Entry { plan, cells, pins }
//!                                └─ cells: name ───────► Cell  { active | rollback }
//! ```
//! A **cell** belongs to an endpoint and says which generation is active and
//! which is the rollback target: one atomic word (`cell.rs`). An **entry** is a
//! published plan with its pins: one atomic word too (`pins.rs`), and with the
//! cells of the endpoints it names (`cells.rs`), so that who holds a pin reaches
//! them without a lock. The **index** only finds things.
//!
//! Plans and lists of cells are persistent: a successor shares what it does not
//! change, so a publish costs its changes. They are immutable once they can be seen,
//! and so no part of any argument below.
//!
//! # Who may touch what
//! | | reads | changes |
//! |---|---|---|
//! | a cell's word | anyone | who holds a pin on the plan it is moved on to |
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
//! 5. No section under the lock calls out or takes another lock.
//!
//! # Why no plan is deleted that somebody needs
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
mod pins;
mod reader;
mod sweep;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tracing::{debug, info};

use self::cell::Cell;
use self::cells::Cells;
pub use self::follower::Follower;
use self::pins::Pins;
pub use self::reader::Reader;
use crate::plan::NameChange;
use crate::primitives::{Lock, Word};
use crate::{
    Activation, EndpointName, EndpointState, Error, Generation, Native, Pin, Plan, PlanStore,
    Primitives, Resolution, Retention, Standing, Swept,
};

/// The in-process store. Clones are handles on the same store.
///
/// How it works and why it is right: [`memory`](crate::memory).
pub struct MemoryStore<P: Primitives = Native> {
    shared: Arc<Shared<P>>,
}

impl MemoryStore {
    /// An empty store that sweeps down to what `retention` keeps.
    pub fn new(retention: Retention) -> Self {
        Self::with_primitives(retention)
    }
}

impl<P: Primitives> MemoryStore<P> {
    /// An empty store on other primitives, a model checker's for example.
    pub fn with_primitives(retention: Retention) -> Self {
        Self::build(retention, None)
    }

    /// An empty store whose first plan gets the generation after `last`: for a
    /// control plane that starts again before servers which remember.
    pub fn continuing(retention: Retention, last: Generation) -> Self {
        Self::build(retention, Some(last))
    }

    fn build(retention: Retention, latest: Option<Generation>) -> Self {
        Self {
            shared: Arc::new(Shared {
                store: Arc::new(()),
                retention,
                index: P::Lock::new(Index {
                    latest,
                    plans: BTreeMap::new(),
                    cells: Cells::none(),
                }),
                changes: P::Word::new(0),
            }),
        }
    }

    /// A view of one endpoint for one thread, which need not be known yet.
    pub fn follow(&self, endpoint: EndpointName) -> Follower<P> {
        Follower::new(Arc::clone(&self.shared), endpoint)
    }

    /// The plans in the store, oldest first.
    pub fn generations(&self) -> Vec<Generation> {
        let keys = |index: &Index<P>| index.plans.keys().copied().collect();
        self.shared.index.read(keys)
    }

    /// Refuses a pin on another store's plan; else says which plan it holds.
    fn own(&self, pin: &MemoryPin<P>) -> Result<Generation, Error> {
        let generation = pin.generation();
        if Arc::ptr_eq(&self.shared.store, &pin.entry.store) {
            Ok(generation)
        } else {
            Err(Error::ForeignPin { generation })
        }
    }
}

impl<P: Primitives> PlanStore for MemoryStore<P> {
    type Pin = MemoryPin<P>;
    type Reader = Reader<P>;

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, Error> {
        let endpoints = plan.endpoints().len();
        let generation = self.shared.index.write(|index| {
            let (generation, new_cells) = index.insert(plan, &self.shared.store)?;
            if new_cells {
                self.shared.endpoints_changed();
            }
            Ok::<_, Error>(generation)
        })?;
        info!(%generation, endpoints, "publish");
        Ok(generation)
    }

    fn latest(&self) -> Result<Option<MemoryPin<P>>, Error> {
        self.shared.index.read(|index| {
            let newest = index.plans.last_key_value();
            newest.map(|(_, entry)| MemoryPin::on(entry)).transpose()
        })
    }

    fn pin(&self, generation: Generation) -> Result<MemoryPin<P>, Error> {
        self.shared.index.read(|index| {
            let entry = index.plans.get(&generation);
            MemoryPin::on(entry.ok_or(Error::NoSuchPlan { generation })?)
        })
    }

    fn newest_active(&self) -> Result<Option<Generation>, Error> {
        let cells = self.shared.index.read(|index| index.cells.clone());
        let states = cells.in_order().iter().map(|cell| cell.state());
        Ok(states.filter_map(|state| state.standing.generation()).max())
    }

    fn activate(&self, pin: &MemoryPin<P>, endpoint: &EndpointName) -> Result<Activation, Error> {
        let generation = self.own(pin)?;
        let Some(cell) = pin.entry.cells.get(endpoint) else {
            let endpoint = endpoint.clone();
            return Err(Error::NotInPlan {
                endpoint,
                generation,
            });
        };
        Ok(flip(cell, generation))
    }

    /// Goes along the plan's cells, with no search for each.
    fn activate_all<'a>(
        &'a self,
        pin: &'a MemoryPin<P>,
    ) -> impl Iterator<Item = (&'a EndpointName, Result<Activation, Error>)> {
        pin.entry.cells.in_order().iter().map(|cell| {
            let activation = self.own(pin).map(|generation| flip(cell, generation));
            (cell.endpoint(), activation)
        })
    }

    fn stale_endpoints(&self, pin: &MemoryPin<P>) -> Result<Vec<EndpointName>, Error> {
        let by = self.own(pin)?;
        Ok(self.shared.index.read(|index| {
            let stale = index.cells.without(&pin.entry.cells);
            let behind = stale.filter(|cell| cell.is_behind(by));
            behind.map(|cell| cell.endpoint().clone()).collect()
        }))
    }

    fn withdraw(&self, pin: &MemoryPin<P>, endpoint: &EndpointName) -> Result<Activation, Error> {
        let generation = self.own(pin)?;
        if pin.plan().names(endpoint) {
            let endpoint = endpoint.clone();
            return Err(Error::StillInPlan {
                endpoint,
                generation,
            });
        }
        let Some(cell) = self.shared.cell(endpoint) else {
            return Ok(Activation::Already); // Forgotten, or never there.
        };
        let activation = cell.advance(Standing::Withdrawn(generation));
        info!(%endpoint, %generation, ?activation, "withdraw");
        Ok(activation)
    }

    fn state(&self, endpoint: &EndpointName) -> Result<EndpointState, Error> {
        let cell = self.shared.cell(endpoint);
        Ok(cell.map_or(EndpointState::VACANT, |cell| cell.state()))
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Error> {
        Ok(sweep::sweep(&self.shared, applied))
    }

    fn reader(&self) -> Reader<P> {
        Reader::new(Arc::clone(&self.shared))
    }

    fn resolve(&self, endpoint: &EndpointName) -> Resolution {
        match self.shared.cell(endpoint) {
            Some(cell) => self.shared.answer(&cell, cell.state()).1,
            None => Resolution::Unknown,
        }
    }
}

/// What all handles on a store share.
struct Shared<P: Primitives> {
    /// Which store it is: pins know it too.
    store: Arc<()>,
    retention: Retention,
    index: P::Lock<Index<P>>,
    /// How often cells have been added to the index or removed from it. Needs no
    /// ordering of its own: it changes under the lock alone. Who reads a new count
    /// and then takes the lock cannot come before the section that counted, for no
    /// load returns what is stored after it; so he finds the cells as they are. Who
    /// reads an old count was told by nobody of the new one.
    changes: P::Word,
}

impl<P: Primitives> Shared<P> {
    fn cell(&self, endpoint: &EndpointName) -> Option<Arc<Cell<P>>> {
        self.index.read(|index| index.cells.get(endpoint).cloned())
    }

    fn changes(&self) -> u64 {
        self.changes.load(Relaxed)
    }

    /// Counts a change of the cells. Called under the lock alone.
    fn endpoints_changed(&self) {
        self.changes.fetch_add(1, Relaxed);
    }

    /// What an endpoint answers whose word said `state`, and what its word says
    /// now, if the plan has been swept meanwhile.
    fn answer(&self, cell: &Cell<P>, mut state: EndpointState) -> (EndpointState, Resolution) {
        loop {
            let generation = match state.standing {
                Standing::Vacant => return (state, Resolution::Vacant),
                Standing::Withdrawn(generation) => {
                    return (state, Resolution::Withdrawn { generation });
                }
                Standing::Active(generation) => generation,
            };
            let records = self.index.read(|index| {
                let entry = index.plans.get(&generation)?;
                entry.plan.records(cell.endpoint()).cloned()
            });
            if let Some(records) = records {
                return (
                    state,
                    Resolution::Answer {
                        generation,
                        records,
                    },
                );
            }
            let now = cell.state();
            if now == state {
                return (state, Resolution::Dangling { generation });
            }
            state = now;
        }
    }
}

/// One step of an activation.
fn flip<P: Primitives>(cell: &Cell<P>, generation: Generation) -> Activation {
    let activation = cell.advance(Standing::Active(generation));
    debug!(endpoint = %cell.endpoint(), %generation, ?activation, "activate");
    activation
}

/// Where everything is.
struct Index<P: Primitives> {
    /// The newest generation given out.
    latest: Option<Generation>,
    plans: BTreeMap<Generation, Arc<Entry<P>>>,
    /// Those of the endpoints that some plan in `plans` names, and of those that no
    /// sweep has forgotten yet.
    cells: Cells<P>,
}

impl<P: Primitives> Index<P> {
    /// Adds a plan; also says whether it named endpoints not known before.
    fn insert(&mut self, plan: Arc<Plan>, store: &Arc<()>) -> Result<(Generation, bool), Error> {
        let generation = self
            .latest
            .map_or(Ok(Generation::FIRST), Generation::next)?;
        let known = self.cells.len();
        let cells = self.cells_of(&plan, generation);
        let pins = Pins::none();
        let store = Arc::clone(store);
        let entry = Entry {
            store,
            generation,
            plan,
            cells,
            pins,
        };
        self.plans.insert(generation, Arc::new(entry));
        self.latest = Some(generation);
        Ok((generation, self.cells.len() > known))
    }

    /// The cells of the plan's endpoints: those of the plan before, but for the
    /// endpoints that come and go.
    fn cells_of(&mut self, plan: &Plan, generation: Generation) -> Cells<P> {
        let newest = self.plans.last_key_value();
        let previous = newest.map(|(_, entry)| Arc::clone(entry));
        let Some(previous) = previous else {
            for (name, _) in plan.endpoints() {
                self.cell_for(name, generation);
            }
            return self.cells.clone();
        };
        let mut cells = previous.cells.clone();
        if plan.names_the_same(&previous.plan) {
            return cells;
        }
        for named in plan.named_since(&previous.plan) {
            match named {
                NameChange::Added(name) => cells.insert(self.cell_for(name, generation)),
                NameChange::Removed(name) => cells.remove(name),
            }
        }
        if cells.len() == self.cells.len() {
            // All that are there: share them, so that comparing the two is quick.
            self.cells = cells.clone();
        }
        cells
    }

    /// The endpoint's cell, a new one if `plan` brings the endpoint along.
    fn cell_for(&mut self, name: &EndpointName, plan: Generation) -> Arc<Cell<P>> {
        if let Some(cell) = self.cells.get(name) {
            return Arc::clone(cell);
        }
        let cell = Arc::new(Cell::vacant(name.clone(), plan));
        self.cells.insert(Arc::clone(&cell));
        cell
    }
}

/// A published plan.
struct Entry<P: Primitives> {
    /// The store that it is in.
    store: Arc<()>,
    generation: Generation,
    plan: Arc<Plan>,
    /// The cells of the plan's endpoints.
    cells: Cells<P>,
    pins: Pins<P>,
}

/// [`MemoryStore`]'s pin.
#[must_use = "the plan is held only as long as its pin"]
pub struct MemoryPin<P: Primitives = Native> {
    entry: Arc<Entry<P>>,
}

impl<P: Primitives> MemoryPin<P> {
    fn on(entry: &Arc<Entry<P>>) -> Result<Self, Error> {
        entry.pins.take(entry.generation)?;
        let entry = Arc::clone(entry);
        Ok(Self { entry })
    }
}

impl<P: Primitives> Pin for MemoryPin<P> {
    fn generation(&self) -> Generation {
        self.entry.generation
    }

    fn plan(&self) -> &Arc<Plan> {
        &self.entry.plan
    }
}

impl<P: Primitives> Drop for MemoryPin<P> {
    fn drop(&mut self) {
        self.entry.pins.give_back();
    }
}

impl<P: Primitives> Clone for MemoryStore<P> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared }
    }
}

impl<P: Primitives> fmt::Debug for MemoryStore<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl<P: Primitives> fmt::Debug for MemoryPin<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryPin")
            .field(&self.generation())
            .finish()
    }
}
