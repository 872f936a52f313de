//! Signals to an Enactor's loop: wake up, pause, resume, take another pace, stop.
//!
//! # Rules
//! 1. All pending signals are in one monitor. Any thread may send; only the loop
//!    reads, and only the loop clears a wake-up or a resumption.
//! 2. A wake-up only says "look at the store". One pending wake-up stands for any
//!    number of them, because an Enactor that looks picks up the newest plan.
//!    Nothing queues.
//! 3. The loop clears a wake-up *before* it looks at the store. So a wake-up that
//!    comes later, for a plan that this look may have missed, stays pending.
//! 4. A thread that publishes sends the wake-up *after* it has published.
//! 5. Of several paces the last one counts. The loop takes it in whatever state it is, and
//!    stays in that state.
//! 6. A stop is never cleared, so the loop sees it in whatever state it is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use plan_store::Native;
use plan_store::primitives::{Monitor, Primitives};

use crate::Pace;

/// The signals that were sent and not yet acted on.
#[derive(Default)]
struct PendingSignals {
    wake: bool,
    order: Option<Order>,
    pace: Option<Pace>,
    stop: bool,
}

/// Pausing and resuming replace each other: the last one counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Pause,
    /// Ends a pause or a back-off with a pass at once.
    Resume,
}

/// Tells an Enactor's loop what to do. Never blocks; clones signal the same loop.
pub struct Signals<P: Primitives = Native>(Arc<P::Monitor<PendingSignals>>);

/// Wakes an Enactor. Never blocks.
#[derive(Clone, Debug)]
pub struct Waker<P: Primitives = Native>(Signals<P>);

/// What the loop waits in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoopState {
    Idle,
    Paused,
    BackingOff(Duration),
}

/// What the loop does next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Pass,
    /// Wait at this pace from now on.
    SetPace(Pace),
    Pause,
    Stop,
}

impl<P: Primitives> Waker<P> {
    /// Makes the Enactor look at the store soon, at least once after this call.
    pub fn wake(&self) {
        self.0.send(|pending| pending.wake = true);
    }
}

impl<P: Primitives> Signals<P> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Monitor::new(PendingSignals::default())))
    }

    /// A waker of this loop, for the Planner.
    pub fn waker(&self) -> Waker<P> {
        Waker(self.clone())
    }

    /// Keeps the loop from starting another pass. One more pass may begin while
    /// this call returns. Wake-ups that come during the pause stay pending.
    pub fn pause(&self) {
        self.send(|pending| pending.order = Some(Order::Pause));
    }

    /// Ends a pause or a back-off, with a pass at once.
    pub fn resume(&self) {
        self.send(|pending| pending.order = Some(Order::Resume));
    }

    /// Has the loop wait at this pace from now on. A back-off begins again, at most as long
    /// as the pace allows.
    pub fn set_pace(&self, pace: Pace) {
        self.send(|pending| pending.pace = Some(pace));
    }

    /// Stops the loop after the pass that it is in.
    pub fn stop(&self) {
        self.send(|pending| pending.stop = true);
    }

    fn send(&self, change: impl FnOnce(&mut PendingSignals)) {
        self.0.update(change);
    }

    /// What to do next. Waits for a signal that matters in this state; after
    /// `timeout` it is a pass.
    pub(crate) fn next(&self, state: LoopState, timeout: Option<Duration>) -> Next {
        let next = self.0.wait(timeout, |pending| {
            let pace = pending.pace.take();
            pace.map(Next::SetPace).or_else(|| pending.next(state))
        });
        next.unwrap_or(Next::Pass)
    }

    /// Clears the signals that the pass which begins now answers.
    pub(crate) fn begin_pass(&self) {
        self.send(|pending| {
            pending.wake = false;
            pending.order.take_if(|order| *order == Order::Resume);
        });
    }
}

impl PendingSignals {
    fn next(&self, state: LoopState) -> Option<Next> {
        if self.stop {
            return Some(Next::Stop);
        }
        match self.order {
            Some(Order::Pause) => (state != LoopState::Paused).then_some(Next::Pause),
            Some(Order::Resume) => Some(Next::Pass),
            None => (self.wake && state == LoopState::Idle).then_some(Next::Pass),
        }
    }
}

impl<P: Primitives> Clone for Signals<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P: Primitives> fmt::Debug for Signals<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").finish_non_exhaustive()
    }
}
