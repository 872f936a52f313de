//! Orders: what persons tell the Planner, in addition to the fleet file: drains, a freeze, and
//! which held changes they reject.
//!
//! # Rules
//! 1. A drain is configuration: the targets that it names count as drained, as if the fleet
//!    file said so, and change control judges the change of each endpoint. So a whole zone of
//!    three can be drained at once, and the last target of an endpoint only with a
//!    confirmation.
//! 2. A drain that names an end is over at that time of the wall clock. The order book does not
//!    show it any more then, so it ends in the next tick.
//! 3. Under a freeze the Planner goes on as always, but publishes nothing.
//! 4. A rejected change stays held and is not asked about any more. The rejection ends with
//!    the hold: when the file asks for something else, or when the change is confirmed. Then the
//!    Planner strikes it out of the book, and the same change is asked about again.
//! 5. The order book is the truth. The Planner reads it before each tick, and makes no tick
//!    while the book cannot be read: it does not publish under a freeze that it does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use plan_store::Generation;

use super::change_control::ChangeId;
use crate::FleetTarget;

/// What persons have ordered.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Orders {
    /// The drains that are in force.
    pub drains: BTreeMap<DrainScope, Drain>,
    /// The freeze, if there is one.
    pub freeze: Option<Order>,
    /// The held changes that are rejected.
    pub rejected: BTreeSet<ChangeId>,
    /// The order that changed this last: the cause of what follows from it.
    pub last: Option<Order>,
}

/// An order: its author, its time, and its reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// The author.
    pub by: String,
    /// When it was given.
    pub at: SystemTime,
    /// The reason, or what the order was.
    pub why: String,
}

/// What a drain is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DrainScope {
    /// The target with this address, at all endpoints.
    Target(IpAddr),
    /// All targets of this zone.
    Zone(String),
}

/// An order to send no traffic to some targets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drain {
    /// The order.
    pub order: Order,
    /// When it is over; never, if this is `None`.
    pub until: Option<SystemTime>,
}

/// The Planner's side of the operators' desk: it reads the orders there, and writes down what
/// it has published.
pub trait OrderBook: Send {
    /// The orders as they are now, without drains that are over. May block for as long as it
    /// takes.
    ///
    /// # Errors
    /// The book cannot be read. The Planner then makes no tick.
    fn read(&mut self) -> Result<Arc<Orders>, plan_store::Error>;

    /// Strikes these rejections out, whose changes are not held any more. May block for as
    /// long as it takes.
    ///
    /// # Errors
    /// The book cannot be written. The Planner asks again in its next tick.
    fn end_rejections(&mut self, over: &BTreeSet<ChangeId>) -> Result<(), plan_store::Error>;

    /// Takes note of a plan that the Planner has published.
    fn record(&mut self, publication: Publication);
}

/// A plan that was published, with its author and its cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publication {
    /// The plan.
    pub generation: Generation,
    /// The author: `health`, `fleet file`, `drain expiry`, or a person; several with commas.
    pub author: String,
    /// What led to the plan, in a line.
    pub cause: String,
    /// How many names have other records than in the plan before.
    pub names: usize,
    /// How many of them are endpoints. The others have static records alone.
    pub endpoints: usize,
}

/// No orders, and no record.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoBook;

impl OrderBook for NoBook {
    fn read(&mut self) -> Result<Arc<Orders>, plan_store::Error> {
        Ok(Arc::default())
    }

    fn end_rejections(&mut self, _: &BTreeSet<ChangeId>) -> Result<(), plan_store::Error> {
        Ok(())
    }

    fn record(&mut self, _: Publication) {}
}

impl Drain {
    /// Whether the drain is over at this time of the wall clock.
    pub fn is_over(&self, now: SystemTime) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl DrainScope {
    /// Whether the drain is about this target.
    pub fn covers(&self, target: &FleetTarget) -> bool {
        match self {
            Self::Target(address) => *address == target.address,
            Self::Zone(zone) => *zone == target.zone,
        }
    }
}

/// `zone NAME` or `target ADDRESS`.
impl fmt::Display for DrainScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(address) => write!(f, "target {address}"),
            Self::Zone(zone) => write!(f, "zone {zone}"),
        }
    }
}
