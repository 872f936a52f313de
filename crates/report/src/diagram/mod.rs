//! A journal as a sequence diagram for a browser, in either language. `drill` draws the
//! same rows for the terminal.

mod svg;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use self::svg::svg;
pub(crate) use self::words::{actor, describe};
