//! A page on which a reader steps through a counterexample.
//!
//! The page has the sequence diagram of one execution with a cursor, and beside it the store
//! and the threads at that step. It also has the same schedule under every other protocol of
//! the table. Every execution on it is one that loom ran, on the protocol's own code:
//!
//! 1. *The schedule* is the order of the actors' steps in a counterexample: the shortest of
//!    the executions that break the most invariants. It is the protocol's own, or the
//!    incident's for a protocol that breaks nothing.
//! 2. *Another protocol under this schedule* is the execution of that protocol that follows
//!    the schedule furthest. One step can consist of several accesses to the store, so several
//!    executions may have the same order of steps. The page shows the one that breaks the
//!    most invariants, and of those the shortest.
//! 3. *The store at a step* follows from the journal. An execution is on the page only if the
//!    journal's order explains every answer that a thread got, and the state at the end.

mod execution;
mod html;
mod schedule;
#[cfg(test)]
mod tests;
mod words;

use std::cmp::Reverse;
use std::sync::Arc;

use incident::{Invariant, Step, Verdict};
use parking_lot::Mutex;

pub(crate) use self::execution::Execution;
use self::execution::Moment;
use self::schedule::Schedule;
use crate::outage::{Protocol, Setup};

/// A counterexample, with the other protocols under its schedule.
#[derive(Debug)]
pub struct Walkthrough {
    /// The protocol that the reader asked for.
    run: Run,
    /// All other protocols.
    others: Vec<Run>,
    /// The protocol whose counterexample gave the schedule.
    from: Protocol,
    schedule: Schedule,
}

/// One execution of a protocol.
#[derive(Debug)]
struct Run {
    protocol: Protocol,
    execution: Execution,
    /// Before the race, and after each of its steps.
    moments: Vec<Moment>,
}

impl Walkthrough {
    /// Explores the protocol and then all others. The counterexample breaks this invariant;
    /// without an invariant, it breaks the most. `None` if there is no such counterexample.
    ///
    /// A protocol that breaks nothing is shown under the schedule of the incident's
    /// counterexample.
    pub fn explore(protocol: Protocol, invariant: Option<Invariant>, setup: Setup) -> Option<Self> {
        let from = if protocol.broken().is_empty() {
            Protocol::ALL[0]
        } else {
            protocol
        };
        let counterexample = Run::counterexample(from, invariant, setup)?;
        let schedule = Schedule::of(counterexample.execution.race());
        let run = if from == protocol {
            counterexample
        } else {
            Run::nearest(protocol, &schedule, setup)?
        };
        let others = Protocol::ALL
            .into_iter()
            .filter(|&other| other != protocol)
            .map(|other| Run::nearest(other, &schedule, setup));
        Some(Self {
            run,
            others: others.collect::<Option<_>>()?,
            from,
            schedule,
        })
    }

    /// The whole page. It needs no network and no other file.
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// The steps of the protocol that the reader asked for, and the invariants that broke.
    pub fn steps(&self) -> (&[Step], &Verdict) {
        let execution = &self.run.execution;
        (&execution.steps, &execution.verdict)
    }
}

impl Run {
    /// The shortest of the executions that break the most, as
    /// [`counterexample`](crate::Findings::counterexample) chooses it.
    fn counterexample(
        protocol: Protocol,
        invariant: Option<Invariant>,
        setup: Setup,
    ) -> Option<Self> {
        Self::best(protocol, setup, move |execution| {
            let verdict = &execution.verdict;
            let worth = match invariant {
                Some(invariant) => verdict.contains_key(&invariant).into(),
                None => verdict.len(),
            };
            (worth > 0).then_some((worth, Reverse(execution.steps.len())))
        })
    }

    /// The execution that follows the schedule furthest.
    fn nearest(protocol: Protocol, schedule: &Schedule, setup: Setup) -> Option<Self> {
        let schedule = schedule.clone();
        Self::best(protocol, setup, move |execution| {
            let followed = schedule.followed_by(execution.race());
            let broken = execution.verdict.len();
            Some((followed, broken, Reverse(execution.steps.len())))
        })
    }

    /// The first of the executions with the highest rank. An execution without a rank, or
    /// with a journal that does not explain it, does not count.
    fn best<R: Ord + Send + 'static>(
        protocol: Protocol,
        setup: Setup,
        rank: impl Fn(&Execution) -> Option<R> + Send + Sync + 'static,
    ) -> Option<Self> {
        let best = Arc::new(Mutex::new(None));
        let found = Arc::clone(&best);
        let _ = protocol.watch(setup, move |execution| {
            let (mut best, rank) = (found.lock(), rank(&execution));
            let is_better = match (&*best, &rank) {
                (Some((before, _)), Some(rank)) => rank > before,
                (None, Some(_)) => true,
                (_, None) => false,
            };
            if let Some(rank) = rank.filter(|_| is_better)
                && let Some(moments) = execution.moments()
            {
                let run = Self {
                    protocol,
                    execution,
                    moments,
                };
                *best = Some((rank, run));
            }
        });
        let best = best.lock().take();
        best.map(|(_, run)| run)
    }
}
