//! The record of one target: its state, judged by its last checks.
//!
//! # Rules
//! 1. A new target is unknown until its first check ends. The first success makes it healthy.
//! 2. It becomes unhealthy when `fall` checks in a row have failed, and healthy again when
//!    `rise` checks in a row have succeeded.
//! 3. A check that could not be made counts for neither. It does not end a row.
//! 4. With damping, a target that has fallen too often does not become healthy again before
//!    its penalty has decayed: [`Damping`].

use std::borrow::Cow;
use std::time::{Instant, SystemTime};

use control_plane::{Damping, HealthCheck, TargetState};

use crate::finding::{Finding, Trouble};

/// What is known of one target.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) state: TargetState,
    /// How many checks in a row have contradicted `state`.
    against: u8,
    /// Whether a check has ever succeeded.
    was_up: bool,
    penalty: Penalty,
    /// Why the last check did not succeed, if it did not.
    pub(crate) error: Option<LastError>,
    pub(crate) certificate: Option<SystemTime>,
}

/// Why the last check did not succeed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LastError {
    pub(crate) text: Cow<'static, str>,
    /// Since when each check has said so.
    pub(crate) since: Instant,
    /// Whether the check could not be made.
    pub(crate) is_checkers: bool,
}

/// The penalty for flapping.
#[derive(Clone, Copy, Debug, Default)]
struct Penalty {
    value: f64,
    /// When it had this value; `None` before the first fall.
    at: Option<Instant>,
    suppressed: bool,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            state: TargetState::Unknown,
            against: 0,
            was_up: false,
            penalty: Penalty::default(),
            error: None,
            certificate: None,
        }
    }

    /// Whether it would be healthy if it had not fallen so often.
    pub(crate) fn is_damped(&self) -> bool {
        let has_succeeded = self.error.is_none() && self.against > 0;
        self.penalty.suppressed && has_succeeded && self.is_down()
    }

    /// Forgets what checks of another kind have said, and keeps the state.
    pub(crate) fn ask_otherwise(&mut self) {
        self.error = None;
        self.certificate = None;
    }

    /// Takes what a check has found at this time.
    pub(crate) fn take(&mut self, finding: Finding, check: &HealthCheck, now: Instant) {
        let (succeeded, error) = match finding.result {
            Ok(()) => (Some(true), None),
            Err(Trouble::Target(text)) => (Some(false), Some((text, false))),
            Err(Trouble::Checker(text)) => (None, Some((text, true))),
        };
        self.certificate = finding.certificate.or(self.certificate);
        let before = self.error.take();
        self.error = error.map(|(text, is_checkers)| LastError {
            since: before
                .filter(|before| before.text == text)
                .map_or(now, |before| before.since),
            text,
            is_checkers,
        });
        if let Some(succeeded) = succeeded {
            self.count(succeeded, check, now);
        }
    }

    fn is_down(&self) -> bool {
        matches!(self.state, TargetState::Down { .. })
    }

    fn count(&mut self, succeeded: bool, check: &HealthCheck, now: Instant) {
        if succeeded == self.is_down() {
            self.against = self.against.saturating_add(1);
        } else {
            self.against = 0;
        }
        let (was_up, against) = (self.was_up, self.against);
        let next = match (self.state, succeeded) {
            (TargetState::Unknown | TargetState::Failing, true) => TargetState::Up,
            (TargetState::Down { .. }, true)
                if against >= check.rise && self.penalty.lets_rise(check.damping, now) =>
            {
                TargetState::Up
            }
            (TargetState::Down { .. }, _) | (TargetState::Up, true) => return,
            (state, false) if against >= check.fall => {
                if state == TargetState::Up {
                    self.penalty.fall(check.damping, now);
                }
                TargetState::Down { since: now, was_up }
            }
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

impl Penalty {
    /// Adds a fall.
    fn fall(&mut self, damping: Option<Damping>, now: Instant) {
        let Some(damping) = damping else {
            *self = Self::default();
            return;
        };
        let limit = f64::from(damping.flaps);
        self.value = (self.now(damping, now) + 1.0).min(2.0 * limit);
        self.at = Some(now);
        self.suppressed |= self.value >= limit;
    }

    /// Whether the target may be healthy again.
    fn lets_rise(&mut self, damping: Option<Damping>, now: Instant) -> bool {
        self.suppressed &=
            damping.is_some_and(|damping| self.now(damping, now) > f64::from(damping.flaps) / 2.0);
        !self.suppressed
    }

    fn now(self, damping: Damping, now: Instant) -> f64 {
        let passed = self.at.map_or(0.0, |at| {
            now.saturating_duration_since(at).as_secs_f64() / damping.half_life.as_secs_f64()
        });
        self.value * (-passed).exp2()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check() -> HealthCheck {
        HealthCheck {
            rise: 2,
            fall: 3,
            ..HealthCheck::default()
        }
    }

    fn finding(symbol: char) -> Finding {
        match symbol {
            '.' => Ok(()),
            '?' => Err(Trouble::checker("no descriptors")),
            _ => Err(Trouble::target("connection refused")),
        }
        .into()
    }

    fn symbol(state: TargetState) -> char {
        match state {
            TargetState::Unknown => '?',
            TargetState::Failing => 'f',
            TargetState::Up => '.',
            TargetState::Down { was_up: true, .. } => 'x',
            TargetState::Down { was_up: false, .. } => 'X',
        }
    }

    /// The states after each of these checks, `.` for one that succeeds, `x` for one that
    /// fails, `?` for one that could not be made: `?` unknown, `f` failing, `.` up, `x` down,
    /// `X` down and never up.
    fn states(checks: &str) -> String {
        let now = Instant::now();
        let mut record = Record::new();
        assert_eq!(symbol(record.state), '?');
        let check = |c| {
            record.take(finding(c), &check(), now);
            symbol(record.state)
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
    fn a_check_that_could_not_be_made_counts_for_nothing() {
        assert_eq!(states("?????"), "?????");
        assert_eq!(states(".?????"), "......");
        assert_eq!(states(".x?x?x?.?."), ".....xxxx.");
        assert_eq!(states("x?.?xx?x"), "ff.....x");
    }

    #[test]
    fn a_target_is_down_since_the_check_that_called_it_so() {
        let begin = Instant::now();
        let mut record = Record::new();
        let at = |seconds| begin + Duration::from_secs(seconds);
        for seconds in 0..9 {
            let symbol = if seconds == 0 { '.' } else { 'x' };
            record.take(finding(symbol), &check(), at(seconds));
        }
        let (since, was_up) = (at(3), true);
        assert_eq!(record.state, TargetState::Down { since, was_up });
        // The error is older.
        assert_eq!(record.error.as_ref().unwrap().since, at(1));
        record.take(finding('?'), &check(), at(9));
        let error = record.error.as_ref().unwrap();
        assert_eq!((&*error.text, error.since), ("no descriptors", at(9)));
        assert!(error.is_checkers);
        record.take(finding('.'), &check(), at(10));
        assert_eq!(record.error, None);
    }

    /// How long the target stays down after it has recovered, in seconds, at each of so many
    /// falls. It falls every ten seconds, if it is up by then.
    fn waits(flaps: u8, falls: u64) -> Vec<u32> {
        let check = HealthCheck {
            rise: 1,
            fall: 1,
            damping: Some(Damping {
                flaps,
                half_life: Duration::from_secs(100),
            }),
            ..HealthCheck::default()
        };
        let (begin, mut second) = (Instant::now(), 0);
        let mut record = Record::new();
        let mut after = |symbol, seconds: u64| {
            second += seconds;
            let at = begin + Duration::from_secs(second);
            record.take(finding(symbol), &check, at);
            (record.state == TargetState::Up, record.is_damped())
        };
        assert_eq!(after('.', 0), (true, false));
        let wait = |_| {
            assert_eq!(after('x', 10), (false, false));
            let mut waited = 0;
            while !after('.', u64::from(waited > 0)).0 {
                waited += 1;
                assert!(waited < 1000, "for good");
            }
            waited
        };
        (0..falls).map(wait).collect()
    }

    #[test]
    fn a_target_that_flaps_is_kept_out_until_its_penalty_has_decayed() {
        // Three falls within 20 seconds are 2.7 after decay, four are 3.6 and reach 3.
        let waits = waits(3, 5);
        assert_eq!(waits[..3], [0, 0, 0]);
        // From 3.6 to 1.5: log2(3.6 / 1.5) half-lives.
        let long = (3.6_f64 / 1.5).log2() * 100.0;
        assert!(
            (long - 3.0..long + 3.0).contains(&f64::from(waits[3])),
            "{waits:?}"
        );
        // It is not kept out for its next fall.
        assert_eq!(waits[4], 0);
    }

    #[test]
    fn after_one_fall_a_target_may_be_kept_out_at_once() {
        // From 1 to 0.5, and from a little more than 1.5 to 0.5.
        let waits = waits(1, 2);
        assert_eq!(waits[0], 100);
        assert!((150..=160).contains(&waits[1]), "{waits:?}");
    }

    #[test]
    fn a_target_that_was_never_healthy_has_not_fallen() {
        let check = HealthCheck {
            rise: 1,
            fall: 2,
            damping: Some(Damping {
                flaps: 1,
                half_life: Duration::from_secs(100),
            }),
            ..HealthCheck::default()
        };
        let (now, mut record) = (Instant::now(), Record::new());
        let mut after = |symbol| {
            record.take(finding(symbol), &check, now);
            super::tests::symbol(record.state)
        };
        assert_eq!(['x', 'x', '.'].map(&mut after), ['f', 'X', '.']);
        assert_eq!(['x', 'x', '.'].map(after), ['.', 'x', 'x'], "the control");
    }

    /// The fleet file may turn damping off and on again.
    #[test]
    fn a_fall_without_damping_ends_the_penalty_of_before() {
        let damping = Some(Damping {
            flaps: 2,
            half_life: Duration::from_secs(100),
        });
        let (now, mut penalty) = (Instant::now(), Penalty::default());
        for damping in [damping, None, damping] {
            penalty.fall(damping, now);
            assert!(penalty.lets_rise(damping, now));
        }
        penalty.fall(damping, now);
        assert!(!penalty.lets_rise(damping, now), "the control");
    }

    #[test]
    fn a_target_waits_for_two_half_lives_at_most() {
        let check = HealthCheck {
            rise: 1,
            fall: 1,
            damping: Some(Damping {
                flaps: 2,
                half_life: Duration::from_secs(100),
            }),
            ..HealthCheck::default()
        };
        let mut penalty = Penalty::default();
        let now = Instant::now();
        for _ in 0..50 {
            penalty.fall(check.damping, now);
        }
        let after = |seconds| now + Duration::from_secs(seconds);
        assert!(!penalty.lets_rise(check.damping, after(199)));
        assert!(penalty.lets_rise(check.damping, after(200)));
    }
}
