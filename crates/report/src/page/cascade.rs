//! Runs the simulation: puts the DNS answers of the run on the day's clock, and simulates
//! that day with many seeds for each architecture.

use ::cascade::{
    Architecture, DnsAnswer, DnsTimeline, Outcome, Parameters, Scenario, Sensitivity, Study, Time,
    sensitivity, sensitivity_days, simulate, study,
};

/// The end of the time axes, in minutes: midnight.
pub(crate) const END: f64 = 1440.0;

/// The seeds of each part of the simulation.
#[derive(Clone, Copy)]
pub(crate) struct Seeds {
    /// The seed of the day whose series are shown.
    pub(crate) day: u64,
    /// How many seeds for each architecture.
    pub(crate) each: usize,
    /// How many for the sensitivity; 0 leaves it out.
    pub(crate) sensitivity: usize,
}

impl Seeds {
    /// How many days are simulated in all.
    pub(crate) fn days(self, dns: &DnsTimeline, parameters: &Parameters) -> usize {
        let scenario = Scenario {
            dns: dns.clone(),
            parameters: parameters.clone(),
            architecture: Architecture::ONE_REGION,
        };
        self.each * Architecture::ALL.len() + sensitivity_days(&scenario, self.sensitivity)
    }
}

/// The results of the simulation.
pub(crate) struct Cascade {
    pub(crate) parameters: Parameters,
    dns: DnsTimeline,
    /// One day with one seed.
    pub(crate) day: Outcome,
    /// Many seeds, by architecture.
    pub(crate) studies: Vec<(Architecture, Study)>,
    /// How far each assumed parameter moves the recoveries.
    pub(crate) sensitivity: Option<Sensitivity>,
    /// How many services are impaired on the same day if the store is repaired.
    pub(crate) fallen_with_the_fix: usize,
}

impl Cascade {
    /// Simulates all architectures with the answers of October's store, and the first of
    /// them with the answers of the repaired store. Calls `done` after each day of
    /// [`Seeds::days`].
    pub(crate) fn run(
        [dns, repaired]: [DnsTimeline; 2],
        parameters: Parameters,
        seeds: Seeds,
        done: &(dyn Fn() + Sync),
    ) -> Self {
        let scenario = |architecture| Scenario {
            dns: dns.clone(),
            parameters: parameters.clone(),
            architecture,
        };
        let day = simulate(&scenario(Architecture::ONE_REGION), seeds.day);
        let fixed = Scenario {
            dns: repaired,
            ..scenario(Architecture::ONE_REGION)
        };
        let fixed = simulate(&fixed, seeds.day);
        let fallen = fixed.services.iter().filter(|it| !it.spells.is_empty());
        let studies = Architecture::ALL.map(|architecture| {
            (
                architecture,
                study(&scenario(architecture), seeds.each, &|_| done()),
            )
        });
        let sensitivity = (seeds.sensitivity > 0).then(|| {
            let scenario = scenario(Architecture::ONE_REGION);
            sensitivity(&scenario, seeds.sensitivity, &|_| done())
        });
        Self {
            day,
            sensitivity,
            studies: studies.into(),
            fallen_with_the_fix: fallen.count(),
            parameters,
            dns,
        }
    }

    /// The study of the incident's architecture.
    pub(crate) fn study(&self) -> Option<&Study> {
        self.studies.first().map(|(_, study)| study)
    }

    /// How many services were impaired.
    pub(crate) fn fallen(&self) -> usize {
        let services = self.day.services.iter();
        services.filter(|it| !it.spells.is_empty()).count()
    }

    /// How long the name was answered without records, in minutes.
    pub(crate) fn minutes_empty(&self) -> f64 {
        self.empty_spans()
            .map(|(from, to)| to.minutes_since(from))
            .sum()
    }

    /// The spans in which the name was answered without records.
    pub(crate) fn empty_spans(&self) -> impl Iterator<Item = (Time, Time)> {
        let changes = self.dns.changes();
        let ends = changes
            .iter()
            .skip(1)
            .map(|change| change.at)
            .chain([Time::END]);
        let spans = changes.iter().zip(ends);
        let empty = spans.filter(|(change, _)| change.answer == DnsAnswer::Empty);
        empty.map(|(change, end)| (change.at, end))
    }
}
