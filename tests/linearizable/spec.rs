//! The store for one client at a time, as a step from state to state.
//!
//! What a client is told leaves open, now and then, what the state is: a sweep does not
//! say which endpoints it forgot. So a state holds all that each endpoint may be.

use std::collections::{BTreeMap, BTreeSet};

use plan_store::{
    Activation, EndpointName, EndpointState, Generation, Needed, Plan, Resolution, Retention,
    Standing,
};
use porcupine_rs::Model;

pub(crate) const ENDPOINTS: usize = 3;
pub(crate) const RETENTION: Retention = Retention::newest(1);

/// An operation, with what was told.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Publish {
        names: [bool; ENDPOINTS],
        generation: Generation,
    },
    PickUp(Option<Generation>),
    LetGo(Generation),
    Activate {
        generation: Generation,
        at: usize,
        told: Activation,
    },
    Withdraw {
        generation: Generation,
        at: usize,
        told: Activation,
    },
    Resolve {
        at: usize,
        told: Told,
    },
    /// A sweep deleted this plan,
    Delete {
        generation: Generation,
        applied: Generation,
    },
    /// spared this one,
    Spare {
        generation: Generation,
        why: Needed,
    },
    /// and may have forgotten endpoints.
    MayForget,
}

/// What a name resolved to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    Answer(Generation),
    Withdrawn(Generation),
    Vacant,
    Unknown,
    /// Nothing, or records of another plan.
    Wrong,
}

impl Told {
    pub(crate) fn of(resolution: &Resolution) -> Self {
        match resolution {
            Resolution::Answer {
                generation,
                records,
            } => {
                let last = records.a().first().map(|target| target.address.octets()[3]);
                if last.map(u32::from) == Some(generation.get()) {
                    Self::Answer(*generation)
                } else {
                    Self::Wrong
                }
            }
            Resolution::Withdrawn { generation } => Self::Withdrawn(*generation),
            Resolution::Vacant => Self::Vacant,
            Resolution::Unknown => Self::Unknown,
            Resolution::Dangling { .. } => Self::Wrong,
        }
    }
}

/// Which endpoint this is.
pub(crate) fn place(endpoint: &EndpointName) -> usize {
    usize::from(endpoint.as_str().as_bytes()[0] - b'a')
}

/// Which endpoints a plan names.
pub(crate) fn named(plan: &Plan) -> [bool; ENDPOINTS] {
    let mut named = [false; ENDPOINTS];
    for (name, _) in plan.endpoints() {
        named[place(name)] = true;
    }
    named
}

/// The sequential store.
#[derive(Clone, Debug)]
pub(crate) struct Spec;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct State {
    last: Option<Generation>,
    plans: BTreeMap<Generation, Held>,
    endpoints: [BTreeSet<Known>; ENDPOINTS],
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Held {
    names: [bool; ENDPOINTS],
    pins: usize,
}

/// What the store may know of an endpoint: nothing, or where it stands and which plan
/// brought it.
type Known = Option<(EndpointState, Generation)>;

impl Model for Spec {
    type State = State;
    type Op = Op;
    type Metadata = ();

    fn init() -> State {
        State {
            last: None,
            plans: BTreeMap::new(),
            endpoints: [(); ENDPOINTS].map(|()| BTreeSet::from([None])),
        }
    }

    fn step(state: &State, op: &Op) -> (bool, State) {
        let mut next = state.clone();
        (next.can(op), next)
    }
}

impl State {
    /// Whether the operation can be, now; if so, this is the state after it.
    fn can(&mut self, op: &Op) -> bool {
        match *op {
            Op::Publish { names, generation } => self.publish(names, generation),
            Op::PickUp(told) => {
                let newest = self.plans.last_entry();
                let same = newest.as_ref().map(|entry| *entry.key()) == told;
                if let Some(mut entry) = newest {
                    entry.get_mut().pins += 1;
                }
                same
            }
            Op::LetGo(generation) => match self.plans.get_mut(&generation) {
                Some(held) if held.pins > 0 => {
                    held.pins -= 1;
                    true
                }
                _ => false,
            },
            Op::Activate {
                generation,
                at,
                told,
            } => {
                let pinned = self
                    .plans
                    .get(&generation)
                    .is_some_and(|plan| plan.pins > 0);
                pinned && self.advance(at, Standing::Active(generation), told)
            }
            Op::Withdraw {
                generation,
                at,
                told,
            } => {
                let pinned = self
                    .plans
                    .get(&generation)
                    .is_some_and(|plan| plan.pins > 0);
                pinned && self.advance(at, Standing::Withdrawn(generation), told)
            }
            Op::Resolve { at, told } => self.keep(at, |known| told == answer(known)),
            Op::Delete {
                generation,
                applied,
            } => self.delete(generation, applied),
            Op::Spare { generation, why } => self.needs(generation, why),
            Op::MayForget => {
                self.may_forget();
                true
            }
        }
    }

    fn publish(&mut self, names: [bool; ENDPOINTS], generation: Generation) -> bool {
        let expected = self.last.map_or(Ok(Generation::FIRST), Generation::next);
        self.last = Some(generation);
        self.plans.insert(generation, Held { names, pins: 0 });
        for (known, _) in self
            .endpoints
            .iter_mut()
            .zip(names)
            .filter(|(_, named)| *named)
        {
            if known.remove(&None) {
                known.insert(Some((EndpointState::VACANT, generation)));
            }
        }
        expected.is_ok_and(|expected| expected == generation)
    }

    /// Keeps of what an endpoint may be what is so, and says whether anything is left.
    fn keep(&mut self, at: usize, so: impl Fn(&Known) -> bool) -> bool {
        self.endpoints[at].retain(so);
        !self.endpoints[at].is_empty()
    }

    /// Moves the endpoint on, where that is told so.
    fn advance(&mut self, at: usize, target: Standing, told: Activation) -> bool {
        let moved = self.endpoints[at].iter().filter_map(|known| {
            let (next, outcome) = step(*known, target)?;
            (outcome == told).then_some(next)
        });
        self.endpoints[at] = moved.collect();
        !self.endpoints[at].is_empty()
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

    fn needs(&self, generation: Generation, why: Needed) -> bool {
        let at_some = |used: fn(&EndpointState) -> Option<Generation>| {
            let mut known = self.endpoints.iter().flatten().flatten();
            known.any(|(state, _)| used(state) == Some(generation))
        };
        match why {
            Needed::Active => at_some(|state| state.standing.active()),
            Needed::Rollback => at_some(|state| state.rollback),
            Needed::Pinned => self
                .plans
                .get(&generation)
                .is_some_and(|plan| plan.pins > 0),
        }
    }

    fn may_forget(&mut self) {
        for (at, known) in self.endpoints.iter_mut().enumerate() {
            let named = self.plans.values().any(|plan| plan.names[at]);
            let idle = |(state, _): &(EndpointState, Generation)| {
                state.standing.active().is_none() && state.rollback.is_none()
            };
            if !named && known.iter().flatten().any(idle) {
                known.insert(None);
            }
        }
    }
}

/// What an endpoint answers.
fn answer(known: &Known) -> Told {
    match known.map(|(state, _)| state.standing) {
        None => Told::Unknown,
        Some(Standing::Vacant) => Told::Vacant,
        Some(Standing::Active(generation)) => Told::Answer(generation),
        Some(Standing::Withdrawn(generation)) => Told::Withdrawn(generation),
    }
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
        None if to < Some(since) => (known, Activation::Stale { active: since }),
        Some(active) if Some(active) > to => (known, Activation::Stale { active }),
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
