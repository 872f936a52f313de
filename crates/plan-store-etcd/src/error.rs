//! What can go wrong between the store and the cluster.

use std::path::PathBuf;
use std::time::Duration;

use plan_store::Generation;
use thiserror::Error;
use tonic::Code;

use crate::restore::MAX_STEP;

/// What went wrong, where, and what to do about it.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the name of a field says what it is")]
pub enum Error {
    /// The configuration cannot be used.
    #[error("the etcd store cannot be used: {what} `{value}`: {reason}")]
    Config {
        /// The part that cannot be used.
        what: &'static str,
        /// Its value.
        value: String,
        /// Why it cannot be used, and what to give instead.
        reason: String,
    },

    /// The threads that talk to etcd could not be started.
    #[error("cannot start the threads of the etcd store: {reason}")]
    NoThreads {
        /// The system's message.
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

    /// etcd refused the request and did nothing.
    #[error("etcd at {endpoint} refused the request: {message} ({code:?})")]
    Refused {
        /// The member that was asked.
        endpoint: String,
        code: Code,
        /// The member's message.
        message: String,
    },

    /// The pin that the step needs is gone. Its lease ran out because this process stalled
    /// or was cut off for longer than
    /// [`EtcdConfig::lease_ttl`](crate::EtcdConfig::lease_ttl).
    #[error(
        "the pin on plan {generation} is gone because its lease ran out; pick up the latest plan again"
    )]
    PinLost { generation: Generation },

    /// A key holds what this crate would not have written there.
    #[error("key {key} in etcd: {reason}; find out what else writes below this prefix")]
    Corrupt {
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

    /// The cluster has another id than the one that the view came from.
    #[error(
        "this is the etcd cluster {is:x}, and what is shown comes from cluster {was:x}; if it takes the place of that one, run `enact restore-cluster --replaces {was:x}` on it; if not, correct the address of etcd, or give each cluster a cache file of its own"
    )]
    OtherCluster {
        /// The id of the cluster.
        is: u64,
        /// The id of the cluster that the view came from.
        was: u64,
    },

    /// The cluster has lost changes that this process has seen.
    #[error("the etcd cluster was restored from a backup: {reason}")]
    Restored {
        /// How that shows.
        reason: String,
    },

    /// The generation to continue above is more than 1,000,000 above the store's newest one.
    #[error(
        "{served} is more than {MAX_STEP} above the newest generation in the store, which is {newest}; the right number is the largest one in the DNS servers' logs (`enact restore-cluster --above N`) and in their metric `dns_active_generation`; if it is {served}, run the command with {} first, and again in such steps",
        newest + MAX_STEP
    )]
    TooFarAbove {
        /// The generation that was given.
        served: Generation,
        /// The newest generation in the store; 0 if it has none.
        newest: u32,
    },

    /// The snapshot on disk is of another store.
    #[error(
        "snapshot {}: it is of the keys below `{names}`, and this store's are below `{ours}`; give this store a file of its own, or remove this one",
        file.display()
    )]
    ForeignSnapshot {
        file: PathBuf,
        /// The prefix that it names.
        names: String,
        /// The prefix of this store.
        ours: String,
    },

    /// The outcome of a publish is unknown.
    #[error(
        "plan {generation} may have been published; look at the latest plan before you publish again"
    )]
    PublishUnknown {
        /// The generation that the plan would have.
        generation: Generation,
        /// Why the last attempt to find out failed.
        source: Box<Error>,
    },

    /// There was no complete view of the cluster within the time to wait.
    #[error("no view of the cluster after {waited:?}: {reason}")]
    NoView {
        /// How long the caller waited.
        waited: Duration,
        /// Why there is no view.
        reason: String,
    },

    /// The snapshot on disk cannot be read or written.
    #[error("snapshot {}: {reason}", file.display())]
    Snapshot {
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// Whether it is certain that the requested change has not been made and will not be.
    pub(crate) fn not_applied(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::PublishUnknown { .. } => false,
            // All other errors occur before a request is sent, or are refusals by etcd
            // itself.
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
