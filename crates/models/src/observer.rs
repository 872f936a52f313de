//! The observer: holds each atomic step of the running store against the protocol.
//!
//! [`Recorded`](crate::Recorded) reports each access to a word and each section under the lock,
//! and [`Watched`](crate::Watched) which call is under way. The observer keeps a
//! [`protocol::State`] beside the store. It maps each access to a step, takes that step, and
//! compares words with the state after it. An access that is no step is a *stutter*: it changes
//! nothing, and what it read must be a value that the word has had. Everything else is a
//! [`Deviation`], and the model fails.
//!
//! # Which access is which step
//! | access | step |
//! |---|---|
//! | the end of the section in which a publish made a plan's pin word | publish, with the new cells in the order of their endpoints |
//! | a pin word is swapped, to one more pin | pin |
//! | a pin word is lowered | unpin |
//! | a cell's word is swapped | activate or withdraw, as the new value says, under some pin on the plan |
//! | a sweep's first section begins | begin |
//! | in that section, a load of a pin word finds no pin | see |
//! | after it and outside of a section, the sweep loads a cell's word | read |
//! | a pin word is swapped to *deleted* | delete |
//! | the end of the sweep's section that writes | remove, for each plan that the sweep deleted; then forget, for each endpoint that its first section found idle and that no plan names |
//! | any other load, and a failed compare-and-swap | stutter |
//!
//! What is in the index is not seen, but follows: plans and cells get there in the sections of
//! publishes and leave in those of sweeps, which are the steps above. If the store did otherwise, a
//! later publish would make other cells, `changes` would be counted at another time, or a pin
//! would be asked for on a plan that is not there.
//!
//! A pin has no name in its word. So a step is under *some* pin on its plan.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use plan_store::{
    EndpointName, EndpointState, Failed, Generation, PublishError, Retention, Standing, Swept,
};
use protocol::{CellId, NAMES, PinId, Refused, State, Step, SweepId};

use crate::mutant;

/// A thread of an execution.
pub type ThreadKey = u64;

/// A word of the watched store.
pub type WordId = usize;

/// What the observer has checked.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    /// How many executions had a watched store.
    pub executions: usize,
    /// How many accesses were steps of the protocol.
    pub steps: usize,
    /// How many were none, and changed nothing.
    pub stutters: usize,
    /// How often each step of [`NAMES`] was taken.
    pub kinds: [usize; NAMES.len()],
}

impl Tally {
    /// Adds what was checked in another execution.
    pub(crate) fn add(&mut self, other: &Self) {
        self.executions += other.executions;
        self.steps += other.steps;
        self.stutters += other.stutters;
        for (kind, more) in self.kinds.iter_mut().zip(other.kinds) {
            *kind += more;
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            executions,
            steps,
            stutters,
            ..
        } = self;
        write!(
            f,
            "{steps} steps and {stutters} stutters of {executions} executions are the protocol's"
        )
    }
}

/// What the store did and the protocol does not allow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deviation {
    /// The store took a step that the protocol refuses.
    Refused(Step<EndpointName>, Refused),
    /// A word has a value that it does not have in the protocol.
    Value(Role, u64),
    /// A word that is in no plan was changed.
    Outside(Role),
    /// A cell was moved on to this plan, on which no pin is held.
    NoPin(protocol::Generation),
    /// A plan was activated in another cell than the one it has for the endpoint.
    OtherCell(CellId),
    /// A pin was looked for on a plan that is not in the index.
    NotIndexed(protocol::Generation),
    /// A publish made this many cells, and brings that many endpoints.
    Cells(usize, usize),
    /// `changes` was counted although no cell came or went, or the other way round.
    Count,
    /// A publish or a sweep returned something else than what it did.
    Told,
    /// A sweep ended, and a plan that it deleted is still in the index.
    NotRemoved(protocol::Generation),
}

/// What a word is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The count of changes.
    Changes,
    /// The pins of this plan.
    Pins(protocol::Generation),
    /// A cell.
    Cell(CellId),
    /// The pins of a plan whose publish is under way.
    NewPins,
    /// A cell that is in no plan, or whose publish is under way.
    NewCell,
}

/// How a section uses the lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Section {
    Read,
    Write,
}

/// A call that is under way.
#[derive(Debug)]
enum Call {
    Publish {
        names: BTreeSet<EndpointName>,
        /// The words of the new cells, in the order in which they were made.
        cells: Vec<WordId>,
        pins: Option<WordId>,
        /// Whether it counted a change.
        counted: bool,
        published: Option<protocol::Generation>,
    },
    Sweep {
        sweep: SweepId,
        applied: protocol::Generation,
        /// In which section it is, if in any.
        section: Option<At>,
        begun: bool,
        counted: bool,
    },
}

/// A section of a sweep.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    First,
    Later,
}

/// Watches one store in one execution.
#[derive(Debug)]
pub(crate) struct Observer {
    state: State<EndpointName>,
    words: Vec<Role>,
    calls: Vec<(ThreadKey, Call)>,
    /// The endpoints that the first section of each sweep found idle.
    idle: BTreeMap<SweepId, Vec<EndpointName>>,
    pins: PinId,
    sweeps: SweepId,
    tally: Tally,
    deviation: Option<Deviation>,
}

// The checkers run all threads of a model on the thread that explores it.
thread_local! {
    static OBSERVER: RefCell<Option<Observer>> = const { RefCell::new(None) };
}

/// The pin word of a deleted plan.
const DELETED: u64 = u64::MAX;
/// Where the number of the pins that were ever taken begins. Below it is the number of those
/// that are held.
const TAKEN: u32 = 24;

/// From now on, a new observer watches the store that is made next.
pub(crate) fn watch(retention: Retention) {
    let observer = mutant::is_observed().then(|| Observer {
        state: State::new(0, Generation::MAX.get(), retention.count()),
        words: Vec::new(),
        calls: Vec::new(),
        idle: BTreeMap::new(),
        pins: 0,
        sweeps: 0,
        tally: Tally {
            executions: 1,
            ..Tally::default()
        },
        deviation: None,
    });
    OBSERVER.set(observer);
}

/// Ends the observation at the end of an execution, and returns what was checked. `None` if no
/// store was watched.
///
/// # Panics
/// If there was a deviation: then the model fails.
pub(crate) fn conclude() -> Option<Tally> {
    let observer = OBSERVER.take()?;
    let deviation = observer.deviation;
    assert!(deviation.is_none(), "{DEVIATES}: {deviation:?}");
    Some(observer.tally)
}

/// How the message of a failed model begins if the store deviates from the protocol.
pub const DEVIATES: &str = "the store did what the protocol does not allow";

/// Ends an observation whose execution did not end.
pub(crate) fn forget() {
    OBSERVER.set(None);
}

/// Registers a word that the source in `file` made. `None` if no store is watched.
pub(crate) fn made(file: &str, thread: impl FnOnce() -> ThreadKey) -> Option<WordId> {
    OBSERVER.with_borrow_mut(|observer| {
        let observer = observer.as_mut()?;
        let role = match file.rsplit_once('/')?.1 {
            "cell.rs" => Role::NewCell,
            "pins.rs" => Role::NewPins,
            "shared.rs" => Role::Changes,
            _ => return None, // A word of the model.
        };
        Some(observer.made(role, thread()))
    })
}

/// Reports an access to the observer, if the word belongs to its store.
pub(crate) fn note(
    id: Option<WordId>,
    access: impl FnOnce(&mut Observer, WordId) -> Result<(), Deviation>,
) {
    let Some(id) = id else { return };
    report(|observer| access(observer, id));
}

/// Reports anything. After a deviation, the observer's state is not the store's, so it looks
/// no more.
fn report(what: impl FnOnce(&mut Observer) -> Result<(), Deviation>) {
    OBSERVER.with_borrow_mut(|observer| {
        if let Some(observer) = observer.as_mut().filter(|it| it.deviation.is_none()) {
            observer.deviation = what(observer).err();
        }
    });
}

/// Runs a section under the lock, and reports its begin and its end.
pub(crate) fn section<R>(
    thread: impl Fn() -> ThreadKey,
    kind: Section,
    section: impl FnOnce() -> R,
) -> R {
    report(|observer| observer.entered(&thread));
    let result = section();
    report(|observer| observer.left(&thread, kind));
    result
}

/// Runs a publish of a plan that names these endpoints.
pub(crate) fn publishes(
    thread: ThreadKey,
    names: BTreeSet<EndpointName>,
    publish: impl FnOnce() -> Result<Generation, PublishError>,
) -> Result<Generation, PublishError> {
    report(|observer| {
        let call = Call::Publish {
            names,
            cells: Vec::new(),
            pins: None,
            counted: false,
            published: None,
        };
        observer.calls.push((thread, call));
        Ok(())
    });
    let told = publish();
    report(|observer| {
        let Some(Call::Publish { published, .. }) = observer.end(thread) else {
            return Ok(());
        };
        let told = told.as_ref().ok().map(|plan| plan.get());
        expect(told == published, Deviation::Told)
    });
    told
}

/// Runs a sweep after this plan was applied.
pub(crate) fn sweeps(
    thread: ThreadKey,
    applied: Generation,
    sweep: impl FnOnce() -> Result<Swept, Failed>,
) -> Result<Swept, Failed> {
    report(|observer| {
        let call = Call::Sweep {
            sweep: observer.sweeps,
            applied: applied.get(),
            section: None,
            begun: false,
            counted: false,
        };
        observer.sweeps += 1;
        observer.calls.push((thread, call));
        Ok(())
    });
    let told = sweep();
    report(|observer| {
        let Some(Call::Sweep { sweep, .. }) = observer.end(thread) else {
            return Ok(());
        };
        observer.swept(sweep, told.as_ref().ok())
    });
    told
}

fn expect(holds: bool, otherwise: Deviation) -> Result<(), Deviation> {
    if holds { Ok(()) } else { Err(otherwise) }
}

impl Observer {
    /// Takes a step of the protocol.
    fn take(&mut self, step: Step<EndpointName>) -> Result<(), Deviation> {
        match self.state.take(&step) {
            Ok(()) => {
                self.tally.steps += 1;
                self.tally.kinds[step.kind()] += 1;
                Ok(())
            }
            Err(why) => Err(Deviation::Refused(step, why)),
        }
    }

    /// The call that a thread makes.
    fn call(&mut self, thread: ThreadKey) -> Option<&mut Call> {
        let mut calls = self.calls.iter_mut();
        calls.find(|(by, _)| *by == thread).map(|(_, call)| call)
    }

    fn end(&mut self, thread: ThreadKey) -> Option<Call> {
        let at = self.calls.iter().position(|(by, _)| *by == thread)?;
        Some(self.calls.swap_remove(at).1)
    }

    fn made(&mut self, role: Role, thread: ThreadKey) -> WordId {
        let id = self.words.len();
        self.words.push(role);
        if let Some(Call::Publish { cells, pins, .. }) = self.call(thread) {
            match role {
                Role::NewCell => cells.push(id),
                Role::NewPins => *pins = Some(id),
                _ => {}
            }
        }
        id
    }

    /// A load.
    pub(crate) fn loaded(
        &mut self,
        id: WordId,
        value: u64,
        thread: impl FnOnce() -> ThreadKey,
    ) -> Result<(), Deviation> {
        let role = self.words[id];
        if let Role::Pins(plan) = role {
            let indexed = self.state.indexed(plan).is_some();
            expect(indexed, Deviation::NotIndexed(plan))?;
        }
        if self.calls.is_empty() {
            return self.looked(id, value);
        }
        let Some(Call::Sweep { sweep, section, .. }) = self.call(thread()) else {
            return self.looked(id, value);
        };
        let (sweep, section) = (*sweep, *section);
        match (role, section) {
            (Role::Pins(plan), Some(At::First)) if value != DELETED && held(value) == 0 => {
                let count = value >> TAKEN;
                self.take(Step::See { sweep, plan, count })
            }
            (Role::Cell(cell), None) => {
                let value = self.had(cell, value)?;
                self.take(Step::Read { sweep, cell, value })
            }
            (Role::Cell(cell), Some(At::First)) => {
                let state = EndpointState::from_word(value);
                if state.standing.active().is_none() && state.rollback.is_none() {
                    let endpoint = self.state.cells[cell].of.clone();
                    self.idle.entry(sweep).or_default().push(endpoint);
                }
                self.looked(id, value)
            }
            _ => self.looked(id, value),
        }
    }

    /// An access that changes nothing. It reads a value that the word has had.
    pub(crate) fn looked(&mut self, id: WordId, value: u64) -> Result<(), Deviation> {
        self.tally.stutters += 1;
        let role = self.words[id];
        match role {
            Role::Cell(cell) => self.had(cell, value).map(drop),
            Role::Pins(plan) => {
                let on = &self.state.plans[&plan];
                let had = if value == DELETED {
                    on.deleted
                } else {
                    value >> TAKEN <= on.taken
                };
                expect(had, Deviation::Value(role, value))
            }
            Role::Changes | Role::NewCell | Role::NewPins => Ok(()),
        }
    }

    /// The plan on which a cell stood when its word had this value.
    fn had(&self, cell: CellId, value: u64) -> Result<protocol::Generation, Deviation> {
        let standing = EndpointState::from_word(value).standing;
        let plan = standing.generation().map_or(0, Generation::get);
        let was = self.state.cells[cell].was.get(&plan);
        let had = was.is_some_and(|was| word(*was) == value);
        expect(had, Deviation::Value(Role::Cell(cell), value))?;
        Ok(plan)
    }

    /// A compare-and-swap that succeeded.
    pub(crate) fn swapped(
        &mut self,
        id: WordId,
        old: u64,
        new: u64,
        thread: impl FnOnce() -> ThreadKey,
    ) -> Result<(), Deviation> {
        let role = self.words[id];
        self.is_now(role, old)?;
        match role {
            Role::Cell(cell) => self.moved(cell, EndpointState::from_word(new).standing)?,
            Role::Pins(plan) if new == DELETED => {
                let Some(Call::Sweep { sweep, .. }) = self.call(thread()) else {
                    return Err(Deviation::Outside(role));
                };
                let sweep = *sweep;
                self.take(Step::Delete { sweep, plan })?;
            }
            Role::Pins(plan) => {
                let pin = self.pins;
                self.pins += 1;
                self.take(Step::Pin { pin, plan })?;
            }
            Role::Changes | Role::NewCell | Role::NewPins => return Err(Deviation::Outside(role)),
        }
        self.is_now(role, new)
    }

    /// A cell's word now stands there.
    fn moved(&mut self, cell: CellId, to: Standing) -> Result<(), Deviation> {
        let plan = to.generation().map_or(0, Generation::get);
        let pin = self.pin_on(plan)?;
        if let Standing::Withdrawn(_) = to {
            return self.take(Step::Withdraw { pin, cell });
        }
        let endpoint = self.state.cells[cell].of.clone();
        let its = self.state.plans[&plan].cells.get(&endpoint);
        expect(
            its.is_none_or(|its| *its == cell),
            Deviation::OtherCell(cell),
        )?;
        self.take(Step::Activate { pin, endpoint })
    }

    /// Whether a word has this value now.
    fn is_now(&self, role: Role, value: u64) -> Result<(), Deviation> {
        let now = match role {
            Role::Cell(cell) => word(self.state.cells[cell].now()),
            Role::Pins(plan) if self.state.plans[&plan].deleted => DELETED,
            Role::Pins(plan) => {
                let pins = self.state.pins.values();
                let held = pins.filter(|on| **on == plan).map(|_| 1_u64).sum::<u64>();
                self.state.plans[&plan].taken << TAKEN | held
            }
            Role::Changes | Role::NewCell | Role::NewPins => value,
        };
        expect(now == value, Deviation::Value(role, value))
    }

    /// An addition. Only `changes` is added to.
    pub(crate) fn added(
        &mut self,
        id: WordId,
        thread: impl FnOnce() -> ThreadKey,
    ) -> Result<(), Deviation> {
        let role = self.words[id];
        match self.call(thread()) {
            Some(Call::Publish { counted, .. } | Call::Sweep { counted, .. })
                if role == Role::Changes =>
            {
                *counted = true;
                self.tally.stutters += 1;
                Ok(())
            }
            _ => Err(Deviation::Outside(role)),
        }
    }

    /// A subtraction. Only pin words are lowered.
    pub(crate) fn subtracted(&mut self, id: WordId, before: u64) -> Result<(), Deviation> {
        let role = self.words[id];
        self.is_now(role, before)?;
        let Role::Pins(plan) = role else {
            return Err(Deviation::Outside(role));
        };
        let pin = self.pin_on(plan)?;
        self.take(Step::Unpin { pin })
    }

    /// A pin on this plan. Which one it is makes no difference.
    fn pin_on(&self, plan: protocol::Generation) -> Result<PinId, Deviation> {
        let mut pins = self.state.pins.iter();
        let pin = pins.find(|(_, on)| **on == plan);
        pin.map(|(pin, _)| *pin).ok_or(Deviation::NoPin(plan))
    }

    fn entered(&mut self, thread: impl FnOnce() -> ThreadKey) -> Result<(), Deviation> {
        if self.calls.is_empty() {
            return Ok(());
        }
        let newest = self.state.newest;
        let Some(Call::Sweep {
            sweep,
            applied,
            section,
            begun,
            ..
        }) = self.call(thread())
        else {
            return Ok(());
        };
        *section = Some(if *begun { At::Later } else { At::First });
        if std::mem::replace(begun, true) {
            return Ok(());
        }
        let (sweep, applied) = (*sweep, newest.min(*applied));
        self.take(Step::Begin { sweep, applied })
    }

    fn left(&mut self, thread: impl FnOnce() -> ThreadKey, kind: Section) -> Result<(), Deviation> {
        if self.calls.is_empty() {
            return Ok(());
        }
        let thread = thread();
        let Some(mut call) = self.end(thread) else {
            return Ok(());
        };
        if let Call::Sweep { section, .. } = &mut call {
            *section = None;
        }
        if kind == Section::Write {
            call = self.written(call)?;
        }
        self.calls.push((thread, call));
        Ok(())
    }

    /// A call wrote in a section that ends now.
    fn written(&mut self, mut call: Call) -> Result<Call, Deviation> {
        match &mut call {
            Call::Publish {
                names,
                cells,
                pins,
                counted,
                published,
            } => {
                let Some(pins) = *pins else {
                    return Ok(call); // Refused; the end of the call says so.
                };
                let brings = self.state.brought(names).count();
                expect(brings == cells.len(), Deviation::Cells(cells.len(), brings))?;
                expect(*counted == (brings > 0), Deviation::Count)?;
                let first = self.state.cells.len();
                let names = std::mem::take(names);
                self.take(Step::Publish { names })?;
                let plan = self.state.newest;
                self.words[pins] = Role::Pins(plan);
                for (at, id) in cells.iter().enumerate() {
                    self.words[*id] = Role::Cell(first + at);
                }
                *published = Some(plan);
            }
            Call::Sweep { sweep, counted, .. } => {
                let sweep = *sweep;
                for plan in self.state.sweeps[&sweep].deleted.clone() {
                    self.take(Step::Remove { sweep, plan })?;
                }
                let known = self.state.known.len();
                for endpoint in self.idle.remove(&sweep).unwrap_or_default() {
                    let known = self.state.known.contains_key(&endpoint);
                    if known && !self.state.names(&endpoint) {
                        self.take(Step::Forget { endpoint })?;
                    }
                }
                let forgot = self.state.known.len() < known;
                expect(std::mem::take(counted) == forgot, Deviation::Count)?;
            }
        }
        Ok(call)
    }

    /// A sweep has ended.
    fn swept(&self, sweep: SweepId, told: Option<&Swept>) -> Result<(), Deviation> {
        let deleted = self.state.sweeps.get(&sweep).map(|sweep| &sweep.deleted);
        for plan in deleted.into_iter().flatten() {
            expect(
                !self.state.plans[plan].indexed,
                Deviation::NotRemoved(*plan),
            )?;
        }
        let told = told.map(|told| told.deleted.iter().map(|plan| plan.get()).collect());
        expect(told.as_ref() == deleted, Deviation::Told)
    }
}

/// How many pins a pin word says are held.
fn held(word: u64) -> u64 {
    word & ((1 << TAKEN) - 1)
}

/// The word of a cell that stands there.
fn word(standing: protocol::Standing) -> u64 {
    let state = EndpointState {
        standing: match Generation::new(standing.plan) {
            None => Standing::Vacant,
            Some(plan) if standing.withdrawn => Standing::Withdrawn(plan),
            Some(plan) => Standing::Active(plan),
        },
        rollback: Generation::new(standing.rollback),
    };
    state.to_word()
}
