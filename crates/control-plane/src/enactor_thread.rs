//! An Enactor on a thread of its own.

use std::fmt;
use std::io;
use std::thread::{self, JoinHandle};

use plan_store::PlanStore;

use crate::{Enactor, EnactorLoop, Error, Pace, Pass, Signals, Waker};

/// The handle on an Enactor's thread. Dropping it stops the thread after the
/// pass that it is in, and waits for that.
pub struct EnactorThread {
    signals: Signals,
    thread: Option<JoinHandle<()>>,
}

impl EnactorThread {
    /// Starts the thread. `report` is called on it after every pass, with what
    /// the pass came to; a panic in a pass is [`Error::Panicked`].
    ///
    /// # Errors
    /// If the operating system has no thread to give.
    pub fn start<S: PlanStore + Clone + 'static>(
        enactor: Enactor<S>,
        pace: Pace,
        report: impl FnMut(&Result<Pass, Error>) + Send + 'static,
    ) -> io::Result<Self> {
        let name = enactor.name().to_string();
        let (work, signals) = EnactorLoop::new(enactor, pace, report);
        let thread = thread::Builder::new().name(name).spawn(|| work.run())?;
        Ok(Self {
            signals,
            thread: Some(thread),
        })
    }

    /// Something to wake it with, for the Planner.
    pub fn waker(&self) -> Waker {
        self.signals.waker()
    }

    /// Keeps it from starting another pass. One may still begin while this call
    /// returns; wake-ups that come from now on are kept for later.
    pub fn pause(&self) {
        self.signals.pause();
    }

    /// Lets it go on, with a pass at once.
    pub fn resume(&self) {
        self.signals.resume();
    }

    /// Stops it after the pass that it is in, and waits for that.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for EnactorThread {
    fn drop(&mut self) {
        self.signals.stop();
        if let Some(thread) = self.thread.take() {
            // It catches the panics of its passes; one of `report`'s ends it early.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for EnactorThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnactorThread").finish_non_exhaustive()
    }
}
