//! A journal as a sequence diagram: time runs down, each actor has a lifeline, and
//! a broken invariant is marked.
//!
//! [`draw`] makes one for the terminal, [`svg`] one for a browser, from the same
//! rows.

mod svg;
mod text;

use plan_store::{Activation, Generation, Resolution};

pub use self::svg::svg;
pub use self::text::draw;
use crate::{Actor, Breach, Event, Invariant, Step, Told, Verdict};

/// The lifelines from left to right. Who has none speaks across them.
const LIFELINES: [Actor; 5] = [
    Actor::Planner,
    Actor::Enactor(1),
    Actor::Enactor(2),
    Actor::Enactor(3),
    Actor::Resolver,
];

/// A row of the diagram.
enum Row<'a> {
    /// Steps of one actor that are alike, at several endpoints.
    Steps {
        steps: &'a [Step],
        actor: Actor,
        text: String,
    },
    /// Why the step above failed.
    Because(&'a str),
    /// An invariant that the step above has to do with.
    Broken(Invariant, &'a Breach),
}

/// The rows, each breach below the step that `place` says.
fn rows<'a>(
    steps: &'a [Step],
    verdict: &'a Verdict,
    place: impl Fn(&Breach) -> usize,
) -> Vec<Row<'a>> {
    let (mut rows, mut failed_before) = (Vec::new(), false);
    let mut rest = steps;
    while let Some(first) = rest.first() {
        let (actor, text) = (first.actor, describe(&first.event));
        let alike = rest
            .iter()
            .take_while(|step| step.actor == actor && describe(&step.event) == text)
            .count();
        let (steps, later) = rest.split_at(alike);
        rows.push(Row::Steps { steps, actor, text });
        if let Event::Failed { error } = &first.event
            && !failed_before
        {
            failed_before = true;
            rows.push(Row::Because(error));
        }
        let here = |breach: &Breach| steps.iter().any(|step| step.number == place(breach));
        let broken = verdict.iter().filter(|(_, breach)| here(breach));
        rows.extend(broken.map(|(invariant, breach)| Row::Broken(*invariant, breach)));
        rest = later;
    }
    rows
}

/// `×3` for three steps, nothing for one.
fn times(steps: &[Step]) -> String {
    match steps.len() {
        0 | 1 => String::new(),
        n => format!(" ×{n}"),
    }
}

/// A step in a few words, without its endpoint.
pub fn describe(event: &Event) -> String {
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
