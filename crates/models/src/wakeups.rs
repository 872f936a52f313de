//! The Enactor's loop and its signals: a published plan becomes active, and the loop ends
//! when it is told to stop.
//!
//! If a wake-up or a stop is lost, all threads wait forever. The checkers report that as a
//! deadlock.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use control_plane::{Enactor, EnactorLoop, Pace, Pass, PassError, Signals};
use parking_lot::Mutex;
use plan_store::dns::{MemoryPin, MemoryStore, Reader};
use plan_store::primitives::{Monitor, Primitives};
use plan_store::{
    Activation, DnsStore, EndpointName, Generation, Layer, PlanStore, Retention, StepError,
};

use crate::Ended;
use crate::Instrumented;
use crate::checker::{Checker, Loom};
use crate::{Explored, endpoints, must, plan};

const RETENTION: Retention = Retention::newest(1);

/// The loop's reports in one execution, in order: how each pass ended, and the plan if the
/// pass applied one.
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

/// The parameters of a model.
struct Setting<S> {
    store: fn() -> S,
    /// Whether plan 1 is published, and its wake-up pending, before the threads start.
    woken: bool,
    /// Whether an idle loop reads the store without a wake-up.
    rechecks: bool,
}

/// An Enactor's loop, and what other threads use beside it.
struct Stage<P: Primitives, S> {
    store: S,
    signals: Signals<P>,
    passes: Arc<Mutex<Passes>>,
    /// The newest plan that a pass has applied, from the loop's reports.
    applied: Arc<P::Monitor<Option<Generation>>>,
    /// Whether a pass has failed, from the loop's reports.
    failed: Arc<P::Monitor<bool>>,
}

impl<P: Primitives, S: DnsStore + Clone + 'static> Stage<P, S> {
    /// The stage, and the loop's work.
    fn set(setting: &Setting<S>) -> (Self, impl FnOnce() + Send + use<P, S>) {
        let store = (setting.store)();
        let passes = Arc::new(Mutex::new(Passes::new()));
        let applied = Arc::new(P::Monitor::new(None));
        let failed = Arc::new(P::Monitor::new(false));
        let (note, tell_applied, tell_failed) = (
            Arc::clone(&passes),
            Arc::clone(&applied),
            Arc::clone(&failed),
        );
        let report = move |pass: &Result<Pass, PassError>| {
            let report = report(pass);
            note.lock().push(report);
            match report {
                (Ended::Applied, plan) => tell_applied.update(|applied| *applied = plan),
                (Ended::Failed, _) => tell_failed.update(|failed| *failed = true),
                _ => {}
            }
        };
        let pace = Pace {
            backoff_first: Duration::from_millis(1),
            backoff_max: Duration::from_millis(1),
            recheck: setting.rechecks.then_some(Duration::from_millis(1)),
            seed: 1,
        };
        let enactor = Enactor::new("enactor", store.clone());
        let (work, signals) = EnactorLoop::<_, _, P>::new(enactor, pace, report);
        let stage = Self {
            store,
            signals,
            passes,
            applied,
            failed,
        };
        if setting.woken {
            stage.publish(1);
            stage.wake();
        }
        (stage, move || work.run())
    }

    fn publish(&self, octet: u8) -> Generation {
        must(self.store.publish(plan(&endpoints(1), octet)))
    }

    fn wake(&self) {
        self.signals.waker().wake();
    }

    /// Waits until a pass has applied this plan.
    fn await_applied(&self, plan: Generation) {
        self.applied
            .wait(None, |applied| (*applied >= Some(plan)).then_some(()));
    }

    /// Waits until a pass has failed.
    fn await_failure(&self) {
        self.failed.wait(None, |failed| failed.then_some(()));
    }

    fn send(&self, signal: Signal) {
        match signal {
            Signal::Wake => self.wake(),
            Signal::Pause => self.signals.pause(),
            Signal::Stop => self.signals.stop(),
        }
    }
}

/// A signal to the loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Signal {
    Wake,
    Pause,
    Stop,
}

/// Explores a loop, and the thread of a Planner or an operator that runs `drive` and then
/// stops the loop. The outcomes are the sequences of passes.
fn explore<J: Checker, P: Primitives, S: DnsStore + Clone + 'static>(
    name: &str,
    bound: Option<usize>,
    setting: Setting<S>,
    drive: impl Fn(&Stage<P, S>) + Copy + Send + Sync + 'static,
) -> Explored<Passes> {
    crate::explore::<J, Passes>(name, bound, move |found| {
        let (stage, work) = Stage::<P, S>::set(&setting);
        let passes = Arc::clone(&stage.passes);
        J::run_two(work, move || {
            drive(&stage);
            stage.signals.stop();
        });
        let passes = passes.lock().clone();
        found.note(passes);
    })
}

fn memory<P: Primitives>() -> MemoryStore<P> {
    MemoryStore::with_primitives(RETENTION)
}

/// Nothing is published, and the loop waits for a signal.
fn asleep<P: Primitives>() -> Setting<MemoryStore<P>> {
    Setting {
        store: memory,
        woken: false,
        rechecks: false,
    }
}

fn woken<P: Primitives>() -> Setting<MemoryStore<P>> {
    Setting {
        woken: true,
        ..asleep()
    }
}

/// A first plan is published, and its wake-up sent, before the loop begins. A second plan
/// follows at any moment of the loop.
pub fn publish_then_wake<J: Checker, P: Primitives>() -> Explored<Passes> {
    explore::<J, P, _>("publish, then wake", None, woken::<P>(), |stage| {
        let second = stage.publish(2);
        stage.wake();
        stage.await_applied(second);
    })
}

/// The wrong order: the Enactor may look before the plan is published.
pub fn wake_then_publish<P: Primitives>() -> Explored<Passes> {
    explore::<Loom, P, _>("wake, then publish", None, asleep::<P>(), |stage| {
        stage.wake();
        let plan = stage.publish(1);
        stage.await_applied(plan);
    })
}

/// A plan is published, and no signal is sent. The loop applies the plan only if it reads
/// the store without a wake-up, which `rechecks` says.
pub fn publish_alone<P: Primitives>(rechecks: bool) -> Explored<Passes> {
    let setting = Setting {
        rechecks,
        ..asleep::<P>()
    };
    explore::<Loom, P, _>("publish alone", None, setting, |stage| {
        let plan = stage.publish(1);
        stage.await_applied(plan);
    })
}

/// A wake-up that comes while the loop is paused waits for the resumption.
pub fn pause_and_resume<J: Checker, P: Primitives>() -> Explored<Passes> {
    explore::<J, P, _>("pause and resume", None, asleep::<P>(), |stage| {
        stage.signals.pause();
        let plan = stage.publish(1);
        stage.wake();
        stage.signals.resume();
        stage.await_applied(plan);
    })
}

/// A resumption makes a pass even if no wake-up is pending.
pub fn resume_alone<P: Primitives>() -> Explored<Passes> {
    explore::<Loom, P, _>("resume alone", None, asleep::<P>(), |stage| {
        stage.signals.pause();
        let plan = stage.publish(1);
        stage.signals.resume();
        stage.await_applied(plan);
    })
}

/// A wake-up alone does not end a pause, so its plan is never applied.
pub fn pause_and_wake<P: Primitives>() -> Explored<Passes> {
    explore::<Loom, P, _>("pause and wake", None, asleep::<P>(), |stage| {
        stage.signals.pause();
        let plan = stage.publish(1);
        stage.wake();
        stage.await_applied(plan);
    })
}

/// These signals are sent at any moment of a pass whose wake-up was pending.
fn signals_in_order<P: Primitives>(order: [Signal; 3]) -> Explored<Passes> {
    let name = format!("signals in the order {order:?}");
    explore::<Loom, P, _>(&name, Some(3), woken::<P>(), move |stage| {
        for signal in order {
            stage.send(signal);
        }
    })
}

/// The loop is told to stop at any moment.
pub fn stop_anywhere<J: Checker, P: Primitives>() -> Explored<Passes> {
    explore::<J, P, _>("stop anywhere", None, asleep::<P>(), |stage| {
        stage.publish(1);
        stage.wake();
        stage.signals.pause();
    })
}

/// A setting with a store whose first activations fail; then the store recovers.
fn shaky<P: Primitives, const FAILURES: u32>() -> Setting<Shaky<P>> {
    Setting {
        store: || Shaky {
            store: memory(),
            failures: Arc::new(P::Monitor::new(FAILURES)),
        },
        woken: false,
        rechecks: false,
    }
}

/// The first two activations fail; then the store recovers.
pub fn retry<J: Checker, P: Primitives>() -> Explored<Passes> {
    explore::<J, P, _>("retry", None, shaky::<P, 2>(), |stage| {
        let plan = stage.publish(1);
        stage.wake();
        stage.await_applied(plan);
    })
}

/// A wake-up in the back-off after a failed pass, and then a stop.
pub fn wake_in_a_backoff<P: Primitives>() -> Explored<Passes> {
    explore::<Loom, P, _>("wake in a back-off", Some(3), shaky::<P, 1>(), |stage| {
        stage.publish(1);
        stage.wake();
        stage.await_failure();
        stage.wake();
    })
}

/// A resumption in the back-off after a failed pass.
pub fn resume_in_a_backoff<P: Primitives>() -> Explored<Passes> {
    explore::<Loom, P, _>("resume in a back-off", None, shaky::<P, 1>(), |stage| {
        let plan = stage.publish(1);
        stage.wake();
        stage.await_failure();
        stage.signals.resume();
        stage.await_applied(plan);
    })
}

/// A store whose first activations fail; then it recovers.
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

/// The error of a step that is meant to fail.
#[derive(Debug)]
pub struct Planned;

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("planned")
    }
}

impl std::error::Error for Planned {}

impl From<Infallible> for Planned {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl<P: Primitives> Layer for Shaky<P> {
    type Inner = MemoryStore<P>;
    type Error = Planned;
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
        step: impl FnOnce() -> Result<Activation, StepError<Planned>>,
    ) -> Result<Activation, StepError<Planned>> {
        let fails = self.failures.update(|left| {
            let fails = *left > 0;
            *left = left.saturating_sub(1);
            fails
        });
        if fails {
            return Err(Planned.into());
        }
        step()
    }
}

/// The primitives of loom's models, but with a monitor that releases its lock between its
/// look and its wait.
#[derive(Debug)]
pub enum Deaf {}

/// [`Deaf`]'s monitor.
#[derive(Debug)]
pub struct DeafMonitor<T> {
    value: loom::sync::Mutex<T>,
    updated: loom::sync::Condvar,
}

impl Primitives for Deaf {
    type Word = <Instrumented as Primitives>::Word;
    type Lock<T: Send + Sync + 'static> = <Instrumented as Primitives>::Lock<T>;
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

/// The primitives of loom's models, but with a monitor whose time-outs never end.
#[derive(Debug)]
pub enum Timeless {}

/// [`Timeless`]'s monitor.
#[derive(Debug)]
pub struct TimelessMonitor<T: Send + 'static>(<Instrumented as Primitives>::Monitor<T>);

impl Primitives for Timeless {
    type Word = <Instrumented as Primitives>::Word;
    type Lock<T: Send + Sync + 'static> = <Instrumented as Primitives>::Lock<T>;
    type Monitor<T: Send + 'static> = TimelessMonitor<T>;
}

impl<T: Send + 'static> Monitor<T> for TimelessMonitor<T> {
    fn new(value: T) -> Self {
        Self(Monitor::new(value))
    }

    fn update<R>(&self, section: impl FnOnce(&mut T) -> R) -> R {
        self.0.update(section)
    }

    fn wait<R>(&self, _: Option<Duration>, ready: impl FnMut(&mut T) -> Option<R>) -> Option<R> {
        self.0.wait(None, ready)
    }
}

/// A pass that failed.
const FAILED: (Ended, Option<Generation>) = (Ended::Failed, None);
/// A pass that found no plan.
const NO_PLAN: (Ended, Option<Generation>) = (Ended::NoPlan, None);

/// Passes that apply these plans, in this order.
fn applied(plans: &[u32]) -> Passes {
    let plans = plans.iter().map(|&plan| Generation::new(plan));
    plans.map(|plan| (Ended::Applied, plan)).collect()
}

/// No plan is missed for which a wake-up was sent, whether the loop is paused or not.
pub fn no_wakeup_is_lost() -> [usize; 2] {
    no_wakeup_is_lost_by::<Loom>()
}

/// The same under this checker.
pub fn no_wakeup_is_lost_by<J: Checker>() -> [usize; 2] {
    let twice = publish_then_wake::<J, J::Primitives>();
    let outcomes = [&[2][..], &[1, 2], &[2, 2]].map(applied);
    twice.findings.assert_outcomes(outcomes);
    let paused = pause_and_resume::<J, J::Primitives>();
    paused.findings.assert_outcomes([applied(&[1])]);
    [twice.executions, paused.executions]
}

/// Without any wake-up, an idle loop finds the plan when it reads the store again.
pub fn a_recheck_finds_a_plan_without_a_wakeup() -> usize {
    let alone = publish_alone::<Instrumented>(true);
    // It may read the store too early. Then it reads again, until it is stopped.
    let early = [vec![], vec![NO_PLAN]];
    let looks = early.iter().flat_map(|early| {
        [1, 2, 3].map(|times| [early.clone(), applied(&[1].repeat(times))].concat())
    });
    alone.findings.assert_outcomes(looks);
    alone.executions
}

/// A resumption makes a pass by itself.
pub fn a_resumption_makes_a_pass() -> usize {
    let resumed = resume_alone::<Instrumented>();
    resumed.findings.assert_outcomes([applied(&[1])]);
    resumed.executions
}

/// A pause, a wake-up and a stop are sent in every order, while a pass begins. That pass
/// may come before all of them. A second pass needs a wake-up before the pause and before
/// the stop. So neither the pause nor the stop is lost.
pub fn no_pause_and_no_stop_is_lost() -> [usize; 6] {
    use Signal::{Pause, Stop, Wake};
    let orders = [
        ([Wake, Pause, Stop], 2),
        ([Wake, Stop, Pause], 2),
        ([Pause, Wake, Stop], 1),
        ([Pause, Stop, Wake], 1),
        ([Stop, Wake, Pause], 1),
        ([Stop, Pause, Wake], 1),
    ];
    orders.map(|(order, most)| {
        let sent = signals_in_order::<Instrumented>(order);
        let passes = (0..=most).map(|passes| applied(&[1].repeat(passes)));
        sent.findings.assert_outcomes(passes);
        sent.executions
    })
}

/// The loop always stops. Whether it makes a pass before that depends on the schedule.
pub fn it_always_stops() -> usize {
    it_always_stops_by::<Loom>()
}

/// The same under this checker.
pub fn it_always_stops_by<J: Checker>() -> usize {
    let stopped = stop_anywhere::<J, J::Primitives>();
    let outcomes = [applied(&[]), applied(&[1])];
    stopped.findings.assert_outcomes(outcomes);
    stopped.executions
}

/// Failed passes are repeated until the store recovers.
pub fn it_retries_until_the_store_recovers() -> usize {
    it_retries_until_the_store_recovers_by::<Loom>()
}

/// The same under this checker.
pub fn it_retries_until_the_store_recovers_by<J: Checker>() -> usize {
    let retried = retry::<J, J::Primitives>();
    let outcome = [vec![FAILED, FAILED], applied(&[1])].concat();
    retried.findings.assert_outcomes([outcome]);
    retried.executions
}

/// Before the time of a back-off is over, a resumption ends the back-off, and a wake-up
/// does not.
pub fn only_a_resumption_ends_a_backoff() -> [usize; 2] {
    let woken = wake_in_a_backoff::<Timeless>();
    woken.findings.assert_outcomes([vec![FAILED]]);
    let resumed = resume_in_a_backoff::<Timeless>();
    let outcome = [vec![FAILED], applied(&[1])].concat();
    resumed.findings.assert_outcomes([outcome]);
    [woken.executions, resumed.executions]
}

/// If the time of the back-off can end, there may be a pass after the wake-up.
pub fn a_backoff_ends_by_itself() {
    let woken = wake_in_a_backoff::<Instrumented>();
    let retried = [vec![FAILED], applied(&[1])].concat();
    woken.findings.assert_seen(&[vec![FAILED], retried]);
}
