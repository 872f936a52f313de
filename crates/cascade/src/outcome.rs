//! What a simulated day came to.

use crate::{Service, Time};

/// From one value of a series to the next, in seconds.
pub const STEP: u32 = 30;

/// A quantity over the day: one value each [`STEP`] seconds, the first at
/// [`Time::BEGIN`].
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    /// A short name for machines.
    pub key: &'static str,
    /// What it is, for a reader.
    pub caption: &'static str,
    /// Its unit; empty for a share from 0 to 1.
    pub unit: &'static str,
    /// The values.
    pub values: Vec<f32>,
}

impl Series {
    /// When the value with this index was taken.
    pub fn time(index: usize) -> Time {
        let steps = u32::try_from(index).unwrap_or(u32::MAX);
        Time::BEGIN + steps.saturating_mul(STEP)
    }
}

/// A span of time in which a service was impaired.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Spell {
    /// When it began.
    pub onset: Time,
    /// When it ended; `None` if it had not at the end of the day.
    pub recovery: Option<Time>,
}

/// How much was asked of a service, and what became of it. Whatever is waiting
/// when the day begins counts as arrived, so that
/// `arrived == served + failed + waiting` at any time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash, Debug)]
pub struct Counts {
    /// Requests that came.
    pub arrived: u64,
    /// Those that were served.
    pub served: u64,
    /// Those that failed for good; that somebody tries again is a new request.
    pub failed: u64,
    /// Those that wait at the end.
    pub waiting: u64,
}

/// A service over the day, in the unit (region or cell) that the outage hit.
#[derive(Clone, PartialEq, Debug)]
pub struct ServiceOutcome {
    /// The service.
    pub service: Service,
    /// How badly it does, from 0 to 1: the share of what it should do that
    /// fails, waits too long, or is lost. What exactly, its caption says.
    pub impairment: Series,
    /// It counts as impaired from this value on.
    pub threshold: f32,
    /// When it was impaired.
    pub spells: Vec<Spell>,
    /// What else there is to see: backlogs, capacities, rates.
    pub series: Vec<Series>,
    /// Its requests.
    pub counts: Counts,
}

/// What customers had of it, over all regions or cells of the architecture.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Customers {
    /// Minutes of failed launches: the share that failed, added up over the day.
    pub launch_minutes: f64,
    /// Minutes of failed function invocations.
    pub invocation_minutes: f64,
    /// Minutes of failed sign-ins.
    pub sign_in_minutes: f64,
    /// The largest share of customers that was hit at the same time: whose
    /// launches, invocations or sign-ins mostly failed for five minutes or more.
    pub blast_radius: f64,
}

/// What a simulated day came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The services, in the order of [`Service::ALL`].
    pub services: Vec<ServiceOutcome>,
    /// What customers had of it.
    pub customers: Customers,
    /// Events that were simulated.
    pub events: u64,
}

impl Outcome {
    /// One of the services.
    pub fn service(&self, service: Service) -> &ServiceOutcome {
        &self.services[service as usize]
    }
}

/// Spells shorter than this are noise.
const SHORTEST_MINUTES: f64 = 3.0;
/// Spells that are closer than this are one.
const GAP_MINUTES: f64 = 15.0;

/// When a series was at or above a threshold.
pub(crate) fn spells(values: &[f32], threshold: f32) -> Vec<Spell> {
    let mut spells: Vec<(Time, Option<Time>)> = Vec::new();
    let mut open = false;
    for (index, &value) in values.iter().enumerate() {
        let now = Series::time(index);
        match (open, value >= threshold) {
            (false, true) => match spells.last_mut() {
                Some((_, end)) if end.is_some_and(|end| now.minutes_since(end) < GAP_MINUTES) => {
                    *end = None;
                }
                _ => spells.push((now, None)),
            },
            (true, false) => {
                if let Some((_, end)) = spells.last_mut() {
                    *end = Some(now);
                }
            }
            _ => {}
        }
        open = value >= threshold;
    }
    let long = |&(onset, end): &(Time, Option<Time>)| {
        end.is_none_or(|end| end.minutes_since(onset) >= SHORTEST_MINUTES)
    };
    let spells = spells.into_iter().filter(long);
    spells
        .map(|(onset, recovery)| Spell { onset, recovery })
        .collect()
}
