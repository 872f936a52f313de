//! The texts of a diagram.

use incident::{ClientAnswer, Event};
use plan_store::{Activation, Generation, Resolution};

/// A step in a few words, without its endpoint.
pub fn describe(event: &Event) -> String {
    match event {
        Event::Published { generation, .. } => format!("publish {generation}"),
        Event::PickedUp { generation } => format!("pick up {generation}"),
        Event::Checked { newest: None } => "check: on none".into(),
        Event::Checked { newest: Some(g) } => format!("check: on {g}"),
        Event::Stepped {
            generation,
            withdraws,
            outcome,
            ..
        } => step(*generation, *withdraws, *outcome),
        Event::Swept { swept, .. } => {
            let spared: Vec<_> = swept.spared.iter().map(|(plan, _)| *plan).collect();
            sweep(&swept.deleted, &spared)
        }
        Event::Resolved {
            resolution, told, ..
        } => answer(resolution, *told == Some(ClientAnswer::Nothing)),
        Event::RollbackGone { rollback, .. } => {
            format!("finds rollback target {rollback} deleted")
        }
        Event::Failed { .. } => "FAILED".into(),
        Event::NoProgress { generation } => {
            format!("plan {generation} is not active everywhere: stuck")
        }
        Event::LeftBehind { newest, .. } => format!("finds an endpoint not on {newest}"),
        Event::NotReclaimed { generation } => format!("finds plan {generation} not reclaimed"),
        Event::Repaired { generation, .. } => {
            format!("repairs by hand, to plan {generation}")
        }
    }
}

/// The outcome of a step. An arrow leads from the plan that was active to the plan that is
/// active now.
fn step(plan: Generation, withdraws: bool, outcome: Activation) -> String {
    let (state, verb) = if withdraws {
        ("withdrawn", "withdraw")
    } else {
        ("active", "activate")
    };
    match outcome {
        Activation::Activated { replaced } => match replaced.standing.generation() {
            Some(before) => format!("{state} {before}→{plan}"),
            None => format!("{state} {plan}"),
        },
        Activation::Already => format!("is on {plan}"),
        Activation::Stale { newer } => format!("STALE: {plan} < {newer}"),
        Activation::Unknown => format!("{verb} {plan}: ?"),
    }
}

fn sweep(deleted: &[Generation], spared: &[Generation]) -> String {
    match (deleted, spared) {
        ([_, ..], _) => format!("delete {}", list(deleted)),
        ([], [_, ..]) => format!("sweep: keep {}", list(spared)),
        ([], []) => "sweep: none".into(),
    }
}

fn answer(resolution: &Resolution, told_nothing: bool) -> String {
    match resolution {
        Resolution::Dangling { .. } => "empty".into(),
        _ if told_nothing => "empty".into(),
        Resolution::Answer { generation, .. } => format!("from {generation}"),
        Resolution::Unknown | Resolution::Vacant | Resolution::Withdrawn { .. } => {
            "no such name".into()
        }
    }
}

/// The numbers. Of more than three, only the first and the last.
fn list(generations: &[Generation]) -> String {
    let numbers: Vec<_> = generations.iter().map(ToString::to_string).collect();
    match numbers.as_slice() {
        [first, .., last] if numbers.len() > 3 => format!("{first}..{last}"),
        all => all.join(","),
    }
}
