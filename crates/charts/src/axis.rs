//! Axes: the place of each value, and the values that are written beside the axis.

/// An axis, with its title. It spans the data, unless [`Axis::from_to`] says more.
#[derive(Clone, PartialEq, Debug)]
pub struct Axis {
    pub(crate) title: String,
    kind: Kind,
    least: Option<(f64, f64)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Linear,
    Log,
    Clock,
}

impl Axis {
    /// A linear axis. The title names the unit.
    pub fn linear(title: impl Into<String>) -> Self {
        Self::new(title, Kind::Linear)
    }

    /// A logarithmic axis. A value that is not above zero has no place on it.
    pub fn log(title: impl Into<String>) -> Self {
        Self::new(title, Kind::Log)
    }

    /// Values are minutes since a midnight, written as `06:48`.
    pub fn clock(title: impl Into<String>) -> Self {
        Self::new(title, Kind::Clock)
    }

    fn new(title: impl Into<String>, kind: Kind) -> Self {
        let title = title.into();
        Self {
            title,
            kind,
            least: None,
        }
    }

    /// Makes the axis span at least this range, for any data.
    #[must_use]
    pub fn from_to(mut self, from: f64, to: f64) -> Self {
        self.least = Some((from, to));
        self
    }

    /// Whether the value has a place on this axis: it is not NaN, and small enough for the
    /// arithmetic of the axis.
    pub(crate) fn has(&self, value: f64) -> bool {
        match self.kind {
            Kind::Linear => value.abs() < 1e200,
            Kind::Log => value > 1e-200 && value < 1e200,
            Kind::Clock => value.abs() < 1e9,
        }
    }

    /// The axis over these values, from pixel to pixel.
    pub(crate) fn scale(&self, values: impl Iterator<Item = f64>, pixels: (f64, f64)) -> Scale {
        let least = self.least.into_iter().flat_map(|(from, to)| [from, to]);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.chain(least).filter(|value| self.has(*value)) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (1.0, 10.0);
        }
        let (low, high) = self.widen(low, high);
        let kind = self.kind;
        Scale {
            kind,
            low,
            high,
            pixels,
        }
    }

    /// Extends the range to the next round values, except for a clock.
    fn widen(&self, low: f64, high: f64) -> (f64, f64) {
        match self.kind {
            Kind::Clock if low + 1.0 <= high => (low, high),
            Kind::Clock => (low, low + 60.0),
            Kind::Linear => {
                let low = if low > 0.0 && low < 0.6 * high {
                    0.0
                } else {
                    low
                };
                let span = (high - low).max(low.abs() * 1e-3);
                let step = if span > 1e-200 {
                    nice_step(span, 5)
                } else {
                    1.0
                };
                let ends = ((low / step).floor() * step, (high / step).ceil() * step);
                if ends.0 < ends.1 {
                    ends
                } else {
                    (low, low + step)
                }
            }
            Kind::Log => {
                let (low, high) = (round_down(low), round_up(high));
                if low < high {
                    (low, high)
                } else {
                    (low, low * 10.0)
                }
            }
        }
    }
}

/// An axis with its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    kind: Kind,
    low: f64,
    high: f64,
    pixels: (f64, f64),
}

impl Scale {
    /// The pixel of a value.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let part = match self.kind {
            Kind::Log => (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
            Kind::Linear | Kind::Clock => (value - self.low) / (self.high - self.low),
        };
        self.pixels.0 + part * (self.pixels.1 - self.pixels.0)
    }

    /// Whether the value is within the axis.
    pub(crate) fn spans(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The lowest value and the highest.
    pub(crate) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The pixels of the lower and the upper end.
    pub(crate) fn pixels(&self) -> (f64, f64) {
        self.pixels
    }

    /// The values to write, each with its text; about as many as requested.
    pub(crate) fn ticks(&self, about: usize) -> Vec<(f64, String)> {
        match self.kind {
            Kind::Linear => self.every(nice_step(self.high - self.low, about), number),
            Kind::Clock => self.every(clock_step(self.high - self.low, about), clock),
            Kind::Log => self.log_ticks(about),
        }
    }

    /// Multiples of the step. The number of steps is bounded by how it was chosen.
    fn every(&self, step: f64, write: impl Fn(f64) -> String) -> Vec<(f64, String)> {
        let first = (self.low / step - 1e-9).ceil();
        let values = (0..100).map(|n| (first + f64::from(n)) * step);
        let values = values.take_while(|value| *value <= self.high + step * 1e-9);
        values.map(|value| (value, write(value))).collect()
    }

    /// Powers of ten. A short axis also has twice and five times each power. A long axis
    /// leaves some powers out.
    fn log_ticks(&self, about: usize) -> Vec<(f64, String)> {
        let (from, to) = (exponent(self.low), exponent(self.high));
        let decades = usize::try_from(to - from).unwrap_or(1).max(1);
        let factors: &[f64] = if 3 * decades <= about {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let skip = decades.div_ceil(about.max(1));
        let powers = (from..=to)
            .step_by(skip)
            .map(|exponent| 10f64.powi(exponent));
        let values = powers.flat_map(|power| factors.iter().map(move |factor| factor * power));
        let within = |value: &f64| *value >= self.low * 0.999 && *value <= self.high * 1.001;
        let values = values.filter(within);
        values.map(|value| (value, number(value))).collect()
    }
}

/// The largest power of ten that is not above the value.
fn exponent(value: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an f64 has exponents to 308"
    )]
    let exponent = (value.log10() + 1e-9).floor() as i32;
    exponent
}

/// The largest 1, 2 or 5 times a power of ten that is not above the value.
fn round_down(value: f64) -> f64 {
    let power = 10f64.powi(exponent(value));
    let factors = [5.0, 2.0, 1.0].map(|factor| factor * power);
    let below = |factor: &f64| *factor <= value * 1.000_001;
    factors.into_iter().find(below).unwrap_or(power)
}

/// The smallest such value that is not below the value.
fn round_up(value: f64) -> f64 {
    let power = 10f64.powi(exponent(value));
    let factors = [1.0, 2.0, 5.0].map(|factor| factor * power);
    let above = |factor: &f64| *factor >= value * 0.999_999;
    factors.into_iter().find(above).unwrap_or(10.0 * power)
}

/// A step of 1, 2, 5 times a power of ten.
fn nice_step(span: f64, about: usize) -> f64 {
    let about = u32::try_from(about.max(1)).map_or(10.0, f64::from);
    round_up(span / about)
}

/// A step that clocks have, in minutes.
fn clock_step(span: f64, about: usize) -> f64 {
    let about = u32::try_from(about.max(1)).map_or(10.0, f64::from);
    let steps = [1.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 360.0, 720.0];
    let fits = |step: &f64| span / step <= about;
    let days = (span / about / 1440.0).ceil() * 1440.0;
    steps.into_iter().find(fits).unwrap_or(days)
}

/// `06:48`, with the day if it is another day. The end of the day is `24:00`.
pub(crate) fn clock(minutes: f64) -> String {
    let (day, minutes) = ((minutes / 1440.0).floor(), minutes.rem_euclid(1440.0));
    if (day, minutes) == (1.0, 0.0) {
        return "24:00".into();
    }
    let (hour, minute) = ((minutes / 60.0).floor(), (minutes % 60.0).floor());
    match day {
        0.0 => format!("{hour:02}:{minute:02}"),
        _ => format!("{hour:02}:{minute:02} {day:+}d"),
    }
}

/// A number in a few characters, with a minus as wide as a plus: `250`, `1,000`, `20k`, `5M`, `0.05`, `1e-6`.
pub(crate) fn number(value: f64) -> String {
    if value < 0.0 {
        return format!("−{}", number(-value));
    }
    let size = value;
    if size != 0.0 && !(1e-3..1e13).contains(&size) {
        return format!("{value:.0e}");
    }
    let suffixed = [(1e9, "G"), (1e6, "M"), (1e4, "k")];
    if let Some((from, suffix)) = suffixed
        .into_iter()
        .find(|(from, _)| size >= *from * 0.999_999)
    {
        let unit = if suffix == "k" { 1e3 } else { from };
        return format!("{}{suffix}", short(value / unit));
    }
    if size >= 1000.0 && value.fract() == 0.0 {
        let thousands = (value / 1000.0).trunc();
        return format!("{thousands},{:03}", size % 1000.0);
    }
    short(value)
}

/// With as few decimals as needed, at most four.
fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(axis: &Axis, values: &[f64], about: usize) -> Vec<String> {
        let scale = axis.scale(values.iter().copied(), (0.0, 100.0));
        scale
            .ticks(about)
            .into_iter()
            .map(|(_, text)| text)
            .collect()
    }

    #[test]
    fn ticks_are_round_and_short() {
        let linear = Axis::linear("");
        assert_eq!(
            written(&linear, &[3.0, 97.0], 5),
            ["0", "20", "40", "60", "80", "100"]
        );
        assert_eq!(written(&linear, &[0.0, 42_000.0], 4), ["0", "20k", "40k"]);
        assert_eq!(
            written(&linear, &[-1.0, 1.0], 4),
            ["−1", "−0.5", "0", "0.5", "1"]
        );
        let log = Axis::log("");
        assert_eq!(
            written(&log, &[1.0, 1e5], 8),
            ["1", "10", "100", "1,000", "10k", "100k"]
        );
        assert_eq!(written(&log, &[8.0, 30.0], 6), ["5", "10", "20", "50"]);
        let clock = Axis::clock("");
        assert_eq!(
            written(&clock, &[400.0, 760.0], 4),
            ["08:00", "10:00", "12:00"]
        );
        assert_eq!(
            written(&clock, &[1380.0, 1500.0], 4),
            ["23:00", "23:30", "24:00", "00:30 +1d", "01:00 +1d"]
        );
    }

    proptest! {
        #[test]
        fn whatever_the_values_ticks_are_few_and_within(
            values in prop::collection::vec(any::<f64>(), 0..6),
            about in 1usize..12,
        ) {
            for axis in [Axis::linear(""), Axis::log(""), Axis::clock("")] {
                let scale = axis.scale(values.iter().copied(), (0.0, 100.0));
                let ticks = scale.ticks(about);
                prop_assert!(ticks.len() <= 4 * about + 4, "{} ticks", ticks.len());
            }
        }

        #[test]
        fn each_value_of_ordinary_size_has_its_place(
            values in prop::collection::vec(-1e12..1e12f64, 1..6),
        ) {
            for axis in [Axis::linear(""), Axis::log(""), Axis::clock("")] {
                let scale = axis.scale(values.iter().copied(), (0.0, 100.0));
                for value in values.iter().filter(|value| axis.has(**value)) {
                    prop_assert!((-0.01..=100.01).contains(&scale.at(*value)));
                }
            }
        }
    }
}
