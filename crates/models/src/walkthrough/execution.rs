//! One execution of the race, with the store and the threads at each of its steps.

use std::collections::{BTreeMap, BTreeSet};

use incident::{Actor, Event, Journal, Step, Verdict};
use plan_store::{Activation, EndpointName, EndpointState, Generation, Resolution, Standing};

use crate::End;

/// An execution of the [race](crate::outage), as the journal recorded it.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    pub(crate) steps: Vec<Step>,
    pub(crate) verdict: Verdict,
    end: End,
}

/// The store and the threads at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Moment {
    /// Every plan that was published.
    pub(crate) plans: BTreeMap<Generation, Kept>,
    pub(crate) endpoints: BTreeMap<EndpointName, EndpointState>,
    /// The plan that each Enactor has pinned.
    pub(crate) pins: BTreeMap<Actor, Generation>,
}

/// Whether a plan is in the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kept {
    There,
    /// The step with this number deleted it.
    DeletedBy(usize),
}

impl Execution {
    /// The execution with this journal. `end` is the state after the threads ended and
    /// before the checks at rest.
    pub(crate) fn new(journal: &Journal, end: &End) -> Self {
        Self {
            steps: journal.steps(),
            verdict: journal.verdict(),
            end: end.clone(),
        }
    }

    /// How many steps the set-up has. Its last steps resolve all names.
    pub(crate) fn set_up(&self) -> usize {
        let is_resolver = |step: &Step| step.actor == Actor::Resolver;
        let others = |step: &&Step| !is_resolver(step);
        let before = self.steps.iter().take_while(others).count();
        let resolved = self.steps.iter().skip(before);
        before + resolved.take_while(|step| is_resolver(step)).count()
    }

    /// The steps of the Planner's and the Enactors' threads.
    pub(crate) fn race(&self) -> &[Step] {
        let begun = &self.steps[self.set_up()..];
        let runs = |step: &&Step| matches!(step.actor, Actor::Planner | Actor::Enactor(_));
        &begun[..begun.iter().take_while(runs).count()]
    }

    /// The steps of the checks at rest.
    pub(crate) fn checks(&self) -> &[Step] {
        &self.steps[self.set_up() + self.race().len()..]
    }

    /// The moment before the race, and the moment after each of its steps.
    ///
    /// `None` if the journal's order does not explain what the threads were told and how the
    /// race ended. There are two reasons for that. A journal records a step right after the
    /// step was taken, so a thread that is interrupted between the two is recorded late. And a
    /// load may return an older value than the last one.
    pub(crate) fn moments(&self) -> Option<Vec<Moment>> {
        let race = self.race();
        let mut moments = vec![Moment::after_set_up(&self.steps[..self.set_up()])];
        for (at, step) in race.iter().enumerate() {
            let mut next = moments.last()?.clone();
            let later = &race[at + 1..];
            next.take(step, |plan| self.is_there_later(plan, later))?;
            if later.iter().all(|later| later.actor != step.actor) {
                next.pins.remove(&step.actor);
            }
            moments.push(next);
        }
        let last = moments.last()?;
        let endpoints = last.endpoints.values().eq(&self.end.endpoints);
        (endpoints && last.there().eq(self.end.plans.iter().copied())).then_some(moments)
    }

    /// Whether a plan that was deleted is in the store again, as later steps or the end show.
    fn is_there_later(&self, plan: Generation, later: &[Step]) -> bool {
        let deletes = |step: &Step| matches!(&step.event, Event::Swept { swept, .. } if swept.deleted.contains(&plan));
        self.end.plans.contains(&plan) || later.iter().any(deletes)
    }
}

impl Moment {
    /// The set-up publishes plans and makes one of them active. Each endpoint's answer shows
    /// which one.
    fn after_set_up(steps: &[Step]) -> Self {
        let mut moment = Self::default();
        for step in steps {
            match &step.event {
                Event::Published { generation, .. } => {
                    moment.plans.insert(*generation, Kept::There);
                }
                Event::Resolved {
                    endpoint,
                    resolution: Resolution::Answer { generation, .. },
                    ..
                } => {
                    let state = EndpointState::VACANT.moved_to(Standing::Active(*generation));
                    moment.endpoints.insert(endpoint.clone(), state);
                }
                _ => {}
            }
        }
        moment
    }

    /// The plans that are in the store.
    pub(crate) fn there(&self) -> impl DoubleEndedIterator<Item = Generation> {
        let there = self.plans.iter().filter(|(_, kept)| **kept == Kept::There);
        there.map(|(plan, _)| *plan)
    }

    /// The newest plan that is active anywhere, or that withdrew an endpoint.
    fn newest_active(&self) -> Option<Generation> {
        let states = self.endpoints.values();
        states.filter_map(|state| state.standing.generation()).max()
    }

    /// Takes one step of the race. `None` if what the thread was told is not true at this
    /// moment.
    fn take(&mut self, step: &Step, is_there_later: impl Fn(Generation) -> bool) -> Option<()> {
        let is_so = match &step.event {
            Event::Published { generation, .. } => {
                self.plans.insert(*generation, Kept::There);
                true
            }
            Event::PickedUp { generation } => {
                self.pins.insert(step.actor, *generation);
                self.there().next_back() == Some(*generation)
            }
            Event::Checked { newest } => *newest == self.newest_active(),
            Event::Stepped {
                endpoint,
                generation,
                withdraws,
                outcome,
            } => {
                let to = if *withdraws {
                    Standing::Withdrawn(*generation)
                } else {
                    self.rebuild(*generation, is_there_later);
                    Standing::Active(*generation)
                };
                self.step(endpoint, to, *outcome)?
            }
            Event::Failed { gone, .. } => {
                if let (Some(_), Some(&plan)) = (gone, self.pins.get(&step.actor)) {
                    self.rebuild(plan, is_there_later);
                }
                true
            }
            Event::Swept { swept, .. } => {
                let deleted = swept.deleted.iter().copied();
                let known: BTreeSet<_> = self.plans.keys().copied().collect();
                let is_known = deleted.clone().all(|plan| known.contains(&plan));
                self.plans
                    .extend(deleted.map(|plan| (plan, Kept::DeletedBy(step.number))));
                is_known
            }
            _ => true,
        };
        is_so.then_some(())
    }

    /// An activation on the incident's store first builds the plan's records, if they do not
    /// exist. If the plan was deleted between that and the write, it stays deleted.
    fn rebuild(&mut self, plan: Generation, is_there_later: impl Fn(Generation) -> bool) {
        if let Some(kept) = self.plans.get_mut(&plan)
            && is_there_later(plan)
        {
            *kept = Kept::There;
        }
    }

    /// Takes a step at an endpoint. Returns whether the outcome is true at this moment.
    fn step(&mut self, endpoint: &EndpointName, to: Standing, outcome: Activation) -> Option<bool> {
        let state = self.endpoints.get_mut(endpoint)?;
        Some(match outcome {
            Activation::Activated { replaced } => {
                let is_so = replaced == *state;
                *state = state.moved_to(to);
                is_so
            }
            Activation::Already => state.standing == to,
            Activation::Stale { newer } => state.standing.generation() == Some(newer),
            Activation::Unknown => true,
        })
    }
}
