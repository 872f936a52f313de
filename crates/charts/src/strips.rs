//! Small charts below each other, on one time axis.

use crate::axis::{Axis, Scale};
use crate::labels::lanes;
use crate::svg::{Anchor, Svg, text_width};

/// The height of a row's chart, and of the bracket below it.
const CHART: f64 = 28.0;
const BRACKET: f64 = 18.0;
const BETWEEN: f64 = 12.0;
/// The height of a lane of labels above the rows.
const LANE: f64 = 14.0;

/// A row: a share between 0 and 1 over time.
#[derive(Clone, PartialEq, Debug)]
pub struct Strip {
    name: String,
    values: Vec<(f64, f64)>,
    band: Vec<(f64, f64, f64)>,
    brackets: Vec<(f64, f64)>,
    spans: Vec<(f64, f64)>,
}

impl Strip {
    /// A row. Values below 0 are drawn as 0, values above 1 as 1. A point without a place
    /// on the axis is left out.
    pub fn new(name: impl Into<String>, values: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self {
            name: name.into(),
            values: values.into_iter().collect(),
            band: Vec::new(),
            brackets: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Adds a thick line below the row: from, to. It is cut off at the ends of the axis.
    #[must_use]
    pub fn span(mut self, from: f64, to: f64) -> Self {
        self.spans.push((from, to));
        self
    }

    /// Adds a band: x, lower, upper.
    #[must_use]
    pub fn band(mut self, band: impl IntoIterator<Item = (f64, f64, f64)>) -> Self {
        self.band = band.into_iter().collect();
        self
    }

    /// Adds a bracket below the line: from, to. An end beyond the axis is cut off and drawn
    /// open.
    #[must_use]
    pub fn bracket(mut self, from: f64, to: f64) -> Self {
        self.brackets.push((from, to));
        self
    }
}

/// A chart of rows.
#[derive(Clone, PartialEq, Debug)]
pub struct Strips {
    title: String,
    description: String,
    axis: Axis,
    rows: Vec<Strip>,
    shades: Vec<(f64, f64, String)>,
    legend: Option<(String, String)>,
    marks: Vec<(f64, String)>,
}

impl Strips {
    /// A chart without rows.
    pub fn new(title: impl Into<String>, axis: Axis) -> Self {
        Self {
            title: title.into(),
            description: String::new(),
            axis,
            rows: Vec::new(),
            shades: Vec::new(),
            legend: None,
            marks: Vec::new(),
        }
    }

    /// Adds a vertical line across all rows, with a letter or a number on top.
    #[must_use]
    pub fn mark(mut self, x: f64, label: impl Into<String>) -> Self {
        self.marks.push((x, label.into()));
        self
    }

    /// The text alternative of the chart, for screen readers.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Adds a row.
    #[must_use]
    pub fn row(mut self, row: Strip) -> Self {
        self.rows.push(row);
        self
    }

    /// Adds a shaded span of time across all rows, with its label.
    #[must_use]
    pub fn shade(mut self, from: f64, to: f64, label: impl Into<String>) -> Self {
        self.shades.push((from, to, label.into()));
        self
    }

    /// Sets the legend: the text for areas and thick lines, and the text for brackets.
    #[must_use]
    pub fn legend(mut self, area: impl Into<String>, bracket: impl Into<String>) -> Self {
        self.legend = Some((area.into(), bracket.into()));
        self
    }

    /// Draws it at this width. Names are beside the rows if there is room, above them if
    /// not.
    pub fn draw(&self, width: f64) -> Svg {
        let mut svg = Svg::new(&self.title, &self.description, width);
        let names = self.rows.iter().map(|row| text_width(&row.name));
        let widest = names.fold(0.0, f64::max) + 12.0;
        let beside = width >= 560.0;
        let left = if beside { widest } else { 4.0 };
        let xs = self.rows.iter().flat_map(|row| &row.values);
        let scale = self.axis.scale(xs.map(|(x, _)| *x), (left, width - 14.0));
        let name = if beside { 0.0 } else { 18.0 };
        let marks = self.place_marks(&scale);
        let lanes = marks.iter().map(|mark| mark.lane + 1.0).fold(0.0, f64::max);
        let shade = if self.shades.is_empty() { 4.0 } else { 20.0 };
        let first = self.draw_legend(&mut svg, width) + shade + LANE * lanes;
        let rows = u32::try_from(self.rows.len()).map_or(0.0, f64::from);
        let bottom = first + rows * (name + CHART + BRACKET + BETWEEN);
        self.background(&mut svg, &scale, first, bottom);
        for (from, _, label) in &self.shades {
            let y = first - 8.0 - LANE * lanes;
            svg.text(scale.at(*from), y, Anchor::Start, "quiet", label);
        }
        for Placed { at, lane, label } in marks {
            let y = first - 6.0 - LANE * lane;
            svg.line((at, y + 3.0), (at, bottom), "mark");
            svg.text(at, y, Anchor::Middle, "strong small halo", label);
        }
        let mut y = first;
        for row in &self.rows {
            if beside {
                svg.text(left - 10.0, y + CHART - 8.0, Anchor::End, "", &row.name);
            } else {
                svg.text(left, y + 13.0, Anchor::Start, "strong halo", &row.name);
            }
            y += name;
            draw_row(&mut svg, &scale, row, y);
            y += CHART + BRACKET + BETWEEN;
        }
        svg
    }

    /// The marks that are on the axis.
    fn place_marks(&self, scale: &Scale) -> Vec<Placed<'_>> {
        let marks = self.marks.iter().filter(|(x, _)| scale.spans(*x));
        let marks: Vec<_> = marks
            .map(|(x, label)| (scale.at(*x), label.as_str()))
            .collect();
        let span = |(at, label): &(f64, &str)| {
            let half = text_width(label) / 2.0;
            (at - half, at + half)
        };
        let lanes = lanes(&marks.iter().map(span).collect::<Vec<_>>(), 3.0);
        let placed = marks.into_iter().zip(lanes);
        let placed = placed.map(|((at, label), lane)| Placed {
            at,
            label,
            lane: u32::try_from(lane).map_or(0.0, f64::from),
        });
        placed.collect()
    }

    /// Returns the height.
    fn draw_legend(&self, svg: &mut Svg, width: f64) -> f64 {
        let Some((area, mark)) = &self.legend else {
            return 0.0;
        };
        svg.rect((0.0, 18.0), (26.0, 4.0), 0.0, "fill s0");
        svg.rect((0.0, 4.0), (26.0, 11.0), 0.0, "band s0");
        svg.polyline(&[(0.0, 4.0), (26.0, 4.0)], "line s0");
        svg.text(32.0, 16.0, Anchor::Start, "", area);
        let beside = 32.0 + text_width(area) + 24.0;
        let fits = beside + 40.0 + text_width(mark) < width;
        let (x, y) = if fits { (beside, 12.0) } else { (0.0, 36.0) };
        bracket(svg, (x, x + 26.0), y, [true; 2]);
        svg.text(x + 32.0, y + 4.0, Anchor::Start, "", mark);
        y + 20.0
    }

    /// Draws the shaded spans, and the axis with its hours.
    fn background(&self, svg: &mut Svg, scale: &Scale, top: f64, bottom: f64) {
        for (from, to, _) in &self.shades {
            let (from, to) = (scale.at(*from), scale.at(*to));
            svg.rect(
                (from, top - 2.0),
                (to - from, bottom - top),
                0.0,
                "bad-band",
            );
        }
        let (left, right) = scale.pixels();
        let about = if right - left > 400.0 { 9 } else { 5 };
        for (value, text) in scale.ticks(about) {
            let at = scale.at(value);
            svg.line((at, top), (at, bottom), "rule");
            let half = text_width(&text) / 2.0;
            let at = at.clamp(left - 4.0 + half, right + 14.0 - half);
            svg.text(at, bottom + 16.0, Anchor::Middle, "quiet", &text);
        }
        svg.text(
            right,
            bottom + 34.0,
            Anchor::End,
            "strong",
            &self.axis.title,
        );
        svg.reach(
            bottom
                + if self.axis.title.is_empty() {
                    24.0
                } else {
                    42.0
                },
        );
    }
}

/// A mark with its pixel and its lane; lane 0 is the lowest.
struct Placed<'a> {
    at: f64,
    label: &'a str,
    lane: f64,
}

/// Draws one row. `top` is the top of its chart.
fn draw_row(svg: &mut Svg, scale: &Scale, row: &Strip, top: f64) {
    let base = top + CHART;
    let height = |share: f64| base - CHART * share.clamp(0.0, 1.0);
    let place = |(x, share): &(f64, f64)| {
        (scale.spans(*x) && share.is_finite()).then(|| (scale.at(*x), height(*share)))
    };
    let (left, right) = scale.pixels();
    svg.line((left, base), (right, base), "axis");
    let upper: Vec<_> = row.band.iter().map(|(x, _, high)| (*x, *high)).collect();
    let lower: Vec<_> = row
        .band
        .iter()
        .rev()
        .map(|(x, low, _)| (*x, *low))
        .collect();
    let around: Vec<_> = [upper, lower].concat().iter().filter_map(place).collect();
    if around.len() > 2 {
        svg.polygon(&around, "band s1");
    }
    let line: Vec<_> = row.values.iter().filter_map(place).collect();
    if let (Some((first, _)), Some((last, _))) = (line.first(), line.last()) {
        let area = [&[(*first, base)], line.as_slice(), &[(*last, base)]].concat();
        svg.polygon(&area, "band s0");
        svg.polyline(&line, "line s0");
    }
    let (low, high) = scale.ends();
    for (from, to) in &row.spans {
        let (from, to) = (scale.at(from.max(low)), scale.at(to.min(high)));
        svg.rect((from, base + 4.0), (to - from, 4.0), 0.0, "fill s0");
    }
    for (from, to) in &row.brackets {
        let ends = [*from, *to].map(|x| scale.spans(x));
        let (from, to) = (scale.at(from.max(low)), scale.at(to.min(high)));
        bracket(svg, (from, to), base + 14.0, ends);
    }
}

/// Draws `├──┤`, without an end that is beyond the axis.
fn bracket(svg: &mut Svg, (from, to): (f64, f64), y: f64, ends: [bool; 2]) {
    svg.line((from, y), (to, y), "whisker");
    for (end, is_there) in [from, to].into_iter().zip(ends) {
        if is_there {
            svg.line((end, y - 4.0), (end, y + 4.0), "whisker");
        }
    }
}
