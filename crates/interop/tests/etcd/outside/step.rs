//! Which changes one revision may have: each transaction of the store is one step of the
//! protocol, as the documentation of `plan-store-etcd` lists them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Keys, Standing, hex, number};

/// The changes of one revision, by what they concern.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct Changes {
    head: Option<u64>,
    published: BTreeSet<u64>,
    deleted: BTreeSet<u64>,
    standings: BTreeMap<String, Option<Standing>>,
    rollbacks: BTreeMap<String, Option<u64>>,
    pinned: BTreeSet<u64>,
    unpinned: usize,
    chunks: BTreeMap<String, bool>,
    /// Keys that no rule of the plans concerns: notes, the leader, a cluster's successor.
    beside: usize,
}

/// Says what is wrong if these changes are no step from there.
pub(super) fn check(before: &Keys, changes: &[Change]) -> Result<(), String> {
    let changes = Changes::of(changes);
    let steps = [
        Changes::is_publish,
        Changes::brings_endpoints_early,
        Changes::stores_chunks,
        Changes::writes_head_again,
        Changes::takes_steps,
        Changes::deletes_a_plan,
        Changes::pins_or_unpins,
        Changes::is_beside,
    ];
    if steps.iter().any(|is_step| is_step(&changes, before)) {
        return Ok(());
    }
    Err(format!("no step of the protocol does this: {changes:?}"))
}

impl Changes {
    fn of(changes: &[Change]) -> Self {
        let mut all = Self::default();
        for Change { key, value } in changes {
            let value = value.as_deref();
            match key.split_once('/') {
                Some(("plan", name)) if value.is_some() => {
                    all.published.insert(hex(name));
                }
                Some(("plan", name)) => {
                    all.deleted.insert(hex(name));
                }
                Some(("active", name)) => {
                    let standing = value.map(|value| Standing::of(number(value)));
                    all.standings.insert(name.into(), standing);
                }
                Some(("rollback", name)) => {
                    all.rollbacks.insert(name.into(), value.map(number));
                }
                Some(("pin", name)) if value.is_some() => {
                    all.pinned.insert(hex(name.split('/').next().unwrap()));
                }
                Some(("pin", _)) => all.unpinned += 1,
                Some(("plan-chunk", name)) => {
                    all.chunks.insert(name.into(), value.is_some());
                }
                None if key == "head" => all.head = value.map(number),
                _ => all.beside += 1,
            }
        }
        all
    }

    /// Whether nothing is changed but what `of_this_step` clears.
    fn has_only(&self, of_this_step: impl Fn(&mut Self)) -> bool {
        let mut rest = self.clone();
        of_this_step(&mut rest);
        rest == Self::default()
    }

    /// Whether the endpoints are new, and this plan brings them.
    fn only_brings(&self, before: &Keys, by: impl Fn(u64) -> bool) -> bool {
        let mut all = self.standings.iter();
        all.all(|(name, standing)| {
            matches!(standing, Some(Standing::Vacant(plan)) if by(*plan))
                && !before.standings.contains_key(name)
                && self.rollbacks.get(name) == Some(&Some(0))
        }) && self.standings.len() == self.rollbacks.len()
    }

    fn is_publish(&self, before: &Keys) -> bool {
        let next = before.head + 1;
        self.head == Some(next)
            && self.published == BTreeSet::from([next])
            && !before.plans.contains(&next)
            && self.only_brings(before, |plan| plan == next)
            && self.has_only(|rest| {
                rest.head = None;
                rest.published.clear();
                rest.standings.clear();
                rest.rollbacks.clear();
            })
    }

    fn brings_endpoints_early(&self, before: &Keys) -> bool {
        self.only_brings(before, |plan| plan > before.head)
            && self.has_only(|rest| {
                rest.standings.clear();
                rest.rollbacks.clear();
            })
    }

    fn stores_chunks(&self, _: &Keys) -> bool {
        self.chunks.values().all(|is_put| *is_put) && self.has_only(|rest| rest.chunks.clear())
    }

    /// Alone, or to forget endpoints, or to delete chunks.
    fn writes_head_again(&self, before: &Keys) -> bool {
        let forgets = |(name, standing): (&String, &Option<Standing>)| {
            let was = before.standings.get(name);
            standing.is_none()
                && was.is_some_and(|was| was.active().is_none())
                && before.rollbacks.get(name) == Some(&0)
                && self.rollbacks.get(name) == Some(&None)
        };
        self.head == Some(before.head)
            && self.standings.iter().all(forgets)
            && self.standings.len() == self.rollbacks.len()
            && self.chunks.values().all(|is_put| !is_put)
            && self.has_only(|rest| {
                rest.head = None;
                rest.standings.clear();
                rest.rollbacks.clear();
                rest.chunks.clear();
            })
    }

    /// Activations and withdrawals by one plan, which is pinned.
    fn takes_steps(&self, before: &Keys) -> bool {
        let by = |standing: &Option<Standing>| match standing {
            Some(Standing::Active(plan) | Standing::Withdrawn(plan)) => Some(*plan),
            _ => None,
        };
        let Some(plan) = self.standings.values().next().and_then(by) else {
            return false;
        };
        let is_step = |(name, standing): (&String, &Option<Standing>)| {
            let was = before.standings.get(name);
            by(standing) == Some(plan)
                && was.is_some_and(|was| was.number() < 4 * plan + 1)
                && self.rollbacks.get(name)
                    == Some(&Some(was.and_then(|was| was.active()).unwrap_or(0)))
        };
        before.pins.values().any(|on| *on == plan)
            && before.plans.contains(&plan)
            && self.standings.iter().all(is_step)
            && self.standings.len() == self.rollbacks.len()
            && self.has_only(|rest| {
                rest.standings.clear();
                rest.rollbacks.clear();
            })
    }

    fn deletes_a_plan(&self, before: &Keys) -> bool {
        let is_free = |plan: &u64| {
            *plan < before.head
                && !before.pins.values().any(|on| on == plan)
                && !before.rollbacks.values().any(|to| to == plan)
                && !before
                    .standings
                    .values()
                    .any(|here| here.active() == Some(*plan))
        };
        self.deleted.len() == 1
            && self.deleted.iter().all(is_free)
            && self.has_only(|rest| rest.deleted.clear())
    }

    /// A store picks up a plan, or drops pins, or its lease runs out.
    fn pins_or_unpins(&self, before: &Keys) -> bool {
        let is_pin = self.pinned.len() == 1 && self.unpinned == 0;
        let is_there = self.pinned.is_subset(&before.plans);
        (is_pin && is_there || self.pinned.is_empty())
            && self.has_only(|rest| {
                rest.pinned.clear();
                rest.unpinned = 0;
            })
    }

    fn is_beside(&self, _: &Keys) -> bool {
        self.beside > 0 && self.has_only(|rest| rest.beside = 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, number: u64) -> Change {
        Change {
            key: key.into(),
            value: Some(number.to_be_bytes().to_vec()),
        }
    }

    fn delete(key: &str) -> Change {
        Change {
            key: key.into(),
            value: None,
        }
    }

    /// Plans 1 to 3; `a` is at 2 with 1 as its rollback target, `b` was brought by 3, and 2
    /// is pinned.
    fn keys() -> Keys {
        let mut keys = Keys::default();
        for plan in 1..=3 {
            keys.apply(&put(&format!("plan/{plan:08x}"), 0));
        }
        for (key, number) in [
            ("head", 3),
            ("active/a", 4 * 2 + 2),
            ("rollback/a", 1),
            ("active/b", 4 * 3),
            ("rollback/b", 0),
            ("pin/00000002/1.0", 0),
        ] {
            keys.apply(&put(key, number));
        }
        keys
    }

    #[test]
    fn each_step_of_the_protocol_is_allowed() {
        let pinned = || {
            let mut keys = keys();
            keys.apply(&put("pin/00000003/1.1", 0));
            keys
        };
        let publish = [
            put("head", 4),
            put("plan/00000004", 0),
            put("active/c", 16),
            put("rollback/c", 0),
        ];
        check(&keys(), &publish).unwrap();
        check(&keys(), &[put("active/c", 20), put("rollback/c", 0)]).unwrap();
        check(&keys(), &[put("plan-chunk/ab", 0)]).unwrap();
        check(&keys(), &[put("head", 3)]).unwrap();
        check(&keys(), &[put("head", 3), delete("plan-chunk/ab")]).unwrap();
        let forget = [put("head", 3), delete("active/b"), delete("rollback/b")];
        check(&keys(), &forget).unwrap();
        let steps = [
            put("active/a", 14),
            put("rollback/a", 2),
            put("active/b", 14),
            put("rollback/b", 0),
        ];
        check(&pinned(), &steps).unwrap();
        check(&pinned(), &[put("active/b", 13), put("rollback/b", 0)]).unwrap();
        check(&keys(), &[put("pin/00000003/1.1", 0)]).unwrap();
        check(&keys(), &[delete("pin/00000002/1.0")]).unwrap();
        check(&keys(), &[put("note/x", 0)]).unwrap();
        let mut free = keys();
        free.apply(&put("rollback/a", 0));
        check(&free, &[delete("plan/00000001")]).unwrap();
    }

    /// The control: each rule refuses a step without it.
    #[test]
    fn what_is_no_step_is_refused() {
        let refused = [
            // A publish that skips a generation, that takes one back, or without its plan.
            vec![put("head", 5), put("plan/00000005", 0)],
            vec![put("head", 2)],
            vec![put("head", 4)],
            vec![put("plan/00000004", 0)],
            // One that brings an endpoint which is there, or without its rollback target.
            vec![
                put("head", 4),
                put("plan/00000004", 0),
                put("active/a", 16),
                put("rollback/a", 0),
            ],
            vec![put("head", 4), put("plan/00000004", 0), put("active/c", 16)],
            // Keys put early for a plan that is published.
            vec![put("active/c", 12), put("rollback/c", 0)],
            // A step without a pin, and steps back or by a stale plan.
            vec![put("active/b", 14), put("rollback/b", 0)],
            vec![put("active/a", 10), put("rollback/a", 2)],
            vec![put("active/b", 10), put("rollback/b", 0)],
            // A step of an unknown endpoint.
            vec![put("active/c", 10), put("rollback/c", 0)],
            // Plans that are active, a rollback target, or the newest.
            vec![delete("plan/00000002")],
            vec![delete("plan/00000001")],
            vec![delete("plan/00000003")],
            // A pin on a plan that is not there.
            vec![put("pin/00000007/1.1", 0)],
            // An endpoint that is forgotten while it is active, or without writing `head`.
            vec![put("head", 3), delete("active/a"), delete("rollback/a")],
            vec![delete("active/b"), delete("rollback/b")],
            // A chunk that is deleted without writing `head`.
            vec![delete("plan-chunk/ab")],
        ];
        for changes in refused {
            check(&keys(), &changes).unwrap_err();
        }
        let mut pinned = keys();
        pinned.apply(&put("pin/00000003/1.1", 0));
        // A rollback target that was not active, and a step without one.
        for changes in [
            vec![put("active/a", 14), put("rollback/a", 1)],
            vec![put("active/a", 14)],
        ] {
            check(&pinned, &changes).unwrap_err();
        }
    }
}
