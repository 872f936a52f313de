//! The plans that transfers are made from: the newest one, and older ones to compare it with.
//!
//! Plans are persistent, so an older plan costs only what has changed since. The history keeps as
//! many of them as together have no more changes than the newest plan has endpoints (but at least
//! [`MIN_CHANGES`]), and at most [`MAX_PLANS`]. So it takes no more memory than another plan or
//! so, and an incremental transfer is never much longer than a whole one.
//!
//! Each plan comes with the endpoints that changed in it. So a transfer finds what has changed
//! since any plan step by step ([`Changed`]), and compares no plans.
//!
//! To drop a large plan takes long. What a history has no use for any more is given to the
//! caller, which drops it once it holds no lock.

use std::cmp::Ordering;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};
use std::mem;
use std::sync::Arc;

use plan_store::{EndpointName, Generation, Plan};

/// Most plans that are kept.
const MAX_PLANS: usize = 1_000;
/// So many changes are kept whatever the size of the plan.
const MIN_CHANGES: usize = 1_000;

/// Names of endpoints, in order.
type Names = Arc<[EndpointName]>;

/// Plans that were transferable, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History {
    plans: VecDeque<Kept>,
    /// The changes of all of them but the oldest.
    changes: usize,
}

#[derive(Debug)]
pub(crate) struct Kept {
    generation: Generation,
    plan: Arc<Plan>,
    /// Where it differs from the plan before it; nothing in the oldest plan.
    changed: Names,
    /// Whether each secondary that has this generation has the zones as they are now.
    is_base: bool,
}

/// A plan that has been compared with the newest one of a history.
#[derive(Debug)]
pub(crate) struct Compared {
    plan: Arc<Plan>,
    changed: Names,
    newest: Option<Generation>,
}

impl Compared {
    /// Compares a plan with the newest one of a history. Takes long if both are large, so the
    /// caller holds no lock.
    pub(crate) fn new(plan: &Arc<Plan>, newest: Option<(Generation, Arc<Plan>)>) -> Self {
        let (plan, changed) = match &newest {
            None => (Arc::clone(plan), Names::default()),
            Some((_, newest)) => {
                // Compares the plans once; from then on they share what is equal.
                let plan = Plan::clone(plan).sharing(newest);
                let changed = plan.changes_since(newest).map(|(endpoint, _)| endpoint);
                let changed = changed.cloned().collect();
                (Arc::new(plan), changed)
            }
        };
        Self {
            plan,
            changed,
            newest: newest.map(|(generation, _)| generation),
        }
    }
}

/// An older plan, and where the newest one may differ from it.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) plan: Arc<Plan>,
    pub(crate) changed: Vec<Names>,
}

impl History {
    /// Adds a plan, and returns those that are not kept any more. Changes nothing and gives the
    /// plan back if the history has got another newest one since the plan was compared with it.
    pub(crate) fn push(
        &mut self,
        generation: Generation,
        compared: Compared,
    ) -> Result<Vec<Kept>, Compared> {
        if self.newest().map(|(newest, _)| newest) != compared.newest {
            return Err(compared);
        }
        let Compared { plan, changed, .. } = compared;
        let room = plan.endpoints().len().max(MIN_CHANGES);
        self.changes += changed.len();
        self.plans.push_back(Kept {
            generation,
            plan,
            changed,
            is_base: true,
        });
        let mut dropped = Vec::new();
        while self.plans.len() > MAX_PLANS || self.changes > room {
            dropped.extend(self.drop_oldest());
        }
        Ok(dropped)
    }

    fn drop_oldest(&mut self) -> Option<Kept> {
        let mut oldest = self.plans.pop_front()?;
        // The new oldest plan is compared with no older one. The caller drops the list, too.
        let new_oldest = self.plans.front_mut();
        oldest.changed =
            new_oldest.map_or_else(Names::default, |kept| mem::take(&mut kept.changed));
        self.changes -= oldest.changed.len();
        Some(oldest)
    }

    /// The zones' own records have changed: a secondary may have any generation until now with
    /// either of them, so no plan until now can be compared with a later one. Returns the plans
    /// that are not kept any more.
    pub(crate) fn zones_changed(&mut self) -> Vec<Kept> {
        let mut dropped = Vec::new();
        while self.plans.len() > 1 {
            dropped.extend(self.drop_oldest());
        }
        for newest in &mut self.plans {
            newest.is_base = false;
        }
        dropped
    }

    /// The newest plan.
    pub(crate) fn newest(&self) -> Option<(Generation, &Arc<Plan>)> {
        let newest = self.plans.back()?;
        Some((newest.generation, &newest.plan))
    }

    /// The plan of this generation, if it can be compared with the newest one.
    pub(crate) fn base(&self, generation: Generation) -> Option<Base> {
        let of = |kept: &Kept| kept.generation;
        let at = self.plans.binary_search_by_key(&generation, of).ok()?;
        let kept = self.plans.get(at).filter(|kept| kept.is_base)?;
        let later = self.plans.range(at + 1..);
        Some(Base {
            plan: Arc::clone(&kept.plan),
            changed: later.map(|kept| Arc::clone(&kept.changed)).collect(),
        })
    }
}

/// The names of several lists that lie at or below an apex, in order, each once.
///
/// They are merged as they are taken, so the beginning takes no longer if there are many of them.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    apex: EndpointName,
    lists: BinaryHeap<Rest>,
}

/// What is left of a list; the greatest is the one with the first name.
#[derive(Clone, Debug)]
struct Rest {
    names: Names,
    at: usize,
}

impl Changed {
    pub(crate) fn new(apex: EndpointName, lists: Vec<Names>) -> Self {
        // The names below a name come directly after it.
        let lists = lists.into_iter().map(|names| Rest {
            at: names.partition_point(|name| *name < apex),
            names,
        });
        Self {
            lists: lists.filter(|rest| rest.first().is_some()).collect(),
            apex,
        }
    }

    /// Takes the first name of all lists from one of them.
    fn take(&mut self) -> Option<EndpointName> {
        let mut first = self.lists.peek_mut()?;
        let name = first.first()?.clone();
        first.at += 1;
        if first.first().is_none() {
            PeekMut::pop(first);
        }
        Some(name)
    }
}

impl Iterator for Changed {
    type Item = EndpointName;

    fn next(&mut self) -> Option<EndpointName> {
        let name = self.take().filter(|name| name.is_at_or_below(&self.apex))?;
        while self.lists.peek().and_then(Rest::first) == Some(&name) {
            self.take();
        }
        Some(name)
    }
}

impl Rest {
    fn first(&self) -> Option<&EndpointName> {
        self.names.get(self.at)
    }
}

impl Ord for Rest {
    fn cmp(&self, other: &Self) -> Ordering {
        other.first().cmp(&self.first())
    }
}

impl PartialOrd for Rest {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rest {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rest {}

#[cfg(test)]
mod tests {
    use plan_store::{RecordSet, Target};

    use super::*;

    /// Names in the lists that the history holds.
    fn held(history: &History) -> usize {
        let lists = history.plans.iter().map(|kept| kept.changed.len());
        lists.sum()
    }

    fn generation(number: u32) -> Generation {
        Generation::new(number).unwrap()
    }

    impl History {
        fn take(&mut self, number: u32, plan: &Arc<Plan>) -> bool {
            let newest = self.newest().map(|(at, plan)| (at, Arc::clone(plan)));
            self.push(generation(number), Compared::new(plan, newest))
                .is_ok()
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
        assert!(history.push(generation(8), late).is_err());
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
        assert_eq!(held(&history), history.changes);

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
        assert_eq!(held(&history), history.changes, "no list is uncounted");
        assert_eq!(
            *history.base(generation(2)).unwrap().plan,
            *plan(2_000, 900, 2)
        );
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

    /// The caller may hold a lock, which a large plan would hold up.
    #[test]
    fn the_caller_drops_what_is_not_kept() {
        let mut history = History::default();
        let push = |history: &mut History, number: u32, plan: Arc<Plan>| {
            let weak = Arc::downgrade(&plan);
            let newest = history.newest().map(|(at, plan)| (at, Arc::clone(plan)));
            let compared = Compared::new(&plan, newest);
            drop(plan);
            (weak, history.push(generation(number), compared).unwrap())
        };
        let (first, dropped) = push(&mut history, 1, plan(2_000, 0, 1));
        assert!(dropped.is_empty());
        let (_, dropped) = push(&mut history, 2, plan(1, 1, 2));
        assert!(history.base(generation(1)).is_none(), "too many changes");
        assert!(first.upgrade().is_some());
        drop(dropped);
        assert!(first.upgrade().is_none());
        let (_, dropped) = push(&mut history, 3, plan(1, 1, 3));
        assert!(dropped.is_empty());
        let dropped = history.zones_changed();
        assert_eq!(dropped[0].generation, generation(2));
    }

    #[test]
    fn changes_of_several_plans_are_merged_in_order_from_the_apex_on() {
        let names = |texts: &str| -> Names {
            let names = texts.split_whitespace();
            let mut names: Vec<EndpointName> = names.map(|name| name.parse().unwrap()).collect();
            names.sort();
            names.into()
        };
        let lists = vec![
            names("a.test z.test shop.example b.shop.example"),
            names("a.example"),
            names("b.shop.example a.a.shop.example shop.example"),
            names(""),
        ];
        let merged: Vec<_> = Changed::new("shop.example".parse().unwrap(), lists).collect();
        let merged: Vec<_> = merged.iter().map(EndpointName::as_str).collect();
        assert_eq!(
            merged,
            ["shop.example", "a.a.shop.example", "b.shop.example"]
        );
    }
}
