//! The texts of the page.

use incident::{Actor, Event, Step, Verdict};
use plan_store::{
    Activation, EndpointName, EndpointState, Generation, Resolution, RetainReason, Standing, Swept,
};

use crate::outage::Protocol;

/// An actor as the subject of a sentence.
pub(super) fn subject(actor: Actor) -> String {
    match actor {
        Actor::Planner => "The Planner".into(),
        Actor::Enactor(_) => actor.to_string(),
        Actor::Resolver => "A resolver".into(),
        Actor::Operator => "The check".into(),
    }
}

/// An actor's mark in the diagram.
pub(super) fn mark(actor: Actor) -> String {
    match actor {
        Actor::Planner => "P".into(),
        Actor::Enactor(number) => number.to_string(),
        Actor::Resolver => "R".into(),
        Actor::Operator => "C".into(),
    }
}

/// A step in one sentence or two. `holds` is the plan that the actor has pinned.
pub(super) fn sentence(step: &Step, holds: Option<Generation>) -> String {
    let subject = subject(step.actor);
    match &step.event {
        Event::Published { generation, .. } => format!("{subject} publishes plan {generation}."),
        Event::PickedUp { generation } => {
            format!("{subject} picks up plan {generation} and pins it.")
        }
        Event::Checked { newest: None } => format!("{subject} checks: no plan is active."),
        Event::Checked { newest: Some(at) } => {
            let ends = if holds.is_some_and(|plan| plan < *at) {
                " That plan is newer than its own, so its pass ends."
            } else {
                ""
            };
            format!("{subject} checks: the newest active plan is plan {at}.{ends}")
        }
        Event::Stepped {
            endpoint,
            generation,
            withdraws,
            outcome,
        } => stepped(&subject, endpoint, *generation, *withdraws, *outcome),
        Event::Swept { swept, .. } => format!("{subject} sweeps: {}.", sweep(swept)),
        Event::Resolved {
            endpoint,
            resolution,
            ..
        } => format!("{subject} asks for {endpoint}: {}.", answer(resolution)),
        Event::RollbackGone { endpoint, rollback } => {
            format!("{subject} finds plan {rollback} deleted, the rollback target of {endpoint}.")
        }
        Event::Failed { error, .. } if step.actor == Actor::Operator => {
            format!("{subject} makes an undisturbed pass, and the pass fails: {error}.")
        }
        Event::Failed { error, .. } => format!("{subject} fails, so its pass ends: {error}."),
        Event::NoProgress { generation } => format!(
            "{subject} finds that plan {generation}, published at rest, is not active everywhere \
             after an undisturbed pass."
        ),
        Event::LeftBehind { endpoint, newest } => {
            format!("{subject} finds {endpoint} on another plan than plan {newest}.")
        }
        Event::NotReclaimed { generation } => {
            format!("{subject} finds plan {generation} in the store, although nothing needs it.")
        }
        Event::Repaired {
            endpoint,
            generation,
        } => format!("{subject} points {endpoint} at plan {generation} by hand."),
    }
}

fn stepped(
    subject: &str,
    endpoint: &EndpointName,
    plan: Generation,
    withdraws: bool,
    outcome: Activation,
) -> String {
    let (act, object) = if withdraws {
        ("withdraw", format!("{endpoint} by plan {plan}"))
    } else {
        ("activate", format!("plan {plan} at {endpoint}"))
    };
    match outcome {
        Activation::Activated { replaced } => {
            let before = match replaced.standing.active() {
                Some(before) => format!(", in place of plan {before}"),
                None => String::new(),
            };
            format!("{subject} {act}s {object}{before}.")
        }
        Activation::Already => format!("{subject} finds that plan {plan} is active at {endpoint}."),
        Activation::Stale { newer } => format!(
            "{subject} tries to {act} {object}. The store refuses it as stale, because plan \
             {newer} is newer. The pass ends."
        ),
        Activation::Unknown => {
            format!("{subject} tries to {act} {object}, and the reply is lost.")
        }
    }
}

fn sweep(swept: &Swept) -> String {
    let spared = swept
        .spared
        .iter()
        .map(|(plan, why)| format!("it spares plan {plan}, which is {}", reason(*why)));
    let deleted = match swept.deleted.as_slice() {
        [] => "it deletes nothing".into(),
        deleted => format!("it deletes {}", plans(deleted)),
    };
    [deleted]
        .into_iter()
        .chain(spared)
        .collect::<Vec<_>>()
        .join("; ")
}

fn reason(why: RetainReason) -> &'static str {
    match why {
        RetainReason::Active => "active",
        RetainReason::Rollback => "a rollback target",
        RetainReason::Pinned => "pinned",
    }
}

fn answer(resolution: &Resolution) -> String {
    match resolution {
        Resolution::Answer { generation, .. } => {
            format!("the answer has the records of plan {generation}")
        }
        Resolution::Dangling { generation } => {
            format!("plan {generation} is active and deleted, so the answer has no records")
        }
        Resolution::Unknown | Resolution::Vacant | Resolution::Withdrawn { .. } => {
            "there is no such name".into()
        }
    }
}

/// `plan 1`, or `plans 1, 2`.
fn plans(generations: &[Generation]) -> String {
    let numbers: Vec<_> = generations.iter().map(ToString::to_string).collect();
    let noun = if numbers.len() == 1 { "plan" } else { "plans" };
    format!("{noun} {}", numbers.join(", "))
}

/// What the actor of this step is about to do, before the step's outcome is known.
/// `before` is the event of the actor's step before it.
pub(super) fn intent(step: &Step, before: Option<&Event>) -> String {
    match (&step.event, before) {
        (Event::Published { generation, .. }, _) => format!("publish plan {generation}"),
        (Event::PickedUp { .. }, _) => "pick up the latest plan".into(),
        (Event::Checked { .. }, _) | (Event::Failed { .. }, Some(Event::PickedUp { .. })) => {
            "check the newest active plan".into()
        }
        (Event::Stepped { endpoint, .. }, _) => format!("activate its plan at {endpoint}"),
        (Event::Failed { .. }, Some(Event::Checked { .. })) => "activate its plan".into(),
        (Event::Swept { .. } | Event::Failed { .. }, _) => "sweep".into(),
        _ => "ask".into(),
    }
}

/// What is active at an endpoint.
pub(super) fn active(state: EndpointState) -> String {
    match state.standing {
        Standing::Vacant => "none".into(),
        Standing::Active(plan) => format!("plan {plan}"),
        Standing::Withdrawn(plan) => format!("withdrawn by plan {plan}"),
    }
}

/// What an execution broke. `followed` is the step after which it does not follow the
/// schedule any more.
pub(super) fn result(protocol: Protocol, verdict: &Verdict, departs: Option<usize>) -> String {
    let broken: Vec<_> = verdict.keys().map(|invariant| invariant.name()).collect();
    let broke = if broken.is_empty() {
        "No invariant breaks here.".into()
    } else {
        format!("Breaks {}.", broken.join(", "))
    };
    let others = protocol.broken();
    let others = others.iter().filter(|it| !verdict.contains_key(it));
    let others: Vec<_> = others.map(|invariant| invariant.name()).collect();
    let elsewhere = if others.is_empty() {
        String::new()
    } else {
        format!(" Other schedules also break {}.", others.join(", "))
    };
    let departs = departs.map_or_else(String::new, |step| {
        format!(
            " The order of the steps differs from step {step} on: no execution that loom explored \
             follows the schedule further."
        )
    });
    format!("{broke}{elsewhere}{departs}")
}

/// A protocol in one sentence or two.
pub(super) fn about(protocol: Protocol) -> &'static str {
    use incident::{Fencing, Variant};
    match protocol {
        Protocol::Incident(Variant::Incident) => {
            "October 2025, without the lock. An Enactor checks its plan once, at the start of its pass. A sweep deletes by age alone."
        }
        Protocol::Incident(Variant::LockPerEndpoint) => {
            "October 2025. A lock decides which Enactor writes at an endpoint, and says nothing about the plan."
        }
        Protocol::Incident(Variant::RecheckBeforeEach) => {
            "An Enactor checks its plan again before each write. Another thread can run between the check and the write."
        }
        Protocol::LargeRetention => {
            "The incident’s store keeps so many plans that a sweep deletes none of these."
        }
        Protocol::Incident(Variant::NothingSwept) => {
            "The incident’s store, and nothing is ever deleted."
        }
        Protocol::LockPerPass => "The incident’s store, with one lock around each whole pass.",
        Protocol::Lease(Fencing::HolderLooks) => {
            "A lease around each pass. The holder checks its lease, then writes."
        }
        Protocol::Lease(Fencing::PerEnactor) => {
            "A lease with a token that grows. Each Enactor compares it only with tokens that it has met."
        }
        Protocol::Lease(Fencing::AtEndpoint) => {
            "A lease with a token that grows. The endpoint refuses a lower token. Tokens order the leases, not the plans."
        }
        Protocol::Incident(Variant::SpareActive) => "A sweep spares active plans.",
        Protocol::Incident(Variant::SpareActiveAndRollback) => {
            "A sweep spares active plans and rollback targets."
        }
        Protocol::Incident(Variant::CompareAndSwapOnly) => {
            "The write itself decides freshness. A sweep deletes by age alone."
        }
        Protocol::Incident(Variant::CompareAndSwapBothSpared) => {
            "The write itself decides freshness. A sweep spares active plans and rollback targets, but no pinned plans."
        }
        Protocol::Repaired => {
            "The repaired store. The write itself decides freshness. A sweep spares active plans, rollback targets and pinned plans."
        }
    }
}
