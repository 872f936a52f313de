//! What can go wrong between the store and the cluster.

use std::path::PathBuf;
use std::time::Duration;

use plan_store::Generation;
use thiserror::Error;
use tonic::Code;

/// What went wrong, where, and what to do about it.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration cannot be used.
    #[error("the etcd store cannot be used: {what} `{value}`: {reason}")]
    Config {
        /// Which part of it.
        what: &'static str,
        /// What it said.
        value: String,
        /// Why not, and what would do.
        reason: String,
    },

    /// The threads that talk to etcd could not be started.
    #[error("cannot start the threads of the etcd store: {reason}")]
    NoThreads {
        /// What the system said.
        reason: String,
    },

    /// No member could be reached, so nothing was asked of the cluster.
    #[error("no etcd member is reachable; last tried {endpoint}: {reason}")]
    Unreachable {
        /// The member that was tried last.
        endpoint: String,
        /// What went wrong there.
        reason: String,
    },

    /// A request was sent and no answer came. The change that it asked for may have been
    /// made, or may be made later.
    #[error("etcd at {endpoint} did not answer: {reason}; the request may have been done")]
    NoAnswer {
        /// The member that was asked.
        endpoint: String,
        /// What went wrong.
        reason: String,
    },

    /// etcd refused the request, and has done nothing.
    #[error("etcd at {endpoint} refused the request: {message} ({code:?})")]
    Refused {
        /// The member that was asked.
        endpoint: String,
        /// The status code.
        code: Code,
        /// What it said.
        message: String,
    },

    /// The pin that a step was to be made under is gone. Its lease ran out because this
    /// process stood still or was cut off for longer than
    /// [`EtcdConfig::lease_ttl`](crate::EtcdConfig::lease_ttl).
    #[error(
        "the pin on plan {generation} is gone because its lease ran out; pick up the latest plan again"
    )]
    PinLost {
        /// The plan.
        generation: Generation,
    },

    /// A key holds what this crate would not have written there.
    #[error("key {key} in etcd: {reason}; find out what else writes below this prefix")]
    Corrupt {
        /// The key.
        key: String,
        /// What is wrong with its value.
        reason: String,
    },

    /// The history that was asked for has been compacted away.
    #[error("etcd has compacted its history beyond revision {revision}")]
    Compacted {
        /// The revision that was asked for.
        revision: i64,
    },

    /// The cluster is not the one that the view came from, or has gone back.
    #[error(
        "the cluster is not the one that was followed: {reason}; if this is intended, remove the snapshot and restart"
    )]
    OtherCluster {
        /// How it differs.
        reason: String,
    },

    /// It could not be found out whether a plan was published.
    #[error(
        "plan {generation} may have been published; look at the latest plan before you publish again"
    )]
    PublishUnknown {
        /// The generation that it would have.
        generation: Generation,
        /// Why the last attempt to find out failed.
        source: Box<Error>,
    },

    /// The view of the cluster has not become complete in time.
    #[error("no view of the cluster after {waited:?}: {reason}")]
    NoView {
        /// How long it was waited for.
        waited: Duration,
        /// What kept it.
        reason: String,
    },

    /// The snapshot on disk cannot be read or written.
    #[error("snapshot {}: {reason}", file.display())]
    Snapshot {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// Whether a change that was asked for has certainly not been made, and will
    /// not be.
    pub(crate) fn not_applied(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::PublishUnknown { .. } => false,
            // The rest is said before anything is asked for, or by etcd itself
            // instead of doing it.
            _ => true,
        }
    }
}

/// What is wrong with a key.
pub(crate) fn corrupt(key: &[u8], reason: impl std::fmt::Display) -> Error {
    Error::Corrupt {
        key: String::from_utf8_lossy(key).into_owned(),
        reason: reason.to_string(),
    }
}
