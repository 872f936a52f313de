//! An Enactor on a thread of its own.

use std::fmt;
use std::io;
use std::thread::{self, JoinHandle};

use plan_store::DnsStore;

use crate::{Enactor, EnactorLoop, Pace, Pass, PassError, Signals, Waker};

/// The handle of an Enactor's thread. Dropping it stops the thread after the
/// pass that it is in, and waits for the end of that pass.
pub struct EnactorThread {
    signals: Signals,
    thread: Option<JoinHandle<()>>,
}

impl EnactorThread {
    /// Starts the thread. `report` is called on it with the result of every pass; a
    /// panic in a pass is [`PassError::Panicked`].
    ///
    /// # Errors
    /// If the operating system cannot start a thread.
    pub fn start<S: DnsStore + Clone + 'static>(
        enactor: Enactor<S>,
        pace: Pace,
        report: impl FnMut(&Result<Pass, PassError>) + Send + 'static,
    ) -> io::Result<Self> {
        let name = enactor.name().to_string();
        let (passes, signals) = EnactorLoop::new(enactor, pace, report);
        let thread = thread::Builder::new().name(name).spawn(|| passes.run())?;
        Ok(Self {
            signals,
            thread: Some(thread),
        })
    }

    /// A waker of this Enactor, for the Planner.
    pub fn waker(&self) -> Waker {
        self.signals.waker()
    }

    /// Keeps it from starting another pass. One more pass may begin while this call
    /// returns. Wake-ups that come during the pause stay pending.
    pub fn pause(&self) {
        self.signals.pause();
    }

    /// Ends a pause or a back-off, with a pass at once.
    pub fn resume(&self) {
        self.signals.resume();
    }

    /// Has it wait at this pace from now on.
    pub fn set_pace(&self, pace: Pace) {
        self.signals.set_pace(pace);
    }

    /// Stops it after the pass that it is in, and waits for the end of that pass.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for EnactorThread {
    fn drop(&mut self) {
        self.signals.stop();
        if let Some(thread) = self.thread.take() {
            // The loop catches panics of its passes. An error here is a panic in
            // `report`, which has ended the thread already.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for EnactorThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnactorThread").finish_non_exhaustive()
    }
}
