//! What is asked of the cluster: transactions, reads, leases and watches.
//!
//! [`members`] says which member is asked, and what happens if it fails.

mod login;
mod member;
mod members;
mod status;

use tokio_stream::StreamExt;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Response, Status, Streaming};

use crate::Error;
use crate::client::member::Connection;
use crate::client::members::Members;
use crate::config::EtcdConfig;
use crate::proto::etcd::kv_client::KvClient;
use crate::proto::etcd::lease_client::LeaseClient;
use crate::proto::etcd::watch_client::WatchClient;
use crate::proto::etcd::watch_request::RequestUnion;
use crate::proto::etcd::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseRevokeRequest, RangeRequest, RangeResponse,
    TxnRequest, TxnResponse, WatchCreateRequest, WatchRequest, WatchResponse,
};

/// A client of the cluster.
pub(crate) struct Client {
    members: Members,
}

/// What a watch brings.
pub(crate) type Watch = Streaming<WatchResponse>;

/// The longest answer that is read. A page of endpoints or a chunk is far smaller.
const MAX_ANSWER: usize = 64 << 20;

impl Client {
    pub(crate) fn new(config: &EtcdConfig) -> Result<Self, Error> {
        let members = Members::new(config)?;
        Ok(Self { members })
    }

    /// A transaction that must not be done twice.
    pub(crate) async fn txn_once(&self, txn: TxnRequest) -> Result<TxnResponse, Error> {
        let ask = |to: Connection| {
            let txn = to.request(txn.clone());
            async move { kv(to).txn(txn).await }
        };
        self.members.ask(Error::not_applied, ask).await
    }

    /// A transaction that may be done twice.
    pub(crate) async fn txn(&self, txn: TxnRequest) -> Result<TxnResponse, Error> {
        let ask = |to: Connection| {
            let txn = to.request(txn.clone());
            async move { kv(to).txn(txn).await }
        };
        self.members.ask(|_| true, ask).await
    }

    /// Reads keys.
    pub(crate) async fn range(&self, range: RangeRequest) -> Result<RangeResponse, Error> {
        let ask = |to: Connection| {
            let range = to.request(range.clone());
            async move { kv(to).range(range).await }
        };
        self.members.ask(|_| true, ask).await
    }

    /// A new lease, of this many seconds.
    pub(crate) async fn grant(&self, ttl: i64) -> Result<i64, Error> {
        let ask = |to: Connection| async move {
            let grant = to.request(LeaseGrantRequest { ttl, id: 0 });
            LeaseClient::new(to.channel).lease_grant(grant).await
        };
        Ok(self.members.ask(|_| true, ask).await?.id)
    }

    /// Renews a lease, and says how many seconds it has from now: none if it has
    /// run out.
    pub(crate) async fn keep_alive(&self, id: i64) -> Result<i64, Error> {
        let ask = |to: Connection| async move {
            let once = to.request(tokio_stream::once(LeaseKeepAliveRequest { id }));
            let answers = LeaseClient::new(to.channel).lease_keep_alive(once).await?;
            let first = answers.into_inner().message().await?;
            let ended = || Status::unavailable("the stream ended");
            first.map(Response::new).ok_or_else(ended)
        };
        Ok(self.members.ask(|_| true, ask).await?.ttl)
    }

    /// Gives a lease back, with all keys under it.
    pub(crate) async fn revoke(&self, id: i64) -> Result<(), Error> {
        let ask = |to: Connection| async move {
            let revoke = to.request(LeaseRevokeRequest { id });
            LeaseClient::new(to.channel).lease_revoke(revoke).await
        };
        self.members.ask(|_| true, ask).await.map(drop)
    }

    /// Reads keys at this member and no other.
    pub(crate) async fn range_at(
        &self,
        at: usize,
        range: RangeRequest,
    ) -> Result<RangeResponse, Error> {
        let ask = |to: Connection| {
            let range = to.request(range);
            async move { kv(to).range(range).await }
        };
        self.members.ask_at(at, ask).await
    }

    /// Begins to follow all changes of some keys, at a member that it names.
    pub(crate) async fn watch(&self, create: WatchCreateRequest) -> Result<(usize, Watch), Error> {
        let create = WatchRequest {
            request_union: Some(RequestUnion::CreateRequest(create)),
        };
        let ask = |to: Connection| {
            // The member ends the watch when this end of the stream ends.
            let requests = tokio_stream::once(create.clone()).chain(tokio_stream::pending());
            let mut requests = to.request(requests);
            // It also ends the watch when it has lost the other members.
            let yes = MetadataValue::from_static("true");
            requests.metadata_mut().insert("hasleader", yes);
            async move {
                let client = WatchClient::new(to.channel);
                let mut client = client.max_decoding_message_size(MAX_ANSWER);
                let watch = client.watch(requests).await?;
                Ok(watch.map(|watch| (to.at, watch)))
            }
        };
        self.members.ask(|_| true, ask).await
    }
}

fn kv(to: Connection) -> KvClient<Channel> {
    KvClient::new(to.channel).max_decoding_message_size(MAX_ANSWER)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::config::User;
    use crate::threads::Threads;

    /// A client of members that never answer, given as what they listen at.
    fn client(members: &[&str]) -> Client {
        let mut config = EtcdConfig::new(members.iter().copied());
        config.request_timeout = Duration::from_millis(50);
        Client::new(&config).unwrap()
    }

    /// Listens, and takes every connection, but says nothing. Also says how many
    /// there have been.
    fn silent() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            let all: Vec<_> = listener
                .incoming()
                .inspect(|_| {
                    count.fetch_add(1, Relaxed);
                })
                .collect();
            drop(all);
        });
        (url, connections)
    }

    /// Nobody listens there.
    fn closed() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    fn run<T: Send + 'static>(
        task: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        Threads::start(async {}).unwrap().run(task)
    }

    #[test]
    fn the_next_is_asked_for_what_was_not_sent_but_not_for_what_was() {
        let ((url, connections), closed) = (silent(), closed());
        let once = client(&[&closed, &url]);
        let error = run(async move { once.txn_once(TxnRequest::default()).await }).unwrap_err();
        assert!(
            matches!(&error, Error::NoAnswer { endpoint, .. } if *endpoint == url),
            "{error}"
        );
        assert!(!error.not_applied());
        assert_eq!(connections.load(Relaxed), 1);

        let again = client(&[&url, &closed]);
        let error = run(async move { again.txn(TxnRequest::default()).await }).unwrap_err();
        assert!(matches!(&error, Error::Unreachable { endpoint, .. } if *endpoint == closed));
        assert_eq!(connections.load(Relaxed), 3, "both times around");
    }

    #[test]
    fn nothing_is_sent_without_a_token() {
        let (url, _) = silent();
        let mut config = EtcdConfig::new([&url]);
        config.request_timeout = Duration::from_millis(50);
        config.user = Some(User {
            name: "dns".into(),
            password: "hunter2".into(),
        });
        let client = Client::new(&config).unwrap();
        let error = run(async move { client.txn_once(TxnRequest::default()).await }).unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
        assert!(error.not_applied());
    }
}
