//! Plans: a value for each endpoint.
//!
//! A [`Plan`] is always valid: [`Plan::new`] and [`Plan::changed`] check it, and a plan is
//! immutable.

use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use thiserror::Error;

use crate::{EndpointName, Key, RecordSet, Value};

/// A value for each endpoint. Immutable, in the order of the keys.
///
/// A plan does not contain its number. The store gives it a [`Generation`] when the plan is
/// published, and the same plan may be published again under a newer generation.
///
/// Plans are persistent. A plan that is made from another one by [`Plan::changed`] or
/// [`Plan::sharing`] shares the memory of the endpoints that did not change. So it takes memory
/// only for its changes: for each of them, in proportion to the logarithm of the plan's size.
///
/// ```
/// # use plan_store::{EndpointName, Plan, RecordSet, Target};
/// # use std::net::Ipv4Addr;
/// let name: EndpointName = "db.example".parse()?;
/// let target = Target::new(Ipv4Addr::new(192, 0, 2, 1).into(), 255);
/// let plan = Plan::new([(name.clone(), RecordSet::new(5, [target])?)])?;
/// assert_eq!(plan.records(&name).map(|records| records.a().len()), Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Generation`]: crate::Generation
#[derive(Debug)]
pub struct Plan<K: Key = EndpointName, V: Value = RecordSet> {
    endpoints: OrdMap<K, Arc<V>>,
    /// If two plans share this `Arc`, they name the same endpoints. Plans that do not share
    /// it may name the same endpoints too.
    names: Arc<()>,
}

/// An endpoint that one plan names and another does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NameChange<'a, K> {
    Added(&'a K),
    Removed(&'a K),
}

impl Plan {
    /// The most endpoints that a plan can name.
    pub const MAX_ENDPOINTS: usize = 1 << 20;
}

impl<K: Key, V: Value> Plan<K, V> {
    /// A plan of these endpoints, in any order.
    ///
    /// # Errors
    /// There is no endpoint, an endpoint occurs twice, or there are too many.
    pub fn new<R: Into<Arc<V>>>(
        endpoints: impl IntoIterator<Item = (K, R)>,
    ) -> Result<Self, InvalidPlan<K>> {
        let mut endpoints: Vec<_> = endpoints
            .into_iter()
            .map(|(name, records)| (name, records.into()))
            .collect();
        endpoints.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if let Some(pair) = endpoints.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(InvalidPlan::DuplicateEndpoint {
                endpoint: pair[0].0.clone(),
            });
        }
        Self::checked(endpoints.into_iter().collect(), Arc::new(()))
    }

    fn checked(endpoints: OrdMap<K, Arc<V>>, names: Arc<()>) -> Result<Self, InvalidPlan<K>> {
        match endpoints.len() {
            0 => Err(InvalidPlan::Empty),
            count if count > Plan::MAX_ENDPOINTS => Err(InvalidPlan::TooManyEndpoints { count }),
            _ => Ok(Self { endpoints, names }),
        }
    }

    /// This plan with some changes. An endpoint with `Some` gets that value, and one with
    /// `None` is left out. If an endpoint is changed twice, the later change counts. Each
    /// change takes time in proportion to the logarithm of the plan's size.
    ///
    /// # Errors
    /// No endpoint is left, or there are too many.
    pub fn changed<R: Into<Arc<V>>>(
        &self,
        changes: impl IntoIterator<Item = (K, Option<R>)>,
    ) -> Result<Self, InvalidPlan<K>> {
        let mut endpoints = self.endpoints.clone();
        let mut same_names = true;
        for (name, records) in changes {
            same_names &= match records {
                Some(records) => endpoints.insert(name, records.into()).is_some(),
                None => endpoints.remove(&name).is_none(),
            };
        }
        Self::checked(endpoints, self.names_if(same_names))
    }

    /// An equal plan that shares memory with `previous`: where the two plans have the same
    /// value for an endpoint, the result uses the value of `previous`. Compares the endpoints
    /// of both plans, except in parts that the two share already.
    #[must_use]
    pub fn sharing(self, previous: &Self) -> Self {
        let mut endpoints = previous.endpoints.clone();
        let mut same_names = true;
        for difference in previous.endpoints.diff(&self.endpoints) {
            same_names &= match difference {
                DiffItem::Add(name, records)
                | DiffItem::Update {
                    old: (name, _),
                    new: (_, records),
                } => endpoints
                    .insert(name.clone(), Arc::clone(records))
                    .is_some(),
                DiffItem::Remove(name, _) => endpoints.remove(name).is_none(),
            };
        }
        let names = previous.names_if(same_names);
        Self { endpoints, names }
    }

    /// The `names` of a plan that is made from this one, and that names the same endpoints
    /// if `same`.
    fn names_if(&self, same: bool) -> Arc<()> {
        if same {
            Arc::clone(&self.names)
        } else {
            Arc::new(())
        }
    }

    /// Whether the two are known to name the same endpoints.
    pub(crate) fn names_the_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.names, &other.names)
    }

    /// The value of an endpoint, if the plan names it. In a DNS plan, that is its record set.
    pub fn records(&self, endpoint: &K) -> Option<&Arc<V>> {
        self.endpoints.get(endpoint)
    }

    /// Whether the plan names this endpoint.
    pub fn names(&self, endpoint: &K) -> bool {
        self.endpoints.contains_key(endpoint)
    }

    /// The endpoints with their values, in the order of the keys.
    pub fn endpoints(&self) -> impl ExactSizeIterator<Item = (&K, &Arc<V>)> {
        self.endpoints.iter()
    }

    /// The same from this endpoint on, which the plan need not name. Finding the first takes time
    /// in proportion to the logarithm of the plan's size, so a long walk can stop and go on later.
    pub fn endpoints_from(&self, first: &K) -> impl Iterator<Item = (&K, &Arc<V>)> {
        self.endpoints.range::<_, K>(first..)
    }

    /// The changes that make `previous` equal to this plan: [`Plan::changed`] takes them. Takes
    /// time in proportion to the parts that the two do not share.
    pub fn changes_since<'a>(
        &'a self,
        previous: &'a Self,
    ) -> impl Iterator<Item = (&'a K, Option<&'a Arc<V>>)> {
        let differences = previous.endpoints.diff(&self.endpoints);
        differences.map(|difference| match difference {
            DiffItem::Add(name, value)
            | DiffItem::Update {
                new: (name, value), ..
            } => (name, Some(value)),
            DiffItem::Remove(name, _) => (name, None),
        })
    }

    /// The endpoints that only one of the two plans names. Takes time in proportion to the
    /// parts that the two do not share.
    pub(crate) fn named_since<'a>(
        &'a self,
        previous: &'a Self,
    ) -> impl Iterator<Item = NameChange<'a, K>> {
        let differences = previous.endpoints.diff(&self.endpoints);
        differences.filter_map(|difference| match difference {
            DiffItem::Add(name, _) => Some(NameChange::Added(name)),
            DiffItem::Remove(name, _) => Some(NameChange::Removed(name)),
            DiffItem::Update { .. } => None,
        })
    }
}

/// A copy shares all memory with the original.
impl<K: Key, V: Value> Clone for Plan<K, V> {
    fn clone(&self) -> Self {
        let names = Arc::clone(&self.names);
        Self {
            endpoints: self.endpoints.clone(),
            names,
        }
    }
}

/// Plans are equal if they name the same endpoints, with equal values.
impl<K: Key, V: Value> PartialEq for Plan<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.endpoints == other.endpoints
    }
}

impl<K: Key, V: Value> Eq for Plan<K, V> {}

/// Why endpoints and their values are not a plan.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum InvalidPlan<K = EndpointName> {
    /// It names no endpoint.
    #[error("the plan names no endpoint, so it would withdraw all of them; name at least one")]
    Empty,

    /// It names an endpoint twice.
    #[error("the plan names endpoint {endpoint} twice; name it once")]
    DuplicateEndpoint {
        /// The endpoint.
        endpoint: K,
    },

    /// It names too many endpoints.
    #[error(
        "the plan names {count} endpoints, more than {}; divide them among several stores",
        Plan::MAX_ENDPOINTS
    )]
    TooManyEndpoints {
        /// How many there are.
        count: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InvalidRecordSet, Target};

    fn name(text: &str) -> EndpointName {
        text.parse().unwrap()
    }

    fn target(address: &str, weight: u8) -> Target {
        Target::new(address.parse().unwrap(), weight)
    }

    fn records(targets: &[Target]) -> Result<RecordSet, InvalidRecordSet> {
        RecordSet::new(5, targets.iter().copied())
    }

    #[test]
    fn a_bad_plan_is_refused() {
        let set = || records(&[target("192.0.2.1", 1)]).unwrap();
        let none: [(EndpointName, RecordSet); 0] = [];
        assert!(matches!(Plan::new(none), Err(InvalidPlan::Empty)));
        let twice = [(name("a.example"), set()), (name("A.example."), set())];
        let error = Plan::new(twice).unwrap_err();
        assert!(
            matches!(error, InvalidPlan::DuplicateEndpoint { .. }),
            "{error}"
        );
        let shared = Arc::new(set());
        let many = (0..=Plan::MAX_ENDPOINTS).map(|i| (name(&format!("e{i}")), shared.clone()));
        let error = Plan::<EndpointName, RecordSet>::new(many).unwrap_err();
        assert!(
            matches!(error, InvalidPlan::TooManyEndpoints { .. }),
            "{error}"
        );
    }

    #[test]
    fn unchanged_record_sets_share_memory() {
        let set = |weight| records(&[target("192.0.2.1", weight)]).unwrap();
        let old = Plan::new([(name("a"), set(1)), (name("b"), set(1))]).unwrap();
        let new = Plan::new([
            (name("b"), set(2)),
            (name("a"), set(1)),
            (name("c"), set(1)),
        ])
        .unwrap()
        .sharing(&old);
        let shared = |n: &str| {
            Arc::ptr_eq(
                new.records(&name(n)).unwrap(),
                old.records(&name(n)).unwrap(),
            )
        };
        assert!(shared("a"), "unchanged");
        assert!(!shared("b"), "changed");
        assert_eq!(new.endpoints().len(), 3);
        assert!(!old.names(&name("c")));
    }

    #[test]
    fn a_changed_plan_differs_in_its_changes_alone() {
        let set = |weight| Some(records(&[target("192.0.2.1", weight)]).unwrap());
        let plan = |pairs: &[(&str, u8)]| {
            let pairs = pairs.iter().map(|&(n, weight)| (name(n), set(weight)));
            Plan::new(pairs.map(|(n, set)| (n, set.unwrap()))).unwrap()
        };
        let old = plan(&[("a", 1), ("b", 1), ("d", 1)]);
        let changes = [
            (name("a"), set(9)),
            (name("a"), set(2)),
            (name("b"), None),
            (name("c"), set(3)),
            (name("e"), None),
        ];
        let new = old.changed(changes).unwrap();
        assert_eq!(new, plan(&[("a", 2), ("c", 3), ("d", 1)]));
        let changes = new.changes_since(&old);
        let changes: Vec<_> = changes.map(|(n, v)| (n.clone(), v.cloned())).collect();
        assert_eq!(changes.len(), 3);
        assert_eq!(old.changed(changes).unwrap(), new);
        let differences: Vec<_> = new.named_since(&old).collect();
        assert_eq!(
            differences,
            [
                NameChange::Removed(&name("b")),
                NameChange::Added(&name("c"))
            ]
        );
        assert!(!new.names_the_same(&old));
        let same = old
            .changed([(name("a"), set(7)), (name("x"), None)])
            .unwrap();
        assert!(same.names_the_same(&old) && same != old);
        let fewer = old.changed([(name("b"), None::<RecordSet>)]).unwrap();
        let more = old.changed([(name("c"), set(1))]).unwrap();
        for other in [&fewer, &more] {
            assert!(!other.names_the_same(&old));
            assert!(!Plan::clone(other).sharing(&old).names_the_same(&old));
        }
        let shared = plan(&[("a", 2), ("b", 1), ("d", 1)]).sharing(&old);
        assert!(shared.names_the_same(&old) && !new.sharing(&old).names_the_same(&old));
        let new = old
            .changed([(name("b"), None), (name("c"), set(3))])
            .unwrap();
        let (one, two) = (name("c"), name("d"));
        let nothing = [name("a"), one, two].map(|name| (name, None::<RecordSet>));
        assert!(matches!(new.changed(nothing), Err(InvalidPlan::Empty)));
    }
}
