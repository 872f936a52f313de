//! A journal as a sequence diagram. Time runs down, each actor has a lifeline, and
//! each broken invariant is marked at a step.
//!
//! [`draw`] makes the diagram for the terminal. [`rows`] returns its rows, for another
//! renderer.

mod rows;
mod text;
mod words;

pub use self::rows::{Row, lifelines, rows, times};
pub use self::text::{MIN_WIDTH, draw};
pub use self::words::describe;
