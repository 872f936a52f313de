//! How the incident's protocol can be varied.

use std::fmt;

/// A point in the space of protocols around the incident's. They differ in what
/// `activate` does, and in nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Variant {
    /// As it was, but for the lock: an activation looks at no generation.
    Incident,
    /// As it was: the same, under a lock for each endpoint. The lock proves who
    /// writes, and nothing about the plan.
    LockPerEndpoint,
    /// Freshness is decided in the write; the sweep still spares nothing.
    CompareAndSwapOnly,
}

impl Variant {
    /// All of them.
    pub const ALL: [Self; 3] = [
        Self::Incident,
        Self::LockPerEndpoint,
        Self::CompareAndSwapOnly,
    ];

    /// Whether an endpoint is locked while it is worked on.
    pub(crate) fn locks(self) -> bool {
        self == Self::LockPerEndpoint
    }

    /// Whether an activation refuses a plan that is older than the active one.
    pub(crate) fn compares(self) -> bool {
        self == Self::CompareAndSwapOnly
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Incident => "incident",
            Self::LockPerEndpoint => "incident, lock per endpoint",
            Self::CompareAndSwapOnly => "compare-and-swap only",
        })
    }
}
