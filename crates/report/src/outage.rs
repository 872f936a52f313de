//! The DNS timeline of a drill: the outage's schedule on real threads, its steps
//! laid on the day's clock.

#![allow(unreachable_pub, reason = "a module of examples")]

use std::path::Path;

use cascade::{DnsAnswer, DnsTimeline, Time};
use control_plane::Fleet;
use drill::{Outcome, Repair, outage};
use incident::{ClientAnswer, Event, IncidentStore, Variant};
use plan_store::{EndpointName, Generation, MemoryStore, PlanStore, Resolution, Retention};

const FLEET: &str = include_str!("../../../examples/fleets/small.toml");

type Error = Box<dyn std::error::Error>;

/// A run on the store of October 2025: the name answers nothing, from a step on,
/// until somebody repairs it by hand.
pub fn as_it_was(seed: u64) -> Result<Outcome, Error> {
    let variant = Variant::LockPerEndpoint;
    play(
        |retention| IncidentStore::new(variant, retention),
        Some(&repair),
        seed,
    )
}

/// The same schedule on the store with the fix.
pub fn with_the_fix(seed: u64) -> Result<Outcome, Error> {
    play(MemoryStore::new, None, seed)
}

fn repair(store: &IncidentStore, endpoint: &EndpointName) -> Result<(), drill::Error> {
    match store.latest()? {
        Some(latest) => Ok(store.repair(&latest, endpoint)?),
        None => Ok(()),
    }
}

fn play<S: PlanStore<Reader: 'static> + Clone + 'static>(
    store: impl FnOnce(Retention) -> S,
    repair: Option<Repair<'_, S>>,
    seed: u64,
) -> Result<Outcome, Error> {
    let fleet = Fleet::parse(FLEET, Path::new("examples/fleets/small.toml"))?;
    Ok(outage(&fleet, store(fleet.retention()), seed, repair)?)
}

/// What the first name that was asked for answered, on the day's clock.
pub fn timeline(outcome: &Outcome) -> Result<DnsTimeline, Error> {
    let asked = outcome.steps.iter().find_map(|step| match &step.event {
        Event::Resolved { endpoint, .. } => Some(endpoint),
        _ => None,
    });
    let answers = asked.map_or_else(Vec::new, |name| answers(outcome, name));
    let timeline = DnsTimeline::from_steps(answers.iter().copied(), &anchors(&answers));
    Ok(timeline?)
}

/// What the name answered, by step.
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

/// Which step was when: the first is the day's beginning; the first empty answer
/// is when the record was published to be deleted; the first good one after
/// that, when the DNS was published to be correct again. A run without an empty
/// answer ends before the outage.
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
