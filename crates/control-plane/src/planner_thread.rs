//! The Planner on a thread of its own, and its health source on another.
//!
//! # Rules
//! 1. The Planner asks its source for a reading at once, and then at each interval
//!    unless it still waits for a reading. A source that stalls delays the next
//!    plan and changes nothing else.
//! 2. The source is told a new watchlist at once, also between readings. So when the
//!    checks of a new target begin does not depend on the interval. After a new fleet it is
//!    told the list even if that is the same, so that it reads files again that checks name.
//! 3. Each reading makes one tick. After a publish the Planner wakes all Enactors.
//! 4. A new fleet counts from the next reading on, its interval at once. A confirmation
//!    is for the change that it names, as it was when the confirmation arrived. Neither
//!    waits for the source, and neither do orders and previews. Few previews wait at a time, and
//!    none whose asker has given up (`previews.rs`).
//! 5. The status is replaced whole, under a lock that nobody holds for longer than a
//!    copy of its pointer. It is as new as the last tick, fleet or confirmation.
//! 6. Dropping the thread's owner sends a message, which the thread cannot miss, and the
//!    thread stops. It does not wait for a source that is stalled; the source's
//!    thread ends when the source returns.
//! 7. A source or a tick that panics counts as failed. The next interval starts
//!    from the store as it is then.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded, select_biased, tick, unbounded};
use parking_lot::Mutex;
use plan_store::DnsStore;
use tracing::{info, warn};

use crate::previews::{Added, Previews, Waiting};
use crate::supervise::supervise;
use crate::{
    ChangeId, Fleet, Health, HealthSource, PlanError, Planned, Planner, Preview, Status, Waker,
    Watchlist, chain,
};

type Reading = Result<Health, PlanError>;

/// What the source is asked to do.
enum Ask {
    Watch(Arc<Watchlist>),
    Read,
}

/// What a handle asks the thread to do.
enum Control {
    SetFleet(Box<Fleet>),
    Confirm(Vec<ChangeId>, String, Sender<Result<(), ChangeId>>),
    Obey(Sender<Result<(), PlanError>>),
    /// Previews wait.
    Preview,
    Stop,
}

/// The Planner's thread. Dropping this stops the thread after the tick that it is in, and
/// waits for the end of that tick.
pub struct PlannerThread {
    handle: PlannerHandle,
    thread: Option<JoinHandle<()>>,
}

/// Tells the Planner's thread what to do, and what it holds back. Waits only where it says how
/// long; clones reach the same thread. After the thread has stopped, a handle changes nothing.
#[derive(Clone)]
pub struct PlannerHandle {
    control: Sender<Control>,
    previews: Arc<Previews>,
    status: Arc<Mutex<Arc<Status>>>,
}

impl PlannerThread {
    /// Starts the threads. The interval is at first this one, and after a new fleet the
    /// fleet's. `report` is called after each tick, and after each reading that failed.
    ///
    /// # Errors
    /// If the operating system cannot start a thread.
    pub fn start<S: DnsStore + 'static>(
        planner: Planner<S>,
        source: impl HealthSource + 'static,
        interval: Duration,
        enactors: Vec<Waker>,
        report: impl FnMut(&Result<Planned, PlanError>) + Send + 'static,
    ) -> io::Result<Self> {
        let (ask, asked) = unbounded();
        let (answer, readings) = bounded(1);
        thread::Builder::new()
            .name("health".into())
            .spawn(move || read_when_asked(source, &asked, &answer))?;
        let (control, controlled) = unbounded();
        let status = Arc::new(Mutex::new(Arc::new(planner.status().clone())));
        let previews = Arc::<Previews>::default();
        let handle = PlannerHandle {
            control,
            previews: Arc::clone(&previews),
            status: Arc::clone(&status),
        };
        let worker = Worker {
            planner,
            enactors,
            report,
            told: None,
            ask,
            readings,
            controlled,
            previews,
            status,
        };
        let thread = thread::Builder::new()
            .name("planner".into())
            .spawn(move || worker.run(tick(interval)))?;
        Ok(Self {
            handle,
            thread: Some(thread),
        })
    }

    /// A handle of the thread.
    pub fn handle(&self) -> PlannerHandle {
        self.handle.clone()
    }

    /// Whether the thread runs. It ends by itself only if `report` panics.
    pub fn is_running(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// [`PlannerHandle::set_fleet`].
    pub fn set_fleet(&self, fleet: Fleet) {
        self.handle.set_fleet(fleet);
    }
}

impl PlannerHandle {
    /// Plans with this fleet from the next reading on, at this fleet's interval.
    pub fn set_fleet(&self, fleet: Fleet) {
        self.send(Control::SetFleet(Box::new(fleet)));
    }

    /// Confirms the held changes with these ids for a person, whom the history names, and waits
    /// until the status says so, but no longer than this. The next plan carries them out.
    /// Returns `None` after that time; they may still be confirmed later.
    ///
    /// # Errors
    /// An id that is not held. Then none is confirmed.
    pub fn confirm(
        &self,
        ids: &[ChangeId],
        person: &str,
        patience: Duration,
    ) -> Option<Result<(), ChangeId>> {
        let (ids, person) = (ids.to_owned(), person.to_owned());
        self.ask(patience, |answer| Control::Confirm(ids, person, answer))
    }

    /// Has the Planner read its orders now, and waits until the status shows what they make
    /// of the fleet, but no longer than this. Returns `None` after that time; the next tick
    /// reads them too.
    pub fn obey(&self, patience: Duration) -> Option<Result<(), PlanError>> {
        self.ask(patience, Control::Obey)
    }

    /// What would change with this fleet. Waits for the answer, but no longer than this. Returns
    /// `None` after that time, and at once if too many previews wait already.
    pub fn preview(&self, fleet: Fleet, patience: Duration) -> Option<Result<Preview, PlanError>> {
        let (answer, answered) = bounded(1);
        let Added::Waits { number, announce } = self.previews.add(Box::new(fleet), answer) else {
            return None;
        };
        let runs = !announce || self.control.send(Control::Preview).is_ok();
        let preview = runs.then(|| answered.recv_timeout(patience).ok()).flatten();
        if preview.is_none() {
            self.previews.forget(number);
        }
        preview
    }

    fn ask<T>(&self, patience: Duration, ask: impl FnOnce(Sender<T>) -> Control) -> Option<T> {
        let (answer, answered) = bounded(1);
        self.send(ask(answer));
        answered.recv_timeout(patience).ok()
    }

    /// What the Planner holds back, and why.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.lock())
    }

    fn send(&self, control: Control) {
        // An error here means that the thread has ended.
        let _ = self.control.send(control);
    }
}

impl Drop for PlannerThread {
    fn drop(&mut self) {
        self.handle.send(Control::Stop);
        if let Some(thread) = self.thread.take() {
            // The thread catches panics of its ticks. An error here is a panic in
            // `report`, which has ended the thread already.
            let _ = thread.join();
        }
    }
}

/// The work of the source's thread.
fn read_when_asked(mut source: impl HealthSource, asked: &Receiver<Ask>, answer: &Sender<Reading>) {
    for ask in asked {
        match ask {
            Ask::Watch(list) => {
                // A panic is logged, and the source goes on with the list that it has.
                let _: Result<(), PlanError> = supervise("health source", || {
                    source.watch(&list);
                    Ok(())
                });
            }
            Ask::Read => {
                let reading = supervise("health source", || Ok(source.read()?));
                if answer.send(reading).is_err() {
                    break;
                }
            }
        }
    }
}

struct Worker<S, F> {
    planner: Planner<S>,
    enactors: Vec<Waker>,
    report: F,
    /// The watchlist that the source has been told.
    told: Option<Arc<Watchlist>>,
    ask: Sender<Ask>,
    readings: Receiver<Reading>,
    controlled: Receiver<Control>,
    previews: Arc<Previews>,
    status: Arc<Mutex<Arc<Status>>>,
}

impl<S: DnsStore, F: FnMut(&Result<Planned, PlanError>)> Worker<S, F> {
    fn run(mut self, mut interval: Receiver<Instant>) {
        self.tell_source();
        let mut waiting = self.ask.send(Ask::Read).is_ok();
        loop {
            select_biased! {
                recv(self.controlled) -> control => match control {
                    Ok(Control::SetFleet(fleet)) => {
                        if let Some(new) = self.set_fleet(*fleet) {
                            interval = tick(new);
                        }
                    }
                    Ok(Control::Confirm(ids, person, answer)) => self.confirm(&ids, &person, &answer),
                    Ok(Control::Obey(answer)) => self.obey(&answer),
                    Ok(Control::Preview) => self.preview(),
                    Ok(Control::Stop) | Err(_) => break,
                },
                recv(self.readings) -> reading => match reading {
                    Ok(reading) => {
                        waiting = false;
                        self.plan(reading);
                    }
                    Err(_) => break,
                },
                recv(interval) -> _ => {
                    if waiting {
                        warn!("the health source has not answered; the plan stays as it is");
                    } else {
                        waiting = self.ask.send(Ask::Read).is_ok();
                    }
                }
            }
        }
        // Their askers need not wait any longer.
        drop(self.previews.take());
        info!("planner stopped");
    }

    /// Tells the source what to watch, if that has changed.
    fn tell_source(&mut self) {
        let list = self.planner.watchlist();
        let is_told = |told: &Arc<Watchlist>| Arc::ptr_eq(told, list);
        if !self.told.as_ref().is_some_and(is_told) {
            // An error here means that the source's thread has ended.
            let _ = self.ask.send(Ask::Watch(Arc::clone(list)));
            self.told = Some(Arc::clone(list));
        }
    }

    /// Returns the new interval, if it is another one.
    fn set_fleet(&mut self, fleet: Fleet) -> Option<Duration> {
        let before = self.planner.fleet().timings().planner_interval;
        let new = fleet.timings().planner_interval;
        self.planner.set_fleet(fleet, Instant::now());
        self.told = None;
        self.tell();
        (new != before).then_some(new)
    }

    fn obey(&mut self, answer: &Sender<Result<(), PlanError>>) {
        let obeyed = supervise("planner", || self.planner.obey(Instant::now()));
        self.tell();
        // The asker may have gone.
        let _ = answer.send(obeyed);
    }

    fn preview(&self) {
        for Waiting { fleet, answer, .. } in self.previews.take() {
            let preview = supervise("planner", || self.planner.preview(&fleet, Instant::now()));
            let _ = answer.send(preview);
        }
    }

    fn confirm(&mut self, ids: &[ChangeId], person: &str, answer: &Sender<Result<(), ChangeId>>) {
        let status = self.planner.status();
        let held: HashSet<_> = status
            .held
            .iter()
            .chain(&status.rejected)
            .map(|h| h.id)
            .collect();
        let unknown = ids.iter().find(|id| !held.contains(id));
        let confirmed = unknown.map_or(Ok(()), |id| Err(*id));
        if confirmed.is_ok() {
            for id in ids {
                // An id that is named twice is not held the second time.
                self.planner.confirm_by(*id, person, Instant::now());
            }
            self.tell();
        }
        // The asker may have gone.
        let _ = answer.send(confirmed);
    }

    fn plan(&mut self, reading: Reading) {
        let planned = match reading {
            Ok(health) => supervise("planner", || self.planner.tick(&health)),
            Err(error) => {
                warn!(error = %chain(&error), "no health");
                Err(error)
            }
        };
        self.tell();
        match &planned {
            Ok(Planned::Published { .. }) => self.enactors.iter().for_each(Waker::wake),
            Err(error @ PlanError::Store(_)) => warn!(error = %chain(error), "store failed"),
            _ => {}
        }
        (self.report)(&planned);
    }

    /// Tells the source what to watch, and the handles the status.
    fn tell(&mut self) {
        self.tell_source();
        let status = self.planner.status();
        if status != &**self.status.lock() {
            *self.status.lock() = Arc::new(status.clone());
        }
    }
}

impl fmt::Debug for PlannerThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannerThread").finish_non_exhaustive()
    }
}

impl fmt::Debug for PlannerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannerHandle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::IpAddr;
    use std::path::Path;
    use std::time::SystemTime;

    use crossbeam::channel::never;
    use plan_store::{MemoryStore, Pin, PlanStore, Retention};

    use super::*;
    use crate::{Drain, DrainScope, Order, OrderBook, Orders, Publication, TargetState};

    /// Two endpoints, the first with a target in each of two zones.
    const TWO: &str = r#"
        [[endpoint]]
        name = "a.example"
        target = [
            { address = "192.0.2.1", zone = "z1", capacity = 1 },
            { address = "192.0.2.2", zone = "z2", capacity = 1 },
        ]
        [[endpoint]]
        name = "b.example"
        target = [{ address = "192.0.2.1", zone = "z1", capacity = 1 }]
    "#;

    /// A book that the test writes.
    struct Book(Arc<Mutex<Orders>>);

    impl OrderBook for Book {
        fn read(&mut self) -> Result<Arc<Orders>, plan_store::Error> {
            Ok(Arc::new(self.0.lock().clone()))
        }

        fn end_rejections(&mut self, _: &BTreeSet<ChangeId>) -> Result<(), plan_store::Error> {
            Ok(())
        }

        fn record(&mut self, _: Publication) {}
    }

    fn fleet(endpoint: &str) -> Fleet {
        let target = r#"{ address = "192.0.2.1", zone = "z1", capacity = 1 }"#;
        let text = format!("[[endpoint]]\nname = \"{endpoint}\"\ntarget = [{target}]");
        Fleet::parse(&text, Path::new("test.toml")).unwrap()
    }

    fn well() -> Health {
        let report = (IpAddr::from([192, 0, 2, 1]), TargetState::Up.into());
        Health::new(Instant::now(), [report])
    }

    /// A worker of a Planner whose source gives these readings, and the handle to it, with what
    /// the worker asks of its source.
    fn worker<F>(
        planner: Planner<MemoryStore>,
        readings: Receiver<Reading>,
        report: impl FnOnce(&PlannerHandle) -> F,
    ) -> (Worker<MemoryStore, F>, PlannerHandle, Receiver<Ask>) {
        let ((ask, asked), (control, controlled)) = (unbounded(), unbounded());
        let handle = PlannerHandle {
            control,
            previews: Arc::default(),
            status: Arc::default(),
        };
        let worker = Worker {
            planner,
            enactors: Vec::new(),
            report: report(&handle),
            told: None,
            ask,
            readings,
            controlled,
            previews: Arc::clone(&handle.previews),
            status: Arc::clone(&handle.status),
        };
        (worker, handle, asked)
    }

    fn reads(asked: &Receiver<Ask>) -> usize {
        let asked = asked.try_iter();
        asked.filter(|ask| matches!(ask, Ask::Read)).count()
    }

    /// The Planner's thread finds a fleet and a reading at once.
    #[test]
    fn a_fleet_that_came_before_a_reading_is_planned_with() {
        let store = MemoryStore::new(Retention::newest(1));
        let (answer, readings) = unbounded();
        answer.send(Ok(well())).unwrap();
        let planner = Planner::new(store.clone(), fleet("old.example"));
        let (worker, handle, asked) = worker(planner, readings, |handle| {
            let mut control = Some(handle.control.clone());
            // The end of the test.
            move |_: &Result<Planned, PlanError>| drop(control.take())
        });
        handle.set_fleet(fleet("new.example"));
        drop(handle);
        worker.run(never());
        let latest = store.latest().unwrap().unwrap();
        let names: Vec<_> = latest.plan().endpoints().map(|(name, _)| name).collect();
        assert_eq!(names, [&"new.example".parse().unwrap()]);
        assert_eq!(reads(&asked), 1, "at the beginning, and only then");
    }

    /// The answers go to channels without room. So the thread stands still at an answer until the
    /// test takes it, and the status must be there before.
    #[test]
    fn the_status_shows_what_a_command_did_before_the_command_returns() {
        const PATIENCE: Duration = Duration::from_mins(1);
        let book = Book(Arc::default());
        let orders = Arc::clone(&book.0);
        let two = Fleet::parse(TWO, Path::new("test.toml")).unwrap();
        let store = MemoryStore::new(Retention::newest(1));
        let (answer, readings) = bounded(1);
        let (ticked, newest_shown) = unbounded();
        let planner = Planner::new(store, two).with_orders(book);
        let (worker, handle, _asked) = worker(planner, readings, |handle| {
            let status = Arc::clone(&handle.status);
            move |_: &Result<Planned, PlanError>| {
                let _ = ticked.send(status.lock().newest);
            }
        });
        let thread = thread::spawn(move || worker.run(never()));
        let up = |last| (IpAddr::from([192, 0, 2, last]), TargetState::Up.into());
        let well = Health::new(Instant::now(), [1, 2].map(up));
        answer.send(Ok(well)).unwrap();
        let newest = newest_shown.recv_timeout(PATIENCE).unwrap();
        assert_eq!(newest, Some(plan_store::Generation::FIRST));
        let shows = |what: fn(&Status) -> bool| {
            let deadline = Instant::now() + PATIENCE;
            while !what(&handle.status()) {
                assert!(Instant::now() < deadline, "{:?}", handle.status());
                thread::yield_now();
            }
        };

        let order = Order {
            by: "Ada".into(),
            at: SystemTime::UNIX_EPOCH,
            why: String::new(),
        };
        let drain = Drain { order, until: None };
        let zone = DrainScope::Zone("nowhere".into());
        orders.lock().drains.insert(zone, drain);
        let (answer, obeyed) = bounded(0);
        handle.send(Control::Obey(answer));
        shows(|status| status.drains.len() == 1);
        obeyed.recv_timeout(PATIENCE).unwrap().unwrap();

        handle.set_fleet(fleet("a.example"));
        shows(|status| status.held.len() == 1);
        let id = handle.status().held[0].id;
        // A change that a person has rejected can still be confirmed.
        orders.lock().rejected.insert(id);
        handle.obey(PATIENCE).unwrap().unwrap();
        assert_eq!(handle.status().rejected.len(), 1);
        let ids = vec![id];
        let (answer, confirmed) = bounded(0);
        handle.send(Control::Confirm(ids, "Ada".into(), answer));
        shows(|status| status.rejected.is_empty());
        confirmed.recv_timeout(PATIENCE).unwrap().unwrap();
        handle.send(Control::Stop);
        thread.join().unwrap();
    }

    #[test]
    fn a_source_that_has_not_answered_is_not_asked_again() {
        let (_answer, readings) = unbounded();
        let planner = Planner::new(MemoryStore::new(Retention::newest(1)), fleet("a.example"));
        let report = |_: &PlannerHandle| |_: &Result<Planned, PlanError>| {};
        let (worker, handle, asked) = worker(planner, readings, report);
        let (tick, interval) = bounded(0);
        thread::scope(|scope| {
            scope.spawn(|| worker.run(interval));
            for _ in 0..3 {
                tick.send(Instant::now()).unwrap();
            }
            drop(handle);
        });
        assert_eq!(reads(&asked), 1);
    }
}
