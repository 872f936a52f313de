//! A journal as a sequence diagram for the terminal: time runs down, each actor
//! has a lifeline, and a broken invariant stands under the step that showed it.

use std::fmt::Write as _;

use plan_store::{Activation, Generation, Resolution};

use crate::{Actor, Event, Step, Verdict};

/// The lifelines, from left to right.
const LIFELINES: [Actor; 5] = [
    Actor::Planner,
    Actor::Enactor(1),
    Actor::Enactor(2),
    Actor::Enactor(3),
    Actor::Resolver,
];

/// A lifeline's width in characters.
const WIDTH: usize = 24;

/// Draws the steps. Like steps of one actor at several endpoints share a line.
pub fn draw(steps: &[Step], verdict: &Verdict) -> String {
    let mut out = String::from("      ");
    for actor in LIFELINES {
        let _ = write!(out, "{:<WIDTH$}", actor.to_string());
    }
    out.push('\n');
    let mut rest = steps;
    while let Some(first) = rest.first() {
        let text = describe(&first.event);
        let alike = rest
            .iter()
            .take_while(|step| step.actor == first.actor && describe(&step.event) == text)
            .count();
        let (group, later) = rest.split_at(alike);
        line(&mut out, first, &text, alike);
        marks(&mut out, group, verdict);
        rest = later;
    }
    out.lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

fn line(out: &mut String, first: &Step, text: &str, alike: usize) {
    let times = if alike > 1 {
        format!(" ×{alike}")
    } else {
        String::new()
    };
    let _ = write!(out, "{:>4}  ", first.number);
    if !LIFELINES.contains(&first.actor) {
        let _ = writeln!(out, "── {}: {text}{times} ──", first.actor);
        return;
    }
    for actor in LIFELINES {
        if actor == first.actor {
            let _ = write!(out, "{:<WIDTH$}", format!("● {text}{times}"));
        } else {
            let _ = write!(out, "{:<WIDTH$}", "│");
        }
    }
    out.push('\n');
}

fn marks(out: &mut String, group: &[Step], verdict: &Verdict) {
    for (invariant, breach) in verdict {
        if group.iter().any(|step| step.number == breach.seen_at) {
            let _ = write!(out, "      ✗ {invariant}: {}", breach.what);
            if breach.broken_at != breach.seen_at {
                let _ = write!(out, " (by step {})", breach.broken_at);
            }
            out.push('\n');
        }
    }
}

/// A step in a few words, without its endpoint.
fn describe(event: &Event) -> String {
    match event {
        Event::Published { generation, .. } => format!("publish {generation}"),
        Event::PickedUp { generation } => format!("pick up {generation}"),
        Event::Checked { newest: None } => "check: first plan".into(),
        Event::Checked {
            newest: Some(newest),
        } => format!("check: active {newest}"),
        Event::Stepped {
            generation,
            withdraws,
            outcome,
            ..
        } => {
            let verb = if *withdraws {
                "withdraw by"
            } else {
                "activate"
            };
            format!("{verb} {generation}{}", outcome_text(*outcome))
        }
        Event::Swept { swept, .. } if !swept.deleted.is_empty() => {
            format!("delete {}", list(&swept.deleted))
        }
        Event::Swept { swept, .. } if !swept.spared.is_empty() => {
            let spared: Vec<_> = swept
                .spared
                .iter()
                .map(|(generation, _)| *generation)
                .collect();
            format!("sweep, spare {}", list(&spared))
        }
        Event::Swept { .. } => "sweep: none old".into(),
        Event::Resolved { resolution, .. } => match resolution {
            Resolution::Answer { generation, .. } => format!("answer from {generation}"),
            Resolution::Dangling { .. } => "NOERROR, empty".into(),
            Resolution::Unknown | Resolution::Vacant | Resolution::Withdrawn { .. } => {
                "no such name".into()
            }
        },
        Event::RollbackGone { rollback, .. } => format!("finds rollback target {rollback} deleted"),
        Event::Failed { .. } => "FAILED".into(),
        Event::NoProgress { generation } => {
            format!("plan {generation} is not active everywhere: stuck")
        }
        Event::LeftBehind { newest, .. } => format!("finds an endpoint not on {newest}"),
        Event::NotReclaimed { generation } => format!("finds plan {generation} not reclaimed"),
        Event::Repaired { generation, .. } => format!("repairs by hand, to plan {generation}"),
    }
}

fn outcome_text(outcome: Activation) -> String {
    match outcome {
        Activation::Activated { replaced } => match replaced.standing.generation() {
            Some(before) => format!(" over {before}"),
            None => String::new(),
        },
        Activation::Already => ": is".into(),
        Activation::Stale { active } => format!(": STALE, {active}"),
        Activation::Unknown => ": unknown".into(),
    }
}

/// The numbers; of more than three only the first and the last.
fn list(generations: &[Generation]) -> String {
    let numbers: Vec<_> = generations.iter().map(ToString::to_string).collect();
    match numbers.as_slice() {
        [first, .., last] if numbers.len() > 3 => format!("{first}..{last}"),
        all => all.join(","),
    }
}
