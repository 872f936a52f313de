//! The board: which targets are healthy, judged by their last checks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Instant;

use super::schedule::Schedule;
use crate::{Health, HealthCheck, TargetState};

/// What is known of the targets, and when each is checked next.
pub(super) struct Board {
    settings: HealthCheck,
    targets: BTreeMap<IpAddr, Checked>,
    schedule: Schedule,
    stopped: bool,
}

/// What is known of one target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Checked {
    state: TargetState,
    /// How many checks in a row have contradicted `state`.
    against: u8,
    /// Whether a check has ever succeeded.
    was_up: bool,
    /// Whether it is on the schedule; if not, a thread is checking it.
    is_scheduled: bool,
}

impl Board {
    pub(super) fn new(settings: HealthCheck, seed: u64) -> Self {
        Self {
            settings,
            targets: BTreeMap::new(),
            schedule: Schedule::new(seed),
            stopped: false,
        }
    }

    pub(super) fn settings(&self) -> &HealthCheck {
        &self.settings
    }

    pub(super) fn set_settings(&mut self, settings: HealthCheck) {
        self.settings = settings;
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Checks these targets from now on.
    pub(super) fn set_targets(&mut self, targets: &BTreeSet<IpAddr>, now: Instant) {
        self.targets.retain(|target, _| targets.contains(target));
        self.schedule.retain(|target| targets.contains(&target));
        for &target in targets {
            let interval = self.settings.interval;
            self.targets.entry(target).or_insert_with(|| {
                self.schedule.add_new(target, interval, now);
                Checked {
                    state: TargetState::Unknown,
                    against: 0,
                    was_up: false,
                    is_scheduled: true,
                }
            });
        }
    }

    /// Takes a target whose check is due, or returns when the next one will be due.
    pub(super) fn take_due(&mut self, now: Instant) -> Result<IpAddr, Option<Instant>> {
        let target = self.schedule.take_due(now)?;
        if let Some(checked) = self.targets.get_mut(&target) {
            checked.is_scheduled = false;
        }
        Ok(target)
    }

    /// Notes the result of a check, and schedules the next one.
    pub(super) fn checked(&mut self, target: IpAddr, connected: bool, now: Instant) {
        let settings = self.settings;
        let Some(checked) = self.targets.get_mut(&target) else {
            return; // Removed during the check.
        };
        checked.count(connected, &settings, now);
        // A target that was removed and added again during the check is on the
        // schedule already.
        let is_scheduled = std::mem::replace(&mut checked.is_scheduled, true);
        if !is_scheduled {
            let (interval, jitter) = (settings.interval, settings.jitter_percent);
            self.schedule.add_checked(target, interval, jitter, now);
        }
    }

    /// What the checks say at this time.
    pub(super) fn health(&self, now: Instant) -> Health {
        let targets = self.targets.iter();
        let reports = targets.map(|(&target, checked)| (target, checked.state.into()));
        Health::new(now, reports)
    }
}

impl Checked {
    /// Counts the result of a check. The first success makes a target that has had none
    /// healthy; after that it takes `rise` in a row.
    fn count(&mut self, connected: bool, settings: &HealthCheck, now: Instant) {
        let is_down = matches!(self.state, TargetState::Down { .. });
        if connected == is_down {
            self.against = self.against.saturating_add(1);
        } else {
            self.against = 0;
        }
        let (was_up, against) = (self.was_up, self.against);
        let next = match (self.state, connected) {
            (TargetState::Unknown | TargetState::Failing, true) => TargetState::Up,
            (TargetState::Down { .. }, true) if against >= settings.rise => TargetState::Up,
            (TargetState::Down { .. }, _) | (TargetState::Up, true) => return,
            (_, false) if against >= settings.fall => TargetState::Down { since: now, was_up },
            (TargetState::Unknown, false) => TargetState::Failing,
            (state, _) => state,
        };
        if next != self.state && next != TargetState::Failing {
            self.against = 0;
        }
        self.was_up |= next == TargetState::Up;
        self.state = next;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SETTINGS: HealthCheck = HealthCheck {
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        jitter_percent: 20,
        rise: 2,
        fall: 3,
        port: 443,
    };

    fn target(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn board(count: u8, now: Instant) -> Board {
        let mut board = Board::new(SETTINGS, 1);
        board.set_targets(&(0..count).map(target).collect(), now);
        board
    }

    /// The states after each of these checks, `.` for one that connects: `?` unknown, `f`
    /// failing, `.` up, `x` down, `X` down and never up.
    fn states(checks: &str) -> String {
        let now = Instant::now();
        let mut board = board(1, now);
        let state = |board: &Board| match board.health(now).of(target(0)).state {
            TargetState::Unknown => '?',
            TargetState::Failing => 'f',
            TargetState::Up => '.',
            TargetState::Down { was_up: true, .. } => 'x',
            TargetState::Down { was_up: false, .. } => 'X',
        };
        assert_eq!(state(&board), '?');
        let check = |check| {
            board.checked(target(0), check == '.', now);
            state(&board)
        };
        checks.chars().map(check).collect()
    }

    #[test]
    fn a_target_falls_and_rises_by_checks_in_a_row() {
        assert_eq!(states(".xx.xxx.x..xxx"), "......xxxx...x");
        // The first success counts at once, a failure does not.
        assert_eq!(states("xx.xx.xxxx..x"), "ff......xxx..");
        assert_eq!(states("xxxx.x..xxx"), "ffXXXXX...x");
    }

    #[test]
    fn a_target_is_down_since_the_check_that_called_it_so() {
        let begin = Instant::now();
        let mut board = board(1, begin);
        for seconds in 0..9 {
            let now = begin + Duration::from_secs(seconds);
            board.checked(target(0), seconds == 0, now);
        }
        let since = begin + Duration::from_secs(3);
        let down = TargetState::Down {
            since,
            was_up: true,
        };
        assert_eq!(board.health(begin).of(target(0)).state, down);
    }

    #[test]
    fn every_target_is_due_again_within_the_jitter() {
        let begin = Instant::now();
        let mut board = board(5, begin);
        let mut seen = BTreeSet::new();
        while let Ok(target) = board.take_due(begin + SETTINGS.interval) {
            seen.insert(target);
        }
        assert_eq!(seen.len(), 5, "all within the first interval");
        let (low, high) = (Duration::from_secs(8), Duration::from_secs(12));
        for _ in 0..200 {
            board.checked(target(0), true, begin);
            let at = board.schedule.next().unwrap();
            assert_eq!(board.take_due(at), Ok(target(0)));
            assert!((low..=high).contains(&(at - begin)), "{:?}", at - begin);
        }
    }

    #[test]
    fn targets_come_and_go_and_those_that_stay_keep_their_health() {
        let now = Instant::now();
        let mut board = board(3, now);
        for connected in [true, false, false, false] {
            board.checked(target(1), connected, now);
        }
        board.set_targets(&[target(1), target(7)].into(), now);
        let down = TargetState::Down {
            since: now,
            was_up: true,
        };
        assert_eq!(board.health(now).of(target(1)).state, down);
        assert_eq!(board.health(now).of(target(7)).state, TargetState::Unknown);
        assert_eq!(board.targets.len(), 2);
        // The result of a check on a target that is gone changes nothing.
        board.checked(target(0), false, now);
        assert_eq!(board.schedule.len(), 2);
    }
}
