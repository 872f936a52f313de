//! The Planner on a thread of its own, and its health source on another.
//!
//! # Rules
//! 1. The Planner asks its source for a reading at once, and then at each interval
//!    unless it still waits for a reading. A source that stalls delays the next
//!    plan and changes nothing else.
//! 2. Each reading makes one tick. After a publish the Planner wakes all Enactors.
//! 3. A new fleet counts from the next reading on. A confirmation is for the plan
//!    that was refused last when it arrived. Neither waits for the source.
//! 4. Dropping the handle closes a channel, which the thread cannot miss, and the
//!    thread stops. It does not wait for a source that is stalled; the source's
//!    thread ends when the source returns.
//! 5. A source or a tick that panics counts as failed. The next interval starts
//!    from the store as it is then.

use std::fmt;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded, select_biased, tick, unbounded};
use plan_store::PlanStore;
use tracing::{info, warn};

use crate::supervise::supervise;
use crate::{Fleet, Health, HealthSource, PlanError, Planned, Planner, Waker, chain};

type Reading = Result<Health, PlanError>;

/// What the handle asks the thread to do.
enum Control {
    SetFleet(Box<Fleet>),
    Confirm,
}

/// The handle of the Planner's thread. Dropping it stops the thread after the
/// tick that it is in, and waits for the end of that tick.
pub struct PlannerThread {
    control: Option<Sender<Control>>,
    thread: Option<JoinHandle<()>>,
}

impl PlannerThread {
    /// Starts the threads. `report` is called after each tick, and after each
    /// reading that failed.
    ///
    /// # Errors
    /// If the operating system cannot start a thread.
    pub fn start<S: PlanStore + 'static>(
        planner: Planner<S>,
        source: impl HealthSource + 'static,
        interval: Duration,
        enactors: Vec<Waker>,
        report: impl FnMut(&Result<Planned, PlanError>) + Send + 'static,
    ) -> io::Result<Self> {
        let (ask, asked) = bounded(1);
        let (answer, readings) = bounded(1);
        thread::Builder::new()
            .name("health".into())
            .spawn(move || read_when_asked(source, &asked, &answer))?;
        let (control, controlled) = unbounded();
        let worker = Worker {
            planner,
            enactors,
            report,
            ask,
            readings,
            controlled,
        };
        let thread = thread::Builder::new()
            .name("planner".into())
            .spawn(move || worker.run(&tick(interval)))?;
        Ok(Self {
            control: Some(control),
            thread: Some(thread),
        })
    }

    /// Plans with this fleet from the next reading on. Does not wait.
    pub fn set_fleet(&self, fleet: Fleet) {
        self.send(Control::SetFleet(Box::new(fleet)));
    }

    /// Lets the plan that the guard refused last pass, if it is still the desired
    /// one; see [`Planner::confirm`]. Does not wait: the next report has the result.
    pub fn confirm(&self) {
        self.send(Control::Confirm);
    }

    fn send(&self, control: Control) {
        if let Some(sender) = &self.control {
            // An error here means that a panic in `report` has ended the thread.
            let _ = sender.send(control);
        }
    }
}

impl Drop for PlannerThread {
    fn drop(&mut self) {
        self.control = None;
        if let Some(thread) = self.thread.take() {
            // The thread catches panics of its ticks. An error here is a panic in
            // `report`, which has ended the thread already.
            let _ = thread.join();
        }
    }
}

fn read_when_asked(mut source: impl HealthSource, asked: &Receiver<()>, answer: &Sender<Reading>) {
    for () in asked {
        let reading = supervise("health source", || Ok(source.read()?));
        if answer.send(reading).is_err() {
            break;
        }
    }
}

struct Worker<S, F> {
    planner: Planner<S>,
    enactors: Vec<Waker>,
    report: F,
    ask: Sender<()>,
    readings: Receiver<Reading>,
    controlled: Receiver<Control>,
}

impl<S: PlanStore, F: FnMut(&Result<Planned, PlanError>)> Worker<S, F> {
    fn run(mut self, interval: &Receiver<std::time::Instant>) {
        let mut waiting = self.ask.try_send(()).is_ok();
        loop {
            select_biased! {
                recv(self.controlled) -> control => match control {
                    Ok(Control::SetFleet(fleet)) => self.planner.set_fleet(*fleet),
                    Ok(Control::Confirm) => {
                        if !self.planner.confirm() {
                            warn!("there is no refused plan to confirm");
                        }
                    }
                    Err(_) => break,
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
                        waiting = self.ask.try_send(()).is_ok();
                    }
                }
            }
        }
        info!("planner stopped");
    }

    fn plan(&mut self, reading: Reading) {
        let planned = match reading {
            Ok(health) => supervise("planner", || self.planner.tick(&health)),
            Err(error) => {
                warn!(error = %chain(&error), "no health");
                Err(error)
            }
        };
        match &planned {
            Ok(Planned::Published { .. }) => self.enactors.iter().for_each(Waker::wake),
            Err(error @ PlanError::Store(_)) => warn!(error = %chain(error), "store failed"),
            _ => {}
        }
        (self.report)(&planned);
    }
}

impl fmt::Debug for PlannerThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannerThread").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use crossbeam::channel::never;
    use plan_store::{MemoryStore, Pin, Retention};

    use super::*;
    use crate::TargetHealth;

    fn fleet(endpoint: &str) -> Fleet {
        let target = r#"{ address = "192.0.2.1", zone = "z1", capacity = 1 }"#;
        let text = format!("[[endpoint]]\nname = \"{endpoint}\"\ntarget = [{target}]");
        Fleet::parse(&text, Path::new("test.toml")).unwrap()
    }

    fn well() -> Health {
        let report = TargetHealth {
            healthy: true,
            capacity: None,
        };
        [([192, 0, 2, 1].into(), report)].into_iter().collect()
    }

    /// The Planner's thread finds a fleet and a reading at once.
    #[test]
    fn a_fleet_that_came_before_a_reading_is_planned_with() {
        let store = MemoryStore::new(Retention::newest(1));
        let ((ask, asked), (answer, readings)) = (unbounded(), unbounded());
        let (control, controlled) = unbounded();
        answer.send(Ok(well())).unwrap();
        let new = Box::new(fleet("new.example"));
        control.send(Control::SetFleet(new)).unwrap();
        let mut control = Some(control);
        let worker = Worker {
            planner: Planner::new(store.clone(), fleet("old.example")),
            enactors: Vec::new(),
            // The end of the test.
            report: move |_: &Result<Planned, PlanError>| drop(control.take()),
            ask,
            readings,
            controlled,
        };
        worker.run(&never());
        let latest = store.latest().unwrap().unwrap();
        let names: Vec<_> = latest.plan().endpoints().map(|(name, _)| name).collect();
        assert_eq!(names, [&"new.example".parse().unwrap()]);
        assert_eq!(
            asked.try_iter().count(),
            1,
            "at the beginning, and only then"
        );
    }

    #[test]
    fn a_source_that_has_not_answered_is_not_asked_again() {
        let ((ask, asked), (_answer, readings)) = (unbounded(), unbounded());
        let (control, controlled) = unbounded();
        let worker = Worker {
            planner: Planner::new(MemoryStore::new(Retention::newest(1)), fleet("a.example")),
            enactors: Vec::new(),
            report: |_: &Result<Planned, PlanError>| {},
            ask,
            readings,
            controlled,
        };
        let (tick, interval) = bounded(0);
        thread::scope(|scope| {
            scope.spawn(|| worker.run(&interval));
            for _ in 0..3 {
                tick.send(Instant::now()).unwrap();
            }
            drop(control);
        });
        assert_eq!(asked.try_iter().count(), 1);
    }
}
