//! Rows by columns of cells.

use crate::svg::{Anchor, Svg, bold_width, text_width, wrap};

/// The meaning of a cell's colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Not decided.
    Open,
    /// None of these.
    Plain,
}

impl Tone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "cell-good",
            Self::Bad => "cell-bad",
            Self::Open => "cell-open",
            Self::Plain => "cell-plain",
        }
    }
}

/// A cell: a few characters on a colour. The characters alone must also make it clear.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        let text = text.into();
        Self { text, tone }
    }
}

/// A picture of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grid {
    title: String,
    description: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<Cell>)>,
    notes: Vec<String>,
}

/// The width of the columns' names, relative to other text.
const SMALL: f64 = 11.0 / 13.0;
/// The height of a row.
const ROW: f64 = 30.0;
/// Below this width, row names are above their cells. Column names that do not fit become
/// numbers, and a legend explains them.
const NARROW: f64 = 560.0;

impl Grid {
    /// A grid without rows. A column's name may have several lines.
    pub fn new<S: Into<String>>(
        title: impl Into<String>,
        columns: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            title: title.into(),
            description: String::new(),
            columns: columns.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The text alternative of the grid, for screen readers.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Adds a row.
    #[must_use]
    pub fn row(mut self, name: impl Into<String>, cells: impl IntoIterator<Item = Cell>) -> Self {
        self.rows.push((name.into(), cells.into_iter().collect()));
        self
    }

    /// Adds a note below the rows.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Draws it at this width.
    pub fn draw(&self, width: f64) -> Svg {
        let mut svg = Svg::new(&self.title, &self.description, width);
        let narrow = width < NARROW;
        let names = self.rows.iter().map(|(name, _)| text_width(name));
        let left = if narrow {
            0.0
        } else {
            names.fold(0.0, f64::max) + 14.0
        };
        let columns = u32::try_from(self.columns.len().max(1)).map_or(1.0, f64::from);
        let cell = (width - left) / columns;
        let heads = self.heads(cell);
        let mut y = if heads.is_none() {
            self.legend(&mut svg, width)
        } else {
            8.0
        };
        let numbers = (1..).map(|number: u32| vec![number.to_string()]);
        let heads = heads.unwrap_or_else(|| numbers.take(self.columns.len()).collect());
        y = draw_heads(&mut svg, &heads, (left, y), cell);
        for (name, cells) in &self.rows {
            if narrow {
                svg.text(0.0, y + 15.0, Anchor::Start, "", name);
                y += 22.0;
            } else {
                svg.text(0.0, y + 18.0, Anchor::Start, "", name);
            }
            let mut x = left;
            for Cell { text, tone } in cells {
                let class = tone.class();
                svg.rect((x + 1.5, y), (cell - 3.0, ROW - 4.0), 4.0, class);
                let kind = if *tone == Tone::Plain {
                    "cell-plain"
                } else {
                    "cell"
                };
                svg.text(x + cell / 2.0, y + 18.0, Anchor::Middle, kind, text);
                x += cell;
            }
            y += ROW;
        }
        for line in self.notes.iter().flat_map(|note| wrap(note, width * 0.98)) {
            svg.text(0.0, y + 16.0, Anchor::Start, "quiet", &line);
            y += 18.0;
        }
        svg.reach(y + 8.0);
        svg
    }

    /// `1 Monotonic  2 ActiveKept ...`. Returns the height.
    fn legend(&self, svg: &mut Svg, width: f64) -> f64 {
        let (mut x, mut y) = (0.0, 14.0);
        for (number, name) in (1..).zip(&self.columns) {
            let text = format!("{number} {}", name.replace('\n', " "));
            let wide = text_width(&text);
            if x > 0.0 && x + wide > width {
                (x, y) = (0.0, y + 18.0);
            }
            svg.text(x, y, Anchor::Start, "quiet", &text);
            x += wide + 12.0;
        }
        y + 10.0
    }

    /// The columns' names, broken into lines; `None` if some do not fit.
    fn heads(&self, cell: f64) -> Option<Vec<Vec<String>>> {
        let room = (cell - 4.0) / SMALL;
        let heads = self.columns.iter().map(|name| {
            let lines = name.split('\n').flat_map(|line| {
                if bold_width(line) <= room {
                    return vec![line.to_owned()];
                }
                wrap(&apart(line), room * text_width(line) / bold_width(line))
            });
            lines.collect::<Vec<_>>()
        });
        let heads: Vec<_> = heads.collect();
        let fit = heads.iter().flatten().all(|line| bold_width(line) <= room);
        fit.then_some(heads)
    }
}

/// `RollbackKept` as `Rollback Kept`.
fn apart(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c);
    }
    words
}

/// Draws the columns' names. Returns the top of the rows.
fn draw_heads(svg: &mut Svg, heads: &[Vec<String>], (left, top): (f64, f64), cell: f64) -> f64 {
    let most = heads.iter().map(Vec::len).max().unwrap_or(0);
    let bottom = top + 16.0 * u32::try_from(most).map_or(0.0, f64::from);
    let mut x = left + cell / 2.0;
    for lines in heads {
        let mut y = bottom;
        for line in lines.iter().rev() {
            svg.text(x, y - 2.0, Anchor::Middle, "strong small", line);
            y -= 16.0;
        }
        x += cell;
    }
    bottom + 8.0
}
