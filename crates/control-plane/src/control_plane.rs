//! Planner and Enactors, running.

use std::fmt;
use std::io;
use std::time::Duration;

use plan_store::PlanStore;

use crate::{
    Enactor, EnactorThread, Error, HealthSource, Pace, Pass, Planned, Planner, PlannerThread,
};

/// What a thread of the control plane has just done.
#[derive(Clone, Copy, Debug)]
pub enum Report<'a> {
    /// The Planner's tick, or its failed reading.
    Planned(&'a Result<Planned, Error>),
    /// A pass by the Enactor of this place in the list, from 0.
    Passed(usize, &'a Result<Pass, Error>),
}

/// A running control plane: a Planner and any number of Enactors, usually three,
/// each on its thread. Dropping it stops the Planner first, then the Enactors,
/// each after what it is in the midst of.
pub struct ControlPlane {
    // Dropped in this order.
    planner: PlannerThread,
    enactors: Vec<EnactorThread>,
}

impl ControlPlane {
    /// Starts all threads. `report` is called by each of them after each tick
    /// and each pass.
    ///
    /// # Errors
    /// If the operating system has no thread to give; those that were started
    /// are stopped again.
    pub fn start<S: PlanStore + Clone + 'static>(
        planner: Planner<S>,
        source: impl HealthSource + 'static,
        interval: Duration,
        enactors: impl IntoIterator<Item = Enactor<S>>,
        pace: Pace,
        report: impl Fn(Report<'_>) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let start = |(at, enactor)| {
            let report = report.clone();
            let seed = pace.seed.wrapping_add(at as u64);
            EnactorThread::start(enactor, Pace { seed, ..pace }, move |pass| {
                report(Report::Passed(at, pass));
            })
        };
        let enactors: Vec<_> = enactors
            .into_iter()
            .enumerate()
            .map(start)
            .collect::<io::Result<_>>()?;
        let wakers = enactors.iter().map(EnactorThread::waker).collect();
        let planner = PlannerThread::start(planner, source, interval, wakers, move |planned| {
            report(Report::Planned(planned));
        })?;
        Ok(Self { planner, enactors })
    }

    /// The Enactors' threads, to pause one or to wake it.
    pub fn enactors(&self) -> &[EnactorThread] {
        &self.enactors
    }

    /// The Planner's thread, to give it another fleet or a confirmation.
    pub fn planner(&self) -> &PlannerThread {
        &self.planner
    }

    /// Stops the Planner, leaving the Enactors to apply what is published.
    pub fn stop_planner(self) -> Vec<EnactorThread> {
        drop(self.planner);
        self.enactors
    }
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let enactors = self.enactors.len();
        f.debug_struct("ControlPlane")
            .field("enactors", &enactors)
            .finish_non_exhaustive()
    }
}
