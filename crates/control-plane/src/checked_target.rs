//! Targets as they are checked: an address, and the way in which it is checked.
//!
//! A load balancer may serve one endpoint on one port and another endpoint on another. So an
//! address has a health of its own for each way in which it is checked. Endpoints that check
//! an address alike share one check of it.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::{FleetTarget, HealthCheck};

/// A target as it is checked. From an address alone: as the fleet says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CheckedTarget {
    /// Its address.
    pub address: IpAddr,
    /// How it is checked.
    pub way: Way,
}

/// A way of checking: that of the fleet's `health_check`, whatever that says, or that of
/// other settings.
///
/// Other settings are known by a hash of 64 bits. So two ways are the same if their settings
/// are, and a fleet that is loaded again has the same ways as before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Way(Option<NonZeroU64>);

/// A check that is not the fleet's.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct OwnCheck {
    way: Way,
    check: Arc<HealthCheck>,
}

impl Way {
    /// That of the fleet's `health_check`.
    pub const FLEETS: Self = Self(None);

    fn of(check: &HealthCheck) -> Self {
        // Its keys are always the same.
        let mut hasher = DefaultHasher::new();
        check.hash(&mut hasher);
        Self(Some(
            NonZeroU64::new(hasher.finish()).unwrap_or(NonZeroU64::MAX),
        ))
    }
}

impl OwnCheck {
    /// This check.
    pub fn new(check: Arc<HealthCheck>) -> Self {
        let way = Way::of(&check);
        Self { way, check }
    }

    /// The target with this address, as it is checked by this check.
    pub fn of(&self, address: IpAddr) -> CheckedTarget {
        let way = self.way;
        CheckedTarget { address, way }
    }

    /// Its settings.
    pub fn check(&self) -> &Arc<HealthCheck> {
        &self.check
    }
}

impl From<IpAddr> for CheckedTarget {
    fn from(address: IpAddr) -> Self {
        let way = Way::FLEETS;
        Self { address, way }
    }
}

impl From<&FleetTarget> for CheckedTarget {
    fn from(target: &FleetTarget) -> Self {
        let address = target.address;
        let own = target.check.as_ref();
        own.map_or_else(|| address.into(), |own| own.of(address))
    }
}

/// `fleet's`, or sixteen hexadecimal digits.
impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("fleet's"),
            Some(hash) => write!(f, "{hash:016x}"),
        }
    }
}
