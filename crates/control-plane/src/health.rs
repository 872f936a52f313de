//! Health readings: what is known of the targets, and the sources of it.
//!
//! A source is the boundary between the checks and the Planner: the Planner tells it what
//! to watch, and reads its findings with the times at which they were made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use plan_store::EndpointName;

use crate::{CheckedTarget, Fleet, FleetEndpoint, HealthCheck, HealthError, HealthStep};

/// A source of readings of the targets' health, for the Planner.
///
/// The Planner's thread calls both methods from one thread, and may wait for each as
/// long as it takes.
pub trait HealthSource: Send {
    /// Has the source check these targets in this way from now on, and no others. A
    /// target that stays on the list keeps its state. The list may be the same as before:
    /// then the source reads files again that its checks name, such as certificates. A
    /// source that cannot choose ignores this.
    fn watch(&mut self, _list: &Watchlist) {}

    /// Reads the health of all targets. May block for as long as it takes.
    ///
    /// # Errors
    /// [`HealthError`] with the source's own error. A reading that names no target
    /// counts as failed too: the Planner answers
    /// [`PlanError::NoHealth`](crate::PlanError::NoHealth) and leaves everything as
    /// it is.
    fn read(&mut self) -> Result<Health, HealthError>;
}

/// What is to be checked: the targets of the fleet, and those that are served although
/// the fleet file does not name them any more.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Watchlist {
    /// The targets, and how each is checked.
    pub targets: BTreeMap<CheckedTarget, Watched>,
}

/// How a target is checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watched {
    /// The check.
    pub check: Arc<HealthCheck>,
    /// An endpoint that has the target: the host name of checks that do not say another.
    pub endpoint: EndpointName,
}

impl Watchlist {
    /// How many addresses are checked. An address that is checked in several ways counts once.
    pub fn addresses(&self) -> usize {
        let mut last = None;
        // Targets are in the order of their addresses.
        let addresses = self.targets.keys().map(|target| target.address);
        addresses
            .filter(|address| last.replace(*address) != Some(*address))
            .count()
    }

    /// The targets of a fleet, and nothing else.
    pub fn of(fleet: &Fleet) -> Self {
        let mut list = Self::default();
        for endpoint in fleet.endpoints() {
            list.add(fleet, endpoint);
        }
        list
    }

    /// Adds the targets of an endpoint, unless they are on the list.
    pub(crate) fn add(&mut self, fleet: &Fleet, endpoint: &FleetEndpoint) {
        for target in endpoint.targets() {
            self.targets
                .entry(target.into())
                .or_insert_with(|| Watched {
                    check: Arc::clone(fleet.check_of(target)),
                    endpoint: endpoint.name().clone(),
                });
        }
    }
}

/// One reading: when it was made, and a report for each target that the source knows.
///
/// Of a target that the reading does not name, what was known before still counts.
///
/// ```
/// # use std::net::IpAddr;
/// # use std::time::Instant;
/// # use control_plane::{Health, TargetHealth, TargetState};
/// let now = Instant::now();
/// let down = TargetHealth::from(TargetState::Down { since: now, was_up: true });
/// let [dead, other]: [IpAddr; 2] = ["192.0.2.1".parse()?, "192.0.2.2".parse()?];
/// let health = Health::new(now, [(dead, down)]);
/// assert_eq!(health.of(dead), down);
/// assert_eq!(health.of(other), TargetState::Unknown.into());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Health {
    at: Instant,
    reports: BTreeMap<CheckedTarget, TargetHealth>,
}

/// What a reading says of one target, at all endpoints that check it in one way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TargetHealth {
    /// Whether it can serve.
    pub state: TargetState,
    /// How much it can serve, in the units of the fleet's capacities. `None` means
    /// the capacity from the fleet.
    pub capacity: Option<u32>,
}

/// Whether a target can serve, as far as its checks say.
///
/// ```text
///              fail        fall in a row
///   unknown ────────► failing ────────► down
///      │ succeeds        │ succeeds     ▲ │ rise in a row
///      └─────────────────┴────► up ─────┘ ▼
///                                ◄────────┘
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TargetState {
    /// No check has ended yet.
    Unknown,
    /// Checks have failed, too few to call the target down, and none has succeeded.
    Failing,
    /// The target is healthy.
    Up,
    /// The target is unhealthy.
    Down {
        /// When its last check that mattered failed. This does not depend on when the
        /// reading was made.
        since: Instant,
        /// Whether it has been up before, since it is on the source's list.
        was_up: bool,
    },
}

/// The capacity is the fleet's.
impl From<TargetState> for TargetHealth {
    fn from(state: TargetState) -> Self {
        Self {
            state,
            capacity: None,
        }
    }
}

impl Health {
    /// A reading that was made at this time. The last report on a target counts.
    pub fn new<T: Into<CheckedTarget>>(
        at: Instant,
        reports: impl IntoIterator<Item = (T, TargetHealth)>,
    ) -> Self {
        let reports = reports.into_iter();
        let reports = reports.map(|(target, report)| (target.into(), report));
        let reports = reports.collect();
        Self { at, reports }
    }

    /// When the reading was made.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// What the reading says of a target; unknown if it says nothing.
    pub fn of(&self, target: impl Into<CheckedTarget>) -> TargetHealth {
        let report = self.reports.get(&target.into()).copied();
        report.unwrap_or(TargetState::Unknown.into())
    }

    /// All reports, by address.
    pub fn reports(&self) -> impl Iterator<Item = (CheckedTarget, TargetHealth)> + '_ {
        self.reports
            .iter()
            .map(|(&target, &report)| (target, report))
    }

    /// Whether the reading names no target.
    pub fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }
}

/// Health as the fleet file's script has it, for examples and tests.
///
/// The readings are numbered 1, 2, 3, … Before its first step a target is
/// healthy, with its capacity from the fleet. What a step says holds until the next
/// step on the same target. After the last step nothing changes.
#[derive(Clone, Debug)]
pub struct ScriptedHealth {
    reports: BTreeMap<CheckedTarget, TargetHealth>,
    reading: u32,
    /// The steps still to come, the next one last.
    to_come: Vec<HealthStep>,
}

impl ScriptedHealth {
    /// The script of this fleet.
    pub fn new(fleet: &Fleet) -> Self {
        Self {
            reports: fleet
                .targets()
                .map(|target| (target.into(), TargetState::Up.into()))
                .collect(),
            reading: 0,
            to_come: fleet.health_script().iter().rev().cloned().collect(),
        }
    }

    fn apply(&mut self, step: &HealthStep, at: Instant) {
        // The address, however it is checked.
        let from = CheckedTarget::from(step.target);
        let reports = self.reports.range_mut(from..);
        let reports = reports.take_while(|(target, _)| target.address == step.target);
        for (_, report) in reports {
            match (step.healthy, report.state) {
                (Some(true), _) => report.state = TargetState::Up,
                (Some(false), TargetState::Up) => {
                    report.state = TargetState::Down {
                        since: at,
                        was_up: true,
                    };
                }
                _ => {}
            }
            report.capacity = step.capacity.or(report.capacity);
        }
    }
}

impl HealthSource for ScriptedHealth {
    fn read(&mut self) -> Result<Health, HealthError> {
        let now = Instant::now();
        self.reading = self.reading.saturating_add(1);
        let due = self.reading;
        while let Some(step) = self.to_come.pop_if(|step| step.at <= due) {
            self.apply(&step, now);
        }
        let reports = self.reports.clone();
        Ok(Health { at: now, reports })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
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

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Whether it is up, and its capacity.
    fn said(health: &Health, target: &str) -> (bool, Option<u32>) {
        let TargetHealth { state, capacity } = health.of(address(target));
        (state == TargetState::Up, capacity)
    }

    #[test]
    fn a_script_takes_its_steps_at_their_readings_and_then_stays() {
        let fleet = Fleet::parse(FLEET, Path::new("test.toml")).unwrap();
        let mut source = ScriptedHealth::new(&fleet);
        let readings: Vec<Health> = (1..=6).map(|_| source.read().unwrap()).collect();
        let of_first: Vec<_> = readings.iter().map(|h| said(h, "192.0.2.1")).collect();
        let last = (true, Some(40));
        assert_eq!(
            of_first,
            [
                (true, None),
                (false, None),
                (false, Some(40)),
                last,
                last,
                last
            ]
        );
        let of_second = readings.iter().map(|h| said(h, "192.0.2.2"));
        let of_second: Vec<_> = of_second.collect();
        assert_eq!(of_second[..2], [(true, None); 2]);
        assert_eq!(of_second[2..], [(true, Some(50)); 4]);
        assert!(readings.iter().all(|h| h.reports.len() == 2));
    }

    #[test]
    fn a_scripted_target_is_down_since_the_reading_of_its_step() {
        let fleet = Fleet::parse(FLEET, Path::new("test.toml")).unwrap();
        let mut source = ScriptedHealth::new(&fleet);
        let readings: Vec<Health> = (1..=3).map(|_| source.read().unwrap()).collect();
        let state = |reading: usize| readings[reading].of(address("192.0.2.1")).state;
        let down = TargetState::Down {
            since: readings[1].at(),
            was_up: true,
        };
        assert_eq!(
            [state(0), state(1), state(2)],
            [TargetState::Up, down, down]
        );
    }

    #[test]
    fn a_target_that_is_not_named_is_unknown_and_the_last_report_counts() {
        let address = address("2001:db8::1");
        let now = Instant::now();
        let empty = Health::new::<IpAddr>(now, []);
        assert!(empty.is_empty());
        let unknown = TargetState::Unknown.into();
        assert_eq!(empty.of(address), unknown);
        let twice = [TargetState::Up, TargetState::Failing];
        let health = Health::new(now, twice.map(|state| (address, state.into())));
        assert!(!health.is_empty());
        assert_eq!(health.of(address).state, TargetState::Failing);
    }
}
