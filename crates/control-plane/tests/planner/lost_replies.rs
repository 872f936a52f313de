//! Publishes that fail, replies that are lost, and reads that are late.

use std::convert::Infallible;
use std::sync::Arc;

use control_plane::{PlanError, Planner, chain};
use parking_lot::Mutex;
use plan_store::memory::MemoryPin;
use plan_store::{
    Generation, Layer, MemoryStore, PinError, Plan, PlanStore, PublishError, Reader, Retention,
};

use crate::orders::Book;
use crate::{FOUR, at, fleet, health, published, served, unchanged, unhealthy};

/// A store of several machines: it may fail to publish, or lose the reply to it, and its reads
/// may be late.
#[derive(Clone)]
struct Faulty {
    store: MemoryStore,
    /// How the next publish fails, if it does.
    next: Arc<Mutex<Option<StoreFailure>>>,
    /// The plan that it takes for the latest, if that is an older one.
    shows: Arc<Mutex<Option<Generation>>>,
}

impl Faulty {
    fn new() -> Self {
        Self {
            store: MemoryStore::new(Retention::newest(9)),
            next: Arc::default(),
            shows: Arc::default(),
        }
    }

    fn fail_next(&self, failure: StoreFailure) {
        *self.next.lock() = Some(failure);
    }
}

/// How a publish fails.
#[derive(Clone, Copy, Debug)]
enum StoreFailure {
    NotDone,
    ReplyLost,
}

/// What a publish fails with.
#[derive(Debug, thiserror::Error)]
#[error("timed out")]
struct TimedOut;

impl From<Infallible> for TimedOut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Layer for Faulty {
    type Inner = MemoryStore;
    type Error = TimedOut;
    type Pin = MemoryPin;
    type Reader = Reader;

    fn inner(&self) -> &MemoryStore {
        &self.store
    }

    fn wrap(&self, pin: MemoryPin) -> MemoryPin {
        pin
    }

    fn reader(&self) -> Reader {
        self.store.reader()
    }

    fn publish(&self, plan: Arc<Plan>) -> Result<Generation, PublishError<TimedOut>> {
        let failure = self.next.lock().take();
        if !matches!(failure, Some(StoreFailure::NotDone)) {
            let published = self.store.publish(plan);
            let generation = published.map_err(|error| error.map(TimedOut::from))?;
            if failure.is_none() {
                return Ok(generation);
            }
        }
        Err(TimedOut.into())
    }

    fn latest(&self) -> Result<Option<MemoryPin>, PinError<TimedOut>> {
        let latest = match *self.shows.lock() {
            Some(older) => self.store.pin(older).map(Some),
            None => self.store.latest(),
        };
        latest.map_err(|error| error.map(TimedOut::from))
    }
}

#[test]
fn after_an_uncertain_publish_the_next_tick_looks() {
    let two = unhealthy(&["192.0.2.1", "192.0.2.2"]);
    for (failure, plans, next) in [
        (StoreFailure::NotDone, 1, published(2)),
        (StoreFailure::ReplyLost, 2, unchanged(2)),
    ] {
        let store = Faulty::new();
        let inner = &store.store;
        let endpoints = [("a.example", FOUR), ("b.example", FOUR)];
        let mut planner = Planner::new(store.clone(), fleet(30, &endpoints));
        planner.tick(&health(&[])).unwrap();
        planner.set_fleet(fleet(30, &endpoints[..1]), at(0));
        let id = planner.status().held[0].id;
        assert!(planner.confirm(id, at(0)));

        store.fail_next(failure);
        let error = planner.tick(&two).unwrap_err();
        assert!(matches!(error, PlanError::Store(_)), "{error}");
        assert_eq!(chain(&error), "the store failed: timed out");
        assert_eq!(
            inner.generations().len(),
            plans,
            "{failure:?}: not retried blindly"
        );
        // The confirmation still holds, because no publish is known to have used it.
        assert_eq!(planner.tick(&two).unwrap(), next, "{failure:?}");
        assert_eq!(inner.generations().len(), 2, "{failure:?}: published once");
        assert_eq!(served(inner), [("a".to_owned(), "3 4".to_owned())].into());
        assert_eq!(planner.status().held, []);
    }
}

/// A publish that fails does not use up a confirmation, whatever the health was then.
#[test]
fn a_confirmation_outlives_the_failed_publish_of_another_plan() {
    let store = Faulty::new();
    let mut planner = Planner::new(store.clone(), fleet(30, &[("db.example", FOUR)]));
    planner.tick(&health(&[])).unwrap();
    planner.set_fleet(fleet(30, &[("db.example", &FOUR[..2])]), at(0));
    let id = planner.status().held[0].id;
    assert!(planner.confirm(id, at(0)));
    store.fail_next(StoreFailure::NotDone);
    planner.tick(&unhealthy(&["192.0.2.1"])).unwrap_err();
    assert_eq!(planner.tick(&health(&[])).unwrap(), published(2));
    assert_eq!(served(&store.store)["db"], "1 2");
}

/// The tick that publishes at last names what led to the plan, although an earlier tick saw it.
#[test]
fn the_cause_of_a_plan_outlives_its_failed_publish() {
    let store = Faulty::new();
    let book = Book::default();
    let fleet = fleet(30, &[("db.example", FOUR)]);
    let mut planner = Planner::new(store.clone(), fleet).with_orders(book.clone());
    planner.tick(&health(&[])).unwrap();
    store.fail_next(StoreFailure::NotDone);
    let one = unhealthy(&["192.0.2.1"]);
    planner.tick(&one).unwrap_err();
    assert_eq!(planner.tick(&one).unwrap(), published(2));
    let last = book.history().pop().unwrap();
    assert_eq!(last, ("health".into(), "unhealthy: 192.0.2.1".into()));
}

/// The Planner does not take its own older plan for the plan of another author.
#[test]
fn an_older_plan_is_not_taken_for_news() {
    let store = Faulty::new();
    let book = Book::default();
    let fleet = fleet(30, &[("db.example", FOUR)]);
    let mut planner = Planner::new(store.clone(), fleet).with_orders(book.clone());
    let one = unhealthy(&["192.0.2.1"]);
    planner.tick(&health(&[])).unwrap();
    planner.tick(&one).unwrap();
    *store.shows.lock() = Some(Generation::FIRST);
    // The plan differs from what is to be, so it is published again.
    assert_eq!(planner.tick(&one).unwrap(), published(3));
    *store.shows.lock() = None;
    assert_eq!(planner.tick(&one).unwrap(), unchanged(3));
    let causes: Vec<_> = book.history().into_iter().map(|(_, cause)| cause).collect();
    let foreign = causes
        .iter()
        .any(|cause| cause.contains("not from this Planner"));
    assert!(!foreign, "{causes:?}");
}
