//! The result of a simulated day.

use crate::{Service, Time};

/// The time between two values of a series, in seconds.
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
    /// When it ended; `None` if it lasted to the end of the simulation.
    pub recovery: Option<Time>,
}

/// A service's requests. Requests that wait when the simulation begins count as arrived,
/// so `arrived == served + failed + waiting` at any time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash, Debug)]
pub struct Counts {
    /// Requests that came.
    pub arrived: u64,
    /// Requests that were served.
    pub served: u64,
    /// Requests that failed. A retry is a new request.
    pub failed: u64,
    /// Requests that wait at the end.
    pub waiting: u64,
}

/// A service over the day, in the unit (region or cell) that the outage hit.
#[derive(Clone, PartialEq, Debug)]
pub struct ServiceOutcome {
    /// The service.
    pub service: Service,
    /// From 0 to 1: the share of the service's work that fails, waits too long, or is
    /// lost. The caption says which work.
    pub impairment: Series,
    /// The service counts as impaired from this value on.
    pub threshold: f32,
    /// When it was impaired.
    pub spells: Vec<Spell>,
    /// Other series: backlogs, capacities, rates.
    pub series: Vec<Series>,
    /// Its requests.
    pub counts: Counts,
}

/// The effect on customers, over all regions or cells of the architecture.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Customers {
    /// Minutes of failed launches: the share that failed, added up over the day.
    pub launch_minutes: f64,
    /// Minutes of failed function invocations.
    pub invocation_minutes: f64,
    /// Minutes of failed sign-ins.
    pub sign_in_minutes: f64,
    /// The largest share of customers that was hit at the same time. A customer is hit
    /// if most launches, invocations or sign-ins fail for at least five minutes.
    pub blast_radius: f64,
}

/// The result of a simulated day.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The services, in the order of [`Service::ALL`].
    pub services: Vec<ServiceOutcome>,
    /// The effect on customers.
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
/// Spells that are closer than this count as one.
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
