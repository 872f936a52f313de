//! loom's primitives with one access of the store changed, for models that must
//! fail then. Nothing is compiled anew: a word knows who calls it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::Ordering;

use loom::sync::atomic::AtomicU64;
use plan_store::Loom;
use plan_store::primitives::{Primitives, Word};

/// An access in the source of the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// What an access is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Load(Ordering),
    CompareExchange(Ordering, Ordering),
    Add(Ordering),
    Sub(Ordering),
}

/// What an access is turned into.
#[derive(Clone, Copy, PartialEq, Eq)]
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

/// One change; at one access, or at all where it can be made.
#[derive(Clone, Copy)]
pub struct Mutation {
    pub site: Option<Site>,
    pub change: Change,
}

// loom runs all threads of a model on the thread that explores it.
thread_local! {
    static MUTATION: Cell<Option<Mutation>> = const { Cell::new(None) };
    static SEEN: RefCell<BTreeMap<Site, Access>> = const { RefCell::new(BTreeMap::new()) };
}

impl Mutation {
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
pub enum Mutable {}

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
