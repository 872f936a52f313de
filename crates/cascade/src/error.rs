//! Errors of files, parameters and runs.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What went wrong, where, and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("{} cannot be read; give the path of a readable file", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// A file is too large for parameters or a timeline.
    #[error("{} is larger than {most} bytes; give a file of parameters or of a DNS timeline", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The size limit in bytes.
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
        /// What is wrong, and what to give instead.
        fault: String,
    },

    /// The steps of a run do not make a timeline.
    #[error("the run's steps make no DNS timeline: {fault}")]
    Steps {
        /// What is wrong, and what to give instead.
        fault: String,
    },
}
