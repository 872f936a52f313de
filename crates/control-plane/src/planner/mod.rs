//! The Planner: decides what the endpoints should answer, and publishes it.
//!
//! # Two causes, two rules
//! - *Health* removes a target that is down without asking, as long as something healthy is
//!   left. `targets` says what is known of a target, `decide` what an endpoint makes of it.
//!   If a large part of the fleet becomes unhealthy at once, `suspicion` delays that, never
//!   for good.
//! - *Configuration*, that is a new fleet file, may take away a part of an endpoint freely.
//!   Beyond that the change of that endpoint waits for a person: `change_control`. The same
//!   holds of the static records of a zone: `static_records`.
//!   A drain is configuration too, and a freeze stops all publishing: `orders`.
//!
//! # A tick
//! 1. *Obey*: read the orders of persons.
//! 2. *Adopt*: if the store's latest plan is not from here, take what it serves as the state
//!    of the fleet. This is the Planner's memory: it has no other.
//! 3. *Observe*: take the reports of the reading.
//! 4. *Decide* for each endpoint by itself.
//! 5. *Publish*, if an endpoint is to answer something else than the latest plan says. The
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

mod causes;
mod change_control;
mod decide;
mod orders;
mod preview;
mod static_records;
mod status;
mod suspicion;
mod targets;
mod weights;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use plan_store::{
    DnsStore, EndpointName, Generation, InvalidRecordSet, Pin, Plan, RecordSet, StaticRecords,
};
use tracing::{debug, debug_span, warn};

use self::causes::{Author, Causes};
use self::change_control::{ChangeControl, Ended, HoldChanges};
use self::decide::{Decision, Situation};
use self::orders::NoBook;
use self::static_records::StaticNames;
use self::suspicion::Limit;
use self::targets::Targets;
use crate::{Fleet, Health, PlanError, Watchlist, chain};

pub use self::change_control::{ChangeId, HeldChange, HoldReason};
pub use self::orders::{Drain, DrainScope, Order, OrderBook, Orders, Publication};
pub use self::preview::Preview;
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
pub struct Planner<S> {
    store: S,
    fleet: Fleet,
    control: ChangeControl,
    static_names: StaticNames,
    targets: Targets,
    watchlist: Arc<Watchlist>,
    status: Status,
    memory: Memory,
    book: Box<dyn OrderBook>,
    /// What the book said last.
    orders: Arc<Orders>,
    /// The rejections that have ended and are still in the book.
    over: BTreeSet<ChangeId>,
    causes: Causes,
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
    /// A person has frozen the plans, and there is something to publish.
    Frozen {
        /// How many endpoints would have other records.
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
        let mut causes = Causes::default();
        causes.add(Author::FleetFile, "start");
        Self {
            store,
            fleet,
            control: ChangeControl::default(),
            static_names: StaticNames::default(),
            targets: Targets::default(),
            watchlist,
            status: Status::default(),
            memory: Memory::Unread,
            book: Box::new(NoBook),
            orders: Arc::default(),
            over: BTreeSet::new(),
            causes,
        }
    }

    /// The same Planner, which obeys the orders in this book.
    #[must_use]
    pub fn with_orders(self, book: impl OrderBook + 'static) -> Self {
        let book = Box::new(book);
        Self { book, ..self }
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
        self.causes.add(Author::FleetFile, "the fleet file is read");
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
        let confirmed = self.control.confirm(id, now);
        let Some(change) = confirmed.or_else(|| self.static_names.confirm(id)) else {
            return false;
        };
        let text = format!("{id} at {} is confirmed", change.endpoint);
        self.causes.add(Author::Person("a person".into()), text);
        let ended = vec![Ended::Confirmed(change)];
        let begun = Vec::new();
        self.show_held(&HoldChanges { begun, ended });
        self.watch(self.control.watchlist(&self.fleet));
        true
    }

    /// [`Planner::confirm`], by this person, whom the history then names.
    pub fn confirm_by(&mut self, id: ChangeId, person: &str, now: Instant) -> bool {
        let confirmed = self.confirm(id, now);
        if confirmed {
            self.causes.name_last(person);
        }
        confirmed
    }

    /// Reads the orders, and has change control judge what they make of the fleet. Each tick
    /// does this too.
    ///
    /// # Errors
    /// The order book cannot be read. The orders stay as they are.
    pub fn obey(&mut self, now: Instant) -> Result<(), PlanError> {
        self.strike_out();
        let mut orders = self.book.read()?;
        strike(&mut orders, &self.over);
        let before = std::mem::replace(&mut self.orders, orders);
        if *before == *self.orders {
            return Ok(());
        }
        let drains = self.orders.drains.keys().cloned().collect();
        let drained = std::mem::replace(&mut self.status.drains, drains);
        status::orders_changed(&before, &self.orders);
        status::drains_changed(&drained, &self.status.drains);
        self.remember_cause(&before, &drained);
        self.status.orders = Arc::clone(&self.orders);
        if self.memory != Memory::Unread && drained != self.status.drains {
            self.propose(now);
        } else {
            self.show_held(&HoldChanges::default());
        }
        Ok(())
    }

    /// Notes what has changed the orders, unless this is the first time that they are read.
    fn remember_cause(&mut self, before: &Orders, drained: &BTreeSet<DrainScope>) {
        if self.memory == Memory::Unread {
            return;
        }
        if before.last != self.orders.last
            && let Some(last) = &self.orders.last
        {
            let author = Author::Person(last.by.clone());
            self.causes.add(author, last.why.clone());
        }
        for scope in drained.difference(&self.status.drains) {
            let drain = before.drains.get(scope);
            if drain.is_some_and(|drain| drain.is_over(SystemTime::now())) {
                let text = format!("the drain of {scope} is over");
                self.causes.add(Author::DrainExpiry, text);
            }
        }
    }

    /// Shows what is held, and what of it is rejected. A rejection whose change is not held any
    /// more has ended.
    fn show_held(&mut self, changes: &HoldChanges) {
        let held = || self.control.held().chain(self.static_names.held());
        self.status.hold(held(), &self.orders.rejected, changes);
        if self.memory == Memory::Unread {
            return;
        }
        let ids: BTreeSet<_> = held().map(|held| held.id).collect();
        let over: Vec<_> = self.orders.rejected.difference(&ids).copied().collect();
        if !over.is_empty() {
            self.over.extend(over);
            strike(&mut self.orders, &self.over);
            self.status.orders = Arc::clone(&self.orders);
            self.strike_out();
        }
    }

    /// Strikes the rejections that have ended out of the book. What fails is done in a later
    /// tick.
    fn strike_out(&mut self) {
        if self.over.is_empty() {
            return;
        }
        match self.book.end_rejections(&self.over) {
            Ok(()) => self.over.clear(),
            Err(error) => debug!(error = %chain(&error), "rejections that ended are in the book"),
        }
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
        self.obey(health.at())?;
        let latest = self.store.latest().map_err(plan_store::Error::from)?;
        self.adopt(latest.as_ref(), health.at());
        let changes = self.targets.observe(health, &self.watchlist.targets);
        status::targets_changed(&changes);
        if let Some(text) = status::health_in_short(&changes) {
            self.causes.add(Author::Health, text);
        }
        if let Some(text) = status::proven_in_short(&changes) {
            self.causes.add(Author::FleetFile, text);
        }
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
            if self.memory != Memory::Unread {
                let text = format!("plan {} is not from this Planner", pin.generation());
                self.causes.add(Author::FleetFile, text);
            }
            self.control.adopt(pin.plan(), &self.fleet, now);
            if self.memory == Memory::Unread {
                self.targets.adopt(self.control.undrained());
            }
            self.static_names.adopt(pin.plan());
        }
        self.memory = found;
        self.propose(now);
    }

    /// Has change control judge the fleet.
    fn propose(&mut self, now: Instant) {
        for (before, now) in self.control.check_as(&self.fleet) {
            self.targets.hand_over(before, now);
        }
        let changes = self.control.propose(&self.fleet, &self.status.drains, now);
        let changes = changes.and(self.static_names.propose(&self.fleet, now));
        self.show_held(&changes);
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
        let watched = self.watchlist.addresses();
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
        } = compare((&self.control, &self.static_names), latest, &situation)?;
        self.status.update(fail_open, awaited, &suspected, now);
        Ok(changes)
    }

    fn publish(
        &mut self,
        changes: Vec<Change>,
        latest: Option<(Generation, &Arc<Plan>)>,
    ) -> Result<Planned, PlanError> {
        let names = changes.len();
        let endpoints = endpoints_in(&changes, latest.map(|(_, plan)| &**plan));
        self.status.newest = latest.map(|(generation, _)| generation);
        self.status.waiting = names;
        let plan = match latest {
            Some((generation, _)) if changes.is_empty() => {
                debug!(%generation, "unchanged");
                self.causes.clear();
                return Ok(Planned::Unchanged { generation });
            }
            None if !self.status.awaited.is_empty() => {
                let endpoints = self.status.awaited.len();
                debug!(endpoints, "the first round of checks is not over");
                return Ok(Planned::FirstRound { endpoints });
            }
            _ if self.orders.freeze.is_some() => return Ok(Planned::Frozen { endpoints: names }),
            Some((_, plan)) => plan.changed(changes)?,
            None => {
                let all = changes.into_iter();
                Plan::new(all.filter_map(|(name, records)| Some((name, records?))))?
            }
        };
        let generation = self.store.publish(Arc::new(plan));
        let generation = generation.map_err(plan_store::Error::from)?;
        self.memory = Memory::Read(Some(generation));
        self.status.newest = Some(generation);
        self.status.waiting = 0;
        let (author, cause) = self.causes.take();
        self.book.record(Publication {
            generation,
            author,
            cause,
            names,
            endpoints,
        });
        for endpoint in self.control.endpoints_mut() {
            endpoint.served |= !self.status.awaited.contains(endpoint.config.name());
        }
        Ok(Planned::Published { generation })
    }
}

/// What all endpoints are to answer, compared with the latest plan.
fn compare(
    (control, static_names): (&ChangeControl, &StaticNames),
    latest: Option<&Plan>,
    now: &Situation<'_>,
) -> Result<Desired, PlanError> {
    let mut desired = Desired {
        changes: Vec::new(),
        fail_open: BTreeSet::new(),
        awaited: BTreeSet::new(),
    };
    for (name, endpoint) in control.endpoints() {
        let Some(decision) = now.records(endpoint) else {
            desired.awaited.insert(name.clone());
            continue;
        };
        if decision.fails_open {
            desired.fail_open.insert(name.clone());
        }
        let ttl = endpoint.config.ttl();
        let beside = static_names.beside(name);
        let records = latest.and_then(|plan| plan.records(name));
        if !records.is_some_and(|records| is_same(records, ttl, &decision, &beside)) {
            let records = RecordSet::new(ttl, decision.targets);
            let records = records.and_then(|records| records.with_static_records(beside));
            desired
                .changes
                .push((name.clone(), Some(valid(name, records)?)));
        }
    }
    for (name, records) in static_names.alone(control) {
        let before = latest.and_then(|plan| plan.records(name));
        let is_same = before
            .is_some_and(|before| !before.has_targets() && before.static_records() == records);
        if !is_same {
            let records = RecordSet::without_targets(records.clone());
            desired
                .changes
                .push((name.clone(), Some(valid(name, records)?)));
        }
    }
    let there = latest.into_iter().flat_map(Plan::endpoints);
    let is_known = |name| control.names(name) || static_names.names(name);
    let gone = there.filter(|(name, _)| !is_known(name));
    let gone = gone.map(|(name, _)| (name.clone(), None));
    desired.changes.extend(gone);
    Ok(desired)
}

/// How many of the names that change are endpoints, after the change or before it.
fn endpoints_in(changes: &[Change], latest: Option<&Plan>) -> usize {
    let is_endpoint = |(name, records): &&Change| {
        let before = latest.and_then(|plan| plan.records(name));
        let after = records.as_ref().is_some_and(RecordSet::has_targets);
        after || before.is_some_and(|before| before.has_targets())
    };
    changes.iter().filter(is_endpoint).count()
}

/// The records of this name, or what is wrong with them.
fn valid(
    name: &EndpointName,
    records: Result<RecordSet, InvalidRecordSet>,
) -> Result<RecordSet, PlanError> {
    records.map_err(|source| PlanError::InvalidRecords {
        endpoint: name.clone(),
        source,
    })
}

/// Whether the records are those of the decision, with these beside them.
fn is_same(records: &RecordSet, ttl: u32, decision: &Decision, beside: &StaticRecords) -> bool {
    records.ttl() == ttl
        && records.targets().eq(decision.targets.iter().copied())
        && records.static_records() == beside
}

/// Takes these rejections out.
fn strike(orders: &mut Arc<Orders>, over: &BTreeSet<ChangeId>) {
    if !orders.rejected.is_disjoint(over) {
        let orders = Arc::make_mut(orders);
        orders.rejected.retain(|id| !over.contains(id));
    }
}

impl<S> fmt::Debug for Planner<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner")
            .field("memory", &self.memory)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
