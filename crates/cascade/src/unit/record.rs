//! Records the state of a service over the day.

use crate::outcome::spells;
use crate::{Counts, Series, Service, ServiceOutcome};

/// A series' key, caption and unit.
pub(crate) type Caption = (&'static str, &'static str, &'static str);

/// A service's series as they grow.
#[derive(Debug)]
pub(crate) struct Record<const N: usize> {
    service: Service,
    threshold: f32,
    impairment: Series,
    series: [Series; N],
}

fn series((key, caption, unit): Caption) -> Series {
    Series {
        key,
        caption,
        unit,
        values: Vec::new(),
    }
}

impl<const N: usize> Record<N> {
    pub(crate) fn new(
        service: Service,
        threshold: f32,
        impairment: &'static str,
        others: [Caption; N],
    ) -> Self {
        Self {
            service,
            threshold,
            impairment: series(("impairment", impairment, "")),
            series: others.map(series),
        }
    }

    /// Records one step.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "for pictures, f32 is enough"
    )]
    pub(crate) fn push(&mut self, impairment: f64, others: [f64; N]) {
        self.impairment
            .values
            .push(impairment.clamp(0.0, 1.0) as f32);
        for (series, value) in self.series.iter_mut().zip(others) {
            series.values.push(value as f32);
        }
    }

    /// The impairment in the last step.
    pub(crate) fn impairment(&self) -> f64 {
        self.impairment
            .values
            .last()
            .map_or(0.0, |&last| last.into())
    }

    /// One of the other series in the last step.
    pub(crate) fn last(&self, series: usize) -> f64 {
        let last = self.series.get(series).and_then(|it| it.values.last());
        last.map_or(0.0, |&last| last.into())
    }

    pub(crate) fn finish(self, counts: Counts) -> ServiceOutcome {
        ServiceOutcome {
            service: self.service,
            spells: spells(&self.impairment.values, self.threshold),
            impairment: self.impairment,
            threshold: self.threshold,
            series: self.series.into(),
            counts,
        }
    }
}
