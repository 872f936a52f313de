//! Which assumed parameters the recoveries depend on.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::{
    Architecture, Calibration, PUBLISHED, Parameter, Parameters, Published, Row, Scenario,
    SourceKind, Time, calibration, simulate,
};

/// The share of its value by which each assumed parameter is varied, down and up.
pub const VARIED_BY: f64 = 0.2;

/// How far each assumed parameter moves the recoveries, one at a time.
#[derive(Clone, PartialEq, Debug)]
pub struct Sensitivity {
    /// How many seeds each day was simulated with.
    pub seeds: usize,
    /// The parameters, strongest first. Equal ones are in the order of the file.
    pub influences: Vec<Influence>,
}

/// How far one parameter moves the recoveries.
#[derive(Clone, PartialEq, Debug)]
pub struct Influence {
    /// The parameter with its assumed value.
    pub parameter: Parameter,
    /// With less of it: a shift for each published span, in the order of
    /// [`PUBLISHED`].
    pub less: Vec<Shift>,
    /// The same with more of it.
    pub more: Vec<Shift>,
}

/// By how much a recovery moves.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shift {
    /// In minutes, the median of the seeds; later is positive.
    pub minutes: f64,
    /// How the span ends in most seeds.
    pub end: SpanEnd,
}

/// How a span ends in which a service was impaired.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SpanEnd {
    /// The service falls and recovers.
    Recovers,
    /// The service does not fall. For the shift, its recovery is the span's published
    /// onset, or 06:48.
    Spared,
    /// The service has not recovered at [`Time::END`], which counts as its recovery. The
    /// real shift is at least as large.
    Lasts,
}

impl Influence {
    /// The mean shift of all spans with less of the parameter, in minutes.
    pub fn mean_less(&self) -> f64 {
        mean(&self.less)
    }

    /// The mean shift of all spans with more of the parameter, in minutes.
    pub fn mean_more(&self) -> f64 {
        mean(&self.more)
    }

    /// The larger of the two mean shifts, without its sign.
    pub fn strength(&self) -> f64 {
        self.mean_less().abs().max(self.mean_more().abs())
    }

    /// The span that is moved most, with its shifts by less and by more.
    pub fn moved_most(&self) -> Option<(Published, Shift, Shift)> {
        let shifts = self.less.iter().zip(&self.more);
        let spans = PUBLISHED.iter().zip(shifts);
        let spans = spans.map(|(span, (less, more))| (*span, *less, *more));
        let largest = |less: Shift, more: Shift| less.minutes.abs().max(more.minutes.abs());
        spans.max_by(|(_, a, b), (_, c, d)| largest(*a, *b).total_cmp(&largest(*c, *d)))
    }
}

#[allow(clippy::cast_precision_loss, reason = "there are few spans")]
fn mean(shifts: &[Shift]) -> f64 {
    let sum: f64 = shifts.iter().map(|shift| shift.minutes).sum();
    sum / shifts.len().max(1) as f64
}

/// How many days [`sensitivity`] simulates with this many seeds.
pub fn sensitivity_days(scenario: &Scenario, seeds: usize) -> usize {
    (1 + 2 * varied(scenario).count()) * seeds
}

/// Varies each assumed parameter by [`VARIED_BY`], down and up, within its bounds and
/// one at a time. Compares the recovery of each published span with that of the unvaried
/// scenario, seed by seed, with seeds 1 to `seeds`, on all cores.
///
/// For a switch whose time is assumed, the time since 06:48 is varied. Published
/// parameters are not varied. Nor is the section `architecture` if the scenario has one
/// region, because one region does not use it.
///
/// `progress` gets the number of simulated days, from any thread. The same seeds give
/// the same sensitivity for any number of threads.
pub fn sensitivity(
    scenario: &Scenario,
    seeds: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> Sensitivity {
    let assumed: Vec<_> = varied(scenario).collect();
    let variants = assumed.iter().flat_map(|it| {
        let factors = [1.0 - VARIED_BY, 1.0 + VARIED_BY];
        factors.map(|factor| scenario.parameters.scaled(&it.name, factor))
    });
    let scenarios = variants.map(|parameters| Scenario {
        parameters,
        ..scenario.clone()
    });
    let scenarios: Vec<_> = [scenario.clone()].into_iter().chain(scenarios).collect();
    let days = recoveries(&scenarios, seeds, progress);
    let mut days = days.chunks(seeds.max(1));
    let base = days.next().unwrap_or_default();
    let mut shifted = || days.next().map_or_else(Vec::new, |days| shifts(base, days));
    let influence = |parameter: &Parameter| Influence {
        parameter: parameter.clone(),
        less: shifted(),
        more: shifted(),
    };
    let mut influences: Vec<_> = assumed.into_iter().map(influence).collect();
    influences.sort_by(|a, b| b.strength().total_cmp(&a.strength()));
    Sensitivity { seeds, influences }
}

/// The parameters that are varied.
fn varied(scenario: &Scenario) -> impl Iterator<Item = &Parameter> {
    let all = scenario.parameters.list_all().iter();
    let is_idle = |it: &Parameter| {
        scenario.architecture == Architecture::ONE_REGION && it.name.starts_with("architecture.")
    };
    all.filter(|it| it.source.kind == SourceKind::Assumed && it.value != Parameters::NEVER)
        .filter(move |it| !is_idle(it))
}

/// When a span was over, in minutes since midnight, and how it ended.
type Recovery = (f64, SpanEnd);

/// The recoveries of each scenario with each seed, in this order.
fn recoveries(
    scenarios: &[Scenario],
    seeds: usize,
    progress: &(dyn Fn(usize) + Sync),
) -> Vec<Vec<Recovery>> {
    let done = AtomicUsize::new(0);
    let days = scenarios
        .iter()
        .flat_map(|scenario| (1..=seeds as u64).map(move |seed| (scenario, seed)));
    days.collect::<Vec<_>>()
        .into_par_iter()
        .map(|(scenario, seed)| {
            let Calibration { rows } = calibration(&simulate(scenario, seed));
            // A count; nothing depends on its order.
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            rows.iter().map(recovery).collect()
        })
        .collect()
}

fn recovery(row: &Row) -> Recovery {
    let (at, end) = match (row.onset, row.recovery) {
        (None, _) => (
            row.published.onset.unwrap_or(Time::DELETED),
            SpanEnd::Spared,
        ),
        (Some(_), None) => (Time::END, SpanEnd::Lasts),
        (Some(_), Some(recovery)) => (recovery, SpanEnd::Recovers),
    };
    (at.minutes(), end)
}

/// How far each span shifts from the unvaried days to the varied ones.
fn shifts(base: &[Vec<Recovery>], varied: &[Vec<Recovery>]) -> Vec<Shift> {
    let shift = |span: usize| {
        let days = base.iter().zip(varied);
        let minutes = days.map(|(base, varied)| varied[span].0 - base[span].0);
        let ends = varied.iter().map(|day| day[span].1);
        Shift {
            minutes: median(minutes.collect()),
            end: commonest(ends),
        }
    };
    (0..PUBLISHED.len()).map(shift).collect()
}

/// The middle value. If the number of values is even, the lower of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or_default()
}

/// The end that more than half of the days have; otherwise they recover.
fn commonest(ends: impl Iterator<Item = SpanEnd>) -> SpanEnd {
    let ends: Vec<_> = ends.collect();
    let most = |end: &SpanEnd| 2 * ends.iter().filter(|it| *it == end).count() > ends.len();
    let others = [SpanEnd::Spared, SpanEnd::Lasts];
    others.into_iter().find(most).unwrap_or(SpanEnd::Recovers)
}
