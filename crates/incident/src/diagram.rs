//! A journal as a sequence diagram for the terminal: time runs down, each actor
//! has a lifeline, and a broken invariant stands under the step that showed it.

use std::fmt::Write as _;

use plan_store::{Activation, Generation, Resolution};

use crate::{Actor, Event, Step, Told, Verdict};

/// The lifelines from left to right, with their widths in characters, a space
/// at the end of each included. With the step's number before them they fit into
/// 100 columns.
const LIFELINES: [(Actor, usize); 5] = [
    (Actor::Planner, 13),
    (Actor::Enactor(1), 21),
    (Actor::Enactor(2), 21),
    (Actor::Enactor(3), 21),
    (Actor::Resolver, 20),
];

/// The width of a step's number, with the space after it.
const NUMBER: usize = 5;

/// Where notes between the steps end.
const RIGHT: usize = 100;

/// Draws the steps. Like steps of one actor, at several endpoints, share a line,
/// and `×3` says how many there are.
pub fn draw(steps: &[Step], verdict: &Verdict) -> String {
    let mut lines = vec![row("", |actor, _| actor.to_string())];
    let mut failed_before = false;
    let mut rest = steps;
    while let Some(first) = rest.first() {
        let text = describe(&first.event);
        let alike = rest
            .iter()
            .take_while(|step| step.actor == first.actor && describe(&step.event) == text)
            .count();
        let (group, later) = rest.split_at(alike);
        lines.push(line(first, &text, alike));
        if let Event::Failed { error } = &first.event
            && !failed_before
        {
            failed_before = true;
            note(&mut lines, "because:", error);
        }
        marks(&mut lines, group, verdict);
        rest = later;
    }
    lines
        .iter()
        .fold(String::new(), |out, line| out + line.trim_end() + "\n")
}

fn line(first: &Step, text: &str, alike: usize) -> String {
    let times = if alike > 1 {
        format!(" ×{alike}")
    } else {
        String::new()
    };
    let number = first.number.to_string();
    if !LIFELINES.iter().any(|(actor, _)| *actor == first.actor) {
        return format!("{number:>4} ── {}: {text}{times} ──", first.actor);
    }
    row(&number, |actor, width| {
        if actor == first.actor {
            let room = width.saturating_sub(times.chars().count() + 3);
            format!("● {}{times}", cut(text, room))
        } else {
            "│".into()
        }
    })
}

/// A line across all lifelines.
fn row(number: &str, text: impl Fn(Actor, usize) -> String) -> String {
    let mut out = format!("{number:>4} ");
    for (actor, width) in LIFELINES {
        let _ = write!(out, "{:<width$}", text(actor, width));
    }
    out
}

/// The text, cut if it is too long, so that the lifelines stay straight.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept = text.chars().take(room.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// The invariants that these steps showed to be broken.
fn marks(lines: &mut Vec<String>, group: &[Step], verdict: &Verdict) {
    for (invariant, breach) in verdict {
        if !group.iter().any(|step| step.number == breach.seen_at) {
            continue;
        }
        let mut what = breach.what.clone();
        if breach.broken_at != breach.seen_at {
            let _ = write!(what, " (by step {})", breach.broken_at);
        }
        note(lines, &format!("✗ {invariant}:"), &what);
    }
}

/// A text of any length below a step.
fn note(lines: &mut Vec<String>, head: &str, text: &str) {
    let mut line = format!("{:NUMBER$}{head}", "");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > RIGHT {
            lines.push(line);
            line = format!("{:NUMBER$} ", "");
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push(line);
}

/// A step in a few words, without its endpoint.
fn describe(event: &Event) -> String {
    match event {
        Event::Published { generation, .. } => format!("publish {generation}"),
        Event::PickedUp { generation } => format!("pick up {generation}"),
        Event::Checked { newest: None } => "check: none active".into(),
        Event::Checked {
            newest: Some(newest),
        } => format!("check: active {newest}"),
        Event::Stepped {
            generation,
            withdraws,
            outcome,
            ..
        } => {
            let verb = if *withdraws { "withdraw" } else { "activate" };
            step_text(verb, *generation, *outcome)
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
        Event::Resolved {
            told: Some(Told::Nothing),
            ..
        } => "NOERROR empty".into(),
        Event::Resolved { resolution, .. } => match resolution {
            Resolution::Answer { generation, .. } => format!("from plan {generation}"),
            Resolution::Dangling { .. } => "NOERROR empty".into(),
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

/// An arrow leads from the plan that was active to the one that is now.
fn step_text(verb: &str, generation: Generation, outcome: Activation) -> String {
    match outcome {
        Activation::Activated { replaced } => match replaced.standing.generation() {
            Some(before) => format!("{verb} {before}→{generation}"),
            None => format!("{verb} {generation}"),
        },
        Activation::Already => format!("already on {generation}"),
        Activation::Stale { active } => format!("STALE: {generation} < {active}"),
        Activation::Unknown => format!("{verb} {generation}: ?"),
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
