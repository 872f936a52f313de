//! The loop of an Enactor's thread: it makes passes as [`Signals`] tell it.
//!
//! # States
//! ```text
//!            woken, or recheck due             pass done
//!   idle ──────────────────────────► passing ────────────► idle
//!    ▲ │ pause                          │ pass failed
//!    │ ▼                                ▼
//!   paused                          backing off ──────────► passing
//! ```
//! From each state except *passing* the loop can also go to *stopped*. A pause ends
//! a back-off; the resumption that follows makes a pass at once.
//!
//! # Rules
//! 1. Signals follow the rules of [`Signals`]' module.
//! 2. A wake-up does not end a back-off. Pausing, resuming and stopping do.
//! 3. A pass that panics counts as failed. Unwinding its stack drops its pin, and
//!    the next pass starts from a fresh copy of the Enactor.
//!
//! The primitives are a type parameter, as they are in the store, so that a model
//! checker can run the loop. Models in this workspace's `tests/` check that no
//! wake-up is lost and that the loop always stops.

use std::fmt;
use std::time::Duration;

use plan_store::{DnsStore, Native, Primitives};
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::signals::{LoopState, Next};
use crate::supervise::supervise;
use crate::{Enactor, Pass, PassError, Signals, chain};

/// How long an Enactor's loop waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// The wait after a first failed pass. It doubles with each further one.
    pub backoff_first: Duration,
    /// The longest wait after a failed pass.
    pub backoff_max: Duration,
    /// After how long without a wake-up an idle Enactor looks at the store.
    /// `None`: never.
    pub recheck: Option<Duration>,
    /// Seed of the back-off's jitter; give each Enactor a different one.
    pub seed: u64,
}

/// An Enactor's loop, for a thread that the caller provides.
/// [`EnactorThread`](crate::EnactorThread) brings its own thread.
pub struct EnactorLoop<S, F, P: Primitives = Native> {
    enactor: Enactor<S>,
    backoff: Backoff,
    recheck: Option<Duration>,
    signals: Signals<P>,
    report: F,
}

impl<S: DnsStore + Clone, F: FnMut(&Result<Pass, PassError>), P: Primitives> EnactorLoop<S, F, P> {
    /// The loop and its signals. `report` is called with the result of every pass;
    /// a panic in a pass is [`PassError::Panicked`].
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

    /// Makes passes until [`Signals::stop`].
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
                Next::SetPace(pace) => self.set_pace(state, pace),
                Next::Stop => break,
            };
        }
        info!(enactor = %self.enactor.name(), "stopped");
    }

    /// Waits at this pace from now on. Only a back-off may become shorter; the state stays.
    fn set_pace(&mut self, state: LoopState, pace: Pace) -> LoopState {
        self.backoff = Backoff::new(pace.backoff_first, pace.backoff_max, pace.seed);
        self.recheck = pace.recheck;
        match state {
            LoopState::BackingOff(wait) => LoopState::BackingOff(wait.min(pace.backoff_max)),
            state => state,
        }
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
                let error = chain(&error);
                let seconds = wait.as_secs_f64();
                warn!(enactor = %self.enactor.name(), %error, wait = %format_args!("{seconds:.3}s"), "pass failed");
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
