//! The steps: what each needs, and what each does.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::standing::Kind;
use crate::state::{Cell, Plan, Seen, State, Sweep};
use crate::{CellId, Generation, PinId, Standing, SweepId};

/// A step of the protocol. Each is one atomic step of the store.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the type of a field says what it is")]
pub enum Step<E: Ord> {
    /// A plan that names these endpoints is published.
    Publish { names: BTreeSet<E> },
    /// An operator's return: the content of the plan that the pin holds is published anew.
    Return { pin: PinId },
    /// A pin is taken on a plan. A pin that holds another plan lets go of it.
    Pin { pin: PinId, plan: Generation },
    /// A pin is given back.
    Unpin { pin: PinId },
    /// The plan that the pin holds becomes active at an endpoint that it names.
    Activate { pin: PinId, endpoint: E },
    /// The plan that the pin holds withdraws the endpoint of this cell. The caller found the
    /// cell in the index at some earlier moment.
    Withdraw { pin: PinId, cell: CellId },
    /// A sweep begins: in one section, it lists the plans that are old enough and all cells.
    Begin { sweep: SweepId, applied: Generation },
    /// The sweep sees that no pin is held on a plan, and how many were ever taken. Both may
    /// be out of date.
    See {
        sweep: SweepId,
        plan: Generation,
        count: u64,
    },
    /// The sweep reads a cell, and gets the value that stood on this plan. It may be out of
    /// date.
    Read {
        sweep: SweepId,
        cell: CellId,
        value: Generation,
    },
    /// The sweep deletes a plan.
    Delete { sweep: SweepId, plan: Generation },
    /// The sweep removes a plan that it deleted from the index.
    Remove { sweep: SweepId, plan: Generation },
    /// A sweep forgets an endpoint.
    Forget { endpoint: E },
}

/// The guard that refuses a step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Error)]
pub enum Refused {
    /// `publish.when.not-exhausted`, and the same of `return`.
    #[error("the last generation was given out")]
    Exhausted,
    /// `return.when.held`.
    #[error("the pin holds no plan")]
    NotHeld,
    /// `pin.when.indexed`.
    #[error("the plan is not in the index")]
    NotIndexed,
    /// `pin.when.not-deleted`, and the same of `delete`.
    #[error("the plan is deleted")]
    Deleted,
    /// `activate.when.named`.
    #[error("the plan that the pin holds does not name the endpoint")]
    NotNamed,
    /// `withdraw.when.made`.
    #[error("there is no such cell")]
    NotMade,
    /// `withdraw.when.not-named`.
    #[error("the plan that the pin holds names the endpoint")]
    Named,
    /// `activate.when.newer` and `withdraw.when.newer`.
    #[error("the endpoint stands on this plan or a newer one")]
    NotNewer,
    /// `withdraw.when.not-older-than-cell`.
    #[error("a newer plan brought the endpoint")]
    OlderThanCell,
    /// `begin.when.first`.
    #[error("the sweep has begun already")]
    Begun,
    /// `begin.when.at-most-newest`.
    #[error("the applied plan was never published")]
    BeyondNewest,
    /// `see.when.old`.
    #[error("the plan was not old enough when the sweep began")]
    NotOld,
    /// `see.when.before-reads`.
    #[error("the sweep has read a cell before it looked at the pins")]
    AfterReads,
    /// `see.when.count`.
    #[error("so many pins were never taken")]
    NeverTaken,
    /// `see.when.no-pin`.
    #[error("a pin is held")]
    Pinned,
    /// `read.when.listed`.
    #[error("the cell is not in the sweep's list")]
    NotListed,
    /// `read.when.once`.
    #[error("the sweep has read the cell before")]
    ReadBefore,
    /// `read.when.had`.
    #[error("the word never had this value")]
    NeverHad,
    /// `read.when.not-older-than-released`.
    #[error("the value is older than a step that the sweep must see")]
    OlderThanReleased,
    /// `delete.when.saw`.
    #[error("the sweep has not seen the plan without a pin")]
    NotSeen,
    /// `delete.when.no-pin-since`.
    #[error("a pin was taken since the sweep looked")]
    PinnedSince,
    /// `delete.when.all-read`.
    #[error("the sweep has not read all cells of its list")]
    NotAllRead,
    /// `delete.when.not-active`.
    #[error("the sweep read in a cell that the plan is active")]
    Active,
    /// `delete.when.not-rollback`.
    #[error("the sweep read in a cell that the plan is the rollback target")]
    Rollback,
    /// `remove.when.deleted-it`.
    #[error("the sweep did not delete the plan")]
    NotDeleted,
    /// `forget.when.not-named`.
    #[error("a plan in the index names the endpoint")]
    StillNamed,
}

/// The names of the steps in the SMT file, in the order of [`Step`].
pub const NAMES: [&str; 12] = [
    "publish", "return", "pin", "unpin", "activate", "withdraw", "begin", "see", "read", "delete",
    "remove", "forget",
];

impl<E: Ord> Step<E> {
    /// The place of its name in [`NAMES`].
    pub const fn kind(&self) -> usize {
        match self {
            Self::Publish { .. } => 0,
            Self::Return { .. } => 1,
            Self::Pin { .. } => 2,
            Self::Unpin { .. } => 3,
            Self::Activate { .. } => 4,
            Self::Withdraw { .. } => 5,
            Self::Begin { .. } => 6,
            Self::See { .. } => 7,
            Self::Read { .. } => 8,
            Self::Delete { .. } => 9,
            Self::Remove { .. } => 10,
            Self::Forget { .. } => 11,
        }
    }

    /// Its name in the SMT file.
    pub const fn name(&self) -> &'static str {
        NAMES[self.kind()]
    }
}

impl Refused {
    /// Its name in the SMT file, after `S.when.`, where S is the step.
    pub const fn guard(self) -> &'static str {
        match self {
            Self::Exhausted => "not-exhausted",
            Self::NotHeld => "held",
            Self::NotIndexed => "indexed",
            Self::Deleted => "not-deleted",
            Self::NotNamed => "named",
            Self::NotMade => "made",
            Self::Named | Self::StillNamed => "not-named",
            Self::NotNewer => "newer",
            Self::OlderThanCell => "not-older-than-cell",
            Self::Begun => "first",
            Self::BeyondNewest => "at-most-newest",
            Self::NotOld => "old",
            Self::AfterReads => "before-reads",
            Self::NeverTaken => "count",
            Self::Pinned => "no-pin",
            Self::NotListed => "listed",
            Self::ReadBefore => "once",
            Self::NeverHad => "had",
            Self::OlderThanReleased => "not-older-than-released",
            Self::NotSeen => "saw",
            Self::PinnedSince => "no-pin-since",
            Self::NotAllRead => "all-read",
            Self::Active => "not-active",
            Self::Rollback => "not-rollback",
            Self::NotDeleted => "deleted-it",
        }
    }
}

/// The state after a step.
///
/// # Errors
/// The guard that refuses the step in this state.
pub fn next<E: Ord + Clone>(state: &State<E>, step: &Step<E>) -> Result<State<E>, Refused> {
    let mut next = state.clone();
    next.take(step)?;
    Ok(next)
}

impl<E: Ord + Clone> State<E> {
    /// Takes a step: [`next`] in place.
    ///
    /// # Errors
    /// The guard that refuses the step. The state is then unchanged.
    pub fn take(&mut self, step: &Step<E>) -> Result<(), Refused> {
        match *step {
            Step::Publish { ref names } => self.publish(names),
            Step::Return { pin } => {
                let plan = self.plans.get(&self.held(pin)).ok_or(Refused::NotHeld)?;
                self.publish(&plan.cells.keys().cloned().collect())
            }
            Step::Pin { pin, plan } => self.pin(pin, plan),
            Step::Unpin { pin } => {
                self.pins.remove(&pin);
                Ok(())
            }
            Step::Activate { pin, ref endpoint } => {
                let plan = self.held(pin);
                let named = self.plans.get(&plan).map(|plan| &plan.cells);
                let cell = named.and_then(|cells| cells.get(endpoint));
                let cell = *cell.ok_or(Refused::NotNamed)?;
                self.advance(cell, Kind::Activate, plan)
            }
            Step::Withdraw { pin, cell } => self.withdraw(self.held(pin), cell),
            Step::Begin { sweep, applied } => self.begin(sweep, applied),
            Step::See { sweep, plan, count } => self.see(sweep, plan, count),
            Step::Read { sweep, cell, value } => self.read(sweep, cell, value),
            Step::Delete { sweep, plan } => self.delete(sweep, plan),
            Step::Remove { sweep, plan } => self.remove(sweep, plan),
            Step::Forget { ref endpoint } => {
                if self.names(endpoint) {
                    return Err(Refused::StillNamed);
                }
                self.known.remove(endpoint);
                Ok(())
            }
        }
    }

    /// The plan that a pin holds; 0 for none.
    fn held(&self, pin: PinId) -> Generation {
        self.pins.get(&pin).copied().unwrap_or_default()
    }

    /// The plan takes over the cells of the plan before it, takes others from the index, and
    /// brings new ones for endpoints that neither has.
    fn publish(&mut self, names: &BTreeSet<E>) -> Result<(), Refused> {
        if self.newest >= self.last {
            return Err(Refused::Exhausted);
        }
        let plan = self.newest + 1;
        let brought: Vec<_> = self.brought(names).cloned().collect();
        for endpoint in brought {
            self.known.insert(endpoint.clone(), self.cells.len());
            self.cells.push(Cell {
                of: endpoint,
                since: plan,
                was: BTreeMap::from([(0, Standing::default())]),
            });
        }
        let before = self.indexed(self.newest);
        let cell = |name: &E| {
            let carried = before.and_then(|plan| plan.cells.get(name));
            let cell = carried.or_else(|| self.known.get(name));
            cell.map(|cell| (name.clone(), *cell))
        };
        let cells = names.iter().filter_map(cell).collect();
        let published = Plan {
            cells,
            indexed: true,
            deleted: false,
            taken: 0,
        };
        self.plans.insert(plan, published);
        self.newest = plan;
        Ok(())
    }

    fn pin(&mut self, pin: PinId, plan: Generation) -> Result<(), Refused> {
        let on = self.plans.get_mut(&plan).filter(|plan| plan.indexed);
        let on = on.ok_or(Refused::NotIndexed)?;
        if on.deleted {
            return Err(Refused::Deleted);
        }
        on.taken += 1;
        self.pins.insert(pin, plan);
        Ok(())
    }

    fn withdraw(&mut self, plan: Generation, cell: CellId) -> Result<(), Refused> {
        let of = &self.cells.get(cell).ok_or(Refused::NotMade)?.of;
        let named = self.plans.get(&plan);
        if named.is_some_and(|plan| plan.cells.contains_key(of)) {
            return Err(Refused::Named);
        }
        self.advance(cell, Kind::Withdraw, plan)
    }

    /// Moves a cell's word on to a plan.
    fn advance(&mut self, cell: CellId, kind: Kind, plan: Generation) -> Result<(), Refused> {
        let cell = self.cells.get_mut(cell).ok_or(Refused::NotMade)?;
        let moved = cell.now().moved(kind, plan, cell.since)?;
        cell.was.insert(plan, moved);
        Ok(())
    }

    fn begin(&mut self, sweep: SweepId, applied: Generation) -> Result<(), Refused> {
        if self.sweeps.contains_key(&sweep) {
            return Err(Refused::Begun);
        }
        if applied > self.newest {
            return Err(Refused::BeyondNewest);
        }
        let old = |plan: &Generation| *plan < applied && applied - plan >= self.keep;
        let begun = Sweep {
            old: self.index().filter(old).collect(),
            listed: self.known.values().copied().collect(),
            ..Sweep::default()
        };
        self.sweeps.insert(sweep, begun);
        Ok(())
    }

    fn see(&mut self, sweep: SweepId, plan: Generation, count: u64) -> Result<(), Refused> {
        let on = self.plans.get(&plan).ok_or(Refused::NotOld)?;
        let is_pinned = self.is_pinned(plan);
        let looks = self.sweeps.get_mut(&sweep).ok_or(Refused::NotOld)?;
        if !looks.old.contains(&plan) {
            return Err(Refused::NotOld);
        }
        if !looks.read.is_empty() {
            return Err(Refused::AfterReads);
        }
        if count > on.taken {
            return Err(Refused::NeverTaken);
        }
        let is_present = count == on.taken;
        if is_present && is_pinned {
            return Err(Refused::Pinned);
        }
        let cells = self.cells.iter().enumerate();
        let moved = cells.filter(|(_, cell)| is_present && cell.was.contains_key(&plan));
        let moved = moved.map(|(cell, _)| cell).collect();
        looks.saw.insert(plan, Seen { count, moved });
        Ok(())
    }

    fn read(&mut self, sweep: SweepId, cell: CellId, value: Generation) -> Result<(), Refused> {
        let reads = self.sweeps.get_mut(&sweep).ok_or(Refused::NotListed)?;
        if !reads.listed.contains(&cell) {
            return Err(Refused::NotListed);
        }
        if reads.read.contains_key(&cell) {
            return Err(Refused::ReadBefore);
        }
        let had = self.cells.get(cell);
        if !had.is_some_and(|cell| cell.was.contains_key(&value)) {
            return Err(Refused::NeverHad);
        }
        let mut saw = reads.saw.iter();
        if saw.any(|(plan, seen)| seen.moved.contains(&cell) && *plan > value) {
            return Err(Refused::OlderThanReleased);
        }
        reads.read.insert(cell, value);
        Ok(())
    }

    fn delete(&mut self, sweep: SweepId, plan: Generation) -> Result<(), Refused> {
        let deletes = self.sweeps.get_mut(&sweep).ok_or(Refused::NotSeen)?;
        let seen = deletes.saw.get(&plan).ok_or(Refused::NotSeen)?;
        let on = self.plans.get_mut(&plan).ok_or(Refused::NotSeen)?;
        if on.deleted {
            return Err(Refused::Deleted);
        }
        if seen.count != on.taken {
            return Err(Refused::PinnedSince);
        }
        for cell in &deletes.listed {
            let value = deletes.read.get(cell).ok_or(Refused::NotAllRead)?;
            let read = self.cells.get(*cell).and_then(|cell| cell.was.get(value));
            let read = read.ok_or(Refused::NotAllRead)?;
            if read.active() == plan {
                return Err(Refused::Active);
            }
            if read.rollback == plan {
                return Err(Refused::Rollback);
            }
        }
        on.deleted = true;
        deletes.deleted.insert(plan);
        Ok(())
    }

    fn remove(&mut self, sweep: SweepId, plan: Generation) -> Result<(), Refused> {
        let removes = self.sweeps.get(&sweep);
        if !removes.is_some_and(|removes| removes.deleted.contains(&plan)) {
            return Err(Refused::NotDeleted);
        }
        if let Some(plan) = self.plans.get_mut(&plan) {
            plan.indexed = false;
        }
        Ok(())
    }
}
