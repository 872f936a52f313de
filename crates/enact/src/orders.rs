//! The order book: what persons have ordered, as a note in the store.
//!
//! # Rules
//! 1. The note is the truth. The Planner reads it before each tick, so an order counts after a
//!    restart and in another Planner's process.
//! 2. A command changes the note first and then has the Planner read it. If the note cannot be
//!    written, nothing has happened.
//! 3. Commands of one process, and its Planner, which strikes out rejections that have ended,
//!    change the note one after another. Two processes that change it
//!    at the same time may lose one of the changes: send commands to one of them.
//! 4. A note of a later version of this program is refused, and the Planner stands still until
//!    this program is upgraded.
//! 5. A note with anything that cannot be read is damaged as a whole, and the Planner stands
//!    still. Any order replaces it. What it said is lost, so a thaw and the end of a drain are
//!    orders then too, although nothing is known that they end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use control_plane::{ChangeId, Drain, DrainScope, Order, OrderBook, Orders, Publication};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use tracing::warn;

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
        "the note `orders` in the store is damaged; the Planner stands still; `enact thaw` replaces the note, and its drains, its freeze and its rejections are lost; give them again"
    )]
    Damaged(#[source] serde_json::Error),
    #[error(
        "the note `orders` in the store has version {0}, and this program knows {VERSION}; upgrade this program"
    )]
    Later(u32),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    version: u32,
    drains: Vec<DrainNote>,
    freeze: Option<OrderNote>,
    rejected: Vec<String>,
    last: Option<OrderNote>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderNote {
    by: String,
    /// Milliseconds since 1970.
    at: u64,
    why: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

/// The orders as a command finds them and leaves them.
pub(crate) struct Draft {
    pub(crate) orders: Orders,
    /// Whether the note is damaged, so that these orders replace it.
    pub(crate) replaces_damage: bool,
}

/// The commands' side.
pub(crate) struct OrderDesk {
    notes: Arc<dyn Notes>,
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

    fn end_rejections(&mut self, over: &BTreeSet<ChangeId>) -> Result<(), plan_store::Error> {
        let _one_at_a_time = one_at_a_time();
        let bytes = self.notes.note(NOTE)?;
        let mut orders = decode(bytes.as_deref()).map_err(plan_store::Error::new)?;
        let before = orders.rejected.len();
        orders.rejected.retain(|id| !over.contains(id));
        if orders.rejected.len() < before {
            self.notes.set_note(NOTE, &encode(&orders)?)?;
        }
        Ok(())
    }

    fn record(&mut self, publication: Publication) {
        self.history.add(publication);
    }
}

impl OrderDesk {
    pub(crate) fn new(notes: Arc<dyn Notes>) -> Self {
        Self { notes }
    }

    /// Changes the orders, and signs the change. What `change` refuses changes nothing.
    pub(crate) fn change<E: From<plan_store::Error>>(
        &self,
        order: Order,
        change: impl FnOnce(&mut Draft) -> Result<(), E>,
    ) -> Result<(), E> {
        let _one_at_a_time = one_at_a_time();
        let bytes = self.notes.note(NOTE)?;
        let mut draft = match decode(bytes.as_deref()) {
            Ok(orders) => Draft {
                orders,
                replaces_damage: false,
            },
            Err(Unreadable::Damaged(_)) => Draft {
                orders: Orders::default(),
                replaces_damage: true,
            },
            Err(later @ Unreadable::Later(_)) => return Err(plan_store::Error::new(later).into()),
        };
        let now = Instant::now();
        draft.orders.drains.retain(|_, drain| !drain.is_over(now));
        change(&mut draft)?;
        draft.orders.last = Some(order);
        self.notes.set_note(NOTE, &encode(&draft.orders)?)?;
        if draft.replaces_damage {
            warn!(
                "the damaged note `orders` is replaced; its drains, freeze and rejections are lost"
            );
        }
        Ok(())
    }
}

/// Held while the note is read, edited and written.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static WRITING: Mutex<()> = Mutex::new(());
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
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
        let scope =
            scope_of(&scope).ok_or_else(|| damaged("a drain has a target that is no address"))?;
        let until = until.map(moment);
        let order = order.into();
        drains.insert(scope, Drain { order, until });
    }
    let rejected = note.rejected.iter().map(|id| id.parse());
    let rejected: Result<BTreeSet<_>, _> = rejected.collect();
    Ok(Orders {
        drains,
        freeze: note.freeze.map(Order::from),
        rejected: rejected.map_err(damaged)?,
        last: note.last.map(Order::from),
    })
}

fn damaged(why: impl fmt::Display) -> Unreadable {
    Unreadable::Damaged(serde_json::Error::custom(why))
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

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"version":1,"drains":[{"scope":{"target":"192.0.2.1"},"order":{"by":"Ada","at":1,"why":""},"until":null}],"freeze":null,"rejected":["4c1f0ea2d07b9a35"],"last":null}"#;

    #[test]
    fn a_note_is_read_whole_or_not_at_all() {
        let good = decode(Some(GOOD.as_bytes())).unwrap();
        assert_eq!((good.drains.len(), good.rejected.len()), (1, 1));
        assert_eq!(encode(&good).unwrap(), GOOD.as_bytes());
        for (what, damage) in [
            ("192.0.2.1", "192.0.2."),
            ("target", "rack"),
            ("4c1f0ea2d07b9a35", "no id"),
            ("\"why\"", "\"how\":0,\"why\""),
            ("\"freeze\"", "\"pause\":null,\"freeze\""),
            ("null}", "null"),
        ] {
            let bad = GOOD.replacen(what, damage, 1);
            let read = decode(Some(bad.as_bytes()));
            assert!(matches!(read, Err(Unreadable::Damaged(_))), "{bad}");
        }
        let later = GOOD.replace("\"version\":1", "\"version\":2");
        let read = decode(Some(later.as_bytes()));
        assert!(matches!(read, Err(Unreadable::Later(2))));
    }
}
