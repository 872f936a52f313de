//! What others want of an Enactor's loop.
//!
//! # Rules
//! 1. All pending are in one monitor. Whoever pending changes them there; the loop
//!    alone reads them, and alone takes back a wake-up and a resumption.
//! 2. A wake-up says only "look at the store". One that is pending stands for any
//!    number, for an Enactor that looks picks up the newest plan; nothing queues.
//! 3. A wake-up is taken back *before* the store is looked at. So one that comes
//!    later, for a plan that this look may have missed, stays pending.
//! 4. Whoever publishes wakes *afterwards*.
//! 5. Stopping is never taken back, so it cannot be missed, wherever the loop is.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use plan_store::Native;
use plan_store::primitives::{Monitor, Primitives};

/// The pending that are open.
#[derive(Default)]
struct PendingSignals {
    look: bool,
    order: Option<Order>,
    stop: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Pause,
    /// Has been paused, or backs off, and shall go on.
    Resume,
}

/// Tells an Enactor's loop what to do. Never blocks; clones tell the same loop.
pub struct Signals<P: Primitives = Native>(Arc<P::Monitor<PendingSignals>>);

/// Wakes an Enactor. Never blocks.
#[derive(Clone, Debug)]
pub struct Waker<P: Primitives = Native>(Signals<P>);

/// How the loop waits.
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
    Pause,
    Stop,
}

impl<P: Primitives> Waker<P> {
    /// Has the Enactor look at the store, soon and at least once after this call.
    pub fn wake(&self) {
        self.0.send(|pending| pending.look = true);
    }
}

impl<P: Primitives> Signals<P> {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Monitor::new(PendingSignals::default())))
    }

    /// Something to wake it with, for the Planner.
    pub fn waker(&self) -> Waker<P> {
        Waker(self.clone())
    }

    /// Keeps it from starting another pass. One may still begin while this call
    /// returns; wake-ups that come from now on are kept for later.
    pub fn pause(&self) {
        self.send(|pending| pending.order = Some(Order::Pause));
    }

    /// Lets it go on, with a pass at once.
    pub fn resume(&self) {
        self.send(|pending| pending.order = Some(Order::Resume));
    }

    /// Stops it after the pass that it is in.
    pub fn stop(&self) {
        self.send(|pending| pending.stop = true);
    }

    fn send(&self, change: impl FnOnce(&mut PendingSignals)) {
        self.0.update(change);
    }

    /// What to do next, once there is something to do or the time is over.
    pub(crate) fn next(&self, state: LoopState, timeout: Option<Duration>) -> Next {
        let next = self.0.wait(timeout, |pending| pending.next(state));
        next.unwrap_or(Next::Pass)
    }

    /// Takes back what is pending and the pass that begins answers.
    pub(crate) fn begin_pass(&self) {
        self.send(|pending| {
            pending.look = false;
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
            None => (self.look && state == LoopState::Idle).then_some(Next::Pass),
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
