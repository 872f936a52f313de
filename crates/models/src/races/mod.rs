//! The store's races, one per file. Each has two or three threads, one outcome made of the
//! threads' answers and the state at the end, the whole set of outcomes, and a control.
//!
//! `holds` runs the race on a watched `MemoryStore` under loom. It asserts the whole set of
//! outcomes, and that each step was one of the protocol, and returns the number of executions. Each of the other public functions that
//! return nothing is a control. It takes away the protection that the race is about, and
//! asserts that the outcome appears which the protection prevents.

pub mod activate_against_activate;
pub mod activate_against_sweep;
pub mod activate_all_against_activate_all;
pub mod activate_hands_on;
pub mod denial_against_changing_places;
pub mod pin_against_sweep;
pub mod publish_against_forget;
pub mod publish_against_pass;
pub mod publish_against_pick_up;
pub mod publish_against_sweep;
pub mod reader_against_activate;
pub mod reader_against_coming_and_going;
pub mod reader_against_forget;
pub mod reader_overtaken_twice;
pub mod sweep_against_sweep;
pub mod sweep_ahead_of_publish;
pub mod two_publishers;
pub mod withdraw_against_activate;
pub mod withdraw_against_return;

use std::fmt::Debug;
use std::sync::Arc;

use plan_store::dns::Follower;
use plan_store::{
    Activation, DnsStore, EndpointName, EndpointState, Generation, Pin as _, Resolution, Resolve,
    RetainReason, Retention, Standing, Swept,
};

use crate::checker::Checker;
#[cfg(feature = "shuttle")]
use crate::checker::Dfs;
use crate::{Explored, Recorded, Threads, Watched, endpoints, explore, must, must_be, plan};

/// The stores of these models retain no plan because of its age, except the applied one.
const RETENTION: Retention = Retention::newest(0);

fn memory<J: Checker>() -> Watched<J::Primitives> {
    Watched::new(RETENTION)
}

/// The endpoint of these models.
fn endpoint() -> EndpointName {
    endpoints(1).remove(0)
}

/// Explores a race with the checker. Each execution returns its outcome.
fn race<J: Checker, O: Ord + Clone + Debug + Send + 'static>(
    name: &str,
    bound: Option<usize>,
    execution: impl Fn() -> O + Send + Sync + 'static,
) -> Explored<O> {
    explore::<J, O>(name, bound, move |found| found.note(execution()))
}

impl<O: Ord + Clone + Debug> Explored<O> {
    /// Asserts the whole set of outcomes, and that each execution was observed, and returns
    /// the number of executions.
    #[track_caller]
    fn holds(self, expected: impl IntoIterator<Item = O>) -> usize {
        self.findings.assert_outcomes(expected);
        self.assert_observed();
        self.executions
    }
}

// Steps of the models, on plans by their numbers.

/// Publishes `plans` plans, and activates the first at the only endpoint.
fn begin<S: DnsStore>(store: S, plans: u8) -> S {
    for octet in 1..=plans {
        must(store.publish(plan(&endpoints(1), octet)));
    }
    assert_eq!(activate(&store, 1), over(EndpointState::VACANT));
    store
}

/// Publishes plan 1 of the endpoint, and plan 2, which withdraws it. A sweep that deletes
/// plan 1 forgets the endpoint.
fn forgettable<S: DnsStore>(store: S) -> S {
    must(store.publish(plan(&endpoints(1), 1)));
    must(store.publish(plan(&endpoints(2)[1..], 2)));
    assert_eq!(withdraw(&store, 2), over(EndpointState::VACANT));
    store
}

fn activate(store: &impl DnsStore, plan: u32) -> Activation {
    let pin = must(store.pin(generation(plan)));
    must(store.activate(&pin, &endpoint()))
}

/// Withdraws the endpoint by a plan that does not name it.
fn withdraw(store: &impl DnsStore, plan: u32) -> Activation {
    let pin = must(store.pin(generation(plan)));
    must(store.withdraw(&pin, &endpoint()))
}

fn sweep(store: &impl DnsStore, applied: u32) -> Swept {
    must(store.sweep(generation(applied)))
}

fn state(store: &impl DnsStore) -> EndpointState {
    must(store.state(&endpoint()))
}

// Values to compare outcomes with, by the plans' numbers.

fn generation(number: u32) -> Generation {
    must_be(Generation::new(number))
}

fn generations(numbers: impl IntoIterator<Item = u32>) -> Vec<Generation> {
    numbers.into_iter().map(generation).collect()
}

/// This plan is active, and that one is the rollback target.
fn active(plan: u32, rollback: impl Into<Option<u32>>) -> EndpointState {
    EndpointState {
        standing: Standing::Active(generation(plan)),
        rollback: rollback.into().map(generation),
    }
}

/// This plan withdrew the endpoint, and that one is the rollback target.
fn withdrawn(plan: u32, rollback: impl Into<Option<u32>>) -> EndpointState {
    EndpointState {
        standing: Standing::Withdrawn(generation(plan)),
        rollback: rollback.into().map(generation),
    }
}

/// The step was done and replaced this state.
fn over(replaced: EndpointState) -> Activation {
    Activation::Activated { replaced }
}

/// The step was refused, because this newer plan was there.
fn stale(newer: u32) -> Activation {
    let newer = generation(newer);
    Activation::Stale { newer }
}

/// A sweep that deleted these plans and spared those.
fn swept<const N: usize>(
    deleted: impl IntoIterator<Item = u32>,
    spared: [(u32, RetainReason); N],
) -> Swept {
    Swept {
        deleted: generations(deleted),
        spared: spared.map(|(plan, why)| (generation(plan), why)).into(),
    }
}

/// A reader's answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Answer {
    /// The records of this plan.
    From(u32),
    /// The answer names this plan, but its records are not those of the plan: `WholeAnswer`
    /// is broken.
    Mixed(u32),
    /// This plan is active and deleted: `NeverEmpty` is broken.
    Dangling(u32),
    /// This plan withdrew the endpoint.
    Withdrawn(u32),
    /// No plan has been active.
    Vacant,
    /// The store does not know the endpoint.
    Unknown,
}

impl Answer {
    /// The answer for the endpoint of these models. Plan `n` has the records `n`.
    fn by(reader: &mut impl Resolve) -> Self {
        Self::of(reader.resolve(&endpoint()))
    }

    fn of(resolution: &Resolution) -> Self {
        match resolution {
            Resolution::Answer {
                generation,
                records,
            } => {
                let [.., octet] = must_be(records.a().first()).address.octets();
                if u32::from(octet) == generation.get() {
                    Self::From(generation.get())
                } else {
                    Self::Mixed(generation.get())
                }
            }
            Resolution::Dangling { generation } => Self::Dangling(generation.get()),
            Resolution::Withdrawn { generation } => Self::Withdrawn(generation.get()),
            Resolution::Vacant => Self::Vacant,
            Resolution::Unknown => Self::Unknown,
        }
    }
}

/// A naive reader: it reads which plan is active, fetches that plan, and does not look
/// again.
#[derive(Debug)]
struct OneLook<S>(S, Resolution);

impl<S: DnsStore> OneLook<S> {
    fn on(store: S) -> Self {
        Self(store, Resolution::Unknown)
    }
}

impl<S: DnsStore> Resolve for OneLook<S> {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        let generation = must_be(must(self.0.state(endpoint)).standing.active());
        self.1 = match self.0.pin(generation) {
            Ok(pin) => Resolution::Answer {
                generation,
                records: Arc::clone(must_be(pin.plan().records(endpoint))),
            },
            Err(_) => Resolution::Dangling { generation },
        };
        &self.1
    }

    /// Works for names above all endpoints of these models.
    fn has_descendant(&mut self, _: &EndpointName) -> bool {
        endpoints(2).iter().any(|below| {
            let state = must(self.0.state(below));
            !matches!(state.standing, Standing::Withdrawn(_))
        })
    }
}

/// A reader that is a follower of the endpoint of these models.
#[derive(Debug)]
struct Followed<P: Threads>(Follower<Recorded<P>>);

impl<P: Threads> Followed<P> {
    fn of(store: &Watched<P>) -> Self {
        Self(store.follow(endpoint()))
    }
}

impl<P: Threads> Resolve for Followed<P> {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        assert_eq!(self.0.endpoint(), endpoint);
        self.0.resolve()
    }

    /// Always false: it follows one endpoint, and there is none below that.
    fn has_descendant(&mut self, _: &EndpointName) -> bool {
        false
    }
}

/// A reader that calls [`PlanStore::resolve`](plan_store::PlanStore::resolve).
#[derive(Debug)]
struct Calls<S>(S, Resolution);

impl<S: DnsStore + Clone> Calls<S> {
    fn of(store: &S) -> Self {
        Self(store.clone(), Resolution::Unknown)
    }
}

impl<S: DnsStore> Resolve for Calls<S> {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        self.1 = self.0.resolve(endpoint);
        &self.1
    }

    /// Always false: `PlanStore` has no such call.
    fn has_descendant(&mut self, _: &EndpointName) -> bool {
        false
    }
}

/// Checks the races of two threads with few steps on all schedules.
#[cfg(feature = "shuttle")]
pub fn hold_on_all_schedules() {
    activate_against_activate::holds_by::<Dfs>();
    withdraw_against_activate::holds_by::<Dfs>();
    pin_against_sweep::holds_by::<Dfs>();
}

/// A check that a race holds: its name, and a function that returns the number of
/// executions.
pub type Check = (&'static str, fn() -> usize);

/// The checks of all races. Every mutant of the store must fail at least one of them.
/// Checks with few executions come first.
pub fn all() -> Vec<Check> {
    macro_rules! checks {
        ($($name:literal: $race:ident::$holds:ident,)*) => {
            vec![$(($name, $race::$holds as fn() -> usize)),*]
        };
    }
    checks! {
        "denial against changing places": denial_against_changing_places::holds_for_one_that_comes_back,
        "denial against a new endpoint": denial_against_changing_places::holds_for_a_new_one,
        "two publishers": two_publishers::holds,
        "activate against activate": activate_against_activate::holds,
        "withdraw against activate": withdraw_against_activate::holds,
        "withdraw against return": withdraw_against_return::holds,
        "sweep against sweep": sweep_against_sweep::holds,
        "activate against sweep": activate_against_sweep::holds,
        "pin against sweep": pin_against_sweep::holds,
        "activate all against activate all": activate_all_against_activate_all::holds,
        "sweep ahead of publish": sweep_ahead_of_publish::holds,
        "reader against forget": reader_against_forget::holds_for_a_reader,
        "follower against forget": reader_against_forget::holds_for_a_follower,
        "reader against activate": reader_against_activate::holds_for_a_reader,
        "follower against activate": reader_against_activate::holds_for_a_follower,
        "calls against activate": reader_against_activate::holds_for_calls,
        "publish against pass": publish_against_pass::holds,
        "reader overtaken twice": reader_overtaken_twice::holds_for_a_reader,
        "follower overtaken twice": reader_overtaken_twice::holds_for_a_follower,
        "reader against coming and going": reader_against_coming_and_going::holds_for_a_reader,
        "follower against coming and going": reader_against_coming_and_going::holds_for_a_follower,
        "publish against pick-up, readers": publish_against_pick_up::holds_for_a_reader,
        "publish against pick-up, followers": publish_against_pick_up::holds_for_a_follower,
        "publish against forget, reader": publish_against_forget::holds_for_a_reader,
        "publish against forget, follower": publish_against_forget::holds_for_a_follower,
        "activate hands on": activate_hands_on::holds,
        "publish against sweep": publish_against_sweep::holds,
    }
}
