//! What can go wrong between the store and its folder.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::sync::Arc;

use thiserror::Error;

/// The first reason of an error, as the operating system or the database gives it.
pub type Cause = Arc<dyn StdError + Send + Sync>;

/// Why a change failed. What the store holds is still served, and the next change tries to write
/// again.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The change was not made.
    #[error(
        "{place} cannot be written, so the change was not made; free space or repair the disk, and the next change is written again without a restart"
    )]
    NotWritten {
        /// The store's file.
        place: Arc<str>,
        /// Why.
        source: Cause,
    },

    /// The change was not made, but it may appear if the process ends before the store can
    /// write again.
    #[error(
        "{place} was not written completely: the change does not count now, but may be there after a restart; free space or repair the disk"
    )]
    Unsettled {
        /// The store's file.
        place: Arc<str>,
        /// Why.
        source: Cause,
    },

    /// The store could not be read for a backup.
    #[error("{place} cannot be read, so there is no backup; repair the disk, and try again")]
    NotRead {
        /// The store's file.
        place: Arc<str>,
        /// Why.
        source: Cause,
    },

    /// The thread that writes has ended. It ends only by a panic, which the log shows.
    #[error(
        "the thread that writes {place} has ended, so no change can be made; restart the process"
    )]
    Stopped {
        /// The store's file.
        place: Arc<str>,
    },
}

/// The store in memory has no error of its own.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder or a file in it cannot be used.
    #[error(
        "cannot use {place} for plans; make the folder writable for this user, or give another one"
    )]
    Folder {
        /// The folder or the file.
        place: String,
        /// The operating system's error.
        source: std::io::Error,
    },

    /// Another process has it open.
    #[error(
        "{place} is in use by another process; end that process, or give this one another folder"
    )]
    InUse {
        /// The folder.
        place: String,
    },

    /// The file is damaged.
    #[error(
        "{place} is damaged: {reason}; restore it from a backup, or move it away to begin with an empty store, whose first plan is generation 1"
    )]
    Damaged {
        /// The store's file.
        place: String,
        /// What is wrong.
        reason: String,
    },

    /// Another version wrote the file.
    #[error(
        "{place} has format {found}, and this program reads format {known}; use the program that wrote it, or give another folder"
    )]
    OtherFormat {
        /// The store's file.
        place: String,
        /// The file's format.
        found: u64,
        /// The format of this version.
        known: u64,
    },

    /// The file cannot be read or written.
    #[error("{place} cannot be opened; repair the disk or free space, and start again")]
    Storage {
        /// The store's file.
        place: String,
        /// Why.
        source: Cause,
    },

    /// The thread that writes could not be started.
    #[error(
        "cannot start the thread that writes {place}; end other processes, or raise the limit of threads"
    )]
    NoThread {
        /// The store's file.
        place: String,
        /// The operating system's error.
        source: std::io::Error,
    },
}
