//! The Enactor's loop and its signals: what is published becomes active, and the
//! loop ends when it is told to.
//!
//! A wake-up that is lost leaves all threads waiting, which the checkers report as a
//! deadlock; so does a stop that is missed.

use std::sync::Arc;
use std::time::Duration;

use control_plane::{Enactor, EnactorLoop, Pace, Pass, PassError, Signals, Waker};
use parking_lot::Mutex;
use plan_store::memory::MemoryPin;
use plan_store::primitives::{Monitor, Primitives};
use plan_store::{
    Activation, EndpointName, Error as StoreError, Generation, Layer, Loom, MemoryStore, PlanStore,
    Reader, Retention,
};

use crate::Ended;
use crate::checker::Checker;
use crate::{Explored, endpoints, must, plan};

const RETENTION: Retention = Retention::newest(1);

/// What the loop's reports said in one execution, in order: each pass, and the plan if
/// the pass applied one.
pub type Passes = Vec<(Ended, Option<Generation>)>;

/// A loop's report of one pass.
fn report(pass: &Result<Pass, PassError>) -> (Ended, Option<Generation>) {
    match pass {
        Ok(Pass::Applied { plan, .. }) => (Ended::Applied, Some(*plan)),
        Ok(Pass::NoPlan) => (Ended::NoPlan, None),
        Ok(Pass::Stale { .. }) => (Ended::Stale, None),
        Ok(Pass::StaleAtStart { .. }) => (Ended::StaleAtStart, None),
        Err(_) => (Ended::Failed, None),
    }
}

/// An Enactor's loop and what other threads use beside it, on these primitives.
struct Stage<P: Primitives, S> {
    store: S,
    signals: Signals<P>,
    /// The newest plan that a pass has applied, by the loop's reports.
    applied: Arc<P::Monitor<Option<Generation>>>,
}

impl<P: Primitives, S: PlanStore + Clone + 'static> Stage<P, S> {
    /// The stage, and the loop's work, which returns its reports.
    fn set(store: S) -> (Self, impl FnOnce() -> Passes + Send + use<P, S>) {
        let applied = Arc::new(P::Monitor::new(None));
        let passes = Arc::new(Mutex::new(Passes::new()));
        let (tell, note) = (Arc::clone(&applied), Arc::clone(&passes));
        let report = move |pass: &Result<Pass, PassError>| {
            let report = report(pass);
            note.lock().push(report);
            if let (Ended::Applied, plan) = report {
                tell.update(|applied| *applied = plan);
            }
        };
        let pace = Pace {
            backoff_first: Duration::from_millis(1),
            backoff_max: Duration::from_millis(1),
            recheck: None,
            seed: 1,
        };
        let enactor = Enactor::new("enactor", store.clone());
        let (work, signals) = EnactorLoop::<_, _, P>::new(enactor, pace, report);
        let stage = Self {
            store,
            signals,
            applied,
        };
        let work = move || {
            work.run();
            let passes = passes.lock();
            passes.clone()
        };
        (stage, work)
    }

    fn publish(&self, octet: u8) -> Generation {
        must(self.store.publish(plan(&endpoints(1), octet)))
    }

    fn waker(&self) -> Waker<P> {
        self.signals.waker()
    }

    /// Waits until a pass has applied this plan.
    fn await_applied(&self, plan: Generation) {
        self.applied
            .wait(None, |applied| (*applied >= Some(plan)).then_some(()));
    }
}

/// What a Planner's thread does, before it stops the loop. If the loop is *woken*, plan 1
/// is published and the wake-up is pending before the threads start.
type Drive<P, S> = fn(&Stage<P, S>);

fn explore<J: Checker, P: Primitives, S: PlanStore + Clone + 'static>(
    name: &str,
    store: fn() -> S,
    woken: bool,
    drive: Drive<P, S>,
) -> Explored<Passes> {
    crate::explore::<J, Passes>(name, None, move |found| {
        let (stage, work) = Stage::<P, S>::set(store());
        if woken {
            stage.publish(1);
            stage.waker().wake();
        }
        let (passes, ()) = J::run_two(work, move || {
            drive(&stage);
            stage.signals.stop();
        });
        found.note(passes);
    })
}

fn memory<P: Primitives>() -> MemoryStore<P> {
    MemoryStore::with_primitives(RETENTION)
}

/// A first plan is published and woken for before the loop begins, and a second plan
/// while the loop may be anywhere.
pub fn publish_then_wake<J: Checker, P: Primitives>() -> Explored<Passes> {
    explore::<J, P, _>("publish, then wake", memory::<P>, true, |stage| {
        let second = stage.publish(2);
        stage.waker().wake();
        stage.await_applied(second);
    })
}

/// The wrong order: the Enactor may have looked before there is a plan.
pub fn wake_then_publish<J: Checker, P: Primitives>() -> Explored<Passes> {
    explore::<J, P, _>("wake, then publish", memory::<P>, false, |stage| {
        stage.waker().wake();
        let plan = stage.publish(1);
        stage.await_applied(plan);
    })
}

/// A wake-up that comes while the loop is paused waits for the resumption.
pub fn pause_and_resume<J: Checker, P: Primitives>() -> Explored<Passes> {
    explore::<J, P, _>("pause and resume", memory::<P>, false, |stage| {
        stage.signals.pause();
        let plan = stage.publish(1);
        stage.waker().wake();
        stage.signals.resume();
        stage.await_applied(plan);
    })
}

/// The loop is told to stop while it may be anywhere.
pub fn stop_anywhere<J: Checker, P: Primitives>() -> Explored<Passes> {
    explore::<J, P, _>("stop anywhere", memory::<P>, false, |stage| {
        stage.publish(1);
        stage.waker().wake();
        stage.signals.pause();
    })
}

/// The first two activations fail; then the store recovers.
pub fn retry<J: Checker, P: Primitives>() -> Explored<Passes> {
    let store = || Shaky::<P> {
        store: memory(),
        failures: Arc::new(P::Monitor::new(2)),
    };
    explore::<J, P, _>("retry", store, false, |stage| {
        let plan = stage.publish(1);
        stage.waker().wake();
        stage.await_applied(plan);
    })
}

/// A store whose first activations fail.
struct Shaky<P: Primitives> {
    store: MemoryStore<P>,
    failures: Arc<P::Monitor<u32>>,
}

impl<P: Primitives> Clone for Shaky<P> {
    fn clone(&self) -> Self {
        let (store, failures) = (self.store.clone(), Arc::clone(&self.failures));
        Self { store, failures }
    }
}

impl<P: Primitives> Layer for Shaky<P> {
    type Inner = MemoryStore<P>;
    type Pin = MemoryPin<P>;
    type Reader = Reader<P>;

    fn inner(&self) -> &MemoryStore<P> {
        &self.store
    }

    fn wrap(&self, pin: MemoryPin<P>) -> MemoryPin<P> {
        pin
    }

    fn reader(&self) -> Reader<P> {
        self.store.reader()
    }

    fn activate(
        &self,
        _: &MemoryPin<P>,
        _: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StoreError>,
    ) -> Result<Activation, StoreError> {
        let fails = self.failures.update(|left| {
            let fails = *left > 0;
            *left = left.saturating_sub(1);
            fails
        });
        if fails {
            return Err(StoreError::Backend("planned".into()));
        }
        step()
    }
}

/// loom's primitives, but with a monitor that lets go between its look and its wait.
#[derive(Debug)]
pub enum Deaf {}

/// [`Deaf`]'s monitor.
#[derive(Debug)]
pub struct DeafMonitor<T> {
    value: loom::sync::Mutex<T>,
    updated: loom::sync::Condvar,
}

impl Primitives for Deaf {
    type Word = <Loom as Primitives>::Word;
    type Lock<T: Send + Sync + 'static> = <Loom as Primitives>::Lock<T>;
    type Monitor<T: Send + 'static> = DeafMonitor<T>;
}

impl<T: Send + 'static> Monitor<T> for DeafMonitor<T> {
    fn new(value: T) -> Self {
        Self {
            value: loom::sync::Mutex::new(value),
            updated: loom::sync::Condvar::new(),
        }
    }

    fn update<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        let result = section(&mut *must(self.value.lock()));
        self.updated.notify_all();
        result
    }

    fn wait<R>(
        &self,
        _: Option<Duration>,
        mut ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        loop {
            if let Some(result) = ready(&mut *must(self.value.lock())) {
                return Some(result);
            }
            drop(must(self.updated.wait(must(self.value.lock()))));
        }
    }
}

/// Passes that apply these plans, in this order.
fn applied(plans: &[u32]) -> Passes {
    let plans = plans.iter().map(|&plan| Generation::new(plan));
    plans.map(|plan| (Ended::Applied, plan)).collect()
}

/// Nothing that is published and woken for is missed, paused or not.
pub fn no_wakeup_is_lost<J: Checker>() -> [usize; 2] {
    let twice = publish_then_wake::<J, J::Primitives>();
    let outcomes = [&[2][..], &[1, 2], &[2, 2]].map(applied);
    twice.findings.assert_outcomes(outcomes);
    let paused = pause_and_resume::<J, J::Primitives>();
    paused.findings.assert_outcomes([applied(&[1])]);
    [twice.executions, paused.executions]
}

/// Whether the loop passes before it stops depends on the schedule; that it stops does
/// not.
pub fn it_always_stops<J: Checker>() -> usize {
    let stopped = stop_anywhere::<J, J::Primitives>();
    let outcomes = [applied(&[]), applied(&[1])];
    stopped.findings.assert_outcomes(outcomes);
    stopped.executions
}

/// Failed passes are repeated until the store recovers.
pub fn it_retries_until_the_store_recovers<J: Checker>() -> usize {
    let retried = retry::<J, J::Primitives>();
    let failed = (Ended::Failed, None);
    let outcome = [vec![failed, failed], applied(&[1])].concat();
    retried.findings.assert_outcomes([outcome]);
    retried.executions
}
