//! An Enactor on a thread of its own.
//!
//! # States
//! ```text
//!            woken, or time to look            pass done
//!   idle ──────────────────────────► passing ────────────► idle
//!    ▲ │ pause                          │ pass failed
//!    │ ▼                                ▼
//!   paused                          backing off ──────────► passing
//! ```
//! and from each of them, but not within a pass, to *stopped*.
//!
//! # Rules
//! 1. A wake-up says only "look at the store". One that is pending stands for
//!    any number: an Enactor that looks picks up the newest plan. So the channel
//!    holds one, and nothing ever queues.
//! 2. Stopping is the handle's end of the control channel being closed. A closed
//!    channel stays closed, so it cannot be missed, wherever the thread is.
//! 3. A wake-up does not cut a back-off short; resuming and stopping do.
//! 4. A pass that panics counts as failed. Its pin is let go as its stack unwinds,
//!    and the next pass is a new Enactor's.

use std::fmt;
use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, after, bounded, never, select_biased, unbounded};
use plan_store::PlanStore;
use tracing::info;

use crate::backoff::Backoff;
use crate::supervise::supervise;
use crate::{Enactor, Error, Pass};

/// When an Enactor's thread does what.
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

/// Wakes an Enactor. Never blocks.
#[derive(Clone, Debug)]
pub struct Waker(Sender<()>);

impl Waker {
    /// Has the Enactor look at the store, soon and at least once after this call.
    pub fn wake(&self) {
        // Full: one is pending, and stands for this one too. Closed: it has ended.
        let _ = self.0.try_send(());
    }
}

enum Control {
    Pause,
    Resume,
}

/// The handle on an Enactor's thread. Dropping it stops the thread after the
/// pass that it is in, and waits for that.
pub struct EnactorThread {
    waker: Waker,
    control: Option<Sender<Control>>,
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
        let (wake, woken) = bounded(1);
        let (control, controlled) = unbounded();
        let worker = Worker {
            enactor,
            backoff: Backoff::new(pace.backoff_first, pace.backoff_max, pace.seed),
            recheck: pace.recheck,
            woken,
            controlled,
            report,
        };
        let name = worker.enactor.name().to_string();
        let thread = thread::Builder::new().name(name).spawn(|| worker.run())?;
        Ok(Self {
            waker: Waker(wake),
            control: Some(control),
            thread: Some(thread),
        })
    }

    /// Something to wake it with, for the Planner.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Keeps it from starting another pass. One may still begin while this call
    /// returns; wake-ups that come from now on are kept for later.
    pub fn pause(&self) {
        self.send(Control::Pause);
    }

    /// Lets it go on, with a pass at once.
    pub fn resume(&self) {
        self.send(Control::Resume);
    }

    /// Stops it after the pass that it is in, and waits for that.
    pub fn stop(self) {
        drop(self);
    }

    fn send(&self, message: Control) {
        if let Some(control) = &self.control {
            // Closed only if the thread has died, and then it is as good as paused.
            let _ = control.send(message);
        }
    }
}

impl Drop for EnactorThread {
    fn drop(&mut self) {
        self.control = None;
        if let Some(thread) = self.thread.take() {
            // It catches the panics of its passes; one of `report`'s ends it early.
            let _ = thread.join();
        }
    }
}

struct Worker<S, F> {
    enactor: Enactor<S>,
    backoff: Backoff,
    recheck: Option<Duration>,
    woken: Receiver<()>,
    controlled: Receiver<Control>,
    report: F,
}

/// What the thread does next.
enum Next {
    Pass,
    Wait,
    Stop,
}

/// How the thread waits.
#[derive(Clone, Copy)]
enum Mood {
    Idle,
    Paused,
    BackingOff(Duration),
}

impl<S: PlanStore + Clone, F: FnMut(&Result<Pass, Error>)> Worker<S, F> {
    fn run(mut self) {
        let mut mood = Mood::Idle;
        loop {
            match self.wait(&mut mood) {
                Next::Pass => mood = self.pass(),
                Next::Wait => {}
                Next::Stop => break,
            }
        }
        info!(enactor = %self.enactor.name(), "stopped");
    }

    fn wait(&self, mood: &mut Mood) -> Next {
        let nothing = never();
        let (woken, timer) = match *mood {
            Mood::Idle => (&self.woken, self.recheck.map_or_else(never, after)),
            Mood::Paused => (&nothing, never()),
            Mood::BackingOff(wait) => (&nothing, after(wait)),
        };
        select_biased! {
            recv(self.controlled) -> message => match message {
                Ok(Control::Pause) => {
                    *mood = Mood::Paused;
                    Next::Wait
                }
                Ok(Control::Resume) => Next::Pass,
                Err(_) => Next::Stop,
            },
            recv(woken) -> message => match message {
                Ok(()) => Next::Pass,
                Err(_) => Next::Stop,
            },
            recv(timer) -> _ => Next::Pass,
        }
    }

    fn pass(&mut self) -> Mood {
        // What is pending asks for no more than the pass that begins now.
        let _ = self.woken.try_recv();
        let name = self.enactor.name();
        let result = supervise(name, || Enactor::clone(&self.enactor).pass());
        (self.report)(&result);
        match result {
            Ok(_) => {
                self.backoff.reset();
                Mood::Idle
            }
            Err(error) => {
                let wait = self.backoff.after_failure();
                tracing::warn!(enactor = %self.enactor.name(), %error, ?wait, "pass failed");
                Mood::BackingOff(wait)
            }
        }
    }
}

impl fmt::Debug for EnactorThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnactorThread").finish_non_exhaustive()
    }
}
