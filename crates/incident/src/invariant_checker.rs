//! The invariants, and who checks them on what happened.
//!
//! The checker judges by evidence that is sound whatever order concurrent steps
//! are written down in: what an activation says it replaced, what a resolver was
//! told, what a sweep says it deleted while somebody held it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use plan_store::{Activation, EndpointName, Generation, Plan, Resolution};

use crate::event::{ClientAnswer, Event, Step};
use crate::violation::Violation;

/// What must never be broken. The names are the same in assertions, logs and
/// reports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Invariant {
    /// An endpoint's active generation never goes down.
    Monotonic,
    /// A plan that is active at any endpoint is never deleted.
    ActiveKept,
    /// Nor is a rollback target.
    RollbackKept,
    /// Nor is a plan that somebody has pinned.
    PinnedKept,
    /// An endpoint that has resolved never resolves to nothing.
    NeverEmpty,
    /// An answer's records come from exactly one plan.
    WholeAnswer,
    /// From every reachable state, one publish and one undisturbed pass by any
    /// Enactor make that plan active everywhere.
    Progress,
    /// When all is quiet, every endpoint is on the newest plan that any Enactor
    /// picked up.
    LatestWins,
    /// When all is quiet, one sweep leaves only active, rollback, and the
    /// retained newest plans.
    Reclaimed,
}

impl Invariant {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 9] = [
        Self::Monotonic,
        Self::ActiveKept,
        Self::RollbackKept,
        Self::PinnedKept,
        Self::NeverEmpty,
        Self::WholeAnswer,
        Self::Progress,
        Self::LatestWins,
        Self::Reclaimed,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Monotonic => "Monotonic",
            Self::ActiveKept => "ActiveKept",
            Self::RollbackKept => "RollbackKept",
            Self::PinnedKept => "PinnedKept",
            Self::NeverEmpty => "NeverEmpty",
            Self::WholeAnswer => "WholeAnswer",
            Self::Progress => "Progress",
            Self::LatestWins => "LatestWins",
            Self::Reclaimed => "Reclaimed",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An invariant's first breach.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// The step that broke it, as far as the journal tells; else the step that
    /// showed it.
    pub broken_at: usize,
    /// The step that showed it.
    pub seen_at: usize,
    /// What happened.
    pub what: Violation,
    /// How many breaches of this invariant there were in all.
    pub times: usize,
}

/// The invariants that broke, each with its first breach.
pub type Verdict = BTreeMap<Invariant, Breach>;

/// How many deleted plans are remembered, so that a run of any length fits into
/// memory. A breach is seen soon after the deletion that caused it.
const MAX_DELETED: usize = 10_000;

/// Looks at one step after the other.
#[derive(Debug, Default)]
pub struct InvariantChecker {
    verdict: Verdict,
    newest_picked_up: Option<Generation>,
    /// Published and not deleted, for comparing answers with.
    plans: BTreeMap<Generation, Arc<Plan>>,
    /// At which step each deleted plan was deleted last; the newest of them.
    deleted: BTreeMap<Generation, usize>,
    /// Held for certain: noted after pinning, struck off before letting go.
    held: BTreeMap<Generation, usize>,
    answered: BTreeSet<EndpointName>,
}

impl InvariantChecker {
    pub(crate) fn hold(&mut self, generation: Generation) {
        *self.held.entry(generation).or_default() += 1;
    }

    pub(crate) fn let_go(&mut self, generation: Generation) {
        if let Entry::Occupied(mut held) = self.held.entry(generation) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }

    pub(crate) fn newest_picked_up(&self) -> Option<Generation> {
        self.newest_picked_up
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }

    pub(crate) fn see(&mut self, step: &Step) {
        let now = step.number;
        match &step.event {
            Event::Published { generation, plan } => {
                self.plans.insert(*generation, Arc::clone(plan));
            }
            Event::PickedUp { generation } => {
                self.newest_picked_up = self.newest_picked_up.max(Some(*generation));
            }
            Event::Stepped {
                endpoint,
                generation,
                outcome,
                ..
            } => {
                self.see_outcome(now, endpoint, *generation, *outcome);
            }
            Event::Swept { swept, .. } => {
                for &generation in &swept.deleted {
                    self.see_deletion(now, generation);
                }
            }
            Event::Resolved {
                endpoint,
                resolution,
                told,
            } => {
                // Of a dangling endpoint to be told nothing is the same breach.
                if !matches!(resolution, Resolution::Dangling { .. }) {
                    self.see_told(now, endpoint, *told);
                }
                self.see_answer(now, endpoint, resolution);
            }
            Event::RollbackGone { endpoint, rollback } => {
                let by = self.deletion_of(*rollback, now);
                let (endpoint, rollback) = (endpoint.clone(), *rollback);
                let what = Violation::RollbackDeleted { endpoint, rollback };
                self.breach(Invariant::RollbackKept, by, now, what);
            }
            Event::NoProgress { generation } => {
                let generation = *generation;
                let what = Violation::NotApplied { generation };
                self.breach(Invariant::Progress, now, now, what);
            }
            Event::LeftBehind { endpoint, newest } => {
                let (endpoint, newest) = (endpoint.clone(), *newest);
                let what = Violation::LeftBehind { endpoint, newest };
                self.breach(Invariant::LatestWins, now, now, what);
            }
            Event::NotReclaimed { generation } => {
                let generation = *generation;
                let what = Violation::NotReclaimed { generation };
                self.breach(Invariant::Reclaimed, now, now, what);
            }
            Event::Checked { .. } | Event::Failed { .. } | Event::Repaired { .. } => {}
        }
    }

    fn see_outcome(
        &mut self,
        now: usize,
        endpoint: &EndpointName,
        generation: Generation,
        outcome: Activation,
    ) {
        let Activation::Activated { replaced } = outcome else {
            return;
        };
        if let Some(newer) = replaced.standing.generation().filter(|&g| g > generation) {
            let endpoint = endpoint.clone();
            let what = Violation::StaleOverwrite {
                endpoint,
                generation,
                newer,
            };
            self.breach(Invariant::Monotonic, now, now, what);
        }
    }

    fn see_deletion(&mut self, now: usize, generation: Generation) {
        self.deleted.insert(generation, now);
        if self.deleted.len() > MAX_DELETED {
            self.deleted.pop_first();
        }
        self.plans.remove(&generation);
        if self.held.contains_key(&generation) {
            let what = Violation::HeldDeleted { generation };
            self.breach(Invariant::PinnedKept, now, now, what);
        }
    }

    fn see_answer(&mut self, now: usize, endpoint: &EndpointName, resolution: &Resolution) {
        match resolution {
            Resolution::Answer {
                generation,
                records,
            } => {
                self.answered.insert(endpoint.clone());
                let plan = self.plans.get(generation);
                if plan.is_some_and(|plan| plan.records(endpoint) != Some(records)) {
                    let (endpoint, generation) = (endpoint.clone(), *generation);
                    let what = Violation::OtherRecords {
                        endpoint,
                        generation,
                    };
                    self.breach(Invariant::WholeAnswer, now, now, what);
                }
            }
            Resolution::Withdrawn { .. } => {
                self.answered.remove(endpoint);
            }
            Resolution::Dangling { generation } => {
                let generation = *generation;
                let by = self.deletion_of(generation, now);
                let what = Violation::ActiveDeleted {
                    endpoint: endpoint.clone(),
                    generation,
                };
                self.breach(Invariant::ActiveKept, by, now, what);
                self.see_emptiness(by, now, endpoint);
            }
            Resolution::Unknown | Resolution::Vacant => self.see_emptiness(now, now, endpoint),
        }
    }

    /// What a client is told may be older than what the store says by now, but an
    /// endpoint that has resolved is never to be told as nothing.
    fn see_told(&mut self, now: usize, endpoint: &EndpointName, told: Option<ClientAnswer>) {
        match told {
            Some(ClientAnswer::Addresses(_)) => {
                self.answered.insert(endpoint.clone());
            }
            Some(ClientAnswer::Nothing) => self.see_emptiness(now, now, endpoint),
            Some(ClientAnswer::NoSuchName | ClientAnswer::Later) | None => {}
        }
    }

    fn see_emptiness(&mut self, by: usize, now: usize, endpoint: &EndpointName) {
        if self.answered.contains(endpoint) {
            let endpoint = endpoint.clone();
            let what = Violation::Emptied { endpoint };
            self.breach(Invariant::NeverEmpty, by, now, what);
        }
    }

    /// The step that deleted the plan; `now` if it was not seen.
    fn deletion_of(&self, generation: Generation, now: usize) -> usize {
        self.deleted.get(&generation).copied().unwrap_or(now)
    }

    fn breach(&mut self, invariant: Invariant, broken_at: usize, seen_at: usize, what: Violation) {
        let breach = self.verdict.entry(invariant).or_insert(Breach {
            broken_at,
            seen_at,
            what,
            times: 0,
        });
        breach.times += 1;
    }
}

#[cfg(test)]
mod tests {
    use plan_store::Swept;

    use super::*;
    use crate::Actor;

    fn see(checker: &mut InvariantChecker, number: usize, event: Event) {
        let actor = Actor::Resolver;
        checker.see(&Step {
            number,
            actor,
            event,
        });
    }

    #[test]
    fn a_long_run_fits_into_memory() {
        let mut checker = InvariantChecker::default();
        let last = 3 * MAX_DELETED;
        for number in 1..=last {
            let generation = Generation::new(u32::try_from(number).unwrap()).unwrap();
            checker.hold(generation);
            checker.let_go(generation);
            let swept = Swept {
                deleted: vec![generation],
                spared: Vec::new(),
            };
            let applied = generation;
            see(&mut checker, number, Event::Swept { applied, swept });
        }
        assert_eq!(checker.held.len(), 0);
        assert_eq!(checker.deleted.len(), MAX_DELETED);
        assert_eq!(checker.verdict(), Verdict::new(), "nobody held any of them");

        // Who deleted the last one is still known.
        let generation = Generation::new(u32::try_from(last).unwrap()).unwrap();
        let (endpoint, resolution) = (
            "a.example".parse().unwrap(),
            Resolution::Dangling { generation },
        );
        let resolved = Event::Resolved {
            endpoint,
            resolution,
            told: None,
        };
        see(&mut checker, last + 1, resolved);
        let breach = &checker.verdict()[&Invariant::ActiveKept];
        assert_eq!((breach.broken_at, breach.seen_at), (last, last + 1));
    }
}
