//! The incident's protocol and variants of it.

use std::fmt;

/// A protocol. The variants differ only in what `activate` and `sweep` do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Variant {
    /// The incident's protocol without its lock. An activation compares no generations.
    Incident,
    /// The incident's protocol. A lock at each endpoint keeps two Enactors from writing
    /// there at once, but proves nothing about the plan.
    LockPerEndpoint,
    /// An Enactor checks freshness again before each write. A newer plan may become active
    /// between the check and the write.
    RecheckBeforeEach,
    /// [`Incident`](Self::Incident), but a sweep deletes nothing.
    NothingSwept,
    /// [`Incident`](Self::Incident), but a sweep spares active plans.
    SpareActive,
    /// [`Incident`](Self::Incident), but a sweep spares active plans and rollback targets.
    SpareActiveAndRollback,
    /// An activation decides freshness in the write itself. A sweep still spares nothing.
    CompareAndSwapOnly,
    /// An activation decides freshness in the write itself, and a sweep spares active plans
    /// and rollback targets. Only the pins of the repaired store are missing.
    CompareAndSwapBothSpared,
}

/// When an activation checks that its plan is newer than the active plan.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Never, as in October 2025. Only the Enactor checks, at the start of its pass.
    AtStart,
    /// Again, before the write.
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
