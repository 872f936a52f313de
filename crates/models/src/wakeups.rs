//! The Enactor's loop and its signals: what is published becomes active, and the
//! loop ends when it is told to.
//!
//! A wake-up that is lost leaves everybody waiting, which the judges report as a
//! deadlock; so does a stop that is missed.

use std::time::Duration;

use control_plane::{Enactor, EnactorLoop, Pace, Pass, PassError, Signals, Waker};
use plan_store::memory::MemoryPin;
use plan_store::primitives::{Monitor, Primitives};
use plan_store::{
    Activation, EndpointName, Error as StoreError, Generation, Layer, Loom, MemoryStore, PlanStore,
    Reader, Retention,
};
use std::sync::Arc;

use crate::checker::{Checker, Work};
use crate::{Findings, endpoints, plan};

const RETENTION: Retention = Retention::newest(1);

/// An Enactor's loop and all there is to wait for, on these primitives.
struct Stage<P: Primitives, S> {
    store: S,
    signals: Signals<P>,
    /// The newest plan that a pass has applied, as told by the loop's reports.
    applied: Arc<P::Monitor<Option<Generation>>>,
}

impl<P: Primitives, S: PlanStore + Clone + 'static> Stage<P, S> {
    /// The stage, and the loop's work.
    fn set(store: S, findings: &Findings) -> (Self, Work) {
        let applied = Arc::new(P::Monitor::new(None));
        let (tell, findings) = (Arc::clone(&applied), findings.clone());
        let report = move |pass: &Result<Pass, PassError>| {
            findings.note(match pass {
                Ok(Pass::Applied { plan, .. }) => {
                    tell.update(|applied| *applied = Some(*plan));
                    format!("applied {plan}")
                }
                Ok(Pass::NoPlan) => "no plan".into(),
                Ok(_) => "stale".into(),
                Err(_) => "failed".into(),
            });
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
        (stage, Box::new(move || work.run()))
    }

    fn publish(&self, octet: u8) -> Generation {
        self.store.publish(plan(&endpoints(1), octet)).unwrap()
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

/// What a Planner's thread does, and then who waits for it to be done.
type Drive<P, S> = fn(&Stage<P, S>);

fn explore<J: Checker, P: Primitives, S: PlanStore + Clone + 'static>(
    name: &str,
    store: fn() -> S,
    drive: Drive<P, S>,
) -> Findings {
    let findings = Findings::default();
    let found = findings.clone();
    J::explore(name, None, move || {
        let (stage, work) = Stage::<P, S>::set(store(), &found);
        J::run_all(vec![
            work,
            Box::new(move || {
                drive(&stage);
                stage.signals.stop();
            }),
        ]);
    });
    findings
}

fn memory<P: Primitives>() -> MemoryStore<P> {
    MemoryStore::with_primitives(RETENTION)
}

/// Two plans are published, and after each the Enactor is woken.
pub fn publish_then_wake<J: Checker, P: Primitives>() -> Findings {
    explore::<J, P, _>("publish, then wake", memory::<P>, |stage| {
        let waker = stage.waker();
        stage.publish(1);
        waker.wake();
        let second = stage.publish(2);
        waker.wake();
        stage.await_applied(second);
    })
}

/// The wrong way round: the Enactor may have looked before there is a plan.
pub fn wake_then_publish<J: Checker, P: Primitives>() -> Findings {
    explore::<J, P, _>("wake, then publish", memory::<P>, |stage| {
        stage.waker().wake();
        let plan = stage.publish(1);
        stage.await_applied(plan);
    })
}

/// Wake-ups that come while it is paused wait for the resumption.
pub fn pause_and_resume<J: Checker, P: Primitives>() -> Findings {
    explore::<J, P, _>("pause and resume", memory::<P>, |stage| {
        stage.signals.pause();
        let plan = stage.publish(1);
        stage.waker().wake();
        stage.signals.resume();
        stage.await_applied(plan);
    })
}

/// It is told to stop while it may be anywhere.
pub fn stop_anywhere<J: Checker, P: Primitives>() -> Findings {
    explore::<J, P, _>("stop anywhere", memory::<P>, |stage| {
        stage.publish(1);
        stage.waker().wake();
        stage.signals.pause();
    })
}

/// The store fails twice at each activation, then recovers.
pub fn retry<J: Checker, P: Primitives>() -> Findings {
    let store = || Shaky::<P> {
        store: memory(),
        failures: Arc::new(P::Monitor::new(2)),
    };
    explore::<J, P, _>("retry", store, |stage| {
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

/// loom's primitives, but for a monitor that lets go between its look and its wait.
pub enum Deaf {}

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
        let result = section(&mut self.value.lock().unwrap());
        self.updated.notify_all();
        result
    }

    fn wait<R>(
        &self,
        _: Option<Duration>,
        mut ready: impl FnMut(&mut T) -> Option<R>,
    ) -> Option<R> {
        loop {
            if let Some(result) = ready(&mut self.value.lock().unwrap()) {
                return Some(result);
            }
            drop(self.updated.wait(self.value.lock().unwrap()).unwrap());
        }
    }
}

pub fn no_wakeup_is_lost<J: Checker>() {
    let findings = publish_then_wake::<J, J::Primitives>();
    findings.assert_outcomes(&["applied 1", "applied 2"]);
    let findings = pause_and_resume::<J, J::Primitives>();
    findings.assert_outcomes(&["applied 1"]);
}

pub fn it_always_stops<J: Checker>() {
    // Whether it passes first depends on who is quicker; that it ends does not.
    stop_anywhere::<J, J::Primitives>().assert_outcomes(&["applied 1"]);
}

pub fn it_retries_until_the_store_recovers<J: Checker>() {
    retry::<J, J::Primitives>().assert_outcomes(&["failed", "applied 1"]);
}
