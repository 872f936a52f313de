//! Mutants: one access of the store is changed, and at least one model must fail. Nothing
//! is recompiled, because a word knows where in the source it is called.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::Ordering;

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

    /// Whether the access is in the store, and not in a model.
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

/// The kind of an access, with its orderings.
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

/// How an access is changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It gets this ordering; a compare-and-swap gets it for success.
    Order(Ordering),
    /// A compare-and-swap gets a relaxed ordering for failure.
    RelaxedFailure,
    /// A compare-and-swap becomes a load and then a store.
    Torn,
    /// An addition adds 0.
    AddsNothing,
    /// A subtraction subtracts 0.
    SubtractsNothing,
}

impl Access {
    /// All ways to weaken the access by one step.
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

/// A change of one access, or of all accesses of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    /// The access that is changed. `None` means all accesses to which the change applies.
    pub site: Option<Site>,
    /// The change.
    pub change: Change,
}

// loom runs all threads of a model on the thread that explores it.
thread_local! {
    static MUTATION: Cell<Option<Mutation>> = const { Cell::new(None) };
    static OBSERVED: Cell<bool> = const { Cell::new(false) };
    static SEEN: RefCell<Option<BTreeMap<Site, Access>>> = const { RefCell::new(None) };
}

impl Mutation {
    /// Every compare-and-swap becomes a load and then a store.
    pub const TORN: Self = Self::everywhere(Change::Torn);
    /// Every access is relaxed.
    pub const RELAXED: Self = Self::everywhere(Change::Order(Ordering::Relaxed));
    /// No counter is ever incremented.
    pub const UNCOUNTED: Self = Self::everywhere(Change::AddsNothing);

    const fn everywhere(change: Change) -> Self {
        Self { site: None, change }
    }

    /// Runs the work with this mutation, on this thread. Watched stores have no observer
    /// meanwhile, so that a model shows what the mutation leads to.
    pub fn during<T>(self, work: impl FnOnce() -> T) -> T {
        MUTATION.set(Some(self));
        let result = work();
        MUTATION.set(None);
        result
    }

    /// The same, with an observer.
    pub fn during_observed<T>(self, work: impl FnOnce() -> T) -> T {
        OBSERVED.set(true);
        let result = self.during(work);
        OBSERVED.set(false);
        result
    }
}

/// Whether watched stores have an observer. Noting accesses needs none.
pub(crate) fn is_observed() -> bool {
    let notes = SEEN.with_borrow(Option::is_some);
    OBSERVED.get() || MUTATION.get().is_none() && !notes
}

/// Runs the work, and returns the accesses of the store that it made on this thread.
pub fn accesses(work: impl FnOnce()) -> BTreeMap<Site, Access> {
    SEEN.set(Some(BTreeMap::new()));
    work();
    SEEN.take().unwrap_or_default()
}

/// Notes the access, and returns how it is to be changed.
#[track_caller]
pub(crate) fn change(access: Access) -> Option<Change> {
    let mutation = MUTATION.get();
    let noted = SEEN.with_borrow(Option::is_some);
    if mutation.is_none() && !noted {
        return None;
    }
    let site = Site::here();
    if !site.is_in_store() {
        return None;
    }
    SEEN.with_borrow_mut(|seen| seen.as_mut().map(|seen| seen.insert(site, access)));
    let Mutation {
        site: wanted,
        change,
    } = mutation?;
    wanted.is_none_or(|wanted| wanted == site).then_some(change)
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
