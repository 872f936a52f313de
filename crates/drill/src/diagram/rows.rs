//! The rows of a diagram, for any renderer.

use incident::{Actor, Breach, Event, Invariant, Step, Verdict};
use plan_store::Generation;

use super::words::describe;

/// A row of the diagram.
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// Consecutive steps of one actor that [`describe`] with the same words: one step
    /// at each of several endpoints.
    Steps {
        /// The first of them.
        first: &'a Step,
        /// All of them.
        all: &'a [Step],
    },
    /// Why the step above failed. Only the first failure has this row.
    Because {
        /// The store's message.
        error: &'a str,
        /// The plan that is active and deleted, if that is the reason.
        gone: Option<Generation>,
    },
    /// An invariant that broke.
    Broken(Invariant, &'a Breach),
}

/// The rows of the diagram, from top to bottom. `place` returns the number of the step
/// below which a breach is marked: the step that broke the invariant, or the step that
/// showed it.
pub fn rows<'a>(
    steps: &'a [Step],
    verdict: &'a Verdict,
    place: impl Fn(&Breach) -> usize,
) -> Vec<Row<'a>> {
    let (mut rows, mut failed_before) = (Vec::new(), false);
    let mut rest = steps;
    while let Some(first) = rest.first() {
        let text = describe(&first.event);
        let is_alike = |step: &&Step| step.actor == first.actor && describe(&step.event) == text;
        let (all, later) = rest.split_at(rest.iter().take_while(is_alike).count());
        rows.push(Row::Steps { first, all });
        if let Event::Failed { error, gone } = &first.event
            && !failed_before
        {
            failed_before = true;
            rows.push(Row::Because { error, gone: *gone });
        }
        let here = |breach: &Breach| all.iter().any(|step| step.number == place(breach));
        let broken = verdict.iter().filter(|(_, breach)| here(breach));
        rows.extend(broken.map(|(invariant, breach)| Row::Broken(*invariant, breach)));
        rest = later;
    }
    rows
}

/// The actors that have a lifeline, from left to right: the Planner, the Enactors and
/// the resolver, if they take part. The operator has no lifeline.
pub fn lifelines(steps: &[Step]) -> Vec<Actor> {
    let with_lifeline = |step: &Step| (step.actor != Actor::Operator).then_some(step.actor);
    let mut actors: Vec<_> = steps.iter().filter_map(with_lifeline).collect();
    actors.sort_unstable();
    actors.dedup();
    actors
}

/// `×3` with a space before it for three steps, nothing for one.
pub fn times(steps: &[Step]) -> String {
    match steps.len() {
        0 | 1 => String::new(),
        n => format!(" ×{n}"),
    }
}
