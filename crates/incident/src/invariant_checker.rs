//! The invariants, and the checker that watches steps for breaches.
//!
//! The checker uses only evidence that does not depend on the order in which concurrent
//! steps are recorded: the plan that an activation says it replaced, the answer that a
//! resolver got, and the plans that a sweep deleted while an actor had pinned them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use plan_store::{Activation, EndpointName, Generation, Plan, Resolution};

use crate::event::{ClientAnswer, Event, Step};
use crate::violation::Violation;

/// What must always hold. The names are the same in assertions, logs and reports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Invariant {
    /// An endpoint's active generation never goes down.
    Monotonic,
    /// A plan that is active at any endpoint is never deleted.
    ActiveKept,
    /// A rollback target is never deleted.
    RollbackKept,
    /// A plan that is pinned is never deleted.
    PinnedKept,
    /// An endpoint that has resolved never resolves to nothing.
    NeverEmpty,
    /// An answer's records come from exactly one plan.
    WholeAnswer,
    /// From every reachable state, one publish and one undisturbed pass by any
    /// Enactor make that plan active everywhere.
    Progress,
    /// At rest, every endpoint is on the newest plan that any Enactor picked up.
    LatestWins,
    /// At rest, one sweep leaves only active, rollback and retained plans.
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

    /// The invariant's name.
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
    /// The step that broke the invariant, if the journal has it; else `seen_at`.
    pub broken_at: usize,
    /// The step that showed the breach.
    pub seen_at: usize,
    /// What happened.
    pub what: Violation,
    /// How many breaches of this invariant there were.
    pub times: usize,
}

/// The invariants that broke, each with its first breach.
pub type Verdict = BTreeMap<Invariant, Breach>;

/// How many deleted plans the checker remembers, so that a run of any length fits into
/// memory. A breach shows soon after the deletion that caused it.
const MAX_DELETED: usize = 10_000;

/// Watches steps, one after the other, and collects the invariants that broke.
#[derive(Debug, Default)]
pub struct InvariantChecker {
    verdict: Verdict,
    newest_picked_up: Option<Generation>,
    /// The plans that were published and not deleted, to compare answers with.
    plans: BTreeMap<Generation, Arc<Plan>>,
    /// The newest of the deleted plans, each with the step that deleted it last.
    deleted: BTreeMap<Generation, usize>,
    /// The plans that are pinned for certain, with the number of pins: a pin is counted
    /// after it was taken, and no longer before it is released.
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
                // An empty answer from a dangling endpoint is the same violation.
                if !matches!(resolution, Resolution::Dangling { .. }) {
                    self.see_told(now, endpoint, *told);
                }
                self.see_answer(now, endpoint, resolution);
            }
            Event::RollbackGone { endpoint, rollback } => {
                let by = self.deletion_of(*rollback, now);
                let (endpoint, generation) = (endpoint.clone(), *rollback);
                let what = Violation::RollbackDeleted {
                    endpoint,
                    generation,
                };
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
            let what = Violation::PinnedDeleted { generation };
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

    /// A client's answer may be older than the store's state by now. But a client must
    /// never get an empty answer for an endpoint that has resolved.
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

    /// The step that deleted the plan; `now` if the checker does not know it.
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

    /// The incident's store brings a deleted plan back, and a later sweep deletes it again.
    #[test]
    fn a_plan_that_was_deleted_twice_is_gone_since_the_second_time() {
        let mut checker = InvariantChecker::default();
        let generation = Generation::FIRST;
        for number in [1, 3] {
            let swept = Swept {
                deleted: vec![generation],
                spared: Vec::new(),
            };
            let applied = generation;
            see(&mut checker, number, Event::Swept { applied, swept });
        }
        let resolved = Event::Resolved {
            endpoint: "a.example".parse().unwrap(),
            resolution: Resolution::Dangling { generation },
            told: None,
        };
        see(&mut checker, 4, resolved);
        let breach = &checker.verdict()[&Invariant::ActiveKept];
        assert_eq!((breach.broken_at, breach.seen_at), (3, 4));
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
        assert_eq!(
            checker.verdict(),
            Verdict::new(),
            "no actor held any of them"
        );

        // The checker still knows which step deleted the last plan.
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
