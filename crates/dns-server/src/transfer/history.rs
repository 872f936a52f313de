//! The plans that transfers are made from: the newest one, and older ones to compare it with.
//!
//! Plans are persistent, so an older plan costs only what has changed since. The history keeps as
//! many of them as together have no more changes than the newest plan has endpoints (but at least
//! [`MIN_CHANGES`]), and at most [`MAX_PLANS`]. So it takes no more memory than another plan or
//! so, and an incremental transfer is never much longer than a whole one.

use std::collections::VecDeque;
use std::sync::Arc;

use plan_store::{Generation, Plan};

/// Most plans that are kept.
const MAX_PLANS: usize = 1_000;
/// So many changes are kept whatever the size of the plan.
const MIN_CHANGES: usize = 1_000;

/// Plans that were transferable, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    plans: VecDeque<Kept>,
    /// The changes of all of them but the oldest.
    changes: usize,
}

#[derive(Debug)]
struct Kept {
    generation: Generation,
    plan: Arc<Plan>,
    /// At how many endpoints it differs from the plan before it.
    changes: usize,
    /// Whether each secondary that has this generation has the zones as they are now.
    is_base: bool,
}

/// A plan that has been compared with the newest one of a history.
#[derive(Debug)]
pub(crate) struct Compared {
    plan: Arc<Plan>,
    changes: usize,
    newest: Option<Generation>,
}

impl Compared {
    /// Compares a plan with the newest one of a history. Takes long if both are large, so the
    /// caller holds no lock.
    pub(crate) fn new(plan: &Arc<Plan>, newest: Option<(Generation, Arc<Plan>)>) -> Self {
        let (plan, changes) = match &newest {
            None => (Arc::clone(plan), 0),
            Some((_, newest)) => {
                // Compares the plans once; from then on they share what is equal.
                let plan = Plan::clone(plan).sharing(newest);
                let changes = plan.changes_since(newest).count();
                (Arc::new(plan), changes)
            }
        };
        Self {
            plan,
            changes,
            newest: newest.map(|(generation, _)| generation),
        }
    }
}

impl History {
    /// Adds a plan, unless the history has got another newest one since the plan was compared
    /// with it. Returns whether it was added; else nothing changes.
    #[must_use]
    pub(crate) fn push(&mut self, generation: Generation, compared: Compared) -> bool {
        let Compared {
            plan,
            changes,
            newest,
        } = compared;
        if self.newest().map(|(newest, _)| newest) != newest {
            return false;
        }
        let room = plan.endpoints().len().max(MIN_CHANGES);
        self.plans.push_back(Kept {
            generation,
            plan,
            changes,
            is_base: true,
        });
        self.changes += changes;
        while self.plans.len() > MAX_PLANS || self.changes > room {
            self.drop_oldest();
        }
        true
    }

    fn drop_oldest(&mut self) {
        self.plans.pop_front();
        // The new oldest plan is compared with no older one.
        let changes = self
            .plans
            .front_mut()
            .map(|kept| std::mem::take(&mut kept.changes));
        self.changes -= changes.unwrap_or(self.changes);
    }

    /// The zones' own records have changed: a secondary may have any generation until now with
    /// either of them, so no plan until now can be compared with a later one.
    pub(crate) fn zones_changed(&mut self) {
        while self.plans.len() > 1 {
            self.drop_oldest();
        }
        for newest in &mut self.plans {
            newest.is_base = false;
        }
    }

    /// The newest plan.
    pub(crate) fn newest(&self) -> Option<(Generation, &Arc<Plan>)> {
        let newest = self.plans.back()?;
        Some((newest.generation, &newest.plan))
    }

    /// The plan of this generation, if it can be compared with the newest one.
    pub(crate) fn base(&self, generation: Generation) -> Option<&Arc<Plan>> {
        let of = |kept: &Kept| kept.generation;
        let at = self.plans.binary_search_by_key(&generation, of).ok()?;
        self.plans
            .get(at)
            .filter(|kept| kept.is_base)
            .map(|kept| &kept.plan)
    }
}

#[cfg(test)]
mod tests {
    use plan_store::{EndpointName, RecordSet, Target};

    use super::*;

    fn generation(number: u32) -> Generation {
        Generation::new(number).unwrap()
    }

    impl History {
        fn take(&mut self, number: u32, plan: &Arc<Plan>) -> bool {
            let newest = self.newest().map(|(at, plan)| (at, Arc::clone(plan)));
            self.push(generation(number), Compared::new(plan, newest))
        }
    }

    /// A plan of `count` endpoints, of which the first `changed` have this weight.
    fn plan(count: u32, changed: u32, weight: u8) -> Arc<Plan> {
        let endpoint = |n: u32| {
            let name: EndpointName = format!("e{n}.example").parse().unwrap();
            let weight = if n < changed { weight } else { 1 };
            let target = Target::new([192, 0, 2, 1].into(), weight);
            (name, RecordSet::new(5, [target]).unwrap())
        };
        Arc::new(Plan::new((0..count).map(endpoint)).unwrap())
    }

    #[test]
    fn a_plan_that_was_compared_with_another_one_is_not_added() {
        let mut history = History::default();
        assert!(history.newest().is_none());
        let late = Compared::new(&plan(3, 3, 2), None);
        assert!(history.take(7, &plan(3, 0, 1)));
        assert!(!history.push(generation(8), late));
        let (newest, kept) = history.newest().unwrap();
        assert_eq!((newest, &**kept), (generation(7), &*plan(3, 0, 1)));
    }

    #[test]
    fn plans_are_kept_while_their_changes_are_few() {
        let mut history = History::default();
        for n in (1..).take(MAX_PLANS + 5) {
            assert!(history.take(n, &plan(2, 1, if n % 2 == 0 { 2 } else { 3 })));
        }
        // The oldest of 1,000 plans is the sixth of 1,005.
        assert!(history.base(generation(5)).is_none());
        assert!(history.base(generation(6)).is_some());
        assert_eq!(history.changes, MAX_PLANS - 1);

        let mut history = History::default();
        for n in 1..=4_u8 {
            assert!(history.take(n.into(), &plan(2_000, 900, n)));
        }
        let kept: Vec<_> = (1..=5)
            .map(|n| history.base(generation(n)).is_some())
            .collect();
        assert_eq!(
            kept,
            [false, true, true, true, false],
            "twice 900 changes fit in 2,000"
        );
        assert_eq!(history.changes, 1_800);
        assert_eq!(**history.base(generation(2)).unwrap(), *plan(2_000, 900, 2));
    }

    #[test]
    fn a_change_of_the_zones_ends_all_comparisons_with_earlier_plans() {
        let mut history = History::default();
        for n in 1..=2_u8 {
            assert!(history.take(n.into(), &plan(3, 1, n)));
        }
        history.zones_changed();
        assert_eq!(history.newest().unwrap().0, generation(2));
        assert!(history.take(3, &plan(3, 1, 3)));
        let kept: Vec<_> = (1..=3)
            .map(|n| history.base(generation(n)).is_some())
            .collect();
        assert_eq!(kept, [false, false, true]);
    }
}
