//! A running control plane: the Planner and the Enactors on their threads.

use std::fmt;
use std::io;
use std::time::Duration;

use plan_store::DnsStore;

use crate::{
    Enactor, EnactorThread, HealthSource, Pace, Pass, PassError, PlanError, Planned, Planner,
    PlannerThread,
};

/// What a thread of the control plane has just done.
#[derive(Clone, Copy, Debug)]
pub enum Report<'a> {
    /// The Planner made a tick, or its reading failed.
    Planned(&'a Result<Planned, PlanError>),
    /// The Enactor with this index, from 0, made a pass.
    Passed(usize, &'a Result<Pass, PassError>),
}

/// A running control plane: a Planner and any number of Enactors, usually three,
/// each on its thread. Dropping it stops the Planner first, then the Enactors.
/// Each thread ends its current tick or pass before it stops.
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
    /// If the operating system cannot start a thread. Threads that were started
    /// are stopped again.
    pub fn start<S: DnsStore + Clone + 'static>(
        planner: Planner<S>,
        source: impl HealthSource + 'static,
        interval: Duration,
        enactors: impl IntoIterator<Item = Enactor<S>>,
        pace: Pace,
        report: impl Fn(Report<'_>) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let start = |(index, enactor)| {
            let report = report.clone();
            EnactorThread::start(enactor, pace_of(index, pace), move |pass| {
                report(Report::Passed(index, pass));
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

    /// The Enactors' threads, for pausing and waking.
    pub fn enactors(&self) -> &[EnactorThread] {
        &self.enactors
    }

    /// The Planner's thread, for another fleet, its status, or a confirmation.
    pub fn planner(&self) -> &PlannerThread {
        &self.planner
    }

    /// Stops the Planner. The Enactors go on and apply what is published.
    pub fn stop_planner(self) -> Vec<EnactorThread> {
        drop(self.planner);
        self.enactors
    }
}

/// The pace of the Enactor with this index. Each has a jitter of its own.
fn pace_of(index: usize, pace: Pace) -> Pace {
    let seed = pace.seed.wrapping_add(index as u64);
    Pace { seed, ..pace }
}

impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let enactors = self.enactors.len();
        f.debug_struct("ControlPlane")
            .field("enactors", &enactors)
            .finish_non_exhaustive()
    }
}
