//! Series over an axis.

use crate::axis::{Axis, Scale};
use crate::labels::{lanes, spread};
use crate::svg::{Anchor, Svg, bold_width, text_width};
use crate::theme::SERIES;

/// The distance between base lines of labels.
const LINE: f64 = 16.0;
/// A series of more points than this is drawn as a line only.
const POINTS: usize = 24;

/// A named series of points, from left to right.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    name: String,
    points: Vec<(f64, f64)>,
    band: Vec<(f64, f64, f64)>,
}

impl Series {
    /// A series. A point without a place on the axes is left out, such as one that is not
    /// finite.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points: points.into_iter().collect(),
            band: Vec::new(),
        }
    }

    /// With a band between two curves: x, lower, upper.
    #[must_use]
    pub fn band(mut self, band: impl IntoIterator<Item = (f64, f64, f64)>) -> Self {
        self.band = band.into_iter().collect();
        self
    }
}

/// A vertical line with a label.
#[derive(Clone, PartialEq, Debug)]
pub struct Mark {
    /// Its place on the axis.
    pub x: f64,
    /// Its text, in a few words.
    pub label: String,
}

impl Mark {
    /// A mark.
    pub fn new(x: f64, label: impl Into<String>) -> Self {
        let label = label.into();
        Self { x, label }
    }
}

/// A chart of lines.
#[derive(Clone, PartialEq, Debug)]
pub struct Lines {
    title: String,
    description: String,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
    marks: Vec<Mark>,
}

impl Lines {
    /// A chart without series.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            title: title.into(),
            description: String::new(),
            x,
            y,
            series: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// The text alternative of the chart, for screen readers.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Adds a series.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Adds a mark, unless it has no place on the axis.
    #[must_use]
    pub fn mark(mut self, mark: Mark) -> Self {
        self.marks.extend(self.x.has(mark.x).then_some(mark));
        self
    }

    /// Draws it at this width.
    pub fn draw(&self, width: f64) -> Svg {
        let mut svg = Svg::new(&self.title, &self.description, width);
        let labels = self.series.iter().map(|series| bold_width(&series.name));
        let widest = labels.fold(0.0, f64::max);
        let beside = self.series.len() > 1 && widest < 0.24 * width;
        let legend = if beside || self.series.len() < 2 {
            0.0
        } else {
            self.legend(&mut svg, width)
        };
        let frame = self.frame(width, legend, if beside { widest + 24.0 } else { 22.0 });
        self.axes(&mut svg, &frame);
        self.draw_marks(&mut svg, &frame);
        for (at, series) in self.series.iter().enumerate() {
            draw_series(&mut svg, &frame, at, series);
        }
        if beside {
            self.names(&mut svg, &frame);
        }
        svg
    }

    /// Names above the chart, if they do not fit beside it. Returns the height.
    fn legend(&self, svg: &mut Svg, width: f64) -> f64 {
        let (mut x, mut y) = (0.0, 8.0);
        for (at, series) in self.series.iter().enumerate() {
            let wide = 40.0 + text_width(&series.name);
            if x > 0.0 && x + wide > width {
                (x, y) = (0.0, y + LINE + 4.0);
            }
            svg.line((x, y), (x + 28.0, y), &format!("line s{}", at % SERIES));
            point(svg, at, (x + 14.0, y));
            svg.text(x + 34.0, y + 4.0, Anchor::Start, "", &series.name);
            x += wide + 14.0;
        }
        y + LINE + 2.0
    }

    /// The place of the plot.
    fn frame(&self, width: f64, top: f64, right: f64) -> Frame {
        let of_y = |series: &Series| -> Vec<f64> {
            let band = series.band.iter().flat_map(|(_, low, high)| [*low, *high]);
            series.points.iter().map(|(_, y)| *y).chain(band).collect()
        };
        let of_x = |series: &Series| -> Vec<f64> {
            let band = series.band.iter().map(|(x, _, _)| *x);
            series.points.iter().map(|(x, _)| *x).chain(band).collect()
        };
        let y = |pixels| self.y.scale(self.series.iter().flat_map(of_y), pixels);
        let written = y((1.0, 0.0)).ticks(6);
        let widths = written.iter().map(|(_, text)| text_width(text));
        let left = widths.fold(20.0, f64::max) + 12.0;
        let marks = self.marks.iter().map(|mark| mark.x);
        let xs = self.series.iter().flat_map(of_x).chain(marks);
        let x = self.x.scale(xs, (left, width - right));
        let spans: Vec<_> = self.marks.iter().map(|mark| span(&x, mark)).collect();
        let lanes = lanes(&spans, 8.0);
        let marks = lanes.iter().max().map_or(0, |lane| lane + 1);
        let title = if self.y.title.is_empty() { 8.0 } else { 30.0 };
        let top = top + title + LINE * count(marks);
        let height = (0.42 * width).clamp(190.0, 340.0);
        let y = y((top + height, top));
        Frame { x, y, lanes }
    }

    fn axes(&self, svg: &mut Svg, frame: &Frame) {
        let (x, y) = (&frame.x, &frame.y);
        let ((left, right), (bottom, top)) = (x.pixels(), y.pixels());
        for (value, text) in y.ticks(6) {
            let at = y.at(value);
            svg.line((left, at), (right, at), "rule");
            svg.text(left - 6.0, at + 4.0, Anchor::End, "quiet", &text);
        }
        let about = if right - left > 400.0 { 8 } else { 4 };
        let mut free = f64::NEG_INFINITY;
        for (value, text) in x.ticks(about) {
            let (at, half) = (x.at(value), text_width(&text) / 2.0);
            svg.line((at, bottom), (at, bottom + 4.0), "axis");
            if at - half > free {
                svg.text(at, bottom + 18.0, Anchor::Middle, "quiet", &text);
                free = at + half + 6.0;
            }
        }
        svg.line((left, bottom), (right, bottom), "axis");
        let marks = LINE * count(frame.lanes.iter().max().map_or(0, |lane| lane + 1));
        svg.text(
            2.0,
            top - marks - 14.0,
            Anchor::Start,
            "strong",
            &self.y.title,
        );
        svg.text(right, bottom + 36.0, Anchor::End, "strong", &self.x.title);
        svg.reach(bottom + if self.x.title.is_empty() { 26.0 } else { 44.0 });
    }

    /// Labels above the plot, on several lanes if they would touch.
    fn draw_marks(&self, svg: &mut Svg, frame: &Frame) {
        let (bottom, top) = frame.y.pixels();
        for (mark, lane) in self.marks.iter().zip(&frame.lanes) {
            let at = frame.x.at(mark.x);
            let y = top - 9.0 - LINE * count(*lane);
            svg.line((at, bottom), (at, y + 3.0), "mark");
            let (from, _) = span(&frame.x, mark);
            svg.text(from, y, Anchor::Start, "quiet halo", &mark.label);
        }
    }

    /// Names at the ends of the lines.
    fn names(&self, svg: &mut Svg, frame: &Frame) {
        let (bottom, top) = frame.y.pixels();
        let (_, right) = frame.x.pixels();
        let end = |series: &Series| {
            let last = placed(frame, &series.points).last().copied();
            last.map_or(bottom, |(_, y)| y)
        };
        let ends: Vec<_> = self.series.iter().map(end).collect();
        let places = spread(&ends, LINE, top, bottom);
        for (at, (series, y)) in self.series.iter().zip(places).enumerate() {
            let x = right + 14.0;
            let class = format!("strong fill s{}", at % SERIES);
            svg.styled_text(x, y + 4.0, &class, &series.name);
        }
    }
}

/// The place of a chart's plot.
struct Frame {
    x: Scale,
    y: Scale,
    /// The lane of each mark's label.
    lanes: Vec<usize>,
}

/// The place of a mark's label: centred on the mark, but within the plot.
fn span(x: &Scale, mark: &Mark) -> (f64, f64) {
    let (left, right) = x.pixels();
    let wide = text_width(&mark.label) * 0.95;
    let from = (x.at(mark.x) - wide / 2.0)
        .min(right + 10.0 - wide)
        .max(left - 20.0);
    (from, from + wide)
}

fn count(lanes: usize) -> f64 {
    u32::try_from(lanes).map_or(0.0, f64::from)
}

/// The points that have a place.
fn placed(frame: &Frame, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let has = |(x, y): &&(f64, f64)| frame.x.spans(*x) && frame.y.spans(*y);
    let points = points.iter().filter(has);
    points
        .map(|(x, y)| (frame.x.at(*x), frame.y.at(*y)))
        .collect()
}

fn draw_series(svg: &mut Svg, frame: &Frame, at: usize, series: &Series) {
    let upper: Vec<_> = series.band.iter().map(|(x, _, high)| (*x, *high)).collect();
    let lower: Vec<_> = series
        .band
        .iter()
        .rev()
        .map(|(x, low, _)| (*x, *low))
        .collect();
    let around = [placed(frame, &upper), placed(frame, &lower)].concat();
    let class = at % SERIES;
    if around.len() > 2 {
        svg.polygon(&around, &format!("band s{class}"));
    }
    let points = placed(frame, &series.points);
    svg.polyline(&points, &format!("line s{class}"));
    if points.len() <= POINTS {
        for place in points {
            point(svg, at, place);
        }
    }
}

/// A point in the shape of its series.
fn point(svg: &mut Svg, series: usize, (x, y): (f64, f64)) {
    let class = format!("point s{}", series % SERIES);
    let around = |corners: &[(f64, f64)]| -> Vec<(f64, f64)> {
        corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect()
    };
    match series % SERIES {
        0 => svg.circle((x, y), 4.0, &class),
        1 => svg.rect((x - 3.5, y - 3.5), (7.0, 7.0), 0.0, &class),
        2 => svg.polygon(&around(&[(0.0, -4.8), (4.6, 3.4), (-4.6, 3.4)]), &class),
        3 => svg.polygon(
            &around(&[(0.0, -5.0), (5.0, 0.0), (0.0, 5.0), (-5.0, 0.0)]),
            &class,
        ),
        4 => svg.polygon(&around(&[(0.0, 4.8), (4.6, -3.4), (-4.6, -3.4)]), &class),
        _ => svg.circle((x, y), 2.5, &class),
    }
}
