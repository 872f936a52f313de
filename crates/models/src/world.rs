//! A store in use, and the threads that use it: what the larger models are built of.

use std::ops::RangeInclusive;
use std::sync::Arc;

use control_plane::{Enactor, Pass};
use incident::{Actor, Event, Journal, Observed, probe};
use plan_store::{
    Activation, EndpointName, Plan, PlanStore, RecordSet, RetainReason, Retention, Target,
};

use crate::{Findings, must};

/// Something that the larger models assert on: it happened in some execution, or never.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Seen {
    /// A plan was activated at an endpoint.
    Activated,
    /// A plan withdrew an endpoint.
    Withdrawn,
    /// A step had been done before.
    Already,
    /// A step was refused because a newer plan was there first.
    Stale,
    /// A step's outcome was unknown.
    Unknown,
    /// A sweep deleted at least one plan.
    Deleted,
    /// A sweep deleted nothing, and spared an old plan for this reason.
    Spared(RetainReason),
    /// The store refused a step because the active plan is gone.
    Stuck,
    /// The store refused a step for another reason.
    Refused,
    /// A pass ended.
    Pass(Ended),
    /// A resolver compared an answer with the one before.
    Answer(Moved),
}

/// How a pass ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ended {
    /// Its plan is active everywhere, and old plans are swept.
    Applied,
    /// A newer plan overtook it at an endpoint.
    Stale,
    /// The check at the start found a newer plan.
    StaleAtStart,
    /// There was no plan.
    NoPlan,
    /// It failed.
    Failed,
}

/// How an answer compares with the one before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Moved {
    /// It comes from an older plan.
    Back,
    /// It comes from the same plan.
    Not,
    /// It comes from a newer plan.
    On,
}

impl Seen {
    /// What there is to assert on in a step of the journal.
    fn in_event(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Stepped {
                outcome, withdraws, ..
            } => match outcome {
                Activation::Activated { .. } if *withdraws => Self::Withdrawn,
                Activation::Activated { .. } => Self::Activated,
                Activation::Already => Self::Already,
                Activation::Stale { .. } => Self::Stale,
                Activation::Unknown => Self::Unknown,
            },
            Event::Swept { swept, .. } if !swept.deleted.is_empty() => Self::Deleted,
            Event::Swept { swept, .. } => Self::Spared(swept.spared.first()?.1),
            Event::Failed { gone: Some(_), .. } => Self::Stuck,
            Event::Failed { gone: None, .. } => Self::Refused,
            _ => return None,
        })
    }
}

/// `count` endpoints: a.example, b.example, ...
pub fn endpoints(count: u8) -> Vec<EndpointName> {
    let letters = (b'a'..).take(count.into()).map(char::from);
    letters
        .map(|letter| must(format!("{letter}.example").parse()))
        .collect()
}

/// A plan for these endpoints; `octet` makes its content.
pub fn plan(endpoints: &[EndpointName], octet: u8) -> Arc<Plan> {
    let records = |name: &EndpointName| {
        let target = Target::new([192, 0, 2, octet].into(), 255);
        must(RecordSet::new(name, 5, [target]))
    };
    let named = endpoints.iter().map(|name| (name.clone(), records(name)));
    Arc::new(must(Plan::new(named)))
}

/// A store in use: two plans are published, and the first is active everywhere.
#[derive(Debug)]
pub struct World<S> {
    /// The store.
    pub store: S,
    /// The endpoints that all plans name.
    pub endpoints: Vec<EndpointName>,
    /// What the actors do, and which invariants that breaks.
    pub journal: Arc<Journal>,
    retention: Retention,
}

impl<S: PlanStore + Clone + 'static> World<S> {
    /// A world whose plans have one target for each endpoint.
    pub fn new(store: S, endpoints: Vec<EndpointName>, retention: Retention) -> Self {
        let mut octet = 0;
        let names = endpoints.clone();
        Self::planned_by(store, endpoints, retention, |planner| {
            octet += 1;
            must(planner.publish(plan(&names, octet)));
        })
    }

    /// A world with plans of the caller's making; `publish` is called twice.
    pub fn planned_by(
        store: S,
        endpoints: Vec<EndpointName>,
        retention: Retention,
        mut publish: impl FnMut(&Observed<S>),
    ) -> Self {
        let world = Self {
            store,
            endpoints,
            journal: Journal::keeping_steps(),
            retention,
        };
        let planner = world.handle(Actor::Planner);
        publish(&planner);
        let pass = must(Enactor::new("setup", world.store.clone()).pass());
        assert!(matches!(pass, Pass::Applied { .. }), "{pass:?}");
        publish(&planner);
        probe::resolve_all(&mut world.store.reader(), &world.endpoints, &world.journal);
        world
    }

    /// The store as this actor uses it, with every step in the journal.
    pub fn handle(&self, actor: Actor) -> Observed<S> {
        Observed::new(self.store.clone(), actor, &self.journal)
    }

    /// The work of a Planner's thread: it publishes these plans.
    pub fn planner(&self, octets: RangeInclusive<u8>) -> impl FnOnce() + Send + use<S> {
        let (handle, endpoints) = (self.handle(Actor::Planner), self.endpoints.clone());
        move || {
            for octet in octets {
                must(handle.publish(plan(&endpoints, octet)));
            }
        }
    }

    /// The work of an Enactor's thread: one pass.
    pub fn enactor(&self, number: u8, findings: &Findings<Seen>) -> impl FnOnce() + Send + use<S> {
        let enactor = Enactor::new("enactor", self.handle(Actor::Enactor(number)));
        let findings = findings.clone();
        move || {
            findings.note(Seen::Pass(match enactor.pass() {
                Ok(Pass::Applied { .. }) => Ended::Applied,
                Ok(Pass::Stale { .. }) => Ended::Stale,
                Ok(Pass::StaleAtStart { .. }) => Ended::StaleAtStart,
                Ok(Pass::NoPlan) => Ended::NoPlan,
                Err(_) => Ended::Failed,
            }));
        }
    }

    /// Looks at everything once all threads have ended, and notes what the journal
    /// holds.
    pub fn conclude(&self, findings: &Findings<Seen>) {
        let (store, endpoints, journal) = (&self.store, &self.endpoints, &self.journal);
        must(probe::conclude(store, endpoints, self.retention, journal));
        for step in journal.steps() {
            if let Some(seen) = Seen::in_event(&step.event) {
                findings.note(seen);
            }
        }
        findings.note_verdict(journal);
    }
}
