//! The upkeep of the cluster: it compacts the history, and watches how full the members are.
//!
//! etcd keeps each revision until the history is compacted, and a full member accepts no write
//! any more. So without compaction a store stops after enough plans.
//!
//! # Rules
//! 1. Only the leader of the [election](crate::election) does this, while it leads.
//! 2. Once in each [`EtcdConfig::history`](crate::EtcdConfig::history), the history is
//!    compacted up to the revision that the cluster had one such time ago. So what is kept is
//!    at least one and at most two of these times, and a follower that was cut off for less
//!    goes on where it was. A follower that was cut off for longer lists the cluster.
//! 3. A request that fails is tried again the next time. No guarantee of the store rests on
//!    the history.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tonic::Code;
use tracing::{debug, error, info, warn};

use crate::Error;
use crate::proto::etcd::StatusResponse;
use crate::shared::Shared;
use crate::txn::one;

/// How often the members are asked how full they are.
const LOOK: Duration = Duration::from_secs(5);

/// A member that is fuller than this, in per cent of its quota, is worth a line in the log.
const NEARLY_FULL: u64 = 80;

/// What the leader knows of the cluster's storage. Other processes know nothing of it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Storage {
    /// The members that have answered.
    pub members: Vec<MemberStorage>,
    /// Whether etcd refuses writes because a member is full (the alarm NOSPACE).
    pub no_space: bool,
    /// The revision up to which this process has compacted the history; 0 if it has not.
    pub compacted: i64,
}

/// How full a member is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct MemberStorage {
    /// The member's address.
    pub url: String,
    /// The size of its database, in bytes. etcd never makes the file smaller by itself.
    pub size: u64,
    /// How much of that is in use, in bytes.
    pub in_use: u64,
    /// The size at which etcd stops to accept writes, in bytes.
    pub quota: u64,
}

impl MemberStorage {
    fn is_nearly_full(&self) -> bool {
        self.size >= self.quota / 100 * NEARLY_FULL
    }
}

/// The task of the upkeep. It ends when this is dropped.
pub(crate) struct Upkeep(JoinHandle<()>);

impl Upkeep {
    pub(crate) fn start(shared: Arc<Shared>) -> Self {
        Self(tokio::spawn(async move { shared.keep_up().await }))
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Shared {
    async fn keep_up(&self) {
        let mut noted: Option<(Instant, i64)> = None;
        let mut fails = false;
        loop {
            self.look_at_members().await;
            if let Some(history) = self.history
                && noted.is_none_or(|(at, _)| at.elapsed() >= history)
            {
                let before = noted.map(|(_, revision)| revision);
                let failed_before = fails;
                match self.compact(before).await {
                    Ok(revision) => {
                        noted = Some((Instant::now(), revision));
                        fails = false;
                        if failed_before {
                            info!("the history of etcd is compacted again");
                        }
                    }
                    Err(error) => {
                        fails = true;
                        if !failed_before {
                            warn!(
                                %error,
                                "the history of etcd is not compacted, and its members fill up; \
                                 it is tried again until it succeeds"
                            );
                        }
                    }
                }
            }
            sleep(self.history.map_or(LOOK, |history| history.min(LOOK))).await;
        }
    }

    /// Compacts the history up to a revision, and returns the current one.
    async fn compact(&self, up_to: Option<i64>) -> Result<i64, Error> {
        let head = self.client.range(one(self.keys.head())).await?;
        let revision = head.header.unwrap_or_default().revision;
        // A cluster that was restored from a backup is at an older revision than before. There both
        // revisions say nothing.
        let is_past = |at: &i64| *at <= revision;
        let compacted = Some(self.storage.lock().compacted).filter(is_past);
        let up_to = up_to.filter(is_past);
        if let Some(up_to) = up_to.filter(|up_to| Some(*up_to) > compacted) {
            match self.client.compact(up_to).await {
                Ok(()) => {}
                Err(error) if is_compacted_already(&error) => {}
                Err(error) => return Err(error),
            }
            debug!(up_to, "history compacted");
            self.storage.lock().compacted = up_to;
        }
        Ok(revision)
    }

    /// Asks each member how full it is. Logs when a member becomes nearly full, and when etcd
    /// refuses writes.
    async fn look_at_members(&self) {
        let mut members = Vec::new();
        let mut no_space = false;
        for at in 0..self.client.members() {
            match self.client.status_at(at).await {
                Ok(status) => {
                    no_space |= status.errors.iter().any(|text| text.contains("NOSPACE"));
                    members.push(self.storage_of(at, &status));
                }
                Err(error) => debug!(%error, "a member does not say how full it is"),
            }
        }
        let mut storage = self.storage.lock();
        for member in members.iter().filter(|member| member.is_nearly_full()) {
            let before = storage.members.iter().find(|m| m.url == member.url);
            if !before.is_some_and(MemberStorage::is_nearly_full) {
                let MemberStorage {
                    url,
                    size,
                    in_use,
                    quota,
                } = member;
                warn!(
                    size,
                    in_use,
                    quota,
                    "the etcd member {url} is nearly full; run `etcdctl defrag` on one member \
                     after another if much less is in use, or else raise --quota-backend-bytes"
                );
            }
        }
        match (storage.no_space, no_space) {
            (false, true) => error!(
                "etcd accepts no plan any more, because a member is full (NOSPACE); run \
                 `etcdctl defrag` on each member, and then `etcdctl alarm disarm`"
            ),
            (true, false) => info!("etcd accepts plans again"),
            _ => {}
        }
        (storage.members, storage.no_space) = (members, no_space);
    }

    fn storage_of(&self, at: usize, status: &StatusResponse) -> MemberStorage {
        let bytes = |number: i64| u64::try_from(number).unwrap_or(0);
        MemberStorage {
            url: self.client.url(at).into(),
            size: bytes(status.db_size),
            in_use: bytes(status.db_size_in_use),
            quota: match bytes(status.db_size_quota) {
                0 => self.quota,
                quota => quota,
            },
        }
    }
}

/// Whether etcd refused to compact because another program has compacted further.
fn is_compacted_already(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused { code: Code::OutOfRange, message, .. } if message.contains("compacted")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages are etcd's. Only the first says that the history is as short as was asked.
    #[test]
    fn only_a_history_that_is_compacted_further_counts_as_compacted() {
        for (code, message, is_so) in [
            (
                Code::OutOfRange,
                "etcdserver: mvcc: required revision has been compacted",
                true,
            ),
            (
                Code::OutOfRange,
                "etcdserver: mvcc: required revision is a future revision",
                false,
            ),
            (
                Code::PermissionDenied,
                "etcdserver: permission denied",
                false,
            ),
            (
                Code::ResourceExhausted,
                "etcdserver: mvcc: database space exceeded",
                false,
            ),
        ] {
            let error = Error::Refused {
                endpoint: "http://192.0.2.1:2379".into(),
                code,
                message: message.into(),
            };
            assert_eq!(is_compacted_already(&error), is_so, "{message}");
        }
    }
}
