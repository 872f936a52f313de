//! The Planner: decides what the endpoints should answer, and publishes it.
//!
//! # Two causes, two rules
//! - *Health* removes a target that is down without asking, as long as something healthy is
//!   left. `targets` says what is known of a target, `decide` what an endpoint makes of it.
//!   If a large part of the fleet becomes unhealthy at once, `suspicion` delays that, never
//!   for good.
//! - *Configuration*, that is a new fleet file, may take away a part of an endpoint freely.
//!   Beyond that the change of that endpoint waits for a person: `change_control`.
//!
//! # A tick
//! 1. *Adopt*: if the store's latest plan is not from here, take what it serves as the state
//!    of the fleet. This is the Planner's memory: it has no other.
//! 2. *Observe*: take the reports of the reading.
//! 3. *Decide* for each endpoint by itself.
//! 4. *Publish*, if an endpoint is to answer something else than the latest plan says. The
//!    Enactors do the rest.
//!
//! A decision is a function of the configuration in force, of the last report on each
//! target, and of the reading's time. A report carries the time at which the target changed.
//! So the same history ends in the same plan at any interval between ticks. There is one
//! exception. A person confirms that all targets of an endpoint are replaced, a new one
//! answers, and the file brings an old one back: that one counts as proven only if no tick
//! came between the last two, for a tick stops its checks.
//!
//! A publish whose reply was lost needs no repair: each tick compares with what the store
//! says, so the next one finds the plan there, or publishes it.

mod change_control;
mod decide;
mod status;
mod suspicion;
mod targets;
mod weights;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use plan_store::{DnsStore, EndpointName, Generation, Pin, Plan, RecordSet};
use tracing::{debug, debug_span, warn};

use self::change_control::{ChangeControl, Ended, HoldChanges};
use self::decide::{Decision, Situation};
use self::suspicion::Limit;
use self::targets::Targets;
use crate::{Fleet, Health, PlanError, Watchlist};

pub use self::change_control::{ChangeId, HeldChange, HoldReason};
pub use self::status::Status;

/// Publishes a plan whenever the fleet or its health asks for another one.
///
/// Run one Planner for a store at a time. Two Planners would each undo what the other publishes, but
/// neither would take an endpoint of the other away. An operator's
/// [`republish`](plan_store::PlanStore::republish) is undone as well, in the next tick; for a lasting
/// return, change the fleet.
///
/// Each endpoint is judged by itself, and a plan is published for all that may move. The
/// change of an endpoint that takes too much away is [held](Status::held) until
/// [`Planner::confirm`] names it; the endpoint keeps its configuration until then.
#[derive(Debug)]
pub struct Planner<S> {
    store: S,
    fleet: Fleet,
    control: ChangeControl,
    targets: Targets,
    watchlist: Arc<Watchlist>,
    status: Status,
    memory: Memory,
}

/// What the Planner has seen of the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Memory {
    /// Nothing: no tick has read the store.
    Unread,
    /// No plan, or this one.
    Read(Option<Generation>),
}

/// What a tick did.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Planned {
    /// A new plan is in the store.
    Published {
        /// Its generation.
        generation: Generation,
    },
    /// The store's latest plan is the desired one.
    Unchanged {
        /// Its generation.
        generation: Generation,
    },
    /// The store has no plan yet, and the targets have not all been checked.
    FirstRound {
        /// How many endpoints wait.
        endpoints: usize,
    },
}

/// An endpoint to change, with its records; `None` if the endpoint goes.
type Change = (EndpointName, Option<RecordSet>);

/// What all endpoints are to answer, compared with a plan.
struct Desired {
    changes: Vec<Change>,
    fail_open: BTreeSet<EndpointName>,
    /// New endpoints whose targets have not been checked.
    awaited: BTreeSet<EndpointName>,
}

impl<S: DnsStore> Planner<S> {
    /// A Planner of this fleet.
    pub fn new(store: S, fleet: Fleet) -> Self {
        let watchlist = Arc::new(Watchlist::of(&fleet));
        Self {
            store,
            fleet,
            control: ChangeControl::default(),
            targets: Targets::default(),
            watchlist,
            status: Status::default(),
            memory: Memory::Unread,
        }
    }

    /// The fleet that it was given last.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// What is to be checked: the targets of the fleet, and those that are served although
    /// the fleet does not name them. The same `Arc` as long as nothing changes.
    pub fn watchlist(&self) -> &Arc<Watchlist> {
        &self.watchlist
    }

    /// What it holds back, and why.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Plans for another fleet from the next tick on. Changes that take too much away from
    /// an endpoint are held. The store keeps the retention that it has.
    ///
    /// Before the first tick this replaces the fleet: only that tick reads from the store
    /// what there is to lose.
    pub fn set_fleet(&mut self, fleet: Fleet, now: Instant) {
        self.fleet = fleet;
        if self.memory == Memory::Unread {
            self.watch(Watchlist::of(&self.fleet));
        } else {
            self.propose(now);
        }
    }

    /// Lets the change with this id take effect in the next tick. Returns whether it was
    /// held.
    ///
    /// A confirmation is for that change alone: if the fleet asks for something else, that
    /// is another change with another id.
    pub fn confirm(&mut self, id: ChangeId, now: Instant) -> bool {
        let Some(change) = self.control.confirm(id, now) else {
            return false;
        };
        let ended = vec![Ended::Confirmed(change)];
        let begun = Vec::new();
        self.status
            .hold(self.control.held(), &HoldChanges { begun, ended });
        self.watch(self.control.watchlist(&self.fleet));
        true
    }

    /// Makes one tick from a reading.
    ///
    /// # Errors
    /// [`PlanError::NoHealth`] if the reading is empty: nothing is published.
    /// [`PlanError::Store`] if the store fails: the plan may or may not be published, and
    /// the next tick looks.
    pub fn tick(&mut self, health: &Health) -> Result<Planned, PlanError> {
        let _span = debug_span!("tick").entered();
        if health.is_empty() {
            warn!("health reading names no target");
            return Err(PlanError::NoHealth);
        }
        let latest = self.store.latest().map_err(plan_store::Error::from)?;
        self.adopt(latest.as_ref(), health.at());
        let changes = self.targets.observe(health, &self.watchlist.targets);
        status::targets_changed(&changes);
        self.settle();
        let latest = latest.as_ref().map(|pin| (pin.generation(), pin.plan()));
        let changes = self.decide(latest.map(|(_, plan)| &**plan), health.at())?;
        self.publish(changes, latest)
    }

    /// Takes the store's latest plan as the state of the fleet, unless it is from here.
    fn adopt(&mut self, latest: Option<&S::Pin>, now: Instant) {
        let found = Memory::Read(latest.map(Pin::generation));
        let is_known = match (self.memory, found) {
            (Memory::Read(known), Memory::Read(found)) => found <= known,
            _ => false,
        };
        if is_known {
            return;
        }
        if let Some(pin) = latest {
            if self.memory == Memory::Unread {
                self.targets.adopt(pin.plan());
            }
            self.control.adopt(pin.plan(), now);
        }
        self.memory = found;
        self.propose(now);
    }

    /// Has change control judge the fleet.
    fn propose(&mut self, now: Instant) {
        let changes = self.control.propose(&self.fleet, now);
        self.status.hold(self.control.held(), &changes);
        self.watch(self.control.watchlist(&self.fleet));
    }

    /// Watches the targets of this list from now on.
    fn watch(&mut self, list: Watchlist) {
        if list != *self.watchlist {
            self.targets.retain(&list.targets);
            self.watchlist = Arc::new(list);
        }
    }

    /// Forgets the configurations before the newest one that has a proven target.
    fn settle(&mut self) {
        let targets = &self.targets;
        let mut settled = false;
        for endpoint in self.control.endpoints_mut() {
            let newest = endpoint
                .configs()
                .position(|c| decide::has_proven(targets, c));
            let needed = newest.unwrap_or(usize::MAX);
            settled |= endpoint.previous.len() > needed;
            endpoint.previous.truncate(needed);
        }
        if settled {
            self.watch(self.control.watchlist(&self.fleet));
        }
    }

    /// What the endpoints are to answer otherwise. The status says why.
    fn decide(&mut self, latest: Option<&Plan>, now: Instant) -> Result<Vec<Change>, PlanError> {
        let watched = self.watchlist.targets.len();
        let suspected = Limit::of(&self.fleet).suspected(&self.targets, watched, now);
        let situation = Situation {
            targets: &self.targets,
            suspected: &suspected,
            now,
            window: self.fleet.detection(),
            first_round: self.fleet.first_round(),
        };
        let Desired {
            changes,
            fail_open,
            awaited,
        } = self.compare(latest, &situation)?;
        self.status.update(fail_open, awaited, &suspected, now);
        Ok(changes)
    }

    fn compare(&self, latest: Option<&Plan>, now: &Situation<'_>) -> Result<Desired, PlanError> {
        let mut desired = Desired {
            changes: Vec::new(),
            fail_open: BTreeSet::new(),
            awaited: BTreeSet::new(),
        };
        for (name, endpoint) in self.control.endpoints() {
            let Some(decision) = now.records(endpoint) else {
                desired.awaited.insert(name.clone());
                continue;
            };
            if decision.fails_open {
                desired.fail_open.insert(name.clone());
            }
            let ttl = endpoint.config.ttl();
            let records = latest.and_then(|plan| plan.records(name));
            if !records.is_some_and(|records| is_same(records, ttl, &decision)) {
                let records = RecordSet::new(ttl, decision.targets).map_err(|source| {
                    PlanError::InvalidRecords {
                        endpoint: name.clone(),
                        source,
                    }
                })?;
                desired.changes.push((name.clone(), Some(records)));
            }
        }
        let there = latest.into_iter().flat_map(Plan::endpoints);
        let gone = there.filter(|(name, _)| !self.control.names(name));
        let gone = gone.map(|(name, _)| (name.clone(), None));
        desired.changes.extend(gone);
        Ok(desired)
    }

    fn publish(
        &mut self,
        changes: Vec<Change>,
        latest: Option<(Generation, &Arc<Plan>)>,
    ) -> Result<Planned, PlanError> {
        let plan = match latest {
            Some((generation, _)) if changes.is_empty() => {
                debug!(%generation, "unchanged");
                return Ok(Planned::Unchanged { generation });
            }
            Some((_, plan)) => plan.changed(changes)?,
            None if !self.status.awaited.is_empty() => {
                let endpoints = self.status.awaited.len();
                debug!(endpoints, "the first round of checks is not over");
                return Ok(Planned::FirstRound { endpoints });
            }
            None => {
                let all = changes.into_iter();
                Plan::new(all.filter_map(|(name, records)| Some((name, records?))))?
            }
        };
        let generation = self.store.publish(Arc::new(plan));
        let generation = generation.map_err(plan_store::Error::from)?;
        self.memory = Memory::Read(Some(generation));
        for endpoint in self.control.endpoints_mut() {
            endpoint.served |= !self.status.awaited.contains(endpoint.config.name());
        }
        Ok(Planned::Published { generation })
    }
}

/// Whether the records are those of the decision.
fn is_same(records: &RecordSet, ttl: u32, decision: &Decision) -> bool {
    records.ttl() == ttl && records.targets().eq(decision.targets.iter().copied())
}
