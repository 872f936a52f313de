//! The DNS timeline of a run: the answers for a name, on the clock of the day.

use cascade::{DnsAnswer, DnsTimeline, Time};
use drill::Outcome;
use incident::{ClientAnswer, Event};
use plan_store::{EndpointName, Generation, Resolution};

use crate::Error;

/// The answers for the first name that the run's client asked for, on the day's clock.
pub(crate) fn timeline(outcome: &Outcome) -> Result<DnsTimeline, Error> {
    let asked = outcome.steps.iter().find_map(|step| match &step.event {
        Event::Resolved { endpoint, .. } => Some(endpoint),
        _ => None,
    });
    let answers = asked.map_or_else(Vec::new, |name| answers(outcome, name));
    let timeline = DnsTimeline::from_steps(answers.iter().copied(), &anchors(&answers));
    Ok(timeline?)
}

/// The answers for the name, by step.
fn answers(outcome: &Outcome, name: &EndpointName) -> Vec<(usize, DnsAnswer)> {
    let mut newest = None;
    let mut answers = Vec::new();
    for step in &outcome.steps {
        match &step.event {
            Event::Resolved {
                endpoint,
                resolution,
                told,
            } if endpoint == name => {
                answers.push((step.number, answer(resolution, *told, &mut newest)));
            }
            _ => {}
        }
    }
    answers
}

fn answer(
    resolution: &Resolution,
    told: Option<ClientAnswer>,
    newest: &mut Option<Generation>,
) -> DnsAnswer {
    match (resolution, told) {
        (Resolution::Answer { generation, .. }, Some(ClientAnswer::Addresses(_))) => {
            let stale = newest.is_some_and(|newest| *generation < newest);
            *newest = (*newest).max(Some(*generation));
            if stale {
                DnsAnswer::Stale
            } else {
                DnsAnswer::Current
            }
        }
        _ => DnsAnswer::Empty,
    }
}

/// The times of three steps:
///
/// - Step 0 is at the beginning of the day.
/// - The first empty answer is at the published time of the deletion.
/// - The first answer with records after that is at the published time of the repair.
///
/// A run without an empty answer ends at the time of the deletion.
fn anchors(answers: &[(usize, DnsAnswer)]) -> Vec<(usize, Time)> {
    let last = answers.last().map_or(1, |&(step, _)| step);
    let mut anchors = vec![(0, Time::BEGIN)];
    let is_empty = |&(_, answer): &(usize, DnsAnswer)| answer == DnsAnswer::Empty;
    let Some(fell) = answers.iter().position(is_empty) else {
        anchors.push((last, Time::DELETED));
        return anchors;
    };
    anchors.push((answers[fell].0, Time::DELETED));
    match answers[fell..].iter().find(|it| !is_empty(it)) {
        Some(&(step, _)) => anchors.push((step, Time::REPAIRED)),
        None => anchors.push((last + 1, Time::END)),
    }
    anchors
}
