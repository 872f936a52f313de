//! The diagram as a picture. In a wide picture, each step is next to its lifeline. In a
//! narrow picture, the lifelines are close together, and all text is to their right.

use charts::{Anchor, Svg, wrap};
use drill::diagram::{Row, lifelines, rows, times};
use incident::{Actor, Event, Step, Verdict};
use plan_store::Activation;

use super::words;
use crate::lang::Lang;

/// The height of a row. All lengths are in pixels.
const ROW: f64 = 24.0;
/// The x of the first lifeline.
const FIRST: f64 = 44.0;
/// The width of a step with its text, next to its lifeline.
const STEP: f64 = 170.0;
/// The distance between lifelines without text between them.
const LANE: f64 = 21.0;

/// Draws the steps at this width, in this language. A broken invariant is under the step
/// that broke it, if the journal knows that step.
pub(crate) fn svg(title: &str, steps: &[Step], verdict: &Verdict, width: f64, lang: Lang) -> Svg {
    let empty = Svg::new(title, words::summary(verdict, lang), width);
    let mut picture = Picture::new(empty, width, lifelines(steps));
    picture.names(lang);
    let mut rows = rows(steps, verdict, |breach| breach.broken_at);
    let uneventful = rows.split_off(rows.len() - uneventful(&rows));
    for row in rows {
        match row {
            Row::Steps { first, all } => {
                let (actor, text) = (first.actor, words::describe(&first.event, lang));
                let text = if picture.lifelines.contains(&actor) {
                    text
                } else {
                    format!(
                        "{}{}{text}",
                        words::actor(actor, lang),
                        lang.pick(": ", "：")
                    )
                };
                picture.step(all, actor, &text, tone(all, verdict));
            }
            Row::Because { error, gone } => {
                picture.note("quiet", &words::because(error, gone, lang));
            }
            Row::Broken(invariant, breach) => {
                picture.note("bad", &words::broken(invariant, breach, lang));
            }
        }
    }
    if let (Some(Row::Steps { first, .. }), Some(last)) = (uneventful.first(), steps.last()) {
        picture.note("quiet", &words::folded(first.number, last.number, lang));
    }
    picture.end()
}

/// The number of rows after the last repair by hand, or 0 if a step fails or an invariant
/// breaks in them.
fn uneventful(rows: &[Row<'_>]) -> usize {
    let repair = rows.iter().rposition(|row| {
        matches!(row, Row::Steps { first, .. } if matches!(first.event, Event::Repaired { .. }))
    });
    let after = repair.map_or(&[][..], |repair| &rows[repair + 1..]);
    let is_quiet = |row: &Row<'_>| matches!(row, Row::Steps { first, .. } if !matches!(first.event, Event::Failed { .. }));
    if after.iter().all(is_quiet) {
        after.len()
    } else {
        0
    }
}

/// Bad if the steps broke an invariant or failed, good if a stale step was refused.
fn tone(steps: &[Step], verdict: &Verdict) -> &'static str {
    let broken = |step: &Step| verdict.values().any(|b| b.broken_at == step.number);
    let event = steps.first().map(|step| &step.event);
    match event {
        _ if steps.iter().any(broken) => "bad",
        Some(Event::Failed { .. }) => "bad",
        Some(Event::Stepped {
            outcome: Activation::Stale { .. },
            ..
        }) => "good",
        _ => "",
    }
}

struct Picture {
    /// The steps. [`Self::end`] draws the lifelines below them.
    svg: Svg,
    width: f64,
    /// The lifelines from left to right. Steps of other actors are written across them.
    lifelines: Vec<Actor>,
    /// The x of all text, in a narrow picture.
    lane: Option<f64>,
    /// The distance between lifelines.
    apart: f64,
    /// The top of the next row.
    y: f64,
}

impl Picture {
    /// The x of each actor's lifeline.
    fn places(&self) -> impl Iterator<Item = (Actor, f64)> {
        let places = std::iter::successors(Some(FIRST), |x| Some(x + self.apart));
        self.lifelines.iter().copied().zip(places)
    }

    /// Puts text between the lifelines if a step has room there.
    fn new(svg: Svg, width: f64, lifelines: Vec<Actor>) -> Self {
        let is_wide = width >= FIRST + lifelines.iter().map(|_| STEP).sum::<f64>();
        let lanes = lifelines.iter().map(|_| LANE).sum::<f64>();
        Self {
            svg,
            width,
            lifelines,
            lane: (!is_wide).then_some(FIRST + lanes),
            apart: if is_wide {
                (width - FIRST) * LANE / lanes
            } else {
                LANE
            },
            y: 0.0,
        }
    }

    /// The actors' names. In a narrow picture, each step has its actor's initial, and a
    /// line explains the initials.
    fn names(&mut self, lang: Lang) {
        if self.lane.is_some() {
            let key = words::initials(&self.lifelines, lang);
            self.svg.text(0.0, 14.0, Anchor::Start, "quiet", &key);
            self.y = 24.0;
        } else {
            for (actor, x) in self.places().collect::<Vec<_>>() {
                let name = words::actor(actor, lang);
                self.svg.text(x - 8.0, 14.0, Anchor::Start, "strong", &name);
            }
            self.y = 24.0;
        }
    }

    fn step(&mut self, steps: &[Step], actor: Actor, text: &str, class: &str) {
        let text = format!("{text}{}", times(steps));
        let middle = self.y + ROW / 2.0;
        if let Some(first) = steps.first() {
            let number = first.number.to_string();
            let x = FIRST - 14.0;
            self.svg
                .text(x, middle + 4.0, Anchor::End, "quiet", &number);
        }
        let lifeline = self.places().find(|(lifeline, _)| *lifeline == actor);
        match (lifeline, self.lane) {
            (Some((_, x)), None) => {
                self.dot(actor, (x, middle), class);
                self.svg
                    .text(x + 11.0, middle + 4.0, Anchor::Start, class, &text);
                self.y += ROW;
            }
            (Some((_, x)), Some(lane)) => {
                self.dot(actor, (x, middle), class);
                self.lines(lane, class, &text);
            }
            (None, _) => self.lines(FIRST + 11.0, "aside", &text),
        }
    }

    /// The mark of a step. In a narrow picture it has its actor's initial.
    fn dot(&mut self, actor: Actor, (x, y): (f64, f64), class: &str) {
        let class = if class.is_empty() { "accent" } else { class };
        if self.lane.is_some() {
            self.svg.circle((x, y), 9.0, class);
            let initial = words::initial(actor);
            self.svg
                .text(x, y + 4.5, Anchor::Middle, "on-accent", &initial);
        } else {
            self.svg.circle((x, y), 5.0, class);
        }
    }

    /// A text of any length, from `x` to the right edge.
    fn lines(&mut self, x: f64, class: &str, text: &str) {
        for line in wrap(text, self.width - x - 4.0) {
            self.svg.text(x, self.y + 16.0, Anchor::Start, class, &line);
            self.y += ROW;
        }
    }

    /// A text of any length, on a band across the lifelines.
    fn note(&mut self, class: &str, text: &str) {
        let x = self.lane.map_or(FIRST - 8.0, |_| 0.0);
        let room = self.width - x - 16.0;
        let lines = wrap(text, if class == "bad" { room / 1.14 } else { room });
        let tall = lines.iter().map(|_| ROW).sum();
        let band = if class == "bad" { "bad-band" } else { "ground" };
        self.svg
            .rect((x, self.y), (self.width - x, tall), 4.0, band);
        for line in lines {
            self.svg
                .text(x + 8.0, self.y + 16.0, Anchor::Start, class, &line);
            self.y += ROW;
        }
    }

    fn end(self) -> Svg {
        let mut below = Svg::new("", "", self.width);
        for (_, x) in self.places() {
            below.line((x, 22.0), (x, self.y + 4.0), "rule");
        }
        let (mut svg, y) = (self.svg, self.y);
        svg.append_below(&below);
        svg.reach(y + 8.0);
        svg
    }
}
