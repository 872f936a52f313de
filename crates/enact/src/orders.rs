//! The order book: what persons have ordered, as a note in the store.
//!
//! # Rules
//! 1. The note is the truth. The Planner reads it before each tick, so an order counts after a
//!    restart and in another Planner's process.
//! 2. A command changes the note first and then has the Planner read it. If the note cannot be
//!    written, nothing has happened.
//! 3. A change is made on the note that was read, and written only if the note is still that one.
//!    Otherwise it is made again on the newer note. So commands of one process or of several, and
//!    the Planner, which strikes out what has ended, never lose each other's changes.
//! 4. A note of a later version of this program is refused, and the Planner stands still until
//!    this program is upgraded.
//! 5. A note with anything that cannot be read is damaged as a whole, and the Planner stands
//!    still. Any order replaces it. What it said is lost, so a thaw and the end of a drain are
//!    orders then too, although nothing is known that they end.
//! 6. The end of a drain is a time of the wall clock, which the Planner reads before each tick. If
//!    the clock is set forward past the end, the drain is over; if it is set back, the drain
//!    lasts until the clock shows its end. A drain that is over is struck out of the note, so a
//!    clock that is set back later does not bring it back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use control_plane::{ChangeId, Drain, DrainScope, Order, OrderBook, Orders, Publication, chain};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use tracing::{debug, warn};

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
    /// The wall clock.
    now: fn() -> SystemTime,
    /// The note as it was read last, without the drains that are over.
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
            now: SystemTime::now,
            read: None,
        }
    }

    /// The orders of the note. Decodes it only if it has changed.
    fn orders(&self, bytes: Option<&Vec<u8>>) -> Result<Arc<Orders>, plan_store::Error> {
        if let Some((before, orders)) = &self.read
            && before.as_ref() == bytes
        {
            return Ok(Arc::clone(orders));
        }
        let orders = decode(bytes.map(Vec::as_slice)).map_err(plan_store::Error::new)?;
        Ok(Arc::new(orders))
    }

    /// Changes a note that can be read, if `change` changes anything.
    fn strike_out(&self, change: impl Fn(&mut Orders)) -> Result<(), plan_store::Error> {
        loop {
            let bytes = self.notes.note(NOTE)?;
            let orders = decode(bytes.as_deref()).map_err(plan_store::Error::new)?;
            let mut left = orders.clone();
            change(&mut left);
            if left == orders
                || self
                    .notes
                    .replace_note(NOTE, bytes.as_deref(), &encode(&left)?)?
            {
                return Ok(());
            }
        }
    }
}

impl OrderBook for Book {
    fn read(&mut self) -> Result<Arc<Orders>, plan_store::Error> {
        let bytes = self.notes.note(NOTE)?;
        let mut orders = self.orders(bytes.as_ref())?;
        let now = (self.now)();
        if orders.drains.values().any(|drain| drain.is_over(now)) {
            end_drains(Arc::make_mut(&mut orders), now);
            // If this fails, they are over all the same, and the next command strikes them out.
            if let Err(error) = self.strike_out(|orders| end_drains(orders, now)) {
                debug!(error = %chain(&error), "drains that are over are in the book");
            }
        }
        self.read = Some((bytes, Arc::clone(&orders)));
        Ok(orders)
    }

    fn end_rejections(&mut self, over: &BTreeSet<ChangeId>) -> Result<(), plan_store::Error> {
        self.strike_out(|orders| orders.rejected.retain(|id| !over.contains(id)))
    }

    fn record(&mut self, publication: Publication) {
        self.history.add(publication);
    }
}

impl OrderDesk {
    pub(crate) fn new(notes: Arc<dyn Notes>) -> Self {
        Self { notes }
    }

    /// Changes the orders, and signs the change. What `change` refuses changes nothing. It is
    /// called again if another change comes first.
    pub(crate) fn change<E: From<plan_store::Error>>(
        &self,
        order: &Order,
        change: impl Fn(&mut Draft) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let bytes = self.notes.note(NOTE)?;
            let mut draft = draft(bytes.as_deref())?;
            end_drains(&mut draft.orders, SystemTime::now());
            change(&mut draft)?;
            draft.orders.last = Some(order.clone());
            let new = encode(&draft.orders)?;
            if !self.notes.replace_note(NOTE, bytes.as_deref(), &new)? {
                continue;
            }
            if draft.replaces_damage {
                warn!(
                    "the damaged note `orders` is replaced; its drains, freeze and rejections are lost"
                );
            }
            return Ok(());
        }
    }
}

/// What a change begins with.
fn draft(bytes: Option<&[u8]>) -> Result<Draft, plan_store::Error> {
    match decode(bytes) {
        Ok(orders) => Ok(Draft {
            orders,
            replaces_damage: false,
        }),
        Err(Unreadable::Damaged(_)) => Ok(Draft {
            orders: Orders::default(),
            replaces_damage: true,
        }),
        Err(later @ Unreadable::Later(_)) => Err(plan_store::Error::new(later)),
    }
}

fn end_drains(orders: &mut Orders, now: SystemTime) {
    orders.drains.retain(|_, drain| !drain.is_over(now));
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
        let no_time = || damaged("a drain has an end that is no time");
        let until = until.map(|until| time(until).ok_or_else(no_time));
        let (order, until) = (order.into(), until.transpose()?);
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
        until: drain.until.map(unix),
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

fn time(millis: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
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
            at: time(note.at).unwrap_or(SystemTime::UNIX_EPOCH),
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
    use std::net::IpAddr;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    use std::thread;

    use super::*;
    use crate::notes::MemoryNotes;

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

    fn order(why: &str) -> Order {
        Order {
            by: "Ada".into(),
            at: SystemTime::UNIX_EPOCH,
            why: why.into(),
        }
    }

    fn target(last: u8) -> DrainScope {
        DrainScope::Target([192, 0, 2, last].into())
    }

    fn drain(desk: &OrderDesk, last: u8, until: Option<SystemTime>) {
        let drain = Drain {
            order: order("rack work"),
            until,
        };
        let insert = |draft: &mut Draft| {
            draft.orders.drains.insert(target(last), drain.clone());
            Ok::<_, plan_store::Error>(())
        };
        desk.change(&order("drained"), insert).unwrap();
    }

    fn targets(orders: &Orders) -> Vec<u8> {
        let last = |scope: &DrainScope| match scope {
            DrainScope::Target(IpAddr::V4(address)) => address.octets()[3],
            other => panic!("{other}"),
        };
        orders.drains.keys().map(last).collect()
    }

    /// Notes that two writers have both read before one of them writes.
    struct Crossed {
        notes: MemoryNotes,
        both_have_read: Barrier,
        crossings: AtomicUsize,
        /// The control: without the comparison.
        compares: bool,
    }

    impl Crossed {
        fn new(compares: bool) -> Self {
            Self {
                notes: MemoryNotes::default(),
                both_have_read: Barrier::new(2),
                crossings: AtomicUsize::new(2),
                compares,
            }
        }
    }

    impl Notes for Crossed {
        fn note(&self, name: &str) -> Result<Option<Vec<u8>>, plan_store::Error> {
            let note = self.notes.note(name);
            let left = |left: usize| left.checked_sub(1);
            let (set, fetch) = (Ordering::SeqCst, Ordering::SeqCst);
            if self.crossings.fetch_update(set, fetch, left).is_ok() {
                self.both_have_read.wait();
            }
            note
        }

        fn set_note(&self, name: &str, bytes: &[u8]) -> Result<(), plan_store::Error> {
            self.notes.set_note(name, bytes)
        }

        fn replace_note(
            &self,
            name: &str,
            before: Option<&[u8]>,
            bytes: &[u8],
        ) -> Result<bool, plan_store::Error> {
            if self.compares {
                self.notes.replace_note(name, before, bytes)
            } else {
                self.notes.set_note(name, bytes).map(|()| true)
            }
        }
    }

    /// Two writers read the same note and then both write.
    fn written_at_once(compares: bool) -> Vec<u8> {
        let notes = Arc::new(Crossed::new(compares));
        thread::scope(|scope| {
            for last in [1, 2] {
                let desk = OrderDesk::new(notes.clone());
                scope.spawn(move || drain(&desk, last, None));
            }
        });
        targets(&decode(notes.note(NOTE).unwrap().as_deref()).unwrap())
    }

    #[test]
    fn of_two_orders_at_once_none_is_lost() {
        assert_eq!(written_at_once(true), [1, 2]);
        // The control: without the comparison, one of them is.
        assert_eq!(written_at_once(false).len(), 1);
    }

    /// The wall clock of [`book_at`], in seconds since 1970. Only one test sets it.
    static CLOCK: AtomicU64 = AtomicU64::new(0);

    fn clock() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(CLOCK.load(Ordering::SeqCst))
    }

    #[test]
    fn the_end_of_a_drain_follows_the_clock_and_is_final() {
        let notes: Arc<dyn Notes> = Arc::new(MemoryNotes::default());
        let history = History::start(Arc::clone(&notes)).unwrap();
        let mut book = Book::new(Arc::clone(&notes), history);
        book.now = clock;
        let mut in_force_at = |seconds: u64| {
            CLOCK.store(seconds, Ordering::SeqCst);
            targets(&book.read().unwrap())
        };
        // The desk has the true clock, so the ends are far ahead of it.
        let year_2100 = 4_102_444_800;
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(year_2100 + seconds);
        let desk = OrderDesk::new(Arc::clone(&notes));
        drain(&desk, 1, Some(at(100)));
        drain(&desk, 2, Some(at(200)));
        drain(&desk, 3, None);
        assert_eq!(in_force_at(year_2100), [1, 2, 3]);
        // The clock is set back: the drains last until it shows their ends.
        assert_eq!(in_force_at(year_2100 - 1000), [1, 2, 3]);
        assert_eq!(in_force_at(year_2100 + 99), [1, 2, 3]);
        // It is set forward past one end, and back again: that drain stays over.
        assert_eq!(in_force_at(year_2100 + 100), [2, 3]);
        assert_eq!(in_force_at(year_2100), [2, 3]);
        assert_eq!(
            targets(&decode(notes.note(NOTE).unwrap().as_deref()).unwrap()),
            [2, 3]
        );
        // A drain that is given again with a later end counts.
        drain(&desk, 1, Some(at(300)));
        assert_eq!(in_force_at(year_2100 + 250), [1, 3]);
        assert_eq!(in_force_at(year_2100 * 2), [3]);
    }
}
