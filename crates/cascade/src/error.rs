//! What can go wrong, in one place.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What went wrong, where, and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be read at all.
    #[error("{} cannot be read: {source}; give the path of a file that can", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// A file that is too large to be what it should be.
    #[error("{} is larger than {most} bytes; give a file of parameters or of a DNS timeline", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Most bytes that a file may have.
        most: u64,
    },

    /// A mistake in a file.
    #[error("{}:{line}:{column}: {fault}", file.display())]
    Bad {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1, in characters.
        column: usize,
        /// What is wrong, and what to write instead.
        fault: String,
    },

    /// No parameter has this name, or it cannot have this value.
    #[error("parameter `{name}`: {fault}")]
    Parameter {
        /// The name, `section.key`.
        name: String,
        /// What is wrong, and what would be right.
        fault: String,
    },

    /// Steps of a run that no timeline can be made of.
    #[error("the run's steps make no DNS timeline: {fault}")]
    Steps {
        /// What is wrong, and what would be right.
        fault: String,
    },
}
