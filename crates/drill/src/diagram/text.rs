//! The diagram for the terminal.

use std::fmt::Write as _;

use incident::{Actor, Breach, Invariant, Step, Verdict};

use super::words::describe;
use super::{Row, lifelines, rows, times};
use crate::wrap::wrap;

/// The narrowest diagram, in characters. [`draw`] uses it instead of a smaller width.
pub const MIN_WIDTH: usize = 40;

/// The narrowest lane: a short name and a space.
const MIN_LANE: usize = 3;

/// How much wider than its longest text a lane may become.
const MAX_EXTRA: usize = 4;

/// Draws the steps in English. No line is wider than `width` characters.
///
/// Each actor that takes part has a lifeline, with the texts of its steps beside it.
/// Like steps at several endpoints share a line, and `×3` is their number. A broken
/// invariant stands below the step that showed it.
///
/// If not all texts have room side by side, the lifelines move closer together, and a
/// text covers those to its right.
pub fn draw(steps: &[Step], verdict: &Verdict, width: usize) -> String {
    let rows = rows(steps, verdict, |breach| breach.seen_at);
    let page = Page::new(steps, &rows, width.max(MIN_WIDTH));
    let mut lines = vec![page.names()];
    for row in rows {
        match row {
            Row::Steps { first, all } => lines.extend(page.steps(first, all)),
            Row::Because { error, .. } => lines.extend(page.note("because:", error)),
            Row::Broken(invariant, breach) => lines.extend(page.broken(invariant, breach)),
        }
    }
    lines
        .iter()
        .fold(String::new(), |out, line| out + line.trim_end() + "\n")
}

/// The layout of the diagram. All lengths are in characters.
struct Page {
    width: usize,
    /// The width of the step numbers, with the space after them.
    number: usize,
    lanes: Vec<Lane>,
}

/// An actor's lifeline and the room to the right of it, up to the next lifeline.
struct Lane {
    actor: Actor,
    width: usize,
}

impl Page {
    fn new(steps: &[Step], rows: &[Row<'_>], width: usize) -> Self {
        let last_number = steps.last().map_or(1, |step| step.number);
        let number = last_number.to_string().len() + 1;
        let lane = |actor: Actor| {
            let texts = rows.iter().filter_map(|row| match row {
                Row::Steps { first, all } if first.actor == actor => Some(text(first, all)),
                _ => None,
            });
            let name = actor.to_string().len();
            let longest = texts.map(|text| length(&text)).fold(name, usize::max);
            let width = longest + 1;
            Lane { actor, width }
        };
        let mut lanes: Vec<_> = lifelines(steps).into_iter().map(lane).collect();
        fit(&mut lanes, width - number);
        Self {
            width,
            number,
            lanes,
        }
    }

    /// The actors' names, above their lifelines. All are short if a long one has no room.
    fn names(&self) -> String {
        let is_cut = |lane: &Lane| lane.actor.to_string().len() >= lane.width;
        let are_short = self.lanes.iter().any(is_cut);
        let mut line = " ".repeat(self.number);
        for lane in &self.lanes {
            let name = if are_short {
                initials(lane.actor)
            } else {
                lane.actor.to_string()
            };
            let _ = write!(line, "{name:<0$}", lane.width);
        }
        line
    }

    fn steps(&self, first: &Step, all: &[Step]) -> Vec<String> {
        if !self.lanes.iter().any(|lane| lane.actor == first.actor) {
            let head = format!("{:>1$} ──", first.number, self.number - 1);
            let text = format!(
                "{}: {}{} ──",
                first.actor,
                describe(&first.event),
                times(all)
            );
            return wrap(&head, &text, self.number + 3, self.width);
        }
        let mut line = format!("{:>1$} ", first.number, self.number - 1);
        let (mut at, mut end) = (self.number, self.number);
        for lane in &self.lanes {
            // If not, the text of an earlier lane covers this lifeline.
            if at >= end {
                line += &" ".repeat(at - end);
                let mark = if lane.actor == first.actor {
                    cut(&text(first, all), &times(all), self.width - at) + " "
                } else {
                    "│".into()
                };
                end = at + length(&mark);
                line += &mark;
            }
            at += lane.width;
        }
        vec![line]
    }

    fn broken(&self, invariant: Invariant, breach: &Breach) -> Vec<String> {
        let mut what = breach.what.to_string();
        if breach.broken_at != breach.seen_at {
            let _ = write!(what, " (by step {})", breach.broken_at);
        }
        self.note(&format!("✗ {invariant}:"), &what)
    }

    /// A text of any length below a step.
    fn note(&self, head: &str, text: &str) -> Vec<String> {
        let head = " ".repeat(self.number) + head;
        wrap(&head, text, self.number + 2, self.width)
    }
}

/// Changes the widths so that the lanes fit: takes room from the widest, or spreads the
/// remaining room. No lane is to the right of the last one, so the last one gives up room
/// last.
fn fit(lanes: &mut [Lane], room: usize) {
    let total = |lanes: &[Lane]| lanes.iter().map(|lane| lane.width).sum::<usize>();
    let Some((last, others)) = lanes.split_last_mut() else {
        return;
    };
    // The last lane needs no space after it.
    last.width -= 1;
    while total(others) + last.width > room {
        match others.iter_mut().rev().max_by_key(|lane| lane.width) {
            Some(widest) if widest.width > MIN_LANE => widest.width -= 1,
            _ => {
                last.width = room.saturating_sub(total(others));
                return;
            }
        }
    }
    let left = room - total(others) - last.width;
    let extra = (left / others.len().max(1)).min(MAX_EXTRA);
    for lane in others {
        lane.width += extra;
    }
}

/// A step beside its lifeline.
fn text(first: &Step, all: &[Step]) -> String {
    format!("● {}{}", describe(&first.event), times(all))
}

/// The text, cut before its last part if it is too long.
fn cut(text: &str, last: &str, room: usize) -> String {
    if length(text) <= room {
        return text.to_owned();
    }
    let kept = room.saturating_sub(length(last) + 1);
    text.chars()
        .take(kept)
        .chain(['…'])
        .chain(last.chars())
        .collect()
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// A name for narrow lanes.
fn initials(actor: Actor) -> String {
    match actor {
        Actor::Planner => "P".into(),
        Actor::Enactor(number) => format!("E{number}"),
        Actor::Resolver => "R".into(),
        Actor::Operator => "O".into(),
    }
}
