//! Record sets: an endpoint's targets with weights, and the static records of its name.
//!
//! A [`RecordSet`] is always valid: its constructors check it, and it is immutable.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use super::StaticRecords;

/// A load balancer's address, with a weight.
///
/// Weights are relative: of two targets with the weights 3 and 1, a draw takes the first one
/// three times out of four. A target with weight 0 is in the plan, but a draw does not take it
/// while another target is left.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Target<A = IpAddr> {
    /// The address.
    pub address: A,
    /// The weight, `0..=255`.
    pub weight: u8,
}

impl<A> Target<A> {
    /// A target with this address and weight.
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

/// What a name answers: the A and AAAA targets of an endpoint, with the time for which a
/// resolver may keep them, and static records of all other types. A name that is no endpoint
/// has static records alone.
///
/// A record set has at least one target or static record. No address occurs twice. In each
/// family that has targets, at least one weight is greater than 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordSet {
    ttl: u32,
    a: Box<[Target<Ipv4Addr>]>,
    aaaa: Box<[Target<Ipv6Addr>]>,
    static_records: StaticRecords,
}

impl RecordSet {
    /// The most targets of one family. That many AAAA records fit easily into the 65,535 bytes
    /// of a DNS message over TCP.
    pub const MAX_TARGETS: usize = 1024;

    /// The longest TTL in seconds: one week, the upper limit that RFC 8767 recommends to
    /// resolvers.
    pub const MAX_TTL: u32 = 7 * 24 * 60 * 60;

    /// A record set. Within each family, the targets stay in the given order.
    ///
    /// # Errors
    /// The targets or the TTL are not valid. The error does not name the endpoint, which
    /// the caller knows.
    pub fn new(
        ttl: u32,
        targets: impl IntoIterator<Item = Target>,
    ) -> Result<Self, InvalidRecordSet> {
        if ttl > Self::MAX_TTL {
            return Err(InvalidRecordSet::TtlTooLong { seconds: ttl });
        }
        let (mut a, mut aaaa) = (Vec::new(), Vec::new());
        for Target { address, weight } in targets {
            if !is_usable(address) {
                return Err(InvalidRecordSet::UnusableAddress { address });
            }
            match address {
                IpAddr::V4(address) => a.push(Target { address, weight }),
                IpAddr::V6(address) => aaaa.push(Target { address, weight }),
            }
        }
        if a.is_empty() && aaaa.is_empty() {
            return Err(InvalidRecordSet::Empty);
        }
        Ok(Self {
            ttl,
            a: checked_family(Family::A, a)?,
            aaaa: checked_family(Family::Aaaa, aaaa)?,
            static_records: StaticRecords::default(),
        })
    }

    /// The record set of a name that is no endpoint: static records, and no targets.
    ///
    /// # Errors
    /// [`InvalidRecordSet::Empty`] if there are no static records.
    pub fn without_targets(static_records: StaticRecords) -> Result<Self, InvalidRecordSet> {
        if static_records.is_empty() {
            return Err(InvalidRecordSet::Empty);
        }
        Ok(Self {
            ttl: 0,
            a: Box::default(),
            aaaa: Box::default(),
            static_records,
        })
    }

    /// The same targets with these static records beside them.
    ///
    /// # Errors
    /// [`InvalidRecordSet::NotBesideTargets`]: see [`StaticRecords::beside_targets`].
    pub fn with_static_records(
        self,
        static_records: StaticRecords,
    ) -> Result<Self, InvalidRecordSet> {
        let mut rrsets = static_records.rrsets().iter();
        if let Some(rrset) = rrsets.find(|rrset| rrset.excludes_targets()) {
            let record_type = rrset.record_type();
            return Err(InvalidRecordSet::NotBesideTargets { record_type });
        }
        Ok(Self {
            static_records,
            ..self
        })
    }

    /// The time for which a resolver may keep the targets, in seconds, `0..=MAX_TTL`. 0 if
    /// there are none.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// The IPv4 targets. Empty if the endpoint has only IPv6 targets.
    pub fn a(&self) -> &[Target<Ipv4Addr>] {
        &self.a
    }

    /// The IPv6 targets. Empty if the endpoint has only IPv4 targets.
    pub fn aaaa(&self) -> &[Target<Ipv6Addr>] {
        &self.aaaa
    }

    /// Whether there are targets, so that the name is an endpoint.
    pub fn has_targets(&self) -> bool {
        !(self.a.is_empty() && self.aaaa.is_empty())
    }

    /// The static records of the name.
    pub fn static_records(&self) -> &StaticRecords {
        &self.static_records
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

/// Checks the number, the weights and the addresses of `targets`, and returns them unchanged.
fn checked_family<A: Copy + Ord + Into<IpAddr>>(
    family: Family,
    targets: Vec<Target<A>>,
) -> Result<Box<[Target<A>]>, InvalidRecordSet> {
    let count = targets.len();
    if count > RecordSet::MAX_TARGETS {
        return Err(InvalidRecordSet::TooManyTargets { family, count });
    }
    if count > 0 && targets.iter().all(|t| t.weight == 0) {
        return Err(InvalidRecordSet::AllWeightsZero { family });
    }
    let mut addresses: Vec<A> = targets.iter().map(|t| t.address).collect();
    addresses.sort_unstable();
    if let Some(pair) = addresses.windows(2).find(|pair| pair[0] == pair[1]) {
        let address = pair[0].into();
        return Err(InvalidRecordSet::DuplicateTarget { address });
    }
    Ok(targets.into_boxed_slice())
}

/// Why targets and a TTL are not a record set.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum InvalidRecordSet {
    /// There is no target.
    #[error(
        "there are no targets; give at least one, or leave the endpoint out of the plan to withdraw it"
    )]
    Empty,

    /// An address occurs twice.
    #[error("target {address} is there twice; merge the two into one weight")]
    DuplicateTarget {
        /// The address.
        address: IpAddr,
    },

    /// No client can connect to this address.
    #[error(
        "{address} is the unspecified, the broadcast or a multicast address; give a unicast one"
    )]
    UnusableAddress {
        /// The address.
        address: IpAddr,
    },

    /// All weights of a family are 0, so no target could be drawn.
    #[error(
        "all {family} weights are 0, so no target could be drawn; give at least one of them a weight of 1"
    )]
    AllWeightsZero {
        /// The family.
        family: Family,
    },

    /// There are too many targets of a family.
    #[error(
        "there are {count} {family} targets, more than {}; split the endpoint into several",
        RecordSet::MAX_TARGETS
    )]
    TooManyTargets {
        /// The family.
        family: Family,
        /// How many there are.
        count: usize,
    },

    /// The TTL is out of bounds.
    #[error("a TTL of {seconds} s is more than {} s (a week)", RecordSet::MAX_TTL)]
    TtlTooLong {
        /// The TTL that was given.
        seconds: u32,
    },

    /// Static records that cannot stand beside targets.
    #[error(
        "static records of type {record_type} cannot stand beside targets; remove them, or the targets"
    )]
    NotBesideTargets {
        /// The code of the type.
        record_type: u16,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rrset;

    fn target(address: &str, weight: u8) -> Target {
        Target::new(address.parse().unwrap(), weight)
    }

    fn records(targets: &[Target]) -> Result<RecordSet, InvalidRecordSet> {
        RecordSet::new(5, targets.iter().copied())
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
    fn static_records_stand_beside_targets_or_alone() {
        let of = |record_type| {
            let rrset = Rrset::new(record_type, 60, [*b"data"]).unwrap();
            StaticRecords::new([rrset]).unwrap()
        };
        let (txt, cname) = (of(16), of(5));
        let targets = records(&[target("192.0.2.1", 1)]).unwrap();
        let both = targets.clone().with_static_records(txt.clone()).unwrap();
        assert!(both.has_targets() && both != targets);
        assert_eq!(both.static_records(), &txt);
        assert_eq!(both.a(), targets.a());
        let error = targets.with_static_records(cname.clone()).unwrap_err();
        assert!(error.to_string().contains("type 5 cannot stand"), "{error}");
        let alone = RecordSet::without_targets(cname.clone()).unwrap();
        assert!(!alone.has_targets() && alone.targets().next().is_none());
        assert_eq!(alone.static_records(), &cname);
        let nothing = RecordSet::without_targets(StaticRecords::default());
        assert_eq!(nothing, Err(InvalidRecordSet::Empty));
    }

    #[test]
    fn a_bad_record_set_names_the_fault() {
        let many = |n: u32| -> Vec<Target> {
            (0..n)
                .map(|i| Target::new(Ipv4Addr::from_bits(0x0a00_0000 + i).into(), 1))
                .collect()
        };
        assert!(records(&many(1024)).is_ok());
        let cases: Vec<(Result<RecordSet, InvalidRecordSet>, &str)> = vec![
            (records(&[]), "no targets"),
            (
                records(&[target("192.0.2.1", 1), target("192.0.2.1", 2)]),
                "192.0.2.1 is there twice",
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
                RecordSet::new(604_801, [target("192.0.2.1", 1)]),
                "604801 s is more than 604800 s",
            ),
        ];
        for (result, says) in cases {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(says), "`{error}` does not say `{says}`");
        }
    }
}
