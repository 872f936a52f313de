//! What was simulated: the DNS answers of the run, put on the day's clock, and many
//! seeds of that day for each architecture.

use ::cascade::{
    Architecture, DnsAnswer, DnsTimeline, Outcome, Parameters, Scenario, Study, Time, simulate,
    study,
};

/// The end of the time axes, in minutes: midnight.
pub const END: f64 = 1440.0;

/// What was simulated.
pub struct Cascade {
    pub parameters: Parameters,
    dns: DnsTimeline,
    /// One day with one seed.
    pub day: Outcome,
    /// Many seeds, by architecture.
    pub studies: Vec<(Architecture, Study)>,
    /// How many services are impaired on the same day if the store is repaired.
    pub fallen_with_the_fix: usize,
}

impl Cascade {
    /// Simulates all architectures under the answers of October's store, and the
    /// first of them under those of the repaired one. `done` is called after each day
    /// of the former.
    pub fn run(
        [dns, repaired]: [DnsTimeline; 2],
        parameters: Parameters,
        seed: u64,
        seeds: usize,
        done: &(dyn Fn() + Sync),
    ) -> Self {
        let scenario = |architecture| Scenario {
            dns: dns.clone(),
            parameters: parameters.clone(),
            architecture,
        };
        let day = simulate(&scenario(Architecture::ONE_REGION), seed);
        let fixed = Scenario {
            dns: repaired,
            ..scenario(Architecture::ONE_REGION)
        };
        let fixed = simulate(&fixed, seed);
        let fallen = fixed.services.iter().filter(|it| !it.spells.is_empty());
        let studies = Architecture::ALL.map(|architecture| {
            (
                architecture,
                study(&scenario(architecture), seeds, &|_| done()),
            )
        });
        Self {
            day,
            studies: studies.into(),
            fallen_with_the_fix: fallen.count(),
            parameters,
            dns,
        }
    }

    /// The incident's own architecture.
    pub fn study(&self) -> Option<&Study> {
        self.studies.first().map(|(_, study)| study)
    }

    /// How many services fell.
    pub fn fallen(&self) -> usize {
        let services = self.day.services.iter();
        services.filter(|it| !it.spells.is_empty()).count()
    }

    /// For how long the name was empty, in minutes.
    pub fn minutes_empty(&self) -> f64 {
        self.empty_spans()
            .map(|(from, to)| to.minutes_since(from))
            .sum()
    }

    /// From when to when the name was empty.
    pub fn empty_spans(&self) -> impl Iterator<Item = (Time, Time)> {
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
