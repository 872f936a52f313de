//! Health readings: what is known of the targets, and the sources of it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::{Fleet, FleetEndpoint, HealthError, HealthStep};

/// A source of readings of the targets' health, for the Planner.
pub trait HealthSource: Send {
    /// Reads the health of all targets. May block for as long as it takes.
    ///
    /// # Errors
    /// [`HealthError`] with the source's own error. A reading that names no target
    /// counts as failed too: the Planner answers
    /// [`PlanError::NoHealth`](crate::PlanError::NoHealth) and leaves everything as
    /// it is.
    fn read(&mut self) -> Result<Health, HealthError>;
}

/// One reading: a report for each target that the source knows.
///
/// A target that the reading does not name counts as healthy, with its capacity
/// from the fleet: a source that cannot see a target must not take it out. Targets
/// that the fleet does not have are ignored.
///
/// ```
/// # use control_plane::{Health, TargetHealth};
/// let down = TargetHealth { healthy: false, capacity: None };
/// let health: Health = [("192.0.2.1".parse()?, down)].into_iter().collect();
/// assert_eq!(health.of("192.0.2.1".parse()?), down);
/// assert_eq!(health.of("192.0.2.2".parse()?), TargetHealth::UNKNOWN);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Health {
    reports: BTreeMap<IpAddr, TargetHealth>,
}

/// What a reading says of one target, at all endpoints that it serves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TargetHealth {
    /// Whether it can serve.
    pub healthy: bool,
    /// How much it can serve, in the units of the fleet's capacities. `None` means
    /// the capacity from the fleet.
    pub capacity: Option<u32>,
}

impl TargetHealth {
    /// A target of which nothing is known.
    pub const UNKNOWN: Self = Self {
        healthy: true,
        capacity: None,
    };
}

impl Health {
    /// What is known of a target; [`TargetHealth::UNKNOWN`] if nothing is.
    pub fn of(&self, target: IpAddr) -> TargetHealth {
        self.reports
            .get(&target)
            .copied()
            .unwrap_or(TargetHealth::UNKNOWN)
    }

    /// Whether the reading names no target.
    pub fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }
}

/// The last report on a target counts.
impl FromIterator<(IpAddr, TargetHealth)> for Health {
    fn from_iter<I: IntoIterator<Item = (IpAddr, TargetHealth)>>(reports: I) -> Self {
        let reports = reports.into_iter().collect();
        Self { reports }
    }
}

/// Health as the fleet file's script has it, for examples and tests.
///
/// The readings are numbered 1, 2, 3, … Before its first step a target is
/// healthy, with its capacity from the fleet. What a step says holds until the next
/// step on the same target. After the last step nothing changes.
#[derive(Clone, Debug)]
pub struct ScriptedHealth {
    now: Health,
    reading: u32,
    /// The steps still to come, the next one last.
    to_come: Vec<HealthStep>,
}

impl ScriptedHealth {
    /// The script of this fleet.
    pub fn new(fleet: &Fleet) -> Self {
        let endpoints = fleet.endpoints().iter();
        let targets = endpoints.flat_map(FleetEndpoint::targets);
        Self {
            now: targets
                .map(|t| (t.address, TargetHealth::UNKNOWN))
                .collect(),
            reading: 0,
            to_come: fleet.health_script().iter().rev().cloned().collect(),
        }
    }

    fn apply(&mut self, step: &HealthStep) {
        let report = self.now.reports.entry(step.target);
        let report = report.or_insert(TargetHealth::UNKNOWN);
        report.healthy = step.healthy.unwrap_or(report.healthy);
        report.capacity = step.capacity.or(report.capacity);
    }
}

impl HealthSource for ScriptedHealth {
    fn read(&mut self) -> Result<Health, HealthError> {
        self.reading = self.reading.saturating_add(1);
        let due = self.reading;
        while let Some(step) = self.to_come.pop_if(|step| step.at <= due) {
            self.apply(&step);
        }
        Ok(self.now.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const FLEET: &str = r#"
        [[endpoint]]
        name = "db.example"
        target = [
            { address = "192.0.2.1", zone = "z1", capacity = 100 },
            { address = "192.0.2.2", zone = "z2", capacity = 100 },
        ]
        # Not in order, on purpose.
        [[health]]
        at = 4
        target = "192.0.2.1"
        healthy = true
        [[health]]
        at = 2
        target = "192.0.2.1"
        healthy = false
        [[health]]
        at = 3
        target = "192.0.2.1"
        capacity = 40
        # A second step at the same reading.
        [[health]]
        at = 3
        target = "192.0.2.2"
        capacity = 50
    "#;

    fn report(healthy: bool, capacity: Option<u32>) -> TargetHealth {
        TargetHealth { healthy, capacity }
    }

    #[test]
    fn a_script_takes_its_steps_at_their_readings_and_then_stays() {
        let fleet = Fleet::parse(FLEET, Path::new("test.toml")).unwrap();
        let mut source = ScriptedHealth::new(&fleet);
        let first: IpAddr = "192.0.2.1".parse().unwrap();
        let readings: Vec<Health> = (1..=6).map(|_| source.read().unwrap()).collect();
        let of_first: Vec<TargetHealth> = readings.iter().map(|health| health.of(first)).collect();
        let last = report(true, Some(40));
        assert_eq!(
            of_first,
            [
                report(true, None),
                report(false, None),
                report(false, Some(40)),
                last,
                last,
                last
            ]
        );
        let second = "192.0.2.2".parse().unwrap();
        let of_second: Vec<_> = readings.iter().map(|h| h.of(second).capacity).collect();
        assert_eq!(of_second[..2], [None; 2]);
        assert_eq!(of_second[2..], [Some(50); 4]);
        assert!(readings.iter().all(|h| h.reports.len() == 2));
    }

    #[test]
    fn a_target_that_is_not_named_is_unknown_and_the_last_report_counts() {
        let address: IpAddr = "2001:db8::1".parse().unwrap();
        assert!(Health::default().is_empty());
        assert_eq!(Health::default().of(address), TargetHealth::UNKNOWN);
        let twice = [
            (address, report(true, None)),
            (address, report(false, None)),
        ];
        let health: Health = twice.into_iter().collect();
        assert!(!health.is_empty());
        assert!(!health.of(address).healthy);
    }
}
