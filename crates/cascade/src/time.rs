//! The clock of the simulation.

use std::fmt;
use std::ops::Add;

/// A time in UTC, in whole seconds since midnight of 20 October 2025.
///
/// It is written as `09:25`. Seconds follow if they are not zero: `09:25:30`. The day
/// precedes it if it is not the 20th: `21T11:05`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(u32);

impl Time {
    /// The simulation begins, with all services working.
    pub const BEGIN: Self = Self::of_day(6, 0);
    /// The active record was deleted.
    pub const DELETED: Self = Self::of_day(6, 48);
    /// The DNS was correct again.
    pub const REPAIRED: Self = Self::of_day(9, 25);
    /// The simulation ends: 21 October, 14:00.
    pub const END: Self = Self::of_day(38, 0);
    /// The last time there is: the end of 30 October.
    pub const MAX: Self = Self::of_day(11 * 24, 0);

    /// This many hours and minutes after midnight of the 20th. Hours from 24 on are on the
    /// following days.
    pub const fn of_day(hours: u32, minutes: u32) -> Self {
        Self(hours * 3600 + minutes * 60)
    }

    /// This many seconds after midnight of the 20th, but at most [`Time::MAX`].
    pub fn from_seconds(seconds: u32) -> Self {
        Self(seconds).min(Self::MAX)
    }

    /// This many minutes after midnight of the 20th, rounded to seconds.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast to u32 saturates, and times are bounded below that"
    )]
    pub(crate) fn from_minutes(minutes: f64) -> Self {
        Self::from_seconds((minutes * 60.0).round() as u32)
    }

    /// Seconds since midnight of the 20th.
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// Minutes since midnight of the 20th.
    pub fn minutes(self) -> f64 {
        f64::from(self.0) / 60.0
    }

    /// Minutes since `earlier`; negative if `earlier` is later.
    pub fn minutes_since(self, earlier: Self) -> f64 {
        self.minutes() - earlier.minutes()
    }

    /// Reads `09:25`, `09:25:30` or `21T11:05`. Days are from 20 to 30.
    pub fn parse(text: &str) -> Option<Self> {
        let (day, clock) = match text.split_once('T') {
            Some((day, clock)) => (digits(day)?, clock),
            None => (20, text),
        };
        let mut parts = clock.split(':').map(digits);
        let (hours, minutes) = (parts.next()??, parts.next()??);
        let seconds = parts.next().unwrap_or(Some(0))?;
        let legal = (20..=30).contains(&day) && hours < 24 && minutes < 60 && seconds < 60;
        let whole = legal && parts.next().is_none();
        whole.then(|| Self((day - 20) * 86_400 + hours * 3600 + minutes * 60 + seconds))
    }
}

/// A number of one or two digits.
fn digits(text: &str) -> Option<u32> {
    let plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// This many seconds later, but at most [`Time::MAX`].
impl Add<u32> for Time {
    type Output = Self;

    fn add(self, seconds: u32) -> Self {
        Self::from_seconds(self.0.saturating_add(seconds))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, second) = (20 + self.0 / 86_400, self.0 % 86_400);
        let day = if day == 20 {
            String::new()
        } else {
            format!("{day}T")
        };
        let clock = format!("{:02}:{:02}", second / 3600, second / 60 % 60);
        let seconds = match second % 60 {
            0 => String::new(),
            seconds => format!(":{seconds:02}"),
        };
        f.pad(&format!("{day}{clock}{seconds}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn times_are_read_as_they_are_written() {
        for text in ["00:00", "09:25", "23:59:59", "21T11:05", "30T00:00:01"] {
            assert_eq!(Time::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "9",
            "24:00",
            "09:60",
            "09:25:60",
            "19T09:25",
            "31T00:00",
            "09:25:00:00",
            "+9:25",
            "009:25",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }
}
