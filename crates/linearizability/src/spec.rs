//! The sequential specification: a store for one client at a time, as a function from state
//! to state.
//!
//! A step at an endpoint follows the rule of [`protocol`]. The state is not that crate's.
//! Sometimes an answer does not determine the state: a sweep does not say which endpoints it
//! forgot. So a state holds everything that each endpoint may be.
//!
//! An operation whose outcome no client was told may happen at any time after its call. It
//! is recorded as if it never returned. So it may also come last, where no client sees its
//! effect, as if it had not been done.

use std::collections::{BTreeMap, BTreeSet};

use plan_store::{
    Activation, EndpointName, EndpointState, Generation, Plan, RecordSet, Resolution, RetainReason,
    Retention, Standing,
};
use protocol::{Kind, Refused};

/// How many endpoints the specification knows.
pub const ENDPOINTS: usize = 3;
/// Their names, by [`place`]. All but the first lie below the first.
pub const NAMES: [&str; ENDPOINTS] = ["a.example", "b.a.example", "c.a.example"];
/// The retention of the stores whose histories are checked.
pub const RETENTION: Retention = Retention::newest(1);

/// An operation, with what the client was told. In each variant, `generation` is the plan,
/// `at` is the endpoint's [`place`], `hold` is how the plan is held, and `told` is the
/// answer.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the name of a field says what it is")]
pub enum Op {
    /// A plan was published.
    Publish {
        /// What the plan says.
        content: Content,
        /// Its generation; `None` if the client was not told.
        generation: Option<Generation>,
    },
    /// The newest plan, if there was one, was picked up and held in this way.
    PickUp(Option<Generation>, Hold),
    /// A client asked to pin a plan by its generation.
    Pin {
        /// Which plan the client asked for.
        asked: Generation,
        /// The plan that the pin is on; `None` if there is no such plan.
        told: Option<Generation>,
        hold: Hold,
    },
    /// A pin on this plan was released.
    LetGo(Generation),
    /// A client asked to activate a plan at an endpoint.
    Activate {
        generation: Generation,
        hold: Hold,
        at: usize,
        told: Activation,
    },
    /// A client asked to withdraw an endpoint by a plan.
    Withdraw {
        generation: Generation,
        hold: Hold,
        at: usize,
        told: Activation,
    },
    /// An endpoint was resolved.
    Resolve { at: usize, told: ClientAnswer },
    /// An endpoint's state was read.
    State { at: usize, told: EndpointState },
    /// A search for a plan's stale endpoints looked at one endpoint.
    StaleEndpoint {
        generation: Generation,
        at: usize,
        /// Whether the endpoint was among the stale ones.
        told: bool,
    },
    /// A reader was asked whether a name has a descendant that is not withdrawn.
    HasDescendant {
        /// Which endpoints lie below the name, by [`place`].
        below: [bool; ENDPOINTS],
        told: bool,
    },
    /// A sweep deleted a plan.
    Delete {
        generation: Generation,
        /// The plan that was applied before the sweep.
        applied: Generation,
    },
    /// A sweep may have deleted a plan.
    MayDelete {
        generation: Generation,
        /// The plan that was applied before the sweep.
        applied: Generation,
    },
    /// A sweep spared a plan.
    Spare {
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
    /// Whether it is unknown when the operation was done, or whether it was done at all.
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
    /// By a pin, until that is released.
    Pin,
    /// By a lease, which may run out before the plan is released. The specification only
    /// demands that no step is taken by a deleted plan.
    Lease,
}

/// A plan's content: the endpoints that it names, and the number in its records, which no
/// other plan has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Content {
    names: [bool; ENDPOINTS],
    serial: u16,
}

impl Content {
    /// The content of this plan.
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
    /// An answer from this plan, with this number in its records.
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
    /// Converts a resolution.
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

/// The index of this endpoint in [`NAMES`].
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

/// What the store knows of an endpoint: nothing, or its state and the plan that brought it.
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
    /// The state after the operation; `None` if the store could not give this answer now.
    pub fn after(&self, op: &Op) -> Option<Self> {
        let mut next = self.clone();
        next.can(op).then_some(next)
    }

    /// Does the operation. Returns false if the store could not give this answer now.
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

    /// A client that asks for a plan gets a pin on that plan, or is told that there is no
    /// such plan.
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

    /// Keeps those possibilities for an endpoint that satisfy `so`. Returns whether any is
    /// left.
    fn keep(&mut self, at: usize, so: impl Fn(&Known) -> bool) -> bool {
        self.endpoints[at].retain(so);
        !self.endpoints[at].is_empty()
    }

    /// Takes a step at an endpoint, with this outcome. A step of unknown outcome may have
    /// had any outcome, or may not have been done.
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

    /// Whether the pinned plan can find the endpoint stale, or not stale, as told.
    fn stale_endpoint(&mut self, generation: Generation, at: usize, told: bool) -> bool {
        let plan = self.plans.get(&generation).filter(|plan| plan.pins > 0);
        let Some(named) = plan.map(|plan| plan.content.names[at]) else {
            return false;
        };
        self.keep(at, |known| (!named && is_behind(known, generation)) == told)
    }

    /// If there is no descendant, all endpoints below the name are unknown or withdrawn. If
    /// there is one, at least one of them is neither. If several may be that one, the state
    /// cannot express which, and stays as it is.
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

    /// An endpoint may be forgotten if no plan names it. One that is in use is always named
    /// by the plan that it uses.
    fn may_forget(&mut self) {
        for (at, known) in self.endpoints.iter_mut().enumerate() {
            if !self.plans.values().any(|plan| plan.content.names[at]) {
                known.insert(None);
            }
        }
    }
}

/// Whether the endpoint gives this answer.
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

/// Whether an older plan than this one brought the endpoint, and the endpoint stands on an
/// older plan or on none.
fn is_behind(known: &Known, plan: Generation) -> bool {
    known.is_some_and(|(state, since)| since < plan && state.standing.generation() < Some(plan))
}

/// The endpoint after a step, and the step's outcome; `None` if the step is impossible.
fn step(known: Known, target: Standing) -> Option<(Known, Activation)> {
    let Some((state, since)) = known else {
        // Only a plan that names the endpoint activates it, and such a plan, while it is
        // held, keeps the endpoint from being forgotten.
        return target
            .active()
            .is_none()
            .then_some((None, Activation::Already));
    };
    let plan = target.generation()?;
    let kind = match target.active() {
        Some(_) => Kind::Activate,
        None => Kind::Withdraw,
    };
    let moved = in_protocol(state).moved(kind, plan.get(), since.get());
    Some(match (moved, state.standing.generation()) {
        (Ok(moved), _) => {
            let rollback = Generation::new(moved.rollback);
            let standing = target;
            let moved = EndpointState { standing, rollback };
            let replaced = state;
            (Some((moved, since)), Activation::Activated { replaced })
        }
        (Err(Refused::OlderThanCell), _) => (known, Activation::Stale { newer: since }),
        (Err(_), Some(newer)) if newer > plan => (known, Activation::Stale { newer }),
        (Err(_), _) => (known, Activation::Already),
    })
}

fn in_protocol(state: EndpointState) -> protocol::Standing {
    let number = |plan: Option<Generation>| plan.map_or(0, Generation::get);
    protocol::Standing {
        plan: number(state.standing.generation()),
        withdrawn: matches!(state.standing, Standing::Withdrawn(_)),
        rollback: number(state.rollback),
    }
}
