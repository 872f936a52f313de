//! An error with its causes, in one line.

use std::error::Error;
use std::iter::successors;

/// The error and all of its sources, separated by `: `.
pub(crate) fn chain(error: &dyn Error) -> String {
    let all = successors(Some(error), |&error| error.source());
    let texts: Vec<_> = all.map(ToString::to_string).collect();
    texts.join(": ")
}
