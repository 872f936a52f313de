//! Simulates many seeds: medians and spreads.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::calibration::row;
use crate::{
    Calibration, Customers, Outcome, PUBLISHED, Published, Scenario, Series, Service, Time,
    calibration, simulate,
};

/// A band keeps one of this many values of a series: one each five minutes.
const EVERY: usize = 10;

/// The middle nine tenths of the seeds.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Band {
    /// The fifth percentile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The ninety-fifth percentile.
    pub high: f64,
}

/// A service's impairment over the day.
#[derive(Clone, PartialEq, Debug)]
pub struct BandSeries {
    /// The service.
    pub service: Service,
    /// The times, each with its band.
    pub points: Vec<(Time, Band)>,
}

/// A published span over many seeds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RowBand {
    /// The published span.
    pub published: Published,
    /// Onsets, in minutes since midnight, of the seeds in which there was one.
    pub onset: Option<Band>,
    /// Recoveries, in minutes since midnight, of the seeds in which there was one.
    pub recovery: Option<Band>,
    /// The share of the seeds in which both were met.
    pub holds: f64,
}

/// The results of many seeds.
#[derive(Clone, PartialEq, Debug)]
pub struct Study {
    /// The number of seeds.
    pub seeds: usize,
    /// Each service's impairment, in the order of [`Service::ALL`].
    pub impairments: Vec<BandSeries>,
    /// Each published span, in the order of [`PUBLISHED`].
    pub rows: Vec<RowBand>,
    /// Minutes of failed launches.
    pub launch_minutes: Band,
    /// Minutes of failed invocations.
    pub invocation_minutes: Band,
    /// Minutes of failed sign-ins.
    pub sign_in_minutes: Band,
    /// Blast radius, as a share of customers.
    pub blast_radius: Band,
}

impl Study {
    /// Compares the medians with the published times.
    pub fn calibration(&self) -> Calibration {
        let median = |band: Option<Band>| band.map(|band| Time::from_minutes(band.median));
        let rows = self.rows.iter();
        let rows = rows.map(|it| row(it.published, median(it.onset), median(it.recovery)));
        Calibration {
            rows: rows.collect(),
        }
    }
}

/// What is kept of one seed.
struct Kept {
    impairments: Vec<Vec<f32>>,
    calibration: Calibration,
    customers: Customers,
}

/// Simulates the scenario with seeds 1 to `seeds`, on all cores. `progress` gets the number
/// of simulated days, from any thread. The same seeds give the same study for any number of
/// threads.
pub fn study(scenario: &Scenario, seeds: usize, progress: &(dyn Fn(usize) + Sync)) -> Study {
    let done = AtomicUsize::new(0);
    let kept: Vec<Kept> = (1..=seeds as u64)
        .into_par_iter()
        .map(|seed| {
            let kept = keep(&simulate(scenario, seed));
            // A count; nothing depends on its order.
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            kept
        })
        .collect();
    summarize(&kept)
}

fn keep(outcome: &Outcome) -> Kept {
    let thin = |series: &Series| series.values.iter().copied().step_by(EVERY).collect();
    let services = outcome.services.iter();
    Kept {
        impairments: services.map(|service| thin(&service.impairment)).collect(),
        calibration: calibration(outcome),
        customers: outcome.customers,
    }
}

fn summarize(kept: &[Kept]) -> Study {
    let customers = |of: fn(&Customers) -> f64| {
        band(kept.iter().map(|kept| of(&kept.customers))).unwrap_or_default()
    };
    let services = Service::ALL.iter().enumerate();
    let rows = PUBLISHED.iter().enumerate();
    Study {
        seeds: kept.len(),
        impairments: services
            .map(|(at, &service)| impairment(kept, at, service))
            .collect(),
        rows: rows
            .map(|(at, &published)| row_band(kept, at, published))
            .collect(),
        launch_minutes: customers(|it| it.launch_minutes),
        invocation_minutes: customers(|it| it.invocation_minutes),
        sign_in_minutes: customers(|it| it.sign_in_minutes),
        blast_radius: customers(|it| it.blast_radius),
    }
}

fn impairment(kept: &[Kept], at: usize, service: Service) -> BandSeries {
    let length = kept.first().map_or(0, |kept| kept.impairments[at].len());
    let point = |index: usize| {
        let values = kept
            .iter()
            .map(|kept| f64::from(kept.impairments[at][index]));
        (
            Series::time(index * EVERY),
            band(values).unwrap_or_default(),
        )
    };
    BandSeries {
        service,
        points: (0..length).map(point).collect(),
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of seeds")]
fn row_band(kept: &[Kept], at: usize, published: Published) -> RowBand {
    let rows = || kept.iter().map(|kept| &kept.calibration.rows[at]);
    let holds = rows().filter(|row| row.holds()).count();
    RowBand {
        published,
        onset: band(rows().filter_map(|row| row.onset).map(Time::minutes)),
        recovery: band(rows().filter_map(|row| row.recovery).map(Time::minutes)),
        holds: holds as f64 / kept.len().max(1) as f64,
    }
}

/// The band of these values; `None` if there are none.
fn band(values: impl Iterator<Item = f64>) -> Option<Band> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let rank = |percent: usize| values[(last * percent + 50) / 100];
    Some(Band {
        low: rank(5),
        median: rank(50),
        high: rank(95),
    })
}
