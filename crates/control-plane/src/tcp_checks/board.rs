//! The board: which targets are healthy, judged by their last checks.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::time::Instant;

use tracing::{info, warn};

use super::schedule::Schedule;
use crate::{Health, HealthCheck, TargetHealth};

/// What is known of the targets, and when each is checked next.
pub(super) struct Board {
    settings: HealthCheck,
    targets: BTreeMap<IpAddr, Checked>,
    schedule: Schedule,
    /// When the current interval began, and how many targets have become unhealthy
    /// in it.
    fallen: Option<(Instant, usize)>,
    stopped: bool,
}

/// What is known of one target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Checked {
    healthy: bool,
    /// How many checks in a row have contradicted `healthy`.
    against: u8,
    /// Whether it is on the schedule; if not, a thread is checking it.
    is_scheduled: bool,
}

impl Board {
    pub(super) fn new(settings: HealthCheck, seed: u64) -> Self {
        Self {
            settings,
            targets: BTreeMap::new(),
            schedule: Schedule::new(seed),
            fallen: None,
            stopped: false,
        }
    }

    pub(super) fn settings(&self) -> &HealthCheck {
        &self.settings
    }

    pub(super) fn set_settings(&mut self, settings: HealthCheck) {
        self.settings = settings;
    }

    /// How many targets there are.
    pub(super) fn len(&self) -> usize {
        self.targets.len()
    }

    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Checks these targets from now on.
    pub(super) fn set_targets(&mut self, targets: &HashSet<IpAddr>, now: Instant) {
        self.targets.retain(|target, _| targets.contains(target));
        self.schedule.retain(|target| targets.contains(&target));
        let mut new: Vec<_> = targets
            .iter()
            .filter(|target| !self.targets.contains_key(target))
            .copied()
            .collect();
        new.sort_unstable();
        for target in new {
            self.schedule.add_new(target, self.settings.interval, now);
            let unknown = Checked {
                healthy: true,
                against: 0,
                is_scheduled: true,
            };
            self.targets.insert(target, unknown);
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
        let may_fall = self.fallen_lately(now) < self.most_falls();
        let settings = self.settings;
        let Some(checked) = self.targets.get_mut(&target) else {
            return; // Removed during the check.
        };
        let was_healthy = checked.healthy;
        checked.count(connected, &settings, may_fall);
        // A target that was removed and added again during the check is on the
        // schedule already.
        let is_scheduled = std::mem::replace(&mut checked.is_scheduled, true);
        match (was_healthy, checked.healthy) {
            (true, false) => {
                warn!(%target, port = settings.port, "unhealthy");
                if let Some((_, fallen)) = &mut self.fallen {
                    *fallen += 1;
                }
            }
            (false, true) => info!(%target, port = settings.port, "healthy again"),
            _ => {}
        }
        if !is_scheduled {
            let (interval, jitter) = (settings.interval, settings.jitter_percent);
            self.schedule.add_checked(target, interval, jitter, now);
        }
    }

    /// How many have become unhealthy in the interval of this moment.
    fn fallen_lately(&mut self, now: Instant) -> usize {
        match self.fallen {
            Some((begin, fallen)) if now < begin + self.settings.interval => fallen,
            _ => {
                self.fallen = Some((now, 0));
                0
            }
        }
    }

    /// How many may become unhealthy within one interval.
    fn most_falls(&self) -> usize {
        let percent = usize::from(self.settings.max_fall_percent);
        (self.targets.len() * percent / 100).max(1)
    }

    pub(super) fn health(&self) -> Health {
        let targets = self.targets.iter();
        targets
            .map(|(&target, checked)| {
                let report = TargetHealth {
                    healthy: checked.healthy,
                    capacity: None,
                };
                (target, report)
            })
            .collect()
    }
}

impl Checked {
    /// Counts the result of a check.
    fn count(&mut self, connected: bool, settings: &HealthCheck, may_fall: bool) {
        if connected == self.healthy {
            self.against = 0;
            return;
        }
        self.against = self.against.saturating_add(1);
        let turns = if self.healthy {
            self.against >= settings.fall && may_fall
        } else {
            self.against >= settings.rise
        };
        if turns {
            self.healthy = connected;
            self.against = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    const SETTINGS: HealthCheck = HealthCheck {
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(1),
        jitter_percent: 20,
        rise: 2,
        fall: 3,
        max_fall_percent: 30,
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

    fn unhealthy(board: &Board) -> usize {
        board.targets.values().filter(|c| !c.healthy).count()
    }

    #[test]
    fn a_target_falls_and_rises_by_checks_in_a_row() {
        let now = Instant::now();
        let mut board = board(1, now);
        let mut shown = String::new();
        for connected in "xx.xxx.x..xxx".chars().map(|c| c == '.') {
            board.checked(target(0), connected, now);
            let is_healthy = board.health().of(target(0)).healthy;
            shown.push(if is_healthy { '.' } else { 'x' });
            // Each check has an interval of its own here, so each may fall.
            board.fallen = None;
        }
        assert_eq!(shown, ".....xxxx...x");
    }

    #[test]
    fn no_more_than_the_set_share_falls_within_an_interval() {
        let mut now = Instant::now();
        let mut board = board(10, now);
        let mut fallen = Vec::new();
        for _ in 0..7 {
            for last in 0..10 {
                board.checked(target(last), false, now);
            }
            fallen.push(unhealthy(&board));
            now += SETTINGS.interval;
        }
        assert_eq!(fallen, [0, 0, 3, 6, 9, 10, 10]);
    }

    /// The interval begins with its first check, not with the last target that fell in it.
    #[test]
    fn a_fall_late_in_an_interval_does_not_count_in_the_next() {
        let begin = Instant::now();
        let mut board = board(10, begin);
        let late = begin + SETTINGS.interval * 9 / 10;
        let next = begin + SETTINGS.interval;
        let mut fall = |last, now| {
            for _ in 0..SETTINGS.fall {
                board.checked(target(last), false, now);
            }
            unhealthy(&board)
        };
        assert_eq!([fall(0, begin), fall(1, late), fall(2, late)], [1, 2, 3]);
        assert_eq!(fall(3, late), 3, "the share of this interval is used up");
        assert_eq!([4, 5, 6].map(|last| fall(last, next)), [4, 5, 6]);
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
        for _ in 0..3 {
            board.checked(target(1), false, now);
        }
        board.set_targets(&[target(1), target(7)].into(), now);
        assert!(!board.health().of(target(1)).healthy);
        assert!(board.health().of(target(7)).healthy);
        assert_eq!(board.targets.len(), 2);
        // The result of a check on a target that is gone changes nothing.
        board.checked(target(0), false, now);
        assert_eq!(board.schedule.len(), 2);
    }
}
