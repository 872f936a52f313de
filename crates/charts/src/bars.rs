//! Horizontal bars in groups.

use crate::axis::{Axis, Scale, number};
use crate::svg::{Anchor, Svg, text_width, wrap};
use crate::theme::SERIES;

/// The height of a bar and of the gaps between bars and between groups.
const BAR: f64 = 16.0;
const GAP: f64 = 4.0;
const BETWEEN: f64 = 14.0;

/// A bar: a value, and the interval that contains it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bar {
    /// The value at the bar's end.
    pub value: f64,
    /// The interval, drawn as a line over the bar's end unless it is too short to see.
    pub interval: (f64, f64),
}

impl Bar {
    /// A bar without an interval.
    pub fn exactly(value: f64) -> Self {
        Self::within(value, value, value)
    }

    /// A bar with an interval.
    pub fn within(value: f64, low: f64, high: f64) -> Self {
        Self {
            value,
            interval: (low, high),
        }
    }
}

/// Bars that belong together, one for each of the chart's series.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    name: String,
    bars: Vec<Bar>,
}

impl Group {
    /// A group. A bar that has no place on the axis is left out.
    pub fn new(name: impl Into<String>, bars: impl IntoIterator<Item = Bar>) -> Self {
        Self {
            name: name.into(),
            bars: bars.into_iter().collect(),
        }
    }
}

/// A chart of bars.
#[derive(Clone, PartialEq, Debug)]
pub struct Bars {
    title: String,
    description: String,
    axis: Axis,
    series: Vec<String>,
    groups: Vec<Group>,
    marks: Vec<f64>,
}

impl Bars {
    /// A chart without groups. `series` names the bars of each group, in order.
    pub fn new<S: Into<String>>(
        title: impl Into<String>,
        axis: Axis,
        series: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            title: title.into(),
            description: String::new(),
            axis,
            series: series.into_iter().map(Into::into).collect(),
            groups: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Adds a dotted line at this value, such as a limit.
    #[must_use]
    pub fn mark(mut self, value: f64) -> Self {
        self.marks.push(value);
        self
    }

    /// The text alternative of the chart, for screen readers.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Adds a group.
    #[must_use]
    pub fn group(mut self, group: Group) -> Self {
        self.groups.push(group);
        self
    }

    /// Draws it at this width. Group names are beside the bars if there is room, above them
    /// if not.
    pub fn draw(&self, width: f64) -> Svg {
        let mut svg = Svg::new(&self.title, &self.description, width);
        let names = self.groups.iter().map(|group| text_width(&group.name));
        let widest = names.fold(0.0, f64::max) + 12.0;
        let beside = width >= 560.0;
        let left = if beside {
            widest.min(0.32 * width)
        } else {
            18.0
        };
        let room_for_labels = if self.has_negative_bars() { 58.0 } else { 0.0 };
        let scale = self.scale((left + room_for_labels, width - 76.0));
        let mut y = self.legend(&mut svg, width);
        let (top, mut body) = (y, Svg::new("", "", width));
        for group in &self.groups {
            y = self.draw_group(&mut body, &scale, group, beside.then_some(left), y);
        }
        self.axis(&mut svg, &scale, top, y);
        svg.append(&body);
        svg
    }

    fn has_negative_bars(&self) -> bool {
        let mut bars = self.groups.iter().flat_map(|group| &group.bars);
        bars.any(|bar| bar.value < 0.0)
    }

    fn scale(&self, pixels: (f64, f64)) -> Scale {
        let bars = self.groups.iter().flat_map(|group| &group.bars);
        let values = bars.flat_map(|bar| [bar.value, bar.interval.0, bar.interval.1]);
        let marks = self.marks.iter().copied();
        self.axis.scale(values.chain(marks).chain([0.0]), pixels)
    }

    /// Names of the series above the chart, if there are several. Returns the height.
    fn legend(&self, svg: &mut Svg, width: f64) -> f64 {
        if self.series.len() < 2 {
            return 4.0;
        }
        let (mut x, mut y) = (0.0, 4.0);
        for (at, name) in self.series.iter().enumerate() {
            let wide = 22.0 + text_width(name);
            if x > 0.0 && x + wide > width {
                (x, y) = (0.0, y + 20.0);
            }
            bar(svg, at, (x, y), (14.0, 14.0));
            svg.text(x + 20.0, y + 12.0, Anchor::Start, "", name);
            x += wide + 16.0;
        }
        y + 30.0
    }

    fn axis(&self, svg: &mut Svg, scale: &Scale, top: f64, bottom: f64) {
        let (left, right) = scale.pixels();
        let about = if right - left > 400.0 { 6 } else { 4 };
        for (value, text) in scale.ticks(about) {
            let at = scale.at(value);
            svg.line((at, top), (at, bottom), "rule");
            svg.text(at, bottom + 16.0, Anchor::Middle, "quiet", &text);
        }
        for value in self.marks.iter().filter(|value| scale.spans(**value)) {
            let at = scale.at(*value);
            svg.line((at, top), (at, bottom), "mark");
        }
        let zero = scale.at(0.0);
        svg.line((zero, top), (zero, bottom), "axis");
        svg.text(
            right,
            bottom + 34.0,
            Anchor::End,
            "strong",
            &self.axis.title,
        );
        svg.reach(bottom + 42.0);
    }

    /// Draws a group. Returns the top of the next one.
    fn draw_group(
        &self,
        svg: &mut Svg,
        scale: &Scale,
        group: &Group,
        beside: Option<f64>,
        top: f64,
    ) -> f64 {
        let bars = u32::try_from(group.bars.len()).map_or(0.0, f64::from);
        let height = bars * (BAR + GAP) - GAP;
        let room = beside.map_or(scale.pixels().1 / 1.14, |left| left - 12.0);
        let lines = wrap(&group.name, room);
        let tall = u32::try_from(lines.len()).map_or(0.0, f64::from) * 16.0;
        let (text_top, mut y) = match beside {
            Some(_) => (top + ((height - tall) / 2.0).max(0.0), top),
            None => (top, top + tall + 4.0),
        };
        let mut base = text_top + 12.0;
        for line in lines {
            match beside {
                Some(left) => svg.text(left - 10.0, base, Anchor::End, "", &line),
                None => svg.text(0.0, base, Anchor::Start, "strong halo", &line),
            }
            base += 16.0;
        }
        for (at, bar) in group.bars.iter().enumerate() {
            if self.axis.has(bar.value) {
                draw_bar(svg, scale, at, bar, y);
            }
            y += BAR + GAP;
        }
        y.max(text_top + tall) + BETWEEN
    }
}

fn draw_bar(svg: &mut Svg, scale: &Scale, series: usize, with: &Bar, y: f64) {
    let (zero, end) = (scale.at(0.0), scale.at(with.value));
    let (from, wide) = (zero.min(end), (end - zero).abs().max(1.5));
    bar(svg, series, (from, y), (wide, BAR));
    let (low, high) = (scale.at(with.interval.0), scale.at(with.interval.1));
    let middle = y + BAR / 2.0;
    if high - low > 0.5 {
        svg.line((low, middle), (high, middle), "whisker");
        for end in [low, high] {
            svg.line((end, middle - 4.0), (end, middle + 4.0), "whisker");
        }
    }
    // The label is beyond the bar's end, on the bar's side of zero.
    let (x, anchor) = if with.value < 0.0 {
        (low.min(end) - 6.0, Anchor::End)
    } else {
        (high.max(end) + 6.0, Anchor::Start)
    };
    svg.text(x, y + 12.0, anchor, "quiet halo", &value(with.value));
}

/// A bar in the style of its series. Bars of odd series are also outlined, so neighbours
/// differ without colour.
fn bar(svg: &mut Svg, series: usize, at: (f64, f64), size: (f64, f64)) {
    let colour = series % SERIES;
    if series.is_multiple_of(2) {
        svg.rect(at, size, 2.0, &format!("fill s{colour}"));
    } else {
        svg.rect(at, size, 2.0, &format!("hollow s{colour}"));
    }
}

/// The label of a bar: a whole number from 10 on, one decimal below.
fn value(value: f64) -> String {
    let places = if value.abs() >= 10.0 { 1.0 } else { 10.0 };
    let rounded = (value * places).round() / places;
    // Never `-0`.
    number(rounded + 0.0)
}
