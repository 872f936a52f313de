//! The requests to the cluster: transactions, reads, leases and watches.
//!
//! [`members`] decides which member gets a request, and what happens if that member fails.

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
pub(crate) use crate::client::members::Contact;
use crate::client::members::Members;
use crate::config::EtcdConfig;
use crate::proto::etcd::kv_client::KvClient;
use crate::proto::etcd::lease_client::LeaseClient;
use crate::proto::etcd::maintenance_client::MaintenanceClient;
use crate::proto::etcd::watch_client::WatchClient;
use crate::proto::etcd::watch_request::RequestUnion;
use crate::proto::etcd::{
    CompactionRequest, LeaseGrantRequest, LeaseKeepAliveRequest, LeaseRevokeRequest, RangeRequest,
    RangeResponse, StatusRequest, StatusResponse, TxnRequest, TxnResponse, WatchCreateRequest,
    WatchRequest, WatchResponse,
};

/// A client of the cluster.
pub(crate) struct Client {
    members: Members,
}

/// The messages of a watch.
pub(crate) type Watch = Streaming<WatchResponse>;

/// The largest answer that the client accepts, in bytes. A page of endpoints or a chunk is
/// far smaller.
const MAX_ANSWER: usize = 64 << 20;

impl Client {
    pub(crate) fn new(config: &EtcdConfig) -> Result<Self, Error> {
        let members = Members::new(config)?;
        Ok(Self { members })
    }

    /// When the cluster last answered, and whether it does.
    pub(crate) fn contact(&self) -> Contact {
        self.members.contact()
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

    /// Creates a lease that lasts `ttl` seconds, and returns its id.
    pub(crate) async fn grant(&self, ttl: i64) -> Result<i64, Error> {
        let ask = |to: Connection| async move {
            let grant = to.request(LeaseGrantRequest { ttl, id: 0 });
            LeaseClient::new(to.channel).lease_grant(grant).await
        };
        Ok(self.members.ask(|_| true, ask).await?.id)
    }

    /// Renews a lease, and returns the seconds that are left; 0 if the lease has run out.
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

    /// Ends a lease and deletes all keys under it.
    pub(crate) async fn revoke(&self, id: i64) -> Result<(), Error> {
        let ask = |to: Connection| async move {
            let revoke = to.request(LeaseRevokeRequest { id });
            LeaseClient::new(to.channel).lease_revoke(revoke).await
        };
        self.members.ask(|_| true, ask).await.map(drop)
    }

    /// Removes what the history has up to this revision.
    pub(crate) async fn compact(&self, revision: i64) -> Result<(), Error> {
        let ask = |to: Connection| async move {
            let compact = to.request(CompactionRequest { revision });
            kv(to).compact(compact).await
        };
        self.members.ask(|_| true, ask).await.map(drop)
    }

    /// How many members are configured.
    pub(crate) fn members(&self) -> usize {
        self.members.urls().count()
    }

    /// The address of a member.
    pub(crate) fn url(&self, at: usize) -> &str {
        self.members.urls().nth(at).unwrap_or_default()
    }

    /// The status of this member.
    pub(crate) async fn status_at(&self, at: usize) -> Result<StatusResponse, Error> {
        let ask = |to: Connection| async move {
            let status = to.request(StatusRequest {});
            MaintenanceClient::new(to.channel).status(status).await
        };
        self.members.ask_at(at, ask).await
    }

    /// Reads keys, at this member only.
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

    /// Starts a watch on some keys. Also returns the index of the member that serves it.
    pub(crate) async fn watch(&self, create: WatchCreateRequest) -> Result<(usize, Watch), Error> {
        let create = WatchRequest {
            request_union: Some(RequestUnion::CreateRequest(create)),
        };
        let ask = |to: Connection| {
            // The member ends the watch when this end of the stream ends.
            let requests = tokio_stream::once(create.clone()).chain(tokio_stream::pending());
            let mut requests = to.request(requests);
            // The member also ends the watch when it has no leader any more.
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

    /// A client of the members at these addresses, none of which ever answers.
    fn client(members: &[&str]) -> Client {
        let mut config = EtcdConfig::new(members.iter().copied());
        config.request_timeout = Duration::from_millis(50);
        Client::new(&config).unwrap()
    }

    /// Accepts every connection and never answers. Returns the address and a count of the
    /// connections.
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

    /// An address at which no program listens.
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
    fn the_next_member_gets_a_request_that_was_not_sent_but_not_one_that_was() {
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
