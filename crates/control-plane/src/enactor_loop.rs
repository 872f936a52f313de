//! What an Enactor's thread does: pass after pass, as it is told.
//!
//! # States
//! ```text
//!            woken, or time to look            pass done
//!   idle ──────────────────────────► passing ────────────► idle
//!    ▲ │ pause                          │ pass failed
//!    │ ▼                                ▼
//!   paused                          backing off ──────────► passing
//! ```
//! and from each of them, but not within a pass, to *stopped*. A pause that comes
//! while it backs off ends that: what follows is a resumption, with a pass at once.
//!
//! # Rules
//! 1. What it is told comes by [`Signals`], by the rules there.
//! 2. A wake-up does not cut a back-off short; pausing, resuming and stopping do.
//! 3. A pass that panics counts as failed. Its pin is let go as its stack unwinds,
//!    and the next pass is a new Enactor's.
//!
//! The primitives are the loop's parameter, as they are the store's, so that a model
//! checker can run the loop: that no wake-up is lost and that it always stops are
//! models in this workspace's `tests/`.

use std::fmt;
use std::time::Duration;

use plan_store::{Native, PlanStore, Primitives};
use tracing::info;

use crate::backoff::Backoff;
use crate::signals::{LoopState, Next};
use crate::supervise::supervise;
use crate::{Enactor, Error, Pass, Signals};

/// When an Enactor's loop does what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// The wait after a first failed pass. It doubles with each further one.
    pub backoff_first: Duration,
    /// The longest wait after a failed pass.
    pub backoff_max: Duration,
    /// After how long an idle Enactor looks at the store unprompted, should a
    /// wake-up never have come. `None`: never.
    pub recheck: Option<Duration>,
    /// Seed of the back-off's jitter; give each Enactor another one.
    pub seed: u64,
}

/// An Enactor's work, to be run on a thread of one's own;
/// [`EnactorThread`](crate::EnactorThread) has one.
pub struct EnactorLoop<S, F, P: Primitives = Native> {
    enactor: Enactor<S>,
    backoff: Backoff,
    recheck: Option<Duration>,
    signals: Signals<P>,
    report: F,
}

impl<S: PlanStore + Clone, F: FnMut(&Result<Pass, Error>), P: Primitives> EnactorLoop<S, F, P> {
    /// The loop, and what to tell it by. `report` is called after every pass, with
    /// what the pass came to; a panic in a pass is [`Error::Panicked`].
    pub fn new(enactor: Enactor<S>, pace: Pace, report: F) -> (Self, Signals<P>) {
        let signals = Signals::new();
        let this = Self {
            enactor,
            backoff: Backoff::new(pace.backoff_first, pace.backoff_max, pace.seed),
            recheck: pace.recheck,
            signals: signals.clone(),
            report,
        };
        (this, signals)
    }

    /// Works until [`Signals::stop`].
    pub fn run(mut self) {
        let mut state = LoopState::Idle;
        loop {
            let timeout = match state {
                LoopState::Idle => self.recheck,
                LoopState::Paused => None,
                LoopState::BackingOff(wait) => Some(wait),
            };
            state = match self.signals.next(state, timeout) {
                Next::Pass => self.pass(),
                Next::Pause => LoopState::Paused,
                Next::Stop => break,
            };
        }
        info!(enactor = %self.enactor.name(), "stopped");
    }

    fn pass(&mut self) -> LoopState {
        self.signals.begin_pass();
        let name = self.enactor.name();
        let result = supervise(name, || Enactor::clone(&self.enactor).pass());
        (self.report)(&result);
        match result {
            Ok(_) => {
                self.backoff.reset();
                LoopState::Idle
            }
            Err(error) => {
                let wait = self.backoff.after_failure();
                tracing::warn!(enactor = %self.enactor.name(), %error, ?wait, "pass failed");
                LoopState::BackingOff(wait)
            }
        }
    }
}

impl<S, F, P: Primitives> fmt::Debug for EnactorLoop<S, F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnactorLoop").finish_non_exhaustive()
    }
}
