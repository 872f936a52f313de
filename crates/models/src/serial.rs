//! The outage as a specification: single steps, taken one after another, and the answers
//! that the threads may get.
//!
//! It has no atomics and no locks, and uses no code of any store. It has each step between
//! which other threads can run, and it tries all orders of the steps. Every
//! [outcome](Outcome) that a checker finds must be one of the outcomes found here.
//!
//! Each kind of store has its own steps:
//! - The repaired store decides freshness in the activation. Its sweep notes the old plans
//!   and whether they are pinned, reads the endpoints one by one, then deletes the plans
//!   one by one.
//! - The incident's store builds the plan, then flips the endpoint without comparing. Its
//!   sweep is a single step that deletes by age.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use control_plane::Pass;
use incident::Invariant;
use plan_store::{
    Activation, EndpointName, EndpointState, Generation, RetainReason, Retention, Standing, Swept,
};

use crate::outcome::{End, Outcome, PassTold, Told};
use crate::{endpoints, must_be};

/// The system: the kind of store, and the threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Serial {
    /// Whether the store is the repaired one. Otherwise it is the incident's.
    pub(crate) repaired: bool,
    pub(crate) endpoints: u8,
    pub(crate) enactors: usize,
    /// The Planner publishes the plans from 3 to this one.
    pub(crate) last_plan: u8,
    pub(crate) retention: Retention,
    /// How often a resolver asks for all names.
    pub(crate) rounds: usize,
}

/// A state of the system. Enactors are interchangeable, so their order does not matter.
#[derive(Clone, PartialEq, Eq, Hash)]
struct State {
    plans: BTreeSet<Generation>,
    pins: BTreeMap<Generation, Pins>,
    endpoints: Vec<EndpointState>,
    published: Vec<Generation>,
    answers: Vec<Option<Generation>>,
    running: Vec<Rc<Running>>,
    broken: BTreeSet<Invariant>,
}

/// How many pins a plan has, and how many it ever had.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
struct Pins {
    held: u8,
    taken: u8,
}

/// A pass under way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Running {
    at: At,
    /// The plan that it has picked up.
    plan: Option<Generation>,
    newest: Option<Generation>,
    changed: usize,
    failed: bool,
    /// The old plans that its sweep has noted, with their pins.
    old: Vec<(Generation, Pins)>,
    active: BTreeSet<Generation>,
    rollback: BTreeSet<Generation>,
    swept: Swept,
    so_far: PassTold,
}

/// The step that is next in a pass. Endpoints and old plans go by their index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum At {
    PickUp,
    Check(usize),
    Build(usize),
    Flip(usize),
    Sweep,
    Read(usize),
    Delete(usize),
    LetGo,
    End,
}

fn generation(number: u8) -> Generation {
    must_be(Generation::new(number.into()))
}

impl Serial {
    /// The outcomes of all orders of the steps.
    pub(crate) fn outcomes(self) -> BTreeSet<Outcome> {
        let names = endpoints(self.endpoints);
        let (mut outcomes, mut been) = (BTreeSet::new(), HashSet::new());
        let mut next = vec![self.begin()];
        while let Some(state) = next.pop() {
            let after = self.after(&state, &names);
            if after.is_empty() {
                outcomes.insert(Self::conclude(state));
                continue;
            }
            let new = after.into_iter().filter(|state| been.insert(state.clone()));
            next.extend(new);
        }
        outcomes
    }

    /// Plan 1 is active everywhere, and plan 2 published.
    fn begin(self) -> State {
        let active = EndpointState::VACANT.moved_to(Standing::Active(Generation::FIRST));
        let running = Running {
            at: At::PickUp,
            plan: None,
            newest: None,
            changed: 0,
            failed: false,
            old: Vec::new(),
            active: BTreeSet::new(),
            rollback: BTreeSet::new(),
            swept: Swept::default(),
            so_far: PassTold {
                told: Vec::new(),
                result: None,
            },
        };
        State {
            plans: [1, 2].map(generation).into(),
            pins: BTreeMap::new(),
            endpoints: vec![active; self.endpoints.into()],
            published: Vec::new(),
            answers: Vec::new(),
            running: (0..self.enactors)
                .map(|_| Rc::new(running.clone()))
                .collect(),
            broken: BTreeSet::new(),
        }
    }

    /// The states after one step of any thread.
    fn after(self, state: &State, names: &[EndpointName]) -> Vec<State> {
        let mut all = Vec::new();
        let last = 2 + u8::try_from(state.published.len()).unwrap_or(u8::MAX);
        if last < self.last_plan {
            let (mut next, plan) = (state.clone(), generation(last + 1));
            next.plans.insert(plan);
            next.published.push(plan);
            all.push(next);
        }
        if state.answers.len() < self.rounds * names.len() {
            let mut next = state.clone();
            let at = state.answers.len() % names.len();
            next.answers.push(state.endpoints[at].standing.generation());
            all.push(next);
        }
        for (index, running) in state.running.iter().enumerate() {
            if running.at != At::End {
                let (mut next, mut pass) = (state.clone(), Running::clone(running));
                self.step(&mut next, &mut pass, names);
                next.running[index] = Rc::new(pass);
                next.running.sort();
                all.push(next);
            }
        }
        all
    }

    /// Takes the next step of a pass.
    fn step(self, state: &mut State, pass: &mut Running, names: &[EndpointName]) {
        let last = |at: usize| at + 1 == names.len();
        match pass.at {
            At::PickUp => {
                let plan = must_be(state.plans.last().copied());
                let pins = state.pins.entry(plan).or_default();
                (pins.held, pins.taken) = (pins.held + 1, pins.taken + 1);
                pass.plan = Some(plan);
                pass.tell(Told::PickedUp(plan));
                pass.at = At::Check(0);
            }
            At::Check(at) => {
                let here = state.endpoints[at].standing.generation();
                pass.newest = pass.newest.max(here);
                pass.at = At::Check(at + 1);
                if last(at) {
                    self.checked(pass);
                }
            }
            At::Build(at) => {
                state.plans.extend(pass.plan);
                pass.at = At::Flip(at);
            }
            At::Flip(at) => {
                pass.at = match (last(at), self.repaired) {
                    (true, _) => At::Sweep,
                    (false, true) => At::Flip(at + 1),
                    (false, false) => At::Build(at + 1),
                };
                if self.repaired {
                    pass.flip_if_newer(&mut state.endpoints[at], &names[at]);
                } else {
                    pass.flip(state, at, &names[at]);
                }
                if pass.at == At::Sweep && pass.failed {
                    pass.at = At::LetGo;
                }
            }
            At::Sweep if self.repaired => pass.note_old(state, self.retention),
            At::Sweep => pass.delete_by_age(state, self.retention),
            At::Read(at) => {
                pass.active.extend(state.endpoints[at].standing.active());
                pass.rollback.extend(state.endpoints[at].rollback);
                pass.at = if last(at) {
                    At::Delete(0)
                } else {
                    At::Read(at + 1)
                };
            }
            At::Delete(index) => pass.delete(state, index),
            At::LetGo => {
                let pins = state.pins.entry(pass.plan()).or_default();
                pins.held -= 1;
                pass.at = At::End;
            }
            At::End => {}
        }
    }

    fn checked(self, pass: &mut Running) {
        let (plan, newest) = (pass.plan(), pass.newest);
        pass.tell(Told::Newest(newest));
        pass.at = if self.repaired {
            At::Flip(0)
        } else {
            At::Build(0)
        };
        if let Some(newer) = newest.filter(|newest| *newest > plan) {
            pass.end(Pass::StaleAtStart { plan, newer });
        }
    }

    /// The outcome in this final state.
    fn conclude(state: State) -> Outcome {
        let mut broken = state.broken;
        let gone = |plan: Option<Generation>| plan.is_some_and(|plan| !state.plans.contains(&plan));
        let newest = state.running.iter().filter_map(|pass| pass.plan).max();
        let mut stuck = None;
        for endpoint in &state.endpoints {
            let active = endpoint.standing.active();
            if gone(active) {
                // The next transaction fails, so no later plan can become active.
                stuck = stuck.or(active);
                let empty = [
                    Invariant::ActiveKept,
                    Invariant::NeverEmpty,
                    Invariant::Progress,
                ];
                broken.extend(empty);
            }
            if gone(endpoint.rollback) {
                broken.insert(Invariant::RollbackKept);
            }
            if endpoint.standing.generation() != newest {
                broken.insert(Invariant::LatestWins);
            }
        }
        let passes = state.running.iter().map(|pass| pass.so_far.clone());
        let mut passes: Vec<_> = passes.collect();
        passes.sort();
        Outcome {
            published: state.published,
            passes,
            answers: state.answers,
            end: End {
                endpoints: state.endpoints,
                plans: state.plans.into_iter().collect(),
                stuck,
                broken,
            },
        }
    }
}

impl Running {
    fn plan(&self) -> Generation {
        must_be(self.plan)
    }

    fn tell(&mut self, told: Told) {
        self.so_far.told.push(told);
    }

    fn end(&mut self, result: Pass) {
        self.so_far.result = Some(result);
        self.at = At::LetGo;
    }

    /// An activation by the repaired store, in one step. It refuses an older plan.
    fn flip_if_newer(&mut self, state: &mut EndpointState, endpoint: &EndpointName) {
        let (plan, replaced) = (self.plan(), *state);
        let outcome = match replaced.standing.generation() {
            Some(newer) if newer > plan => Activation::Stale { newer },
            Some(here) if here == plan => Activation::Already,
            _ => Activation::Activated { replaced },
        };
        let endpoint = endpoint.clone();
        self.tell(Told::Activated(endpoint.clone(), outcome));
        match outcome {
            Activation::Stale { newer } => self.end(Pass::Stale {
                plan,
                newer,
                endpoint,
            }),
            Activation::Activated { .. } => {
                *state = replaced.moved_to(Standing::Active(plan));
                self.changed += 1;
            }
            _ => {}
        }
    }

    /// An activation by the incident's store, in one transaction. It fails if the active
    /// plan is deleted, because that must become the rollback target.
    fn flip(&mut self, state: &mut State, at: usize, endpoint: &EndpointName) {
        let (plan, replaced) = (self.plan(), state.endpoints[at]);
        let target = Standing::Active(plan);
        let active = replaced.standing.active();
        if let Some(gone) = active.filter(|active| !state.plans.contains(active))
            && replaced.standing != target
        {
            self.failed = true;
            return self.tell(Told::Stuck(gone));
        }
        let outcome = if replaced.standing == target {
            Activation::Already
        } else {
            state.endpoints[at] = replaced.moved_to(target);
            self.changed += 1;
            if active > Some(plan) {
                state.broken.insert(Invariant::Monotonic);
            }
            Activation::Activated { replaced }
        };
        self.tell(Told::Activated(endpoint.clone(), outcome));
    }

    /// The incident's sweep.
    fn delete_by_age(&mut self, state: &mut State, retention: Retention) {
        let applied = self.plan();
        let old = |plan: &Generation| !retention.keeps(*plan, applied);
        self.swept.deleted = state.plans.iter().copied().filter(old).collect();
        for plan in &self.swept.deleted {
            state.plans.remove(plan);
            if state.pins.get(plan).is_some_and(|pins| pins.held > 0) {
                state.broken.insert(Invariant::PinnedKept);
            }
        }
        self.applied();
    }

    /// The repaired store's sweep begins: it notes the old plans and their pins.
    fn note_old(&mut self, state: &State, retention: Retention) {
        let applied = self.plan();
        let old = state.plans.range(..applied);
        let old = old.filter(|plan| !retention.keeps(**plan, applied));
        let pins = |plan| state.pins.get(plan).copied().unwrap_or_default();
        self.old = old.map(|plan| (*plan, pins(plan))).collect();
        self.at = At::Read(0);
        if self.old.is_empty() {
            self.applied();
        }
    }

    /// The repaired store's sweep deletes one old plan, if that is not in use and was not
    /// pinned meanwhile.
    fn delete(&mut self, state: &mut State, index: usize) {
        let (plan, noted) = self.old[index];
        let now = state.pins.get(&plan).copied().unwrap_or_default();
        if self.active.contains(&plan) {
            self.swept.spared.push((plan, RetainReason::Active));
        } else if self.rollback.contains(&plan) {
            self.swept.spared.push((plan, RetainReason::Rollback));
        } else if noted.held > 0 {
            self.swept.spared.push((plan, RetainReason::Pinned));
        } else if state.plans.contains(&plan) {
            if now == noted {
                state.plans.remove(&plan);
                self.swept.deleted.push(plan);
            } else {
                self.swept.spared.push((plan, RetainReason::Pinned));
            }
        }
        self.at = At::Delete(index + 1);
        if index + 1 == self.old.len() {
            self.applied();
        }
    }

    /// The sweep has ended, and with it the pass.
    fn applied(&mut self) {
        let swept = self.swept.clone();
        self.tell(Told::Swept(swept.clone()));
        self.end(Pass::Applied {
            plan: self.plan(),
            changed: self.changed,
            swept,
        });
    }
}
