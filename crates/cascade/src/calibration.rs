//! Compares simulated times with published ones.

use crate::{Outcome, PUBLISHED, Published, Service, Spell, Time};

/// An onset is met if its error is at most this, in minutes.
const ONSET_MINUTES: f64 = 5.0;
/// A recovery is met if its error is at most this share of the time since the active
/// record was deleted.
const RECOVERY_SHARE: f64 = 0.1;

/// The cause of a simulated recovery.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DecidedBy {
    /// Rates, queues and capacities.
    Mechanism,
    /// A switch by people. A match then says little about the simulation.
    Switch,
}

/// Simulated and published times, in the order of [`PUBLISHED`].
#[derive(Clone, PartialEq, Debug)]
pub struct Calibration {
    /// One row for each published span.
    pub rows: Vec<Row>,
}

/// One span, published and simulated.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Row {
    /// As published.
    pub published: Published,
    /// The onset in the simulation; `None` if the service was not impaired.
    pub onset: Option<Time>,
    /// The recovery in the simulation; `None` if there was none.
    pub recovery: Option<Time>,
    /// The cause of the simulated recovery.
    pub decided_by: DecidedBy,
}

impl Calibration {
    /// Whether all onsets and recoveries are met.
    pub fn holds(&self) -> bool {
        self.rows.iter().all(Row::holds)
    }
}

impl Row {
    /// Minutes by which the onset is late; negative if it is early. `None` if either onset
    /// is missing.
    pub fn onset_error(&self) -> Option<f64> {
        Some(self.onset?.minutes_since(self.published.onset?))
    }

    /// The lateness of the recovery, as a share of the time from 06:48 to the published
    /// recovery; negative if it is early. `None` if there is no simulated recovery.
    pub fn recovery_error(&self) -> Option<f64> {
        let published = self.published.recovery;
        let late = self.recovery?.minutes_since(published);
        Some(late / published.minutes_since(Time::DELETED))
    }

    /// Whether the onset is met, or none was published.
    pub fn onset_holds(&self) -> bool {
        self.published.onset.is_none()
            || self
                .onset_error()
                .is_some_and(|error| error.abs() <= ONSET_MINUTES)
    }

    /// Whether the recovery is met.
    pub fn recovery_holds(&self) -> bool {
        self.recovery_error()
            .is_some_and(|error| error.abs() <= RECOVERY_SHARE)
    }

    /// Whether both are met.
    pub fn holds(&self) -> bool {
        self.onset_holds() && self.recovery_holds()
    }
}

/// Compares a simulated day with the published times.
pub fn calibration(outcome: &Outcome) -> Calibration {
    let row = |published: &Published| {
        let spells = &outcome.service(published.service).spells;
        let wave = spells
            .iter()
            .filter(|spell| wave_of(published.service, spell) == published.wave);
        let (onset, recovery) = hull(wave);
        row(*published, onset, recovery)
    };
    Calibration {
        rows: PUBLISHED.iter().map(row).collect(),
    }
}

pub(crate) fn row(published: Published, onset: Option<Time>, recovery: Option<Time>) -> Row {
    Row {
        published,
        onset,
        recovery,
        decided_by: match published.service {
            Service::LoadBalancers => DecidedBy::Switch,
            _ => DecidedBy::Mechanism,
        },
    }
}

/// From the first onset to the last recovery.
fn hull<'a>(spells: impl Iterator<Item = &'a Spell>) -> (Option<Time>, Option<Time>) {
    let mut hull = (None, None);
    for spell in spells {
        hull = (hull.0.or(Some(spell.onset)), spell.recovery);
    }
    hull
}

/// The published span that a spell belongs to: the one whose onset is nearest.
fn wave_of(service: Service, spell: &Spell) -> u8 {
    let spans = PUBLISHED.iter().filter(|span| span.service == service);
    let distance = |span: &&Published| {
        let onset = span.onset.unwrap_or(Time::DELETED);
        spell.onset.seconds().abs_diff(onset.seconds())
    };
    spans.min_by_key(distance).map_or(0, |span| span.wave)
}
