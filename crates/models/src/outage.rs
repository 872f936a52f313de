//! The race of October 2025 on each protocol: a stale overwrite, a sweep that deletes the
//! plan which the overwrite made active, and the stuck state that follows.
//!
//! At the start, plan 1 is active and plan 2 is published. The Planner publishes plan 3
//! while two Enactors make one pass each. Each pass ends with a sweep.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use incident::{Fencing, IncidentStore, Invariant, Leased, Variant};
use plan_store::primitives::{Lock as _, Primitives};
use plan_store::{DnsStore, Retention};

use crate::checker::{Checker, Loom};
#[cfg(feature = "shuttle")]
use crate::checker::{Pct, Random};
use crate::serial::Serial;
use crate::walkthrough::Execution;
use crate::{Explored, Outcome, Watched, World, endpoints, explore};

/// A protocol: a row of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// The store of October 2025, or a variant of it.
    Incident(Variant),
    /// The incident's store, with a retention so large that nothing is deleted.
    LargeRetention,
    /// The incident's store, with one lock around each whole pass.
    LockPerPass,
    /// The incident's store, with a lease around each pass. The lease may run out during
    /// the pass.
    Lease(Fencing),
    /// `MemoryStore`.
    Repaired,
}

impl Protocol {
    /// All rows, in the order of the table.
    pub const ALL: [Self; 14] = [
        Self::Incident(Variant::Incident),
        Self::Incident(Variant::LockPerEndpoint),
        Self::Incident(Variant::RecheckBeforeEach),
        Self::LargeRetention,
        Self::Incident(Variant::NothingSwept),
        Self::LockPerPass,
        Self::Lease(Fencing::HolderLooks),
        Self::Lease(Fencing::PerEnactor),
        Self::Lease(Fencing::AtEndpoint),
        Self::Incident(Variant::SpareActive),
        Self::Incident(Variant::SpareActiveAndRollback),
        Self::Incident(Variant::CompareAndSwapOnly),
        Self::Incident(Variant::CompareAndSwapBothSpared),
        Self::Repaired,
    ];

    /// Its name on the command line.
    pub fn id(self) -> &'static str {
        match self {
            Self::Incident(Variant::Incident) => "incident",
            Self::Incident(Variant::LockPerEndpoint) => "lock-per-endpoint",
            Self::Incident(Variant::RecheckBeforeEach) => "re-check",
            Self::Incident(Variant::NothingSwept) => "no-clean-up",
            Self::Incident(Variant::SpareActive) => "spare-active",
            Self::Incident(Variant::SpareActiveAndRollback) => "spare-both",
            Self::Incident(Variant::CompareAndSwapOnly) => "cas",
            Self::Incident(Variant::CompareAndSwapBothSpared) => "cas-spare-both",
            Self::LargeRetention => "large-retention",
            Self::LockPerPass => "lock-per-pass",
            Self::Lease(Fencing::HolderLooks) => "lease",
            Self::Lease(Fencing::PerEnactor) => "token-per-enactor",
            Self::Lease(Fencing::AtEndpoint) => "token-at-endpoint",
            Self::Repaired => "memory-store",
        }
    }

    /// The invariants that break, in the order of the table. No other invariant breaks.
    pub fn broken(self) -> &'static [Invariant] {
        use Invariant::{
            ActiveKept, LatestWins, Monotonic, NeverEmpty, PinnedKept, Progress, Reclaimed,
            RollbackKept,
        };
        match self {
            Self::Incident(
                Variant::Incident
                | Variant::LockPerEndpoint
                | Variant::RecheckBeforeEach
                | Variant::SpareActive,
            )
            | Self::Lease(_) => &[
                Monotonic,
                ActiveKept,
                RollbackKept,
                PinnedKept,
                NeverEmpty,
                Progress,
                LatestWins,
            ],
            Self::Incident(Variant::SpareActiveAndRollback) => &[
                Monotonic, ActiveKept, PinnedKept, NeverEmpty, Progress, LatestWins,
            ],
            Self::LargeRetention => &[Monotonic, LatestWins],
            Self::Incident(Variant::NothingSwept) => &[Monotonic, LatestWins, Reclaimed],
            Self::LockPerPass => &[RollbackKept],
            Self::Incident(Variant::CompareAndSwapOnly) => &[RollbackKept, PinnedKept],
            Self::Incident(Variant::CompareAndSwapBothSpared) => &[PinnedKept],
            Self::Repaired => &[],
        }
    }

    /// Explores the race with loom.
    pub fn explore(self, setup: Setup) -> Explored<Outcome> {
        self.explore_by::<Loom>(setup, None)
    }

    /// Explores the race with loom, and calls `watch` with each execution.
    pub(crate) fn watch(
        self,
        setup: Setup,
        watch: impl Fn(Execution) + Send + Sync + 'static,
    ) -> Explored<Outcome> {
        self.explore_by::<Loom>(setup, Some(Box::new(watch)))
    }

    /// Explores random schedules of the race with shuttle.
    #[cfg(feature = "shuttle")]
    pub fn explore_random(self, setup: Setup) -> Explored<Outcome> {
        self.explore_by::<Random>(setup, None)
    }

    /// Explores PCT schedules of the race with shuttle.
    #[cfg(feature = "shuttle")]
    pub fn explore_pct(self, setup: Setup) -> Explored<Outcome> {
        self.explore_by::<Pct>(setup, None)
    }

    fn explore_by<J: Checker>(self, setup: Setup, watch: Option<Watch>) -> Explored<Outcome> {
        let setup = match self {
            Self::LargeRetention => Setup {
                retention: Retention::newest(100),
                ..setup
            },
            // It takes one more preemption to pick up plans in another order than the
            // leases.
            Self::Lease(Fencing::AtEndpoint) => Setup {
                bound: setup.bound + 1,
                ..setup
            },
            _ => setup,
        };
        let name = format!("stale overwrite, then delete: {self}, {setup}");
        let retention = setup.retention;
        let incident = move |variant| {
            move || IncidentStore::<J::Primitives>::with_primitives(variant, retention)
        };
        let race = Race {
            setup,
            lock_per_pass: self == Self::LockPerPass,
            watch,
        };
        match self {
            Self::Incident(variant) => outage::<J, _>(&name, race, incident(variant)),
            Self::LargeRetention | Self::LockPerPass => {
                outage::<J, _>(&name, race, incident(Variant::Incident))
            }
            Self::Lease(fencing) => outage::<J, _>(&name, race, move || {
                Leased::<_, J::Primitives>::new(incident(Variant::Incident)(), fencing)
            }),
            Self::Repaired => {
                let store = move || Watched::<J::Primitives>::new(retention);
                let explored = outage::<J, _>(&name, race, store);
                explored.assert_observed();
                explored
            }
        }
    }
}

impl Setup {
    /// The joint outcomes of the race if its steps are taken one after another, on the
    /// repaired store or on the incident's store.
    pub fn serial(self, repaired: bool) -> BTreeSet<Outcome> {
        let serial = Serial {
            repaired,
            endpoints: self.endpoints,
            enactors: 2,
            last_plan: self.last_plan,
            retention: self.retention,
            rounds: 0,
        };
        serial.outcomes()
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incident(variant) => variant.fmt(f),
            Self::LargeRetention => f.pad("incident, large retention"),
            Self::LockPerPass => f.pad("incident, one lock per pass"),
            Self::Lease(fencing) => fencing.fmt(f),
            Self::Repaired => f.pad("MemoryStore"),
        }
    }
}

/// How large the race is.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How many endpoints there are.
    pub endpoints: u8,
    /// The last plan that the Planner publishes. An Enactor may skip plans.
    pub last_plan: u8,
    /// The plans that a sweep retains because of their age.
    pub retention: Retention,
    /// The most preemptions that an exhaustive checker tries.
    pub bound: usize,
}

impl Setup {
    /// The size of the table's models.
    pub const SMALL: Self = Self {
        endpoints: 1,
        last_plan: 3,
        retention: Retention::newest(1),
        bound: 2,
    };
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (endpoints, last) = (self.endpoints, self.last_plan);
        write!(f, "{endpoints} endpoint(s), plans to {last}")
    }
}

/// Is called with each execution.
type Watch = Box<dyn Fn(Execution) + Send + Sync>;

/// The race, on any store.
struct Race {
    setup: Setup,
    /// Whether one lock is around each whole pass.
    lock_per_pass: bool,
    watch: Option<Watch>,
}

/// A Planner and two Enactors on this store.
fn outage<J: Checker, S: DnsStore + Clone + 'static>(
    name: &str,
    race: Race,
    store: impl Fn() -> S + Send + Sync + 'static,
) -> Explored<Outcome> {
    let setup = race.setup;
    explore::<J, Outcome>(name, Some(setup.bound), move |found| {
        let world = World::new(store(), endpoints(setup.endpoints), setup.retention);
        let lock = Arc::new(<J::Primitives as Primitives>::Lock::new(()));
        let enactor = |number| {
            let (pass, lock) = (world.enactor(number, 1), Arc::clone(&lock));
            if race.lock_per_pass {
                Box::new(move || lock.write(|()| pass()))
            } else {
                pass
            }
        };
        let planner = world.planner(3..=setup.last_plan);
        let outcome = world.run::<J>(vec![planner, enactor(1), enactor(2)]);
        if let Some(watch) = &race.watch {
            watch(Execution::new(&world.journal, &outcome.end));
        }
        found.note(outcome);
        found.note_verdict(&world.journal);
    })
}
