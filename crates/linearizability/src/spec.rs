//! The store for one client at a time, as a step from state to state.
//!
//! What a client is told leaves open, now and then, what the state is: a sweep does not
//! say which endpoints it forgot. So a state holds all that each endpoint may be.
//!
//! An operation whose outcome nobody was told is allowed at any time, and does then what
//! it does. It is recorded as if it never returned, so that it may come last, where
//! nobody sees it: as if it had not been done.

use std::collections::{BTreeMap, BTreeSet};

use plan_store::{
    Activation, EndpointName, EndpointState, Generation, Plan, RecordSet, Resolution, RetainReason,
    Retention, Standing,
};

/// How many endpoints the specification knows.
pub const ENDPOINTS: usize = 3;
/// Their names, by [`place`]. All but the first lie below the first.
pub const NAMES: [&str; ENDPOINTS] = ["a.example", "b.a.example", "c.a.example"];
/// What the stores keep whose histories are checked.
pub const RETENTION: Retention = Retention::newest(1);

/// An operation, with what was told.
#[derive(Clone, Debug)]
pub enum Op {
    /// A plan was published.
    Publish {
        /// What the plan says.
        content: Content,
        /// Its generation; `None` if nobody was told.
        generation: Option<Generation>,
    },
    /// The newest plan was picked up, if there is one, and is held in this way.
    PickUp(Option<Generation>, Hold),
    /// A plan was to be pinned by its generation.
    Pin {
        /// Which plan the client asked for.
        asked: Generation,
        /// The plan that the pin is on; `None` if there is no such plan.
        told: Option<Generation>,
        /// How the plan is held.
        hold: Hold,
    },
    /// A pin on this plan was given back.
    LetGo(Generation),
    /// A plan was to be activated at an endpoint.
    Activate {
        /// The plan.
        generation: Generation,
        /// How the plan is held.
        hold: Hold,
        /// The endpoint's [`place`].
        at: usize,
        /// What came of it.
        told: Activation,
    },
    /// A plan was to withdraw an endpoint.
    Withdraw {
        /// The plan.
        generation: Generation,
        /// How the plan is held.
        hold: Hold,
        /// The endpoint's [`place`].
        at: usize,
        /// What came of it.
        told: Activation,
    },
    /// An endpoint was resolved.
    Resolve {
        /// The endpoint's [`place`].
        at: usize,
        /// The answer.
        told: ClientAnswer,
    },
    /// An endpoint's state was read.
    State {
        /// The endpoint's [`place`].
        at: usize,
        /// The state.
        told: EndpointState,
    },
    /// A search for a plan's stale endpoints came to one of the endpoints.
    StaleEndpoint {
        /// The plan.
        generation: Generation,
        /// The endpoint's [`place`].
        at: usize,
        /// Whether the endpoint was among the stale ones.
        told: bool,
    },
    /// A reader was asked whether a name has a descendant that is not withdrawn.
    HasDescendant {
        /// Which endpoints lie below the name, by [`place`].
        below: [bool; ENDPOINTS],
        /// The answer.
        told: bool,
    },
    /// A sweep deleted a plan.
    Delete {
        /// The plan.
        generation: Generation,
        /// The plan that was applied before the sweep.
        applied: Generation,
    },
    /// A sweep may have deleted a plan.
    MayDelete {
        /// The plan.
        generation: Generation,
        /// The plan that was applied before the sweep.
        applied: Generation,
    },
    /// A sweep spared a plan.
    Spare {
        /// The plan.
        generation: Generation,
        /// Why it is needed.
        why: RetainReason,
    },
    /// A sweep may have forgotten endpoints.
    MayForget {
        /// Whether the sweep has ended, or may still forget endpoints later.
        ended: bool,
    },
}

impl Op {
    /// Whether nobody knows when it was done, or whether.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Publish { generation, .. } => generation.is_none(),
            Self::Activate { told, .. } | Self::Withdraw { told, .. } => {
                *told == Activation::Unknown
            }
            Self::MayDelete { .. } => true,
            Self::MayForget { ended } => !ended,
            _ => false,
        }
    }
}

/// How a plan is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// For certain, until it is let go.
    Pin,
    /// Until a lease runs out, and then somewhat longer. What is left to be said: no step
    /// is taken by a plan that is deleted.
    Lease,
}

/// What a plan says: which endpoints it names, and a number of its own in its records.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Content {
    names: [bool; ENDPOINTS],
    serial: u16,
}

impl Content {
    /// What this plan says.
    pub fn of(plan: &Plan) -> Self {
        let mut content = Self {
            names: [false; ENDPOINTS],
            serial: 0,
        };
        for (name, records) in plan.endpoints() {
            content.names[place(name)] = true;
            content.serial = serial(records).unwrap_or_default();
        }
        content
    }
}

fn serial(records: &RecordSet) -> Option<u16> {
    let [_, _, high, low] = records.a().first()?.address.octets();
    Some(u16::from_be_bytes([high, low]))
}

/// What a name resolved to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientAnswer {
    /// By which plan, and that plan's number.
    Answer(Generation, u16),
    /// This plan withdrew it.
    Withdrawn(Generation),
    /// No plan has been active.
    Vacant,
    /// The store does not know it.
    Unknown,
    /// Nothing, or records of no plan.
    Wrong,
}

impl ClientAnswer {
    /// What a client makes of this resolution.
    pub fn of(resolution: &Resolution) -> Self {
        match resolution {
            Resolution::Answer {
                generation,
                records,
            } => serial(records).map_or(Self::Wrong, |serial| Self::Answer(*generation, serial)),
            Resolution::Withdrawn { generation } => Self::Withdrawn(*generation),
            Resolution::Vacant => Self::Vacant,
            Resolution::Unknown => Self::Unknown,
            Resolution::Dangling { .. } => Self::Wrong,
        }
    }
}

/// Which of the endpoints lie below this name, if they have the specification's [`NAMES`].
pub fn below(name: &EndpointName) -> [bool; ENDPOINTS] {
    let parsed = NAMES.map(str::parse::<EndpointName>);
    parsed.map(|endpoint| endpoint.is_ok_and(|endpoint| endpoint.is_below(name)))
}

/// Which endpoint this is.
pub fn place(endpoint: &EndpointName) -> usize {
    usize::from(endpoint.as_str().as_bytes()[0] - b'a')
}

/// The sequential store.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    last: Option<Generation>,
    plans: BTreeMap<Generation, Held>,
    endpoints: [BTreeSet<Known>; ENDPOINTS],
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Held {
    content: Content,
    pins: usize,
}

/// What the store may know of an endpoint: nothing, or where it stands and which plan
/// brought it.
type Known = Option<(EndpointState, Generation)>;

impl Default for State {
    /// An empty store.
    fn default() -> Self {
        Self {
            last: None,
            plans: BTreeMap::new(),
            endpoints: [(); ENDPOINTS].map(|()| BTreeSet::from([None])),
        }
    }
}

impl State {
    /// The state after the operation, if it can be done now with what was told.
    pub fn after(&self, op: &Op) -> Option<Self> {
        let mut next = self.clone();
        next.can(op).then_some(next)
    }

    /// Whether the operation can be, now; if so, this is the state after it.
    fn can(&mut self, op: &Op) -> bool {
        match *op {
            Op::Publish {
                content,
                generation,
            } => self.publish(content, generation),
            Op::PickUp(told, hold) => self.pick_up(told, hold),
            Op::Pin { asked, told, hold } => self.pin(asked, told, hold),
            Op::LetGo(generation) => match self.plans.get_mut(&generation) {
                Some(held) if held.pins > 0 => {
                    held.pins -= 1;
                    true
                }
                _ => false,
            },
            Op::Activate {
                generation,
                hold,
                at,
                told,
            } => self.advance(at, Standing::Active(generation), hold, told),
            Op::Withdraw {
                generation,
                hold,
                at,
                told,
            } => self.advance(at, Standing::Withdrawn(generation), hold, told),
            Op::Resolve { at, told } => self.resolve(at, told),
            Op::State { at, told } => self.keep(at, |known| {
                known.map_or(EndpointState::VACANT, |(state, _)| state) == told
            }),
            Op::StaleEndpoint {
                generation,
                at,
                told,
            } => self.stale_endpoint(generation, at, told),
            Op::HasDescendant { below, told } => self.has_descendant(below, told),
            Op::Delete {
                generation,
                applied,
            } => self.delete(generation, applied),
            Op::MayDelete {
                generation,
                applied,
            } => {
                let mut next = self.clone();
                if next.delete(generation, applied) {
                    *self = next;
                }
                true
            }
            Op::Spare { generation, why } => self.needs(generation, why),
            Op::MayForget { .. } => {
                self.may_forget();
                true
            }
        }
    }

    fn publish(&mut self, content: Content, told: Option<Generation>) -> bool {
        let next = self.last.map_or(Ok(Generation::FIRST), Generation::next);
        let Some(generation) = next
            .ok()
            .filter(|next| told.is_none_or(|told| told == *next))
        else {
            return false;
        };
        self.last = Some(generation);
        self.plans.insert(generation, Held { content, pins: 0 });
        let named = self.endpoints.iter_mut().zip(content.names);
        for (known, _) in named.filter(|(_, named)| *named) {
            if known.remove(&None) {
                known.insert(Some((EndpointState::VACANT, generation)));
            }
        }
        true
    }

    fn pick_up(&mut self, told: Option<Generation>, hold: Hold) -> bool {
        let newest = self.plans.last_entry();
        let same = newest.as_ref().map(|entry| *entry.key()) == told;
        if let (Some(mut entry), Hold::Pin) = (newest, hold) {
            entry.get_mut().pins += 1;
        }
        same
    }

    /// Pins the plan that was asked for and no other, or there is no such plan.
    fn pin(&mut self, asked: Generation, told: Option<Generation>, hold: Hold) -> bool {
        let plan = self.plans.get_mut(&asked);
        let same = plan.as_ref().map(|_| asked) == told;
        if let (Some(plan), Hold::Pin) = (plan, hold) {
            plan.pins += 1;
        }
        same
    }

    fn resolve(&mut self, at: usize, told: ClientAnswer) -> bool {
        let from = match told {
            ClientAnswer::Answer(generation, serial) => {
                let plan = self.plans.get(&generation);
                plan.is_some_and(|plan| plan.content.serial == serial)
            }
            _ => true,
        };
        from && self.keep(at, |known| answers(known, told))
    }

    /// Keeps of what an endpoint may be what is so, and says whether anything is left.
    fn keep(&mut self, at: usize, so: impl Fn(&Known) -> bool) -> bool {
        self.endpoints[at].retain(so);
        !self.endpoints[at].is_empty()
    }

    /// Moves the endpoint on, where that is told so. A step that nobody was told of may
    /// have come to anything, or to nothing.
    fn advance(&mut self, at: usize, target: Standing, hold: Hold, told: Activation) -> bool {
        let unknown = told == Activation::Unknown;
        let plan = target.generation().and_then(|plan| self.plans.get(&plan));
        if !plan.is_some_and(|plan| hold == Hold::Lease || plan.pins > 0) {
            return unknown;
        }
        let moved = self.endpoints[at].iter().filter_map(|known| {
            let (next, outcome) = step(*known, target)?;
            (unknown || outcome == told).then_some(next)
        });
        let moved: BTreeSet<_> = moved.collect();
        if moved.is_empty() {
            return unknown;
        }
        self.endpoints[at] = moved;
        true
    }

    /// Whether the pinned plan finds the endpoint stale, or not stale, as was told.
    fn stale_endpoint(&mut self, generation: Generation, at: usize, told: bool) -> bool {
        let plan = self.plans.get(&generation).filter(|plan| plan.pins > 0);
        let Some(named) = plan.map(|plan| plan.content.names[at]) else {
            return false;
        };
        self.keep(at, |known| (!named && is_behind(known, generation)) == told)
    }

    /// Without a descendant, all endpoints below the name are unknown or withdrawn. With
    /// one, at least one of them is neither. If that may be one of several, the state
    /// cannot say which, and stays as it is.
    fn has_descendant(&mut self, below: [bool; ENDPOINTS], told: bool) -> bool {
        let mut below = (0..ENDPOINTS).filter(|&at| below[at]);
        if !told {
            return below.all(|at| self.keep(at, |known| !is_there(known)));
        }
        let may_be_there = below.filter(|&at| self.endpoints[at].iter().any(is_there));
        match may_be_there.collect::<Vec<_>>()[..] {
            [] => false,
            [only] => self.keep(only, is_there),
            _ => true,
        }
    }

    fn delete(&mut self, generation: Generation, applied: Generation) -> bool {
        let newest = self.plans.last_key_value().map(|(newest, _)| *newest);
        let applied = newest.map_or(applied, |newest| newest.min(applied));
        let plan = self.plans.remove(&generation);
        let free = plan.is_some_and(|plan| plan.pins == 0);
        let used = |known: &Known| {
            known.is_some_and(|(state, _)| {
                state.standing.active() == Some(generation) || state.rollback == Some(generation)
            })
        };
        let unused = (0..ENDPOINTS).all(|at| self.keep(at, |known| !used(known)));
        free && unused && !RETENTION.keeps(generation, applied)
    }

    fn needs(&self, generation: Generation, why: RetainReason) -> bool {
        let at_some = |used: fn(&EndpointState) -> Option<Generation>| {
            let mut known = self.endpoints.iter().flatten().flatten();
            known.any(|(state, _)| used(state) == Some(generation))
        };
        match why {
            RetainReason::Active => at_some(|state| state.standing.active()),
            RetainReason::Rollback => at_some(|state| state.rollback),
            RetainReason::Pinned => self
                .plans
                .get(&generation)
                .is_some_and(|plan| plan.pins > 0),
        }
    }

    /// An endpoint that is in use is named by the plan that it uses.
    fn may_forget(&mut self) {
        for (at, known) in self.endpoints.iter_mut().enumerate() {
            if !self.plans.values().any(|plan| plan.content.names[at]) {
                known.insert(None);
            }
        }
    }
}

/// Whether that is what the endpoint answers.
fn answers(known: &Known, told: ClientAnswer) -> bool {
    match (known.map(|(state, _)| state.standing), told) {
        (None, ClientAnswer::Unknown) | (Some(Standing::Vacant), ClientAnswer::Vacant) => true,
        (Some(Standing::Active(here)), ClientAnswer::Answer(told, _))
        | (Some(Standing::Withdrawn(here)), ClientAnswer::Withdrawn(told)) => here == told,
        _ => false,
    }
}

/// Whether the store knows the endpoint, and it is not withdrawn.
fn is_there(known: &Known) -> bool {
    known.is_some_and(|(state, _)| !matches!(state.standing, Standing::Withdrawn(_)))
}

/// Whether the endpoint came with an older plan than this, and stands on an older one or
/// on none.
fn is_behind(known: &Known, plan: Generation) -> bool {
    known.is_some_and(|(state, since)| since < plan && state.standing.generation() < Some(plan))
}

/// An endpoint moved on, and what is told of it; `None` if that cannot be.
fn step(known: Known, target: Standing) -> Option<(Known, Activation)> {
    let Some((state, since)) = known else {
        // Who holds a plan that names it keeps it from being forgotten.
        return target
            .active()
            .is_none()
            .then_some((None, Activation::Already));
    };
    let to = target.generation();
    Some(match state.standing.generation() {
        None if to < Some(since) => (known, Activation::Stale { newer: since }),
        Some(newer) if Some(newer) > to => (known, Activation::Stale { newer }),
        here if here == to => (known, Activation::Already),
        _ => {
            let replaced = state;
            let state = EndpointState {
                standing: target,
                rollback: state.standing.active(),
            };
            (Some((state, since)), Activation::Activated { replaced })
        }
    })
}
