//! The order book: what persons have ordered, as a note in the store.
//!
//! # Rules
//! 1. The note is the truth. The Planner reads it before each tick, so an order counts after a
//!    restart and in another Planner's process.
//! 2. A command changes the note first and then has the Planner read it. If the note cannot be
//!    written, nothing has happened.
//! 3. Commands of one process change the note one after another. Two processes that change it
//!    at the same time may lose one of the changes: send commands to one of them.
//! 4. A note of a later version of this program is refused, and the Planner stands still until
//!    this program is upgraded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use control_plane::{Drain, DrainScope, Order, OrderBook, Orders, Publication};
use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::notes::Notes;

/// The note's name.
const NOTE: &str = "orders";
/// The version of the note's format.
const VERSION: u32 = 1;

/// Why the orders cannot be read.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(
        "the note `orders` in the store is damaged; the Planner stands still; give an order such as `enact thaw` to replace the note"
    )]
    Damaged(#[source] serde_json::Error),
    #[error(
        "the note `orders` in the store has version {0}, and this program knows {VERSION}; upgrade this program"
    )]
    Later(u32),
}

#[derive(Serialize, Deserialize)]
struct Note {
    version: u32,
    drains: Vec<DrainNote>,
    freeze: Option<OrderNote>,
    rejected: Vec<String>,
    last: Option<OrderNote>,
}

#[derive(Serialize, Deserialize)]
struct OrderNote {
    by: String,
    /// Milliseconds since 1970.
    at: u64,
    why: String,
}

#[derive(Serialize, Deserialize)]
struct DrainNote {
    scope: crate::api::Scope,
    order: OrderNote,
    /// Milliseconds since 1970.
    until: Option<u64>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// The Planner's side: it reads the note, and takes note of its plans in the history.
pub(crate) struct Book {
    notes: Arc<dyn Notes>,
    history: History,
    /// The note as it was read last.
    read: Option<(Option<Vec<u8>>, Arc<Orders>)>,
}

/// The commands' side.
pub(crate) struct OrderDesk {
    notes: Arc<dyn Notes>,
    writing: Mutex<()>,
}

impl Book {
    pub(crate) fn new(notes: Arc<dyn Notes>, history: History) -> Self {
        Self {
            notes,
            history,
            read: None,
        }
    }
}

impl OrderBook for Book {
    fn read(&mut self) -> Result<Arc<Orders>, plan_store::Error> {
        let bytes = self.notes.note(NOTE)?;
        if let Some((before, orders)) = &self.read
            && *before == bytes
        {
            return Ok(Arc::clone(orders));
        }
        let orders = Arc::new(decode(bytes.as_deref()).map_err(plan_store::Error::new)?);
        self.read = Some((bytes, Arc::clone(&orders)));
        Ok(orders)
    }

    fn record(&mut self, publication: Publication) {
        self.history.add(publication);
    }
}

impl OrderDesk {
    pub(crate) fn new(notes: Arc<dyn Notes>) -> Self {
        Self {
            notes,
            writing: Mutex::new(()),
        }
    }

    /// Changes the orders, and signs the change. What `change` refuses changes nothing.
    pub(crate) fn change<E: From<plan_store::Error>>(
        &self,
        order: Order,
        change: impl FnOnce(&mut Orders) -> Result<(), E>,
    ) -> Result<(), E> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = self.notes.note(NOTE)?;
        let mut orders = match decode(bytes.as_deref()) {
            Ok(orders) => orders,
            Err(Unreadable::Damaged(_)) => Orders::default(),
            Err(later @ Unreadable::Later(_)) => return Err(plan_store::Error::new(later).into()),
        };
        let now = Instant::now();
        orders.drains.retain(|_, drain| !drain.is_over(now));
        change(&mut orders)?;
        orders.last = Some(order);
        self.notes.set_note(NOTE, &encode(&orders)?)?;
        Ok(())
    }
}

fn decode(bytes: Option<&[u8]>) -> Result<Orders, Unreadable> {
    let Some(bytes) = bytes else {
        return Ok(Orders::default());
    };
    let Versioned { version } = serde_json::from_slice(bytes).map_err(Unreadable::Damaged)?;
    if version != VERSION {
        return Err(Unreadable::Later(version));
    }
    let note: Note = serde_json::from_slice(bytes).map_err(Unreadable::Damaged)?;
    let mut drains = BTreeMap::new();
    for DrainNote {
        scope,
        order,
        until,
    } in note.drains
    {
        let Some(scope) = scope_of(&scope) else {
            continue;
        };
        let until = until.map(moment);
        let order = order.into();
        drains.insert(scope, Drain { order, until });
    }
    let rejected = note.rejected.iter().filter_map(|id| id.parse().ok());
    Ok(Orders {
        drains,
        freeze: note.freeze.map(Order::from),
        rejected: rejected.collect::<BTreeSet<_>>(),
        last: note.last.map(Order::from),
    })
}

fn encode(orders: &Orders) -> Result<Vec<u8>, plan_store::Error> {
    let drain = |(scope, drain): (&DrainScope, &Drain)| DrainNote {
        scope: scope_text(scope),
        order: (&drain.order).into(),
        until: drain.until.map(|until| unix(wall(until))),
    };
    let note = Note {
        version: VERSION,
        drains: orders.drains.iter().map(drain).collect(),
        freeze: orders.freeze.as_ref().map(OrderNote::from),
        rejected: orders.rejected.iter().map(ToString::to_string).collect(),
        last: orders.last.as_ref().map(OrderNote::from),
    };
    serde_json::to_vec(&note).map_err(plan_store::Error::new)
}

/// What a drain is about; `None` if the address is none.
pub(crate) fn scope_of(scope: &crate::api::Scope) -> Option<DrainScope> {
    match scope {
        crate::api::Scope::Target(address) => address.parse().ok().map(DrainScope::Target),
        crate::api::Scope::Zone(zone) => Some(DrainScope::Zone(zone.clone())),
    }
}

pub(crate) fn scope_text(scope: &DrainScope) -> crate::api::Scope {
    match scope {
        DrainScope::Target(address) => crate::api::Scope::Target(address.to_string()),
        DrainScope::Zone(zone) => crate::api::Scope::Zone(zone.clone()),
    }
}

/// The wall-clock time of a moment, past or future.
pub(crate) fn wall(moment: Instant) -> SystemTime {
    let (now, wall) = (Instant::now(), SystemTime::now());
    let time = match moment.checked_duration_since(now) {
        Some(ahead) => wall.checked_add(ahead),
        None => wall.checked_sub(now.duration_since(moment)),
    };
    time.unwrap_or(wall)
}

/// The moment of a wall-clock time. A time before the machine's start is now.
fn moment(millis: u64) -> Instant {
    let (now, wall) = (Instant::now(), SystemTime::now());
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    let ahead = time.duration_since(wall).unwrap_or_default();
    now.checked_add(ahead).unwrap_or(now)
}

fn unix(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    u64::try_from(millis).unwrap_or(u64::MAX)
}

impl From<OrderNote> for Order {
    fn from(note: OrderNote) -> Self {
        Self {
            by: note.by,
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(note.at),
            why: note.why,
        }
    }
}

impl From<&Order> for OrderNote {
    fn from(order: &Order) -> Self {
        Self {
            by: order.by.clone(),
            at: unix(order.at),
            why: order.why.clone(),
        }
    }
}
