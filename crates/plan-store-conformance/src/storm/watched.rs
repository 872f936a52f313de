//! The store as the Enactors of a storm see it. Every step is checked and counted, and may
//! be disturbed.
//!
//! The passes are those of the real [`Enactor`]. Everything that the storm adds happens in
//! this [`Layer`], around the Enactor's steps.

use control_plane::{Enactor, Pass};
use parking_lot::Mutex;
use plan_store::{
    Activation, DnsStore, EndpointName, Failed, Generation, Layer, Pin, PinError, StepError, Swept,
};

use super::plans::number_of;
use super::servers::Announced;
use super::stalls::Stalls;
use super::tally::Tally;

/// A store for one Enactor.
pub(super) struct Watched<'a, S: DnsStore> {
    store: &'a S,
    announced: &'a Announced,
    /// Called at each step of a pass. It may stall, panic or wait.
    at_step: Mutex<Box<dyn FnMut() + Send + 'a>>,
    tally: Mutex<Tally>,
    whims: Mutex<Whims<S::Pin>>,
}

/// How the next pass is disturbed.
struct Whims<P> {
    random: Stalls,
    /// Whether some passes sweep before their plan is active anywhere.
    sweeps_early: bool,
    /// The plan that the next pass picks up, instead of the latest one.
    late: Option<P>,
    /// Whether the check of the newest active plan finds nothing. The store's answer to
    /// that check is advice, and may be out of date when it arrives.
    check_is_late: bool,
}

impl<'a, S: DnsStore> Watched<'a, S> {
    /// A store for one Enactor, which stalls at random, by this seed.
    pub(super) fn new(store: &'a S, announced: &'a Announced, seed: u64) -> Self {
        let mut stalls = Stalls::new(seed);
        Self {
            store,
            announced,
            at_step: Mutex::new(Box::new(move || stalls.stall())),
            tally: Mutex::default(),
            whims: Mutex::new(Whims {
                random: Stalls::new(seed.rotate_left(32)),
                sweeps_early: false,
                late: None,
                check_is_late: false,
            }),
        }
    }

    /// Also calls this at each step.
    pub(super) fn and_at_step(mut self, mut also: impl FnMut() + Send + 'a) -> Self {
        let mut before = self.at_step.into_inner();
        self.at_step = Mutex::new(Box::new(move || {
            before();
            also();
        }));
        self
    }

    /// Makes some passes sweep before their plan is active anywhere.
    pub(super) fn with_early_sweeps(self) -> Self {
        self.whims.lock().sweeps_early = true;
        self
    }

    /// Makes the next pass work on this plan, as if it had picked it up long ago.
    pub(super) fn pick_up_late(&self, pin: S::Pin) {
        self.whims.lock().late = Some(pin);
    }

    /// Makes one pass of an Enactor.
    pub(super) fn pass(&self) -> Pass {
        let before = self.tally.lock().changed();
        let pass = Enactor::new("storm", self).pass().unwrap();
        if let Pass::Applied { changed, .. } = pass {
            let counted = self.tally.lock().changed() - before;
            assert_eq!(
                changed, counted,
                "the Enactor counts the steps that it takes"
            );
        }
        pass
    }

    pub(super) fn into_tally(self) -> Tally {
        self.tally.into_inner()
    }

    /// Sweeps for the latest plan, which may not be active anywhere yet.
    pub(super) fn sweep_latest(&self) {
        let latest = self.store.latest().unwrap().unwrap();
        let _ = self.sweep_now(latest.generation());
    }

    fn sweep_now(&self, applied: Generation) -> Swept {
        let swept = self.store.sweep(applied).unwrap();
        self.tally.lock().swept(&swept);
        swept
    }

    fn step(&self) {
        (self.at_step.lock())();
    }

    /// Asserts that the plans in an endpoint's state can be pinned, unless the state has
    /// changed since. (No state ever returns.)
    fn check_kept(&self, endpoint: &EndpointName, pin: &S::Pin) {
        let held = self.store.pin(pin.generation()).map(|_| ());
        assert!(held.is_ok(), "PinnedKept: {held:?}");
        let state = || self.store.state(endpoint).unwrap();
        let seen = state();
        let gone = |plan: Option<Generation>| {
            plan.is_some_and(|plan| self.store.pin(plan).is_err()) && state() == seen
        };
        assert!(!gone(seen.standing.active()), "ActiveKept: {seen:?}");
        assert!(!gone(seen.rollback), "RollbackKept: {seen:?}");
    }
}

impl<S: DnsStore> Layer for &Watched<'_, S> {
    type Inner = S;
    type Error = S::Error;
    type Pin = S::Pin;
    type Reader = S::Reader;

    fn inner(&self) -> &S {
        self.store
    }

    fn wrap(&self, pin: S::Pin) -> S::Pin {
        pin
    }

    fn reader(&self) -> S::Reader {
        self.store.reader()
    }

    fn latest(&self) -> Result<Option<S::Pin>, PinError<S::Error>> {
        let mut whims = self.whims.lock();
        let late = whims.late.take();
        whims.check_is_late = late.is_some() || whims.random.next().is_multiple_of(2);
        let sweeps = whims.sweeps_early && whims.random.next().is_multiple_of(4);
        drop(whims);
        let pin = match late {
            Some(pin) => pin,
            None => self.store.latest()?.unwrap(),
        };
        let mut tally = self.tally.lock();
        tally.newest = tally.newest.max(Some(pin.generation()));
        drop(tally);
        if sweeps {
            let _ = self.sweep_now(pin.generation());
        }
        Ok(Some(pin))
    }

    fn newest_active(&self) -> Result<Option<Generation>, Failed<S::Error>> {
        let newest = self.store.newest_active()?;
        Ok(newest.filter(|_| !self.whims.lock().check_is_late))
    }

    fn activate(
        &self,
        pin: &S::Pin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<S::Error>>,
    ) -> Result<Activation, StepError<S::Error>> {
        self.step();
        let (by, outcome) = (pin.generation(), step().unwrap());
        if self.tally.lock().count(outcome, by) {
            let activation = (number_of(endpoint), by);
            self.tally.lock().activations.push(activation);
        }
        let now = self.store.state(endpoint).unwrap();
        let beyond = now.standing.generation() >= Some(by);
        assert!(beyond, "Monotonic: {by} was here, now {now:?}");
        self.check_kept(endpoint, pin);
        Ok(outcome)
    }

    fn withdraw(
        &self,
        pin: &S::Pin,
        endpoint: &EndpointName,
        step: impl FnOnce() -> Result<Activation, StepError<S::Error>>,
    ) -> Result<Activation, StepError<S::Error>> {
        self.step();
        let by = pin.generation();
        self.announced.withdrawal(number_of(endpoint), by);
        let outcome = step().unwrap();
        if self.tally.lock().count(outcome, by) {
            self.tally.lock().withdrawals += 1;
        }
        self.check_kept(endpoint, pin);
        Ok(outcome)
    }

    fn sweep(&self, applied: Generation) -> Result<Swept, Failed<S::Error>> {
        self.step();
        Ok(self.sweep_now(applied))
    }
}
