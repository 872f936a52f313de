//! Charts as SVG, in light and in dark, for wide screens and for phones, with text
//! alternatives for screen readers. Series differ without their colours, too.
//!
//! - [`Lines`]: series over a linear, logarithmic or clock axis, with bands, points
//!   and vertical marks.
//! - [`Bars`]: groups of horizontal bars, each with an interval.
//! - [`Strips`]: one small chart per row on a common time axis.
//! - [`Grid`]: rows by columns of cells that say *good*, *bad* or neither.
//!
//! Drawing a chart at a width gives an [`Svg`]: a file of its own ([`Svg::standalone`])
//! or a part of a page ([`Svg::inline`]). A picture and its text scale with the space
//! they get. A page for wide screens and phones therefore draws each chart twice, once
//! about as wide as a phone. Heights follow from the content. All lengths are in pixels.
//!
//! ```
//! use charts::{Axis, Lines, Series};
//!
//! let svg = Lines::new("Cost of a read", Axis::log("endpoints"), Axis::log("ns per read"))
//!     .series(Series::new("ours", [(1.0, 12.0), (100.0, 14.0), (10_000.0, 21.0)]))
//!     .series(Series::new("a lock", [(1.0, 18.0), (100.0, 25.0), (10_000.0, 90.0)]))
//!     .draw(640.0)
//!     .standalone();
//! assert!(svg.starts_with("<svg") && svg.contains("prefers-color-scheme: dark"));
//! ```
//!
//! **Why not a library.** plotters writes each colour into each element and draws text
//! over other text, and its SVG has neither a title for screen readers nor a class that
//! a style can select. poloto has classes, but no logarithmic axes, bands or marks. The
//! code that a library would save is small: ticks, and labels that do not overlap.
//!
//! **Telling series apart.** Each series has a colour, a dash, a shape for its points,
//! and its name at its end. The colours also differ in lightness.

mod axis;
mod bars;
mod grid;
mod labels;
mod lines;
mod strips;
mod svg;
pub mod theme;

pub use axis::Axis;
pub use bars::{Bar, Bars, Group};
pub use grid::{Cell, Grid, Tone};
pub use lines::{Lines, Mark, Series};
pub use strips::{Strip, Strips};
pub use svg::{Anchor, Svg, bold_width, escape, text_width, wrap};
