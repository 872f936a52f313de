//! loom's primitives with one access of the store changed, for models that must
//! fail then. Nothing is compiled anew: a word knows its caller's place in the source.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::Ordering;

use loom::sync::atomic::AtomicU64;
use plan_store::Loom;
use plan_store::primitives::{Primitives, Word};

use crate::checker::{LoomOn, LoomPrimitives};

/// An access in the source of the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Site {
    file: &'static str,
    line: u32,
}

impl Site {
    #[track_caller]
    fn here() -> Self {
        let caller = Location::caller();
        let (file, line) = (caller.file(), caller.line());
        Self { file, line }
    }

    /// Whether it is in the store, and not in a model.
    fn is_in_store(self) -> bool {
        self.file.contains("plan-store/src/")
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self
            .file
            .rsplit_once("src/")
            .map_or(self.file, |(_, file)| file);
        f.pad(&format!("{file}:{}", self.line))
    }
}

/// What kind of access it is, with its orderings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// A load.
    Load(Ordering),
    /// A compare-and-swap, with the orderings of its success and its failure.
    CompareExchange(Ordering, Ordering),
    /// An addition.
    Add(Ordering),
    /// A subtraction.
    Sub(Ordering),
}

/// What an access is turned into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// Its ordering, or that of its success, is this.
    Order(Ordering),
    /// The ordering of its failure is relaxed.
    RelaxedFailure,
    /// A compare-and-swap is a load and then a store.
    Torn,
    /// It adds nothing.
    AddsNothing,
    /// It subtracts nothing.
    SubtractsNothing,
}

impl Access {
    /// All ways to take away a little of it.
    pub fn changes(self) -> Vec<Change> {
        let mut changes = Vec::new();
        let (Self::Load(order)
        | Self::CompareExchange(order, _)
        | Self::Add(order)
        | Self::Sub(order)) = self;
        changes.extend(match order {
            Ordering::AcqRel => vec![
                Change::Order(Ordering::Acquire),
                Change::Order(Ordering::Release),
            ],
            Ordering::Acquire | Ordering::Release => vec![Change::Order(Ordering::Relaxed)],
            _ => Vec::new(),
        });
        match self {
            Self::Load(_) => {}
            Self::CompareExchange(_, Ordering::Relaxed) => changes.push(Change::Torn),
            Self::CompareExchange(..) => changes.extend([Change::RelaxedFailure, Change::Torn]),
            Self::Add(_) => changes.push(Change::AddsNothing),
            Self::Sub(_) => changes.push(Change::SubtractsNothing),
        }
        changes
    }
}

/// One change.
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    /// The access that is changed. `None`: all at which the change can be made.
    pub site: Option<Site>,
    /// The change.
    pub change: Change,
}

// loom runs all threads of a model on the thread that explores it.
thread_local! {
    static MUTATION: Cell<Option<Mutation>> = const { Cell::new(None) };
    static SEEN: RefCell<BTreeMap<Site, Access>> = const { RefCell::new(BTreeMap::new()) };
}

impl Mutation {
    /// Every compare-and-swap is a load and then a store.
    pub const TORN: Self = Self::everywhere(Change::Torn);
    /// Every access is relaxed.
    pub const RELAXED: Self = Self::everywhere(Change::Order(Ordering::Relaxed));
    /// No counter is ever incremented.
    pub const UNCOUNTED: Self = Self::everywhere(Change::AddsNothing);

    const fn everywhere(change: Change) -> Self {
        Self { site: None, change }
    }

    /// Runs the work with this mutation, on this thread.
    pub fn during<T>(self, work: impl FnOnce() -> T) -> T {
        MUTATION.set(Some(self));
        let result = work();
        MUTATION.set(None);
        result
    }
}

/// The store's accesses that this thread has made on mutable primitives.
pub fn accesses() -> BTreeMap<Site, Access> {
    SEEN.with_borrow(BTreeMap::clone)
}

/// Notes the access, and says how it is to be changed.
#[track_caller]
fn change(access: Access) -> Option<Change> {
    let site = Site::here();
    if !site.is_in_store() {
        return None;
    }
    SEEN.with_borrow_mut(|seen| seen.insert(site, access));
    let mutation = MUTATION.get()?;
    let here = mutation.site.is_none_or(|wanted| wanted == site);
    here.then_some(mutation.change)
}

/// loom's primitives, whose words can be changed.
#[derive(Debug)]
pub enum Mutable {}

impl LoomPrimitives for Mutable {
    const KIND: &'static str = "loom, mutant";
}

/// loom with plain loads, with a [`Mutation`] while there is one.
pub type Mutant = LoomOn<Mutable>;

/// A word that can be changed.
#[derive(Debug)]
pub struct MutableWord(AtomicU64);

impl Primitives for Mutable {
    type Word = MutableWord;
    type Lock<T: Send + Sync + 'static> = loom::sync::RwLock<T>;
    type Monitor<T: Send + 'static> = <Loom as Primitives>::Monitor<T>;
}

fn ordered(order: Ordering, change: Option<Change>) -> Ordering {
    match change {
        Some(Change::Order(weaker)) => weaker,
        _ => order,
    }
}

impl Word for MutableWord {
    fn new(value: u64) -> Self {
        Self(AtomicU64::new(value))
    }

    fn load(&self, order: Ordering) -> u64 {
        self.0.load(ordered(order, change(Access::Load(order))))
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        let change = change(Access::CompareExchange(success, failure));
        if change == Some(Change::Torn) {
            // A read-modify-write that changes nothing: loom loses none of them.
            let seen = self.0.fetch_add(0, Ordering::AcqRel);
            if seen != current {
                return Err(seen);
            }
            self.0.swap(new, Ordering::AcqRel);
            return Ok(seen);
        }
        let failure = match change {
            Some(Change::RelaxedFailure) => Ordering::Relaxed,
            _ => failure,
        };
        let success = ordered(success, change);
        self.0.compare_exchange(current, new, success, failure)
    }

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        let change = change(Access::Add(order));
        let adds = change != Some(Change::AddsNothing);
        let value = if adds { value } else { 0 };
        self.0.fetch_add(value, ordered(order, change))
    }

    fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        let change = change(Access::Sub(order));
        let subtracts = change != Some(Change::SubtractsNothing);
        let value = if subtracts { value } else { 0 };
        self.0.fetch_sub(value, ordered(order, change))
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Load(order) => format!("load {order:?}"),
            Self::CompareExchange(success, failure) => {
                format!("compare-and-swap {success:?}/{failure:?}")
            }
            Self::Add(order) => format!("add {order:?}"),
            Self::Sub(order) => format!("subtract {order:?}"),
        };
        f.pad(&text)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Order(Ordering::Acquire) => "acquires only",
            Self::Order(Ordering::Release) => "releases only",
            Self::Order(_) => "relaxed",
            Self::RelaxedFailure => "relaxed on failure",
            Self::Torn => "load, then store",
            Self::AddsNothing => "adds nothing",
            Self::SubtractsNothing => "subtracts nothing",
        })
    }
}
