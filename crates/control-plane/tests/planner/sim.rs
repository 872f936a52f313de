//! A world with a clock that the test moves: targets that live, refuse or swallow
//! connections, checks of them as the crate `health-checks` makes them, and a Planner that is restarted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use control_plane::{
    CheckedTarget, Fleet, Health, HealthCheck, Planned, Planner, TargetState, Watchlist,
};
use plan_store::{MemoryStore, Retention};

use crate::at;

/// How a target answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Lives,
    Refuses,
    /// It answers nothing, so a check takes its whole time-out.
    BlackHole,
}

/// What is wrong with a world, so that the laws which tests hold against it must break.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The Planner is never told that a target is down.
    HidesDeath,
    /// No tick is made while a change is held.
    WaitsForPersons,
}

/// The world. All times are in milliseconds.
pub(crate) struct Sim {
    pub(crate) now: u64,
    pub(crate) store: MemoryStore,
    pub(crate) planner: Planner<MemoryStore>,
    /// Targets that are not here live. What is said of one port comes first.
    fates: Fates,
    checks: Checks,
    /// How often the Planner ticks.
    interval: u64,
    next_tick: u64,
    pub(crate) fault: Option<Fault>,
}

type Fates = BTreeMap<(IpAddr, Option<u16>), Fate>;

/// What the checks have found.
struct Checks {
    targets: BTreeMap<CheckedTarget, Checked>,
}

#[derive(Clone)]
struct Checked {
    check: Arc<HealthCheck>,
    state: TargetState,
    against: u8,
    /// When the next check begins.
    next: u64,
    /// When the check that runs ends, and whether it succeeds.
    ends: Option<(u64, bool)>,
}

impl Sim {
    /// A first start with this fleet.
    pub(crate) fn new(fleet: Fleet, interval: u64) -> Self {
        let store = MemoryStore::new(Retention::newest(3));
        Self::on(store, fleet, interval, 0)
    }

    /// A start on this store at this time.
    pub(crate) fn on(store: MemoryStore, fleet: Fleet, interval: u64, now: u64) -> Self {
        let planner = Planner::new(store.clone(), fleet);
        let checks = Checks::new(planner.watchlist(), now);
        Self {
            now,
            store,
            planner,
            fates: BTreeMap::new(),
            checks,
            interval,
            next_tick: now,
            fault: None,
        }
    }

    /// The Planner and its checks are gone, and start again with this fleet.
    pub(crate) fn restart(&mut self, fleet: Fleet) {
        self.planner = Planner::new(self.store.clone(), fleet);
        self.checks = Checks::new(self.planner.watchlist(), self.now);
        self.next_tick = self.now;
    }

    pub(crate) fn reload(&mut self, fleet: Fleet) {
        self.planner.set_fleet(fleet, at(self.now));
        self.tell();
    }

    /// Confirms what is held at this endpoint, if anything is.
    pub(crate) fn confirm(&mut self, endpoint: &str) -> bool {
        let held = self.planner.status().held.iter();
        let id = held
            .clone()
            .find(|h| h.endpoint.as_str() == endpoint)
            .map(|h| h.id);
        let confirmed = id.is_some_and(|id| self.planner.confirm(id, at(self.now)));
        self.tell();
        confirmed
    }

    pub(crate) fn set(&mut self, target: IpAddr, fate: Fate) {
        self.fates.insert((target, None), fate);
    }

    /// Says how one port of a target answers.
    pub(crate) fn set_port(&mut self, target: IpAddr, port: u16, fate: Fate) {
        self.fates.insert((target, Some(port)), fate);
    }

    pub(crate) fn fate(&self, target: IpAddr) -> Fate {
        self.fates
            .get(&(target, None))
            .copied()
            .unwrap_or(Fate::Lives)
    }

    /// What the checks say of a target.
    pub(crate) fn state(&self, target: impl Into<CheckedTarget>) -> TargetState {
        let checked = self.checks.targets.get(&target.into());
        checked.map_or(TargetState::Unknown, |checked| checked.state)
    }

    /// Lets time pass, with all checks and ticks. Calls `seen` after each tick.
    pub(crate) fn run_to(&mut self, end: u64, mut seen: impl FnMut(&Self)) {
        while self.next_tick <= end {
            self.checks.run_to(self.next_tick, &self.fates);
            self.now = self.next_tick;
            self.next_tick += self.interval;
            if self.fault != Some(Fault::WaitsForPersons) || self.planner.status().held.is_empty() {
                self.tick();
            }
            seen(self);
        }
        self.checks.run_to(end, &self.fates);
        self.now = end;
    }

    /// The same, and looks at nothing.
    pub(crate) fn run(&mut self, millis: u64) {
        self.run_to(self.now + millis, |_| {});
    }

    /// A tick at this moment.
    pub(crate) fn tick(&mut self) -> Planned {
        let targets = self.checks.targets.iter();
        let hides = self.fault == Some(Fault::HidesDeath);
        let reports = targets.map(|(&target, checked)| match checked.state {
            TargetState::Down { .. } if hides => (target, TargetState::Up.into()),
            state => (target, state.into()),
        });
        let health = Health::new(at(self.now), reports);
        let planned = self.planner.tick(&health).unwrap();
        self.tell();
        planned
    }

    fn tell(&mut self) {
        let list = self.planner.watchlist().clone();
        self.checks.watch(&list, self.now);
    }
}

impl Checks {
    fn new(list: &Watchlist, now: u64) -> Self {
        let mut checks = Self {
            targets: BTreeMap::new(),
        };
        checks.watch(list, now);
        checks
    }

    fn watch(&mut self, list: &Watchlist, now: u64) {
        self.targets
            .retain(|target, _| list.targets.contains_key(target));
        for (&target, watched) in &list.targets {
            // Each target has its own place in the interval.
            let spread = match target.address {
                IpAddr::V4(v4) => u64::from(v4.octets()[3]),
                IpAddr::V6(v6) => u64::from(v6.segments()[7]),
            };
            let interval = millis(watched.check.interval);
            let checked = self.targets.entry(target).or_insert_with(|| Checked {
                check: Arc::clone(&watched.check),
                state: TargetState::Unknown,
                against: 0,
                next: now + (spread * 37) % interval,
                ends: None,
            });
            checked.check = Arc::clone(&watched.check);
        }
    }

    fn run_to(&mut self, end: u64, fates: &Fates) {
        for (target, checked) in &mut self.targets {
            let of = |port| fates.get(&(target.address, port)).copied();
            let fate = of(Some(checked.check.port)).or_else(|| of(None));
            let fate = fate.unwrap_or(Fate::Lives);
            checked.run_to(end, fate);
        }
    }
}

impl Checked {
    fn run_to(&mut self, end: u64, fate: Fate) {
        let check = &*Arc::clone(&self.check);
        loop {
            if let Some((ends, success)) = self.ends {
                if ends > end {
                    return;
                }
                self.ends = None;
                self.count(success, check, ends);
            }
            if self.next > end {
                return;
            }
            let takes = if fate == Fate::BlackHole {
                millis(check.timeout)
            } else {
                1
            };
            self.ends = Some((self.next + takes, fate == Fate::Lives));
            self.next += millis(check.interval);
        }
    }

    fn count(&mut self, success: bool, check: &HealthCheck, now: u64) {
        let is_down = matches!(self.state, TargetState::Down { .. });
        self.against = if success == is_down {
            self.against + 1
        } else {
            0
        };
        match self.state {
            TargetState::Unknown | TargetState::Failing if success => self.turn(TargetState::Up),
            TargetState::Down { .. } if success && self.against >= check.rise => {
                self.turn(TargetState::Up);
            }
            TargetState::Unknown | TargetState::Failing | TargetState::Up
                if !success && self.against >= check.fall =>
            {
                let was_up = self.state == TargetState::Up;
                let since = at(now);
                self.turn(TargetState::Down { since, was_up });
            }
            TargetState::Unknown if !success => self.state = TargetState::Failing,
            _ => {}
        }
    }

    fn turn(&mut self, state: TargetState) {
        self.state = state;
        self.against = 0;
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}
