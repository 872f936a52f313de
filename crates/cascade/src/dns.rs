//! The answers for the database's name over the day.

use std::fmt;
use std::path::Path;

use crate::text::{error_at, load};
use crate::{Error, Time};

/// The answer that a resolver gets for the name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DnsAnswer {
    /// Addresses of the newest plan.
    Current,
    /// Addresses of an older plan, after a stale overwrite. They still work for a while.
    Stale,
    /// NOERROR and no records.
    Empty,
}

impl DnsAnswer {
    const ALL: [Self; 3] = [Self::Current, Self::Stale, Self::Empty];

    fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Stale => "stale",
            Self::Empty => "empty",
        }
    }
}

impl fmt::Display for DnsAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A change of the answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DnsChange {
    /// The time.
    pub at: Time,
    /// The answer from then on.
    pub answer: DnsAnswer,
}

/// The answers for the name over the day. The answer is [`DnsAnswer::Current`] before the
/// first change. Each change is later than the previous one and changes the answer.
///
/// # The file
/// Comma-separated values with the header `at,answer`, one change on each line, in order
/// of time. Empty lines and lines that begin with `#` are skipped.
///
/// ```
/// use std::path::Path;
/// use cascade::{DnsAnswer, DnsTimeline, Time};
///
/// let text = "at,answer\n06:48,empty\n09:25,current\n";
/// let timeline = DnsTimeline::parse(text, Path::new("dns.csv"))?;
/// assert_eq!(timeline.answer_at(Time::of_day(7, 0)), DnsAnswer::Empty);
/// assert_eq!(timeline, DnsTimeline::october_2025());
///
/// let wrong = DnsTimeline::parse("at,answer\n06:48,gone\n", Path::new("dns.csv"));
/// assert_eq!(
///     wrong.unwrap_err().to_string(),
///     "dns.csv:2:7: `gone` is no answer; write current, stale or empty"
/// );
/// # Ok::<(), cascade::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DnsTimeline {
    changes: Vec<DnsChange>,
}

impl DnsTimeline {
    const HEADER: &str = "at,answer";

    /// The largest number of changes in a timeline. A day has few.
    pub const MAX_CHANGES: usize = 10_000;

    /// The answer is current all day.
    pub const fn calm() -> Self {
        Self {
            changes: Vec::new(),
        }
    }

    /// The published timeline: empty from 06:48 to 09:25.
    pub fn october_2025() -> Self {
        let change = |at, answer| DnsChange { at, answer };
        Self {
            changes: vec![
                change(Time::DELETED, DnsAnswer::Empty),
                change(Time::REPAIRED, DnsAnswer::Current),
            ],
        }
    }

    /// The timeline of a run of the control plane, on the clock of the day.
    ///
    /// `steps` are the steps at which the name was resolved, in order, each with its
    /// answer. `anchors` give the times of at least two steps; steps and times both
    /// grow. The time of a step between two anchors is interpolated. The time of a step
    /// outside is extrapolated from the two nearest anchors.
    ///
    /// ```
    /// use cascade::{DnsAnswer::{Current, Empty, Stale}, DnsTimeline, Time};
    ///
    /// let steps = [(28, Current), (35, Stale), (39, Empty), (45, Empty), (60, Current)];
    /// let anchors = [(39, Time::DELETED), (60, Time::REPAIRED)];
    /// let timeline = DnsTimeline::from_steps(steps, &anchors)?;
    /// assert_eq!(timeline.answer_at(Time::DELETED), Empty);
    /// assert_eq!(timeline.answer_at(Time::REPAIRED), Current);
    /// assert_eq!(timeline.changes()[0].at.to_string(), "06:18:06");
    /// # Ok::<(), cascade::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Steps`] if the steps or the anchors are not in order.
    pub fn from_steps(
        steps: impl IntoIterator<Item = (usize, DnsAnswer)>,
        anchors: &[(usize, Time)],
    ) -> Result<Self, Error> {
        let fault = |fault: &str| Error::Steps {
            fault: fault.into(),
        };
        let grows = |pair: &[(usize, Time)]| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1;
        if anchors.len() < 2 || !anchors.windows(2).all(grows) {
            return Err(fault("give two anchors or more, each later than the last"));
        }
        let mut timeline = Self::calm();
        let mut before = 0;
        for (step, answer) in steps {
            if step < before {
                return Err(fault(
                    "give the steps in the order in which they were taken",
                ));
            }
            before = step;
            timeline.push(on_the_clock(step, anchors), answer);
        }
        if timeline.changes.len() > Self::MAX_CHANGES {
            return Err(fault("there are more than 10000 changes; leave some out"));
        }
        Ok(timeline)
    }

    /// Adds a change, unless it changes nothing. Of two changes at the same time, the
    /// later one counts.
    fn push(&mut self, at: Time, answer: DnsAnswer) {
        if self.changes.last().is_some_and(|last| last.at == at) {
            self.changes.pop();
        }
        if self.last() != answer {
            self.changes.push(DnsChange { at, answer });
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::TooLarge`], and [`Error::Bad`] with the
    /// first mistake in it.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::parse(&load(path)?, path)
    }

    /// Reads a text; `origin` is the file that errors name.
    ///
    /// # Errors
    /// [`Error::Bad`] with the first mistake in it.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, Error> {
        let mut timeline = Self::calm();
        let (mut begun, mut start, mut before) = (false, 0, None);
        for line in text.split_inclusive('\n') {
            let place = start + (line.len() - line.trim_start().len());
            start += line.len();
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if begun {
                let change = change(line)
                    .and_then(|change| in_order(change, before))
                    .map_err(|it| error_at(origin, text, place + it.at, it.problem))?;
                if timeline.changes.len() >= Self::MAX_CHANGES {
                    let fault = "there are more than 10000 changes; leave some out";
                    return Err(error_at(origin, text, place, fault));
                }
                before = Some(change.at);
                timeline.push(change.at, change.answer);
            } else if line == Self::HEADER {
                begun = true;
            } else {
                let fault = format!("the header is missing; begin with `{}`", Self::HEADER);
                return Err(error_at(origin, text, place, fault));
            }
        }
        if begun {
            Ok(timeline)
        } else {
            let fault = format!("the file is empty; begin with `{}`", Self::HEADER);
            Err(error_at(origin, text, 0, fault))
        }
    }

    /// The changes, by time.
    pub fn changes(&self) -> &[DnsChange] {
        &self.changes
    }

    /// The answer at this time.
    pub fn answer_at(&self, time: Time) -> DnsAnswer {
        let before = self.changes.partition_point(|change| change.at <= time);
        let last = before.checked_sub(1).map(|last| self.changes[last].answer);
        last.unwrap_or(DnsAnswer::Current)
    }

    fn last(&self) -> DnsAnswer {
        self.answer_at(Time::MAX)
    }

    /// The timeline in the form of a file.
    pub fn to_csv(&self) -> String {
        let lines = self.changes.iter();
        let lines = lines.map(|change| format!("{},{}\n", change.at, change.answer));
        format!("{}\n{}", Self::HEADER, lines.collect::<String>())
    }
}

/// What is wrong with one line of a timeline file.
///
/// It knows only the line. [`DnsTimeline::parse`] adds where the line begins in the
/// file and makes an [`Error::Bad`] of the two, with line and column.
struct LineError {
    /// Where the mistake begins: in bytes, from the first character of the line that is
    /// not white space.
    at: usize,
    /// What is wrong, and what to write instead.
    problem: String,
}

impl LineError {
    fn new(at: usize, problem: String) -> Self {
        Self { at, problem }
    }
}

fn change(line: &str) -> Result<DnsChange, LineError> {
    let Some((at, answer)) = line.split_once(',') else {
        let problem = format!("`{line}` is no change; write a time, a comma and an answer");
        return Err(LineError::new(0, problem));
    };
    let time = Time::parse(at.trim()).ok_or_else(|| {
        let problem = format!("`{at}` is no time; write 09:25, 09:25:30 or 21T11:05");
        LineError::new(0, problem)
    })?;
    let answer_at = at.len() + 1;
    let word = answer.trim();
    let answer = DnsAnswer::ALL
        .into_iter()
        .find(|known| known.word() == word);
    let answer = answer.ok_or_else(|| {
        let problem = format!("`{word}` is no answer; write current, stale or empty");
        LineError::new(answer_at, problem)
    })?;
    Ok(DnsChange { at: time, answer })
}

fn in_order(change: DnsChange, before: Option<Time>) -> Result<DnsChange, LineError> {
    match before {
        Some(before) if change.at <= before => {
            let at = change.at;
            let problem = format!("{at} is not later than {before}; put the changes in order");
            Err(LineError::new(0, problem))
        }
        _ => Ok(change),
    }
}

/// The time of a step, from at least two anchors.
fn on_the_clock(step: usize, anchors: &[(usize, Time)]) -> Time {
    let after = anchors.partition_point(|&(at, _)| at <= step);
    let second = after.clamp(1, anchors.len() - 1);
    let ((step0, time0), (step1, time1)) = (anchors[second - 1], anchors[second]);
    #[allow(clippy::cast_precision_loss, reason = "a run has few steps")]
    let share = (step as f64 - step0 as f64) / (step1 - step0) as f64;
    let seconds = f64::from(time0.seconds()) + share * 60.0 * time1.minutes_since(time0);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast to u32 saturates, and times are bounded below that"
    )]
    Time::from_seconds(seconds.round() as u32)
}
