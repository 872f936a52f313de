//! How the incident's protocol can be varied.

use std::fmt;

/// A point in the space of protocols around the incident's. They differ in what
/// `activate` and `sweep` do, and in nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Variant {
    /// As it was, but for the lock: an activation looks at no generation.
    Incident,
    /// As it was: the same, under a lock for each endpoint. The lock proves who
    /// writes, and nothing about the plan.
    LockPerEndpoint,
    /// Freshness is read again before each write, and may be over by the write.
    RecheckBeforeEach,
    /// The incident's without its clean-up: a sweep deletes nothing.
    NothingSwept,
    /// The incident's, but the sweep spares what is active.
    SpareActive,
    /// The incident's, but the sweep spares what is active or a rollback target.
    SpareActiveAndRollback,
    /// Freshness is decided in the write; the sweep still spares nothing.
    CompareAndSwapOnly,
    /// Freshness is decided in the write, and the sweep spares what is active or
    /// a rollback target. Of the repaired store it lacks the pins.
    CompareAndSwapBothSpared,
}

/// When an activation looks whether its plan is newer than the active one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// It does not; the Enactor looked at the start of its pass.
    AtStart,
    /// Once more, before the write.
    BeforeWrite,
    /// In the write.
    InWrite,
}

/// Which old plans a sweep does not delete.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spares {
    Nothing,
    Active,
    ActiveAndRollback,
    All,
}

impl Variant {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Incident,
        Self::LockPerEndpoint,
        Self::RecheckBeforeEach,
        Self::NothingSwept,
        Self::SpareActive,
        Self::SpareActiveAndRollback,
        Self::CompareAndSwapOnly,
        Self::CompareAndSwapBothSpared,
    ];

    /// Whether an endpoint is locked while it is worked on.
    pub(crate) fn locks(self) -> bool {
        self == Self::LockPerEndpoint
    }

    pub(crate) fn freshness(self) -> Freshness {
        match self {
            Self::CompareAndSwapOnly | Self::CompareAndSwapBothSpared => Freshness::InWrite,
            Self::RecheckBeforeEach => Freshness::BeforeWrite,
            _ => Freshness::AtStart,
        }
    }

    pub(crate) fn spares(self) -> Spares {
        match self {
            Self::NothingSwept => Spares::All,
            Self::SpareActive => Spares::Active,
            Self::SpareActiveAndRollback | Self::CompareAndSwapBothSpared => {
                Spares::ActiveAndRollback
            }
            _ => Spares::Nothing,
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Incident => "incident",
            Self::LockPerEndpoint => "incident, lock per endpoint",
            Self::RecheckBeforeEach => "re-check before each endpoint",
            Self::NothingSwept => "incident, no clean-up",
            Self::SpareActive => "spare the active",
            Self::SpareActiveAndRollback => "spare active and rollback",
            Self::CompareAndSwapOnly => "compare-and-swap only",
            Self::CompareAndSwapBothSpared => "compare-and-swap, both spared",
        })
    }
}
