//! The board: what is known of all targets, and when each is checked next.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use control_plane::{
    CheckedTarget, HealthCheck, TargetHealth, TargetState, Watched, Watchlist, Way,
};
use tracing::warn;

use crate::finding::{Finding, Trouble};
use crate::record::Record;
use crate::schedule::Schedule;

/// A cause for which checks cannot be made is logged again if it has not been met for so long.
const QUIET: Duration = Duration::from_mins(1);
/// For how long the largest lag is remembered, at least.
const LAG_WINDOW: Duration = Duration::from_secs(10);

/// What is known of all targets.
pub(crate) struct Board {
    targets: BTreeMap<CheckedTarget, Entry>,
    schedule: Schedule,
    next_id: u64,
    counts: Counts,
    lag: Lag,
    /// The causes for which checks could not be made, with the last time of each.
    causes: HashMap<String, Instant>,
}

struct Entry {
    watched: Watched,
    record: Record,
    /// Another number for another way of checking the target.
    id: u64,
    /// When it is due; `None` while it is being checked.
    due: Option<Instant>,
}

/// What leaves the list of targets, by address.
#[derive(Default)]
struct Left(HashMap<IpAddr, Vec<(Way, Entry)>>);

/// A check that is to be made now.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) target: CheckedTarget,
    pub(crate) watched: Watched,
    pub(crate) id: u64,
    pub(crate) begun: Instant,
}

/// How many checks ended in which way, and how punctual they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Checks that succeeded.
    pub succeeded: u64,
    /// Checks that failed.
    pub failed: u64,
    /// Checks that could not be made.
    pub not_made: u64,
    /// Checks that run now.
    pub running: u64,
    /// The largest delay with which a check has begun in the last ten to twenty seconds, or
    /// the delay so far of the one that should have begun first. If it is large, the machine
    /// is too slow for so many checks. If it grows all the time, no check begins any more.
    pub lag: Duration,
}

/// What is known of one target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetStatus {
    /// Which one. An address that is checked in two ways is there twice.
    pub target: CheckedTarget,
    /// The check.
    pub check: Arc<HealthCheck>,
    /// Its state.
    pub state: TargetState,
    /// Why the last check did not succeed, such as `connection refused` or `status 503`.
    pub error: Option<Cow<'static, str>>,
    /// Since when each check has had this error.
    pub error_since: Option<Instant>,
    /// Whether the last check could not be made, for a reason that is not the target's.
    pub not_made: bool,
    /// Whether it answers, and is unhealthy because it has fallen so often.
    pub damped: bool,
    /// When the certificate that it showed last expires.
    pub certificate_expires: Option<SystemTime>,
}

/// The largest lag of this window and of the one before.
struct Lag {
    began: Instant,
    now: Duration,
    before: Duration,
}

impl Board {
    pub(crate) fn new(seed: u64, now: Instant) -> Self {
        Self {
            targets: BTreeMap::new(),
            schedule: Schedule::new(seed),
            next_id: 0,
            counts: Counts::default(),
            lag: Lag {
                began: now,
                now: Duration::ZERO,
                before: Duration::ZERO,
            },
            causes: HashMap::new(),
        }
    }

    /// Checks the targets of this list from now on. A target that stays keeps its record. If
    /// something else is asked of it, it keeps its state only. A way of checking that leaves the
    /// list hands its record over to one that comes for the same address and endpoint.
    pub(crate) fn watch(&mut self, list: &Watchlist, now: Instant) {
        let (targets, schedule) = (&mut self.targets, &mut self.schedule);
        let mut left = Left::default();
        let ends = |&target: &CheckedTarget, entry: &mut Entry| {
            list.targets.get(&target) != Some(&entry.watched)
        };
        for (target, entry) in targets.extract_if(.., ends) {
            if let Some(due) = entry.due {
                schedule.remove(target, due);
            }
            left.add(target, entry);
        }
        for (&target, watched) in &list.targets {
            if targets.contains_key(&target) {
                continue;
            }
            let record = left.record_for(target, watched);
            self.next_id += 1;
            let due = schedule.add_new(target, watched.check.interval, now);
            let entry = Entry {
                watched: watched.clone(),
                record,
                id: self.next_id,
                due: Some(due),
            };
            targets.insert(target, entry);
        }
    }

    /// Takes all targets whose checks are due. Returns when the next one will be due.
    pub(crate) fn take_due(&mut self, now: Instant, due: &mut Vec<Due>) -> Option<Instant> {
        loop {
            let (planned, target) = match self.schedule.take_due(now) {
                Ok(taken) => taken,
                Err(next) => return next,
            };
            let Some(entry) = self.targets.get_mut(&target) else {
                continue; // Every target on the schedule is on the board.
            };
            entry.due = None;
            self.lag.note(now.duration_since(planned), now);
            self.counts.running += 1;
            due.push(Due {
                target,
                watched: entry.watched.clone(),
                id: entry.id,
                begun: now,
            });
        }
    }

    /// Takes what a check has found, and schedules the next one. Returns its time. Of a
    /// target that is gone, or is checked in another way by now, the finding says nothing.
    pub(crate) fn take(&mut self, due: &Due, finding: Finding, now: Instant) -> Option<Instant> {
        self.counts.running = self.counts.running.saturating_sub(1);
        *match &finding.result {
            Ok(()) => &mut self.counts.succeeded,
            Err(Trouble::Target(_)) => &mut self.counts.failed,
            Err(Trouble::Checker(_)) => &mut self.counts.not_made,
        } += 1;
        if let Err(Trouble::Checker(cause)) = &finding.result {
            self.could_not_check(cause, now);
        }
        let entry = self.targets.get_mut(&due.target)?;
        if entry.id != due.id {
            return None;
        }
        let check = &entry.watched.check;
        entry.record.take(finding, check, now);
        let (interval, jitter) = (check.interval, check.jitter_percent);
        let next = self
            .schedule
            .add_checked(due.target, interval, jitter, (due.begun, now));
        entry.due = Some(next);
        entry.due
    }

    /// Logs a cause once.
    fn could_not_check(&mut self, cause: &str, now: Instant) {
        if let Some(last) = self.causes.get_mut(cause)
            && now.saturating_duration_since(*last) <= QUIET
        {
            *last = now;
            return;
        }
        warn!(%cause, "health checks cannot be made; their targets keep the state that they have");
        self.causes
            .retain(|_, last| now.saturating_duration_since(*last) <= QUIET);
        self.causes.insert(cause.to_owned(), now);
    }

    /// The state of each target.
    pub(crate) fn states(&self) -> Vec<(CheckedTarget, TargetHealth)> {
        let targets = self.targets.iter();
        targets
            .map(|(&target, entry)| (target, entry.record.state.into()))
            .collect()
    }

    pub(crate) fn counts(&self, now: Instant) -> Counts {
        let due = self.schedule.first();
        let overdue = due.map_or(Duration::ZERO, |due| now.saturating_duration_since(due));
        Counts {
            lag: self.lag.now.max(self.lag.before).max(overdue),
            ..self.counts
        }
    }

    pub(crate) fn status(&self) -> Vec<TargetStatus> {
        let targets = self.targets.iter();
        targets
            .map(
                |(
                    &target,
                    Entry {
                        record, watched, ..
                    },
                )| TargetStatus {
                    target,
                    check: Arc::clone(&watched.check),
                    state: record.state,
                    error: record.error.as_ref().map(|error| error.text.clone()),
                    error_since: record.error.as_ref().map(|error| error.since),
                    not_made: record.error.as_ref().is_some_and(|e| e.is_checkers),
                    damped: record.is_damped(),
                    certificate_expires: record.certificate,
                },
            )
            .collect()
    }
}

impl Left {
    fn add(&mut self, target: CheckedTarget, entry: Entry) {
        let of_address = self.0.entry(target.address).or_default();
        of_address.push((target.way, entry));
    }

    /// The record of a target that comes onto the list: its own before, or that of another way
    /// of checking its address at the same endpoint.
    fn record_for(&self, target: CheckedTarget, watched: &Watched) -> Record {
        let all = self.0.get(&target.address).map_or(&[][..], Vec::as_slice);
        let is_own = |(way, _): &&(Way, Entry)| *way == target.way;
        let is_at = |(_, left): &&(Way, Entry)| left.watched.endpoint == watched.endpoint;
        let before = all.iter().find(is_own).or(all.iter().find(is_at));
        let Some((_, before)) = before else {
            return Record::new();
        };
        let mut record = before.record.clone();
        if !asks_the_same(&before.watched, watched) {
            record.ask_otherwise();
        }
        record
    }
}

/// Whether both ask the same of the target. How often they ask does not matter.
fn asks_the_same(one: &Watched, other: &Watched) -> bool {
    let (check, others) = (&one.check, &other.check);
    check.kind == others.kind && check.port == others.port && one.endpoint == other.endpoint
}

impl Lag {
    fn note(&mut self, lag: Duration, now: Instant) {
        let windows = now.saturating_duration_since(self.began).as_secs() / LAG_WINDOW.as_secs();
        if windows > 0 {
            self.before = if windows == 1 {
                self.now
            } else {
                Duration::ZERO
            };
            (self.began, self.now) = (now, Duration::ZERO);
        }
        self.now = self.now.max(lag);
    }
}

#[cfg(test)]
mod tests {
    use control_plane::OwnCheck;

    use super::*;

    fn target(last: u8) -> CheckedTarget {
        IpAddr::from([192, 0, 2, last]).into()
    }

    fn list(targets: &[u8], interval: Duration) -> Watchlist {
        let check = Arc::new(HealthCheck {
            interval,
            jitter_percent: 20,
            ..HealthCheck::default()
        });
        let watched = Watched {
            check,
            endpoint: "a.example".parse().unwrap(),
        };
        let targets = targets.iter().map(|&last| (target(last), watched.clone()));
        Watchlist {
            targets: targets.collect(),
        }
    }

    const INTERVAL: Duration = Duration::from_secs(10);

    fn board(targets: &[u8], now: Instant) -> Board {
        let mut board = Board::new(1, now);
        board.watch(&list(targets, INTERVAL), now);
        board
    }

    fn due(board: &mut Board, now: Instant) -> Vec<Due> {
        let mut due = Vec::new();
        board.take_due(now, &mut due);
        due
    }

    fn refused() -> Finding {
        Err(Trouble::target("connection refused")).into()
    }

    #[test]
    fn every_target_is_due_within_an_interval_and_again_within_the_jitter() {
        let begin = Instant::now();
        let mut board = board(&[1, 2, 3, 4, 5], begin);
        let all = due(&mut board, begin + INTERVAL);
        assert_eq!(all.len(), 5, "all within the first interval");
        let (low, high) = (Duration::from_secs(8), Duration::from_secs(12));
        let mut one = all[0].clone();
        for _ in 0..200 {
            // A check that has taken long is not made less often.
            let end = one.begun + Duration::from_secs(5);
            let next = board.take(&one, Ok(()).into(), end).unwrap();
            assert!((low..=high).contains(&(next - one.begun)));
            let before = next.checked_sub(Duration::from_nanos(1)).unwrap();
            assert!(due(&mut board, before).is_empty());
            one = due(&mut board, next).remove(0);
            assert_eq!((one.target, one.begun), (all[0].target, next));
        }
    }

    #[test]
    fn targets_come_and_go_and_those_that_stay_keep_their_health() {
        let begin = Instant::now();
        let mut board = board(&[0, 1, 2], begin);
        let checks = due(&mut board, begin + INTERVAL);
        let of = |last| {
            checks
                .iter()
                .find(|due| due.target == target(last))
                .unwrap()
        };
        for finding in [Ok(()).into(), refused(), refused(), refused()] {
            board.take(of(1), finding, begin);
        }
        board.watch(&list(&[1, 7], INTERVAL), begin);
        let states: BTreeMap<_, _> = board.states().into_iter().collect();
        let (since, was_up) = (begin, true);
        let down = TargetState::Down { since, was_up };
        assert_eq!(states.len(), 2);
        assert_eq!(states[&target(1)].state, down);
        assert_eq!(states[&target(7)].state, TargetState::Unknown);
        // The finding of a target that is gone changes nothing.
        assert_eq!(board.take(of(0), refused(), begin), None);
        let mut left: Vec<_> = due(&mut board, begin + 9 * INTERVAL);
        left.sort_by_key(|due| due.target);
        left.dedup_by_key(|due| due.target);
        let left: Vec<_> = left.iter().map(|due| due.target).collect();
        assert_eq!(left, [target(1), target(7)]);
    }

    /// The next check is by the new interval, and what a check of before finds is dropped.
    #[test]
    fn another_way_of_checking_begins_at_once_and_the_state_stays() {
        let begin = Instant::now();
        let mut board = board(&[1, 2], begin);
        let checks = due(&mut board, begin + INTERVAL);
        for due in &checks {
            board.take(due, Ok(()).into(), begin + INTERVAL);
        }
        let running = due(&mut board, begin + 3 * INTERVAL);
        assert_eq!(running.len(), 2);
        let short = Duration::from_secs(1);
        board.watch(&list(&[1, 2], short), begin + 3 * INTERVAL);
        assert_eq!(due(&mut board, begin + 3 * INTERVAL + short).len(), 2);
        for _ in 0..9 {
            assert_eq!(board.take(&running[0], refused(), begin), None);
        }
        let states = board.states();
        assert!(
            states
                .iter()
                .all(|(_, health)| health.state == TargetState::Up)
        );
    }

    /// The same watchlist, but with this check of its own for each target at this endpoint.
    fn with_own(mut list: Watchlist, port: u16, endpoint: &str) -> Watchlist {
        let check = HealthCheck {
            port,
            ..HealthCheck::default()
        };
        let own = OwnCheck::new(Arc::new(check));
        let targets = list.targets.into_iter();
        let own = targets.map(|(target, _)| {
            let watched = Watched {
                check: Arc::clone(own.check()),
                endpoint: endpoint.parse().unwrap(),
            };
            (own.of(target.address), watched)
        });
        list.targets = own.collect();
        list
    }

    #[test]
    fn a_way_of_checking_hands_its_state_over_at_the_same_endpoint_only() {
        let begin = Instant::now();
        for (endpoint, state) in [
            ("a.example", TargetState::Up),
            ("b.example", TargetState::Unknown),
        ] {
            let mut board = board(&[1], begin);
            let one = due(&mut board, begin + INTERVAL).remove(0);
            board.take(&one, Ok(()).into(), begin);
            board.watch(&with_own(list(&[1], INTERVAL), 81, endpoint), begin);
            let states = board.states();
            assert_eq!(states.len(), 1);
            assert_ne!(states[0].0, target(1));
            assert_eq!(states[0].1.state, state, "{endpoint}");
        }
    }

    /// Neither takes anything from the other.
    #[test]
    fn an_address_that_is_checked_in_two_ways_has_two_records() {
        let begin = Instant::now();
        let mut board = board(&[1], begin);
        let one = due(&mut board, begin + INTERVAL).remove(0);
        board.take(&one, Ok(()).into(), begin);
        let mut both = list(&[1], INTERVAL);
        let own = with_own(both.clone(), 81, "a.example");
        both.targets.extend(own.targets);
        board.watch(&both, begin);
        let states: Vec<_> = board.states().into_iter().map(|(_, h)| h.state).collect();
        assert_eq!(states, [TargetState::Up, TargetState::Unknown]);
        assert_eq!(due(&mut board, begin + 9 * INTERVAL).len(), 2);
    }

    #[test]
    fn another_question_forgets_the_error_and_the_certificate() {
        let begin = Instant::now();
        let mut board = board(&[1], begin);
        let one = due(&mut board, begin + INTERVAL).remove(0);
        let shown = Finding {
            certificate: Some(SystemTime::UNIX_EPOCH),
            ..refused()
        };
        for finding in [Ok(()).into(), shown.clone(), shown.clone(), shown] {
            board.take(&one, finding, begin);
        }
        let known = |board: &Board| {
            let status = board.status().remove(0);
            let is_down = matches!(status.state, TargetState::Down { .. });
            let error = status.error.is_some() && status.error_since.is_some();
            (is_down, error, status.certificate_expires.is_some())
        };
        // Another interval is the same question.
        board.watch(&list(&[1], 2 * INTERVAL), begin);
        assert_eq!(known(&board), (true, true, true));
        let mut other = list(&[1], 2 * INTERVAL);
        for watched in other.targets.values_mut() {
            let mut check = HealthCheck::clone(&watched.check);
            check.port = 8443;
            watched.check = Arc::new(check);
        }
        board.watch(&other, begin);
        assert_eq!(known(&board), (true, false, false));
    }

    #[test]
    fn a_target_that_is_checked_in_another_way_is_due_once() {
        let begin = Instant::now();
        let mut board = board(&[1], begin);
        board.watch(&list(&[1], INTERVAL / 2), begin);
        assert_eq!(due(&mut board, begin + INTERVAL).len(), 1);
    }

    #[test]
    fn the_check_of_a_target_that_is_gone_does_not_run_for_ever() {
        let begin = Instant::now();
        let mut board = board(&[1], begin);
        let running = due(&mut board, begin + INTERVAL).remove(0);
        board.watch(&list(&[2], INTERVAL), begin + INTERVAL);
        assert_eq!(board.counts(begin).running, 1);
        assert_eq!(board.take(&running, refused(), begin + INTERVAL), None);
        assert_eq!(board.counts(begin).running, 0);
    }

    #[test]
    fn the_same_list_changes_nothing() {
        let begin = Instant::now();
        let mut board = board(&[1], begin);
        let running = due(&mut board, begin + INTERVAL);
        board.watch(&list(&[1], INTERVAL), begin + INTERVAL);
        assert!(due(&mut board, begin + 9 * INTERVAL).is_empty());
        assert!(
            board
                .take(&running[0], refused(), begin + INTERVAL)
                .is_some()
        );
    }

    /// A time-out may be as long as the interval, which jitter makes shorter.
    #[test]
    fn a_check_that_takes_a_whole_interval_is_no_lag() {
        let begin = Instant::now();
        let mut board = board(&[1], begin);
        let first = board.schedule.first().unwrap();
        let mut one = due(&mut board, first).remove(0);
        for _ in 0..20 {
            let end = one.begun + INTERVAL;
            let next = board.take(&one, refused(), end).unwrap();
            assert!(next >= end);
            assert_eq!(board.counts(next).lag, Duration::ZERO);
            one = due(&mut board, next).remove(0);
        }
        assert_eq!(board.counts(one.begun).lag, Duration::ZERO);
    }

    #[test]
    fn the_largest_lag_is_remembered_for_a_window_or_two() {
        let begin = Instant::now();
        let mut board = board(&[1], begin);
        let (mut now, late) = (begin + INTERVAL, Duration::from_secs(3));
        for round in 0..8 {
            let one = due(&mut board, now).remove(0);
            let next = board.take(&one, Ok(()).into(), now).unwrap();
            now = if round == 3 { next + late } else { next };
            if round == 4 {
                assert_eq!(board.counts(now).lag, late);
            }
        }
        assert_eq!(board.counts(now).lag, Duration::ZERO, "forgotten");
    }

    #[test]
    fn a_check_that_does_not_begin_is_late_all_the_time() {
        let begin = Instant::now();
        let mut board = board(&[1], begin);
        let first = board.schedule.first().unwrap();
        for late in [0, 1, 5, 500].map(Duration::from_secs) {
            assert_eq!(board.counts(first + late).lag, late);
        }
        let late = Duration::from_secs(500);
        assert_eq!(due(&mut board, first + late).len(), 1);
        assert_eq!(board.counts(first + 2 * late).lag, late, "it has begun");
    }
}
