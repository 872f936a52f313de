//! Plans: for every endpoint, its targets with weights.
//!
//! A [`Plan`] cannot be wrong: [`RecordSet::new`] and [`Plan::new`] check all
//! there is to check, and neither can be changed afterwards.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

use crate::{EndpointName, Error};

/// A load balancer's address and the weight it is drawn with.
///
/// Weights are relative: of two targets with weights 3 and 1 the first is drawn
/// three times out of four. Weight 0 keeps a target in the plan but out of the
/// draw as long as another is left.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Target<A = IpAddr> {
    /// The address.
    pub address: A,
    /// The weight, `0..=255`.
    pub weight: u8,
}

impl<A> Target<A> {
    /// A target.
    pub const fn new(address: A, weight: u8) -> Self {
        Self { address, weight }
    }
}

/// An address family, and the type of its records.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// IPv4, A records.
    A,
    /// IPv6, AAAA records.
    Aaaa,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
        })
    }
}

/// What one endpoint answers with: A and AAAA targets, and for how long a
/// resolver may keep them.
///
/// Holds at least one target; in each family no address twice and, unless the
/// family is absent, a weight above 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordSet {
    ttl: u32,
    a: Box<[Target<Ipv4Addr>]>,
    aaaa: Box<[Target<Ipv6Addr>]>,
}

impl RecordSet {
    /// Most targets of one family: as many AAAA records as fit, with room to
    /// spare, into the 65,535 bytes of a DNS message over TCP.
    pub const MAX_TARGETS: usize = 1024;

    /// Longest TTL in seconds: a week, the cap that RFC 8767 advises resolvers
    /// to put on it.
    pub const MAX_TTL: u32 = 7 * 24 * 60 * 60;

    /// The record set of `endpoint`, whose name serves only the error messages.
    /// The order of the targets is kept within each family.
    ///
    /// # Errors
    /// [`Error::EmptyRecordSet`], [`Error::DuplicateTarget`],
    /// [`Error::UnusableAddress`], [`Error::AllWeightsZero`],
    /// [`Error::TooManyTargets`], [`Error::TtlTooLong`].
    pub fn new(
        endpoint: &EndpointName,
        ttl: u32,
        targets: impl IntoIterator<Item = Target>,
    ) -> Result<Self, Error> {
        let endpoint = || endpoint.clone();
        if ttl > Self::MAX_TTL {
            return Err(Error::TtlTooLong {
                endpoint: endpoint(),
                seconds: ttl,
            });
        }
        let (mut a, mut aaaa) = (Vec::new(), Vec::new());
        for Target { address, weight } in targets {
            if !is_usable(address) {
                return Err(Error::UnusableAddress {
                    endpoint: endpoint(),
                    address,
                });
            }
            match address {
                IpAddr::V4(address) => a.push(Target { address, weight }),
                IpAddr::V6(address) => aaaa.push(Target { address, weight }),
            }
        }
        if a.is_empty() && aaaa.is_empty() {
            return Err(Error::EmptyRecordSet {
                endpoint: endpoint(),
            });
        }
        Ok(Self {
            ttl,
            a: checked_family(endpoint, Family::A, a)?,
            aaaa: checked_family(endpoint, Family::Aaaa, aaaa)?,
        })
    }

    /// How long a resolver may keep the answer, in seconds, `0..=MAX_TTL`.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// The IPv4 targets; none if the endpoint has only IPv6.
    pub fn a(&self) -> &[Target<Ipv4Addr>] {
        &self.a
    }

    /// The IPv6 targets; none if the endpoint has only IPv4.
    pub fn aaaa(&self) -> &[Target<Ipv6Addr>] {
        &self.aaaa
    }

    /// All targets, IPv4 before IPv6.
    pub fn targets(&self) -> impl Iterator<Item = Target> + '_ {
        let a = self
            .a
            .iter()
            .map(|t| Target::new(t.address.into(), t.weight));
        let aaaa = self
            .aaaa
            .iter()
            .map(|t| Target::new(t.address.into(), t.weight));
        a.chain(aaaa)
    }
}

fn is_usable(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !(address.is_unspecified() || address.is_multicast() || broadcast)
}

/// `targets` as they are, once their number, weights and addresses are checked.
fn checked_family<A: Copy + Ord + Into<IpAddr>>(
    endpoint: impl Fn() -> EndpointName,
    family: Family,
    targets: Vec<Target<A>>,
) -> Result<Box<[Target<A>]>, Error> {
    let count = targets.len();
    if count > RecordSet::MAX_TARGETS {
        return Err(Error::TooManyTargets {
            endpoint: endpoint(),
            family,
            count,
        });
    }
    if count > 0 && targets.iter().all(|t| t.weight == 0) {
        return Err(Error::AllWeightsZero {
            endpoint: endpoint(),
            family,
        });
    }
    let mut addresses: Vec<A> = targets.iter().map(|t| t.address).collect();
    addresses.sort_unstable();
    if let Some(pair) = addresses.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::DuplicateTarget {
            endpoint: endpoint(),
            address: pair[0].into(),
        });
    }
    Ok(targets.into_boxed_slice())
}

/// For every endpoint its record set. Immutable, sorted by name.
///
/// A plan has no number of its own: it gets its [`Generation`] when it is
/// published, and the same content may be published again under a newer one.
/// Plans are persistent: one that is made of another by [`Plan::changed`] or
/// [`Plan::sharing`] has in common with it all that did not change, so it costs
/// time and memory for its changes, each times the logarithm of the plan's size.
///
/// ```
/// # use plan_store::{EndpointName, Plan, RecordSet, Target};
/// # use std::net::Ipv4Addr;
/// let name: EndpointName = "db.example".parse()?;
/// let target = Target::new(Ipv4Addr::new(192, 0, 2, 1).into(), 255);
/// let plan = Plan::new([(name.clone(), RecordSet::new(&name, 5, [target])?)])?;
/// assert_eq!(plan.records(&name).map(|records| records.a().len()), Some(1));
/// # Ok::<(), plan_store::Error>(())
/// ```
///
/// [`Generation`]: crate::Generation
#[derive(Clone, Debug)]
pub struct Plan {
    endpoints: OrdMap<EndpointName, Arc<RecordSet>>,
    /// The same in two plans only if they name the same endpoints; they may do so
    /// without it, too.
    names: Arc<()>,
}

/// An endpoint that one plan names and another does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NameChange<'a> {
    Added(&'a EndpointName),
    Removed(&'a EndpointName),
}

impl Plan {
    /// Most endpoints of a plan.
    pub const MAX_ENDPOINTS: usize = 1 << 20;

    /// A plan of these endpoints, in any order.
    ///
    /// # Errors
    /// [`Error::EmptyPlan`], [`Error::DuplicateEndpoint`],
    /// [`Error::TooManyEndpoints`].
    pub fn new<R: Into<Arc<RecordSet>>>(
        endpoints: impl IntoIterator<Item = (EndpointName, R)>,
    ) -> Result<Self, Error> {
        let mut endpoints: Vec<_> = endpoints
            .into_iter()
            .map(|(name, records)| (name, records.into()))
            .collect();
        endpoints.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if let Some(pair) = endpoints.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(Error::DuplicateEndpoint {
                endpoint: pair[0].0.clone(),
            });
        }
        Self::checked(endpoints.into_iter().collect(), Arc::new(()))
    }

    fn checked(
        endpoints: OrdMap<EndpointName, Arc<RecordSet>>,
        names: Arc<()>,
    ) -> Result<Self, Error> {
        match endpoints.len() {
            0 => Err(Error::EmptyPlan),
            count if count > Self::MAX_ENDPOINTS => Err(Error::TooManyEndpoints { count }),
            _ => Ok(Self { endpoints, names }),
        }
    }

    /// This plan, but for some endpoints: each gets these records, or with `None`
    /// is not named any more. Of two changes to one endpoint the later counts.
    ///
    /// # Errors
    /// [`Error::EmptyPlan`], [`Error::TooManyEndpoints`].
    pub fn changed<R: Into<Arc<RecordSet>>>(
        &self,
        changes: impl IntoIterator<Item = (EndpointName, Option<R>)>,
    ) -> Result<Self, Error> {
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

    /// The same plan, with all that `previous` has as well taken from there, so
    /// that the two share their memory. Looks at every endpoint of both, but for
    /// what they share already.
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

    /// What a plan made of this one has for `names`.
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

    /// The record set of an endpoint, if the plan names it.
    pub fn records(&self, endpoint: &EndpointName) -> Option<&Arc<RecordSet>> {
        self.endpoints.get(endpoint)
    }

    /// Whether the plan names this endpoint.
    pub fn names(&self, endpoint: &EndpointName) -> bool {
        self.endpoints.contains_key(endpoint)
    }

    /// The endpoints with their record sets, by name.
    pub fn endpoints(&self) -> impl ExactSizeIterator<Item = (&EndpointName, &Arc<RecordSet>)> {
        self.endpoints.iter()
    }

    /// Which endpoints it names and `previous` does not, and the other way round.
    /// Costs no more than what the two do not share.
    pub(crate) fn named_since<'a>(
        &'a self,
        previous: &'a Self,
    ) -> impl Iterator<Item = NameChange<'a>> {
        let differences = previous.endpoints.diff(&self.endpoints);
        differences.filter_map(|difference| match difference {
            DiffItem::Add(name, _) => Some(NameChange::Added(name)),
            DiffItem::Remove(name, _) => Some(NameChange::Removed(name)),
            DiffItem::Update { .. } => None,
        })
    }
}

/// Plans are equal if they say the same of the same endpoints.
impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        self.endpoints == other.endpoints
    }
}

impl Eq for Plan {}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> EndpointName {
        text.parse().unwrap()
    }

    fn target(address: &str, weight: u8) -> Target {
        Target::new(address.parse().unwrap(), weight)
    }

    fn records(targets: &[Target]) -> Result<RecordSet, Error> {
        RecordSet::new(&name("db.example"), 5, targets.iter().copied())
    }

    #[test]
    fn a_record_set_keeps_its_families_apart() {
        let set = records(&[
            target("2001:db8::1", 7),
            target("192.0.2.2", 0),
            target("192.0.2.1", 9),
        ])
        .unwrap();
        assert_eq!(set.a().len(), 2);
        assert_eq!(set.aaaa(), [Target::new("2001:db8::1".parse().unwrap(), 7)]);
        let all: Vec<_> = set.targets().map(|t| t.weight).collect();
        assert_eq!(all, [0, 9, 7]);
    }

    #[test]
    fn a_bad_record_set_names_the_endpoint_and_the_fault() {
        let many = |n: u32| -> Vec<Target> {
            (0..n)
                .map(|i| Target::new(Ipv4Addr::from_bits(0x0a00_0000 + i).into(), 1))
                .collect()
        };
        assert!(records(&many(1024)).is_ok());
        let cases: Vec<(Result<RecordSet, Error>, &str)> = vec![
            (records(&[]), "no targets"),
            (
                records(&[target("192.0.2.1", 1), target("192.0.2.1", 2)]),
                "192.0.2.1 twice",
            ),
            (records(&[target("192.0.2.1", 0)]), "all A weights are 0"),
            (
                records(&[target("192.0.2.1", 1), target("2001:db8::1", 0)]),
                "all AAAA weights are 0",
            ),
            (records(&[target("0.0.0.0", 1)]), "unspecified"),
            (records(&[target("255.255.255.255", 1)]), "broadcast"),
            (records(&[target("ff02::1", 1)]), "multicast"),
            (records(&many(1025)), "1025 A targets, more than 1024"),
            (
                RecordSet::new(&name("db.example"), 604_801, [target("192.0.2.1", 1)]),
                "604801 s is more than 604800 s",
            ),
        ];
        for (result, says) in cases {
            let error = result.unwrap_err().to_string();
            assert!(error.contains("db.example"), "{error}");
            assert!(error.contains(says), "`{error}` does not say `{says}`");
        }
    }

    #[test]
    fn a_bad_plan_is_refused() {
        let set = || records(&[target("192.0.2.1", 1)]).unwrap();
        let none: [(EndpointName, RecordSet); 0] = [];
        assert!(matches!(Plan::new(none), Err(Error::EmptyPlan)));
        let twice = [(name("a.example"), set()), (name("A.example."), set())];
        let error = Plan::new(twice).unwrap_err();
        assert!(matches!(error, Error::DuplicateEndpoint { .. }), "{error}");
        let shared = Arc::new(set());
        let many = (0..=Plan::MAX_ENDPOINTS).map(|i| (name(&format!("e{i}")), shared.clone()));
        let error = Plan::new(many).unwrap_err();
        assert!(matches!(error, Error::TooManyEndpoints { .. }), "{error}");
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
        let shared = plan(&[("a", 2), ("b", 1), ("d", 1)]).sharing(&old);
        assert!(shared.names_the_same(&old) && !new.sharing(&old).names_the_same(&old));
        let new = old
            .changed([(name("b"), None), (name("c"), set(3))])
            .unwrap();
        let (one, two) = (name("c"), name("d"));
        let nothing = [name("a"), one, two].map(|name| (name, None::<RecordSet>));
        assert!(matches!(new.changed(nothing), Err(Error::EmptyPlan)));
    }
}
