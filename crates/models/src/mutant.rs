//! One access of the store, changed, for models that must fail then. Nothing is compiled
//! anew: a word knows its caller's place in the source.

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
    static SEEN: RefCell<Option<BTreeMap<Site, Access>>> = const { RefCell::new(None) };
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

/// The accesses of the store that the work makes on this thread.
pub fn accesses(work: impl FnOnce()) -> BTreeMap<Site, Access> {
    SEEN.set(Some(BTreeMap::new()));
    work();
    SEEN.take().unwrap_or_default()
}

/// Notes the access, and says how it is to be changed.
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
