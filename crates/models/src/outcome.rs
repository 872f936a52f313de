//! The joint outcome of one execution of a larger model: the answers that all threads got,
//! and the state at the end.

use std::collections::BTreeSet;

use control_plane::Pass;
use incident::{Actor, Event, Invariant, Step};
use plan_store::{Activation, EndpointName, EndpointState, Generation, RetainReason, Swept};

use crate::Findings;

/// The answers that all threads got in one execution, and the state at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Outcome {
    /// The generations of the plans that the Planner's thread published, in order.
    pub published: Vec<Generation>,
    /// The Enactors' passes, sorted, because the Enactors are interchangeable.
    pub passes: Vec<PassTold>,
    /// The plans that the resolver's answers came from, in order.
    pub answers: Vec<Option<Generation>>,
    /// The state once all threads had ended.
    pub end: End,
}

/// What an Enactor was told in one pass.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PassTold {
    /// The store's answer to each of its calls.
    pub told: Vec<Told>,
    /// The result of the pass; `None` if it failed, or if the calls were not a whole pass.
    pub result: Option<Pass>,
}

/// The store's answer to a call by an Enactor, from the journal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Told {
    /// The Enactor picked up this plan.
    PickedUp(Generation),
    /// This was the newest active plan.
    Newest(Option<Generation>),
    /// The outcome of an activation.
    Activated(EndpointName, Activation),
    /// The outcome of a withdrawal.
    Withdrawn(EndpointName, Activation),
    /// The result of a sweep.
    Swept(Swept),
    /// A step failed because this plan is active and deleted.
    Stuck(Generation),
    /// A step failed for another reason.
    Refused,
}

/// The state once all threads had ended.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct End {
    /// Where each endpoint stands, with its rollback target.
    pub endpoints: Vec<EndpointState>,
    /// The plans that are in the store.
    pub plans: Vec<Generation>,
    /// The plan that is active and deleted, if that makes the next pass fail.
    pub stuck: Option<Generation>,
    /// The invariants that broke.
    pub broken: BTreeSet<Invariant>,
}

/// A part of an [`Outcome`] that a larger model asserts on.
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
    /// A sweep spared an old plan for this reason.
    Spared(RetainReason),
    /// The store refused a step because the active plan is deleted.
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

impl Outcome {
    /// All parts of the outcome that a model may assert on.
    pub fn seen(&self) -> BTreeSet<Seen> {
        let passes = self.passes.iter().flat_map(PassTold::seen);
        let stuck = self.end.stuck.map(|_| Seen::Stuck);
        let answers = self.moves().map(Seen::Answer);
        passes.chain(stuck).chain(answers).collect()
    }

    /// How each answer compares with the one before it at the same endpoint.
    fn moves(&self) -> impl Iterator<Item = Moved> {
        let before = [None].repeat(self.end.endpoints.len());
        let before = before.iter().copied().chain(self.answers.iter().copied());
        let before: Vec<_> = before.collect();
        let answers = self.answers.clone().into_iter();
        answers.zip(before).map(|(now, before)| match now {
            now if now < before => Moved::Back,
            now if now > before => Moved::On,
            _ => Moved::Not,
        })
    }
}

impl PassTold {
    fn seen(&self) -> impl Iterator<Item = Seen> {
        let told = self.told.iter().flat_map(Told::seen);
        told.chain([Seen::Pass(Ended::of(self.result.as_ref()))])
    }
}

impl Told {
    /// The store's answer in this event, if it is an Enactor's event.
    fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::PickedUp { generation } => Self::PickedUp(*generation),
            Event::Checked { newest } => Self::Newest(*newest),
            Event::Stepped {
                endpoint,
                withdraws,
                outcome,
                ..
            } => {
                let told = if *withdraws {
                    Self::Withdrawn
                } else {
                    Self::Activated
                };
                told(endpoint.clone(), *outcome)
            }
            Event::Swept { swept, .. } => Self::Swept(swept.clone()),
            Event::Failed { gone, .. } => gone.map_or(Self::Refused, Self::Stuck),
            _ => return None,
        })
    }

    fn seen(&self) -> Vec<Seen> {
        match self {
            Self::PickedUp(_) | Self::Newest(_) => Vec::new(),
            Self::Withdrawn(_, Activation::Activated { .. }) => vec![Seen::Withdrawn],
            Self::Activated(_, outcome) | Self::Withdrawn(_, outcome) => vec![match outcome {
                Activation::Activated { .. } => Seen::Activated,
                Activation::Already => Seen::Already,
                Activation::Stale { .. } => Seen::Stale,
                Activation::Unknown => Seen::Unknown,
            }],
            Self::Swept(swept) => {
                let deleted = swept.deleted.first().map(|_| Seen::Deleted);
                let spared = swept.spared.iter().map(|(_, why)| Seen::Spared(*why));
                deleted.into_iter().chain(spared).collect()
            }
            Self::Stuck(_) => vec![Seen::Stuck],
            Self::Refused => vec![Seen::Refused],
        }
    }
}

impl Ended {
    pub(crate) fn of(result: Option<&Pass>) -> Self {
        match result {
            Some(Pass::Applied { .. }) => Self::Applied,
            Some(Pass::Stale { .. }) => Self::Stale,
            Some(Pass::StaleAtStart { .. }) => Self::StaleAtStart,
            Some(Pass::NoPlan) => Self::NoPlan,
            None => Self::Failed,
        }
    }
}

/// The answers that each of an Enactor's passes got, from the journal, together with the
/// pass's result.
pub(crate) fn passes_told(
    steps: &[Step],
    enactor: Actor,
    results: Vec<Option<Pass>>,
) -> Vec<PassTold> {
    let own = steps.iter().filter(|step| step.actor == enactor);
    let mut told: Vec<_> = own.filter_map(|step| Told::of(&step.event)).collect();
    let mut passes: Vec<_> = results
        .into_iter()
        .rev()
        .map(|result| {
            let begin = told
                .iter()
                .rposition(|told| matches!(told, Told::PickedUp(_)));
            let told = told.split_off(begin.unwrap_or_default());
            PassTold { told, result }
        })
        .collect();
    passes.reverse();
    passes
}

impl Findings<Outcome> {
    /// What was seen in any of the outcomes.
    pub fn seen(&self) -> Findings<Seen> {
        self.parts(Outcome::seen)
    }
}
