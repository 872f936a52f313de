//! A journal as a sequence diagram: time runs down, each actor has a lifeline, and
//! a broken invariant is marked.
//!
//! [`draw`] makes one for the terminal, in English, [`svg`] one for a browser, in any
//! language, from the same rows.

mod svg;
mod text;
mod words;

use charts::Lang;
use plan_store::Generation;

pub use self::svg::svg;
pub use self::text::draw;
pub use self::words::{actor, describe};
use incident::{Actor, Breach, Event, Invariant, Step, Verdict};

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
    /// Why the step above failed: what the store said, and the plan that is gone.
    Because(&'a str, Option<Generation>),
    /// An invariant that the step above has to do with.
    Broken(Invariant, &'a Breach),
}

/// The rows, each breach below the step that `place` says.
fn rows<'a>(
    steps: &'a [Step],
    verdict: &'a Verdict,
    lang: Lang,
    place: impl Fn(&Breach) -> usize,
) -> Vec<Row<'a>> {
    let (mut rows, mut failed_before) = (Vec::new(), false);
    let mut rest = steps;
    while let Some(first) = rest.first() {
        let (actor, text) = (first.actor, describe(&first.event, lang));
        let alike = rest
            .iter()
            .take_while(|step| step.actor == actor && describe(&step.event, lang) == text)
            .count();
        let (steps, later) = rest.split_at(alike);
        rows.push(Row::Steps { steps, actor, text });
        if let Event::Failed { error, gone } = &first.event
            && !failed_before
        {
            failed_before = true;
            rows.push(Row::Because(error, *gone));
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
