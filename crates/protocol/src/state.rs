//! The state of the protocol.

use std::collections::{BTreeMap, BTreeSet};

use crate::{CellId, Generation, PinId, Standing, SweepId};

/// The whole state of a store, with the history that stale reads and sweeps need. `E` names
/// endpoints.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct State<E: Ord> {
    /// The last generation there is. No step changes it.
    pub last: Generation,
    /// Retention: how many of the newest plans a sweep keeps. No step changes it.
    pub keep: u32,
    /// The newest generation that was given out; 0 before the first.
    pub newest: Generation,
    /// All plans that were ever published here.
    pub plans: BTreeMap<Generation, Plan<E>>,
    /// The plan that each pin holds. A pin that holds none is not here.
    pub pins: BTreeMap<PinId, Generation>,
    /// All cells that were ever made.
    pub cells: Vec<Cell<E>>,
    /// The endpoints that the store knows, and the cell of each.
    pub known: BTreeMap<E, CellId>,
    /// The sweeps that have begun.
    pub sweeps: BTreeMap<SweepId, Sweep>,
}

/// A published plan.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Plan<E: Ord> {
    /// The endpoints that it names, and the cell that it has for each.
    pub cells: BTreeMap<E, CellId>,
    /// Whether it is in the index.
    pub indexed: bool,
    /// Whether it is deleted.
    pub deleted: bool,
    /// How many pins were ever taken on it.
    pub taken: u64,
}

/// An endpoint's word, with its history.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Cell<E> {
    /// The endpoint to which it belongs.
    pub of: E,
    /// The plan that brought it.
    pub since: Generation,
    /// All values that the word has had, by the plan on which it stood.
    pub was: BTreeMap<Generation, Standing>,
}

/// A call of `sweep`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Sweep {
    /// The plans that were old enough to delete when it began.
    pub old: BTreeSet<Generation>,
    /// The cells that were in the index when it began.
    pub listed: BTreeSet<CellId>,
    /// What it saw of the plans on which it found no pin.
    pub saw: BTreeMap<Generation, Seen>,
    /// The cells that it has read, and the plan on which the value stood that it read.
    pub read: BTreeMap<CellId, Generation>,
    /// The plans that it deleted.
    pub deleted: BTreeSet<Generation>,
}

/// What a sweep saw of a plan on which it found no pin.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Seen {
    /// How many pins had ever been taken.
    pub count: u64,
    /// The cells into which the plan had been moved by then, if every earlier holder of a pin
    /// had given it back. This is what giving back releases and the look acquires.
    pub moved: BTreeSet<CellId>,
}

impl<E: Ord + Clone> State<E> {
    /// A new store, whose first plan gets the generation after `newest`.
    pub fn new(newest: Generation, last: Generation, keep: u32) -> Self {
        Self {
            last,
            keep,
            newest,
            plans: BTreeMap::new(),
            pins: BTreeMap::new(),
            cells: Vec::new(),
            known: BTreeMap::new(),
            sweeps: BTreeMap::new(),
        }
    }

    /// The plan, if it is in the index.
    pub fn indexed(&self, plan: Generation) -> Option<&Plan<E>> {
        self.plans.get(&plan).filter(|plan| plan.indexed)
    }

    /// The plans in the index, oldest first.
    pub fn index(&self) -> impl DoubleEndedIterator<Item = Generation> {
        let indexed = self.plans.iter().filter(|(_, plan)| plan.indexed);
        indexed.map(|(&plan, _)| plan)
    }

    /// Where a known endpoint stands, and which plan brought it.
    pub fn standing(&self, endpoint: &E) -> Option<(Standing, Generation)> {
        let cell = self.cells.get(*self.known.get(endpoint)?)?;
        Some((cell.now(), cell.since))
    }

    /// Whether a plan in the index names the endpoint.
    pub fn names(&self, endpoint: &E) -> bool {
        let mut plans = self.plans.values();
        plans.any(|plan| plan.indexed && plan.cells.contains_key(endpoint))
    }

    /// Whether a pin is held on the plan.
    pub fn is_pinned(&self, plan: Generation) -> bool {
        self.pins.values().any(|&on| on == plan)
    }

    /// The endpoints for which a publish of a plan that names these makes new cells.
    pub fn brought<'a>(&'a self, names: &'a BTreeSet<E>) -> impl Iterator<Item = &'a E> {
        names.iter().filter(|name| !self.has_cell_for(name))
    }

    fn has_cell_for(&self, endpoint: &E) -> bool {
        let carried = self.indexed(self.newest);
        self.known.contains_key(endpoint)
            || carried.is_some_and(|plan| plan.cells.contains_key(endpoint))
    }
}

impl<E> Cell<E> {
    /// The present value of the word.
    pub fn now(&self) -> Standing {
        let now = self.was.last_key_value();
        now.map(|(_, value)| *value).unwrap_or_default()
    }
}
