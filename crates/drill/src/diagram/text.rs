//! The diagram for the terminal.

use std::fmt::Write as _;

use super::words::describe;
use super::{Row, rows, times};
use incident::{Actor, Breach, Invariant, Step, Verdict};

/// The lifelines from left to right.
const LIFELINES: [Actor; 5] = [
    Actor::Planner,
    Actor::Enactor(1),
    Actor::Enactor(2),
    Actor::Enactor(3),
    Actor::Resolver,
];

/// The widths of the lifelines in characters, a space at the end of each
/// included. With the step's number before them they fit into 100 columns.
const WIDTHS: [usize; LIFELINES.len()] = [13, 21, 21, 21, 20];

/// The width of a step's number, with the space after it.
const NUMBER: usize = 5;

/// Where notes between the steps end.
const RIGHT: usize = 100;

/// Draws the steps for the terminal. Like steps of one actor, at several
/// endpoints, share a line, and `×3` says how many there are. A broken invariant
/// stands under the step that showed it.
pub fn draw(steps: &[Step], verdict: &Verdict) -> String {
    let mut lines = vec![line("", |actor, _| actor.to_string())];
    for row in rows(steps, verdict, |breach| breach.seen_at) {
        match row {
            Row::Steps { first, all } => lines.push(step_line(first, all)),
            Row::Because { error, .. } => note(&mut lines, "because:", error),
            Row::Broken(invariant, breach) => mark(&mut lines, invariant, breach),
        }
    }
    lines
        .iter()
        .fold(String::new(), |out, line| out + line.trim_end() + "\n")
}

fn step_line(first: &Step, all: &[Step]) -> String {
    let (by, text, times) = (first.actor, describe(&first.event), times(all));
    let number = first.number.to_string();
    if !LIFELINES.contains(&by) {
        return format!("{number:>4} ── {by}: {text}{times} ──");
    }
    line(&number, |actor, width| {
        if actor == by {
            let room = width.saturating_sub(times.chars().count() + 3);
            format!("● {}{times}", cut(&text, room))
        } else {
            "│".into()
        }
    })
}

/// A line across all lifelines.
fn line(number: &str, text: impl Fn(Actor, usize) -> String) -> String {
    let mut out = format!("{number:>4} ");
    for (actor, width) in LIFELINES.into_iter().zip(WIDTHS) {
        let _ = write!(out, "{:<width$}", text(actor, width));
    }
    out
}

/// The text, cut if it is too long, so that the lifelines stay straight.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept = text.chars().take(room.saturating_sub(1));
    kept.chain(['…']).collect()
}

fn mark(lines: &mut Vec<String>, invariant: Invariant, breach: &Breach) {
    let mut what = breach.what.to_string();
    if breach.broken_at != breach.seen_at {
        let _ = write!(what, " (by step {})", breach.broken_at);
    }
    note(lines, &format!("✗ {invariant}:"), &what);
}

/// A text of any length below a step.
fn note(lines: &mut Vec<String>, head: &str, text: &str) {
    let mut line = format!("{:NUMBER$}{head}", "");
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > RIGHT {
            lines.push(line);
            line = format!("{:NUMBER$} ", "");
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push(line);
}
