//! Talks to the members of the cluster.
//!
//! # Rules
//! 1. One member is talked to until it fails: it cannot be connected to, breaks the
//!    connection, or does not answer in time. Then it is the next one's turn.
//! 2. A connection is made before anything is sent over it. So a member that
//!    cannot be connected to has been asked for nothing, and the next may be asked
//!    for the same at once.
//! 3. What was sent and not answered may have been done, and may still be.
//!    [`Client::txn_once`] then gives up with [`Error::NoAnswer`]; the others ask
//!    the next member, and are for what may be done twice.
//! 4. A refusal counts as *not done* only if etcd itself says so.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::Mutex;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, ConnectError, Request, Response, Status, Streaming};
use tracing::debug;

use crate::Error;
use crate::config::{EtcdConfig, Tls, User};
use crate::proto::etcd::auth_client::AuthClient;
use crate::proto::etcd::kv_client::KvClient;
use crate::proto::etcd::lease_client::LeaseClient;
use crate::proto::etcd::watch_client::WatchClient;
use crate::proto::etcd::watch_request::RequestUnion;
use crate::proto::etcd::{
    AuthenticateRequest, LeaseGrantRequest, LeaseKeepAliveRequest, LeaseRevokeRequest,
    RangeRequest, RangeResponse, TxnRequest, TxnResponse, WatchCreateRequest, WatchRequest,
    WatchResponse,
};

/// The members of the cluster, with a connection to each that has had its turn.
pub(crate) struct Client {
    members: Box<[Member]>,
    /// Whose turn it is.
    current: AtomicUsize,
    /// For a connection, and for an answer.
    timeouts: (Duration, Duration),
    user: Option<User>,
    /// What etcd gave for the user's password.
    token: RwLock<Token>,
}

struct Member {
    url: String,
    endpoint: Endpoint,
    channel: Mutex<Option<Channel>>,
}

type Token = Option<MetadataValue<Ascii>>;

/// What a watch brings.
pub(crate) type Watch = Streaming<WatchResponse>;

/// Longest answer that is read: a page of endpoints or a chunk is far below it.
const MAX_ANSWER: usize = 64 << 20;

/// Often enough to notice within seconds that a member is gone; etcd takes offence
/// at less than 5 s.
const PING_INTERVAL: Duration = Duration::from_secs(6);

impl Client {
    pub(crate) fn new(config: &EtcdConfig) -> Result<Self, Error> {
        let members = config.endpoints.iter().map(|url| Member::new(url, config));
        Ok(Self {
            members: members.collect::<Result<_, _>>()?,
            current: AtomicUsize::new(0),
            timeouts: (config.connect_timeout, config.request_timeout),
            user: config.user.clone(),
            token: RwLock::new(None),
        })
    }

    /// A transaction that must not be done twice.
    pub(crate) async fn txn_once(&self, txn: TxnRequest) -> Result<TxnResponse, Error> {
        let ask = |to: Connection| {
            let txn = to.request(txn.clone());
            async move { to.kv().txn(txn).await }
        };
        self.ask(Error::not_applied, ask).await
    }

    /// A transaction that may be done twice.
    pub(crate) async fn txn(&self, txn: TxnRequest) -> Result<TxnResponse, Error> {
        let ask = |to: Connection| {
            let txn = to.request(txn.clone());
            async move { to.kv().txn(txn).await }
        };
        self.ask(|_| true, ask).await
    }

    /// Reads keys.
    pub(crate) async fn range(&self, range: RangeRequest) -> Result<RangeResponse, Error> {
        let ask = |to: Connection| {
            let range = to.request(range.clone());
            async move { to.kv().range(range).await }
        };
        self.ask(|_| true, ask).await
    }

    /// A new lease, of this many seconds.
    pub(crate) async fn grant(&self, ttl: i64) -> Result<i64, Error> {
        let ask = |to: Connection| async move {
            let grant = to.request(LeaseGrantRequest { ttl, id: 0 });
            LeaseClient::new(to.channel).lease_grant(grant).await
        };
        Ok(self.ask(|_| true, ask).await?.id)
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
        Ok(self.ask(|_| true, ask).await?.ttl)
    }

    /// Gives a lease back, with all keys under it.
    pub(crate) async fn revoke(&self, id: i64) -> Result<(), Error> {
        let ask = |to: Connection| async move {
            let revoke = to.request(LeaseRevokeRequest { id });
            LeaseClient::new(to.channel).lease_revoke(revoke).await
        };
        self.ask(|_| true, ask).await.map(drop)
    }

    /// Reads keys at this member and no other.
    pub(crate) async fn range_at(
        &self,
        at: usize,
        range: RangeRequest,
    ) -> Result<RangeResponse, Error> {
        let ask = |to: Connection| {
            let range = to.request(range);
            async move { to.kv().range(range).await }
        };
        let answer = self.attempt(at, ask).await;
        if let Err(error) = &answer {
            self.failed(at, error).await;
        }
        answer
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
        self.ask(|_| true, ask).await
    }

    /// Asks one member after another, at most twice around and once more for a token
    /// that is of no use any more, until one answers or refuses, or it fails in a way
    /// after which the next may not be asked.
    async fn ask<T, F: Future<Output = Result<Response<T>, Status>>>(
        &self,
        may_repeat: impl Fn(&Error) -> bool,
        ask: impl Fn(Connection) -> F,
    ) -> Result<T, Error> {
        let mut left = 2 * self.members.len() + usize::from(self.user.is_some());
        loop {
            let at = self.turn();
            let error = match self.attempt(at, &ask).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            left -= 1;
            match &error {
                Error::Refused { code, message, .. } if self.log_out(*code, message) => {}
                Error::Refused { .. } => return Err(error),
                _ => self.failed(at, &error).await,
            }
            if left == 0 || !may_repeat(&error) {
                return Err(error);
            }
        }
    }

    /// Asks this member once.
    async fn attempt<T, F: Future<Output = Result<Response<T>, Status>>>(
        &self,
        at: usize,
        ask: impl FnOnce(Connection) -> F,
    ) -> Result<T, Error> {
        let member = &self.members[at];
        let (connect_timeout, request_timeout) = self.timeouts;
        let channel = member.connected(connect_timeout).await?;
        let token = self.token(member, &channel).await?;
        let answer = timeout(request_timeout, ask(Connection { at, channel, token })).await;
        member.result(answer)
    }

    /// The token to show, which this member gives if there is none yet.
    async fn token(&self, member: &Member, channel: &Channel) -> Result<Token, Error> {
        let (Some(user), None) = (&self.user, self.token.read().clone()) else {
            return Ok(self.token.read().clone());
        };
        let request = AuthenticateRequest {
            name: user.name.clone(),
            password: user.password.clone(),
        };
        let mut client = AuthClient::new(channel.clone());
        let answer = timeout(self.timeouts.1, client.authenticate(request)).await;
        let token = match member.result(answer) {
            Ok(answer) => answer.token,
            // What the token is for has not been asked yet.
            Err(Error::NoAnswer { endpoint, reason }) => {
                return Err(Error::Unreachable { endpoint, reason });
            }
            Err(error) => return Err(error),
        };
        let token: Token = Some(token.parse().map_err(|_| Error::Refused {
            endpoint: member.url.clone(),
            code: Code::Internal,
            message: "its token is not text".into(),
        })?);
        self.token.write().clone_from(&token);
        debug!(user = %user.name, "logged in");
        Ok(token)
    }

    /// Forgets the token if this refusal is for it, and says whether so.
    fn log_out(&self, code: Code, message: &str) -> bool {
        let for_it = code == Code::Unauthenticated || message.contains("auth store is old");
        for_it && self.token.write().take().is_some()
    }

    fn turn(&self) -> usize {
        self.current.load(Relaxed)
    }

    /// This member has failed: it is the next one's turn.
    async fn failed(&self, at: usize, error: &Error) {
        let next = (at + 1) % self.members.len();
        let turned = self.current.compare_exchange(at, next, Relaxed, Relaxed);
        if turned.is_ok() {
            debug!(%error, next = %self.members[next].url, "the next member's turn");
        }
        *self.members[at].channel.lock().await = None;
    }
}

impl Member {
    fn new(url: &str, config: &EtcdConfig) -> Result<Self, Error> {
        let bad = |error: tonic::transport::Error| Error::Config {
            what: "endpoint",
            value: url.into(),
            reason: chain(&error),
        };
        let mut endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(bad)?
            .connect_timeout(config.connect_timeout)
            .http2_keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(config.request_timeout)
            .tcp_nodelay(true);
        if let Some(tls) = &config.tls {
            endpoint = endpoint.tls_config(tls_config(tls)).map_err(bad)?;
        }
        Ok(Self {
            url: url.into(),
            endpoint,
            channel: Mutex::new(None),
        })
    }

    async fn connected(&self, within: Duration) -> Result<Channel, Error> {
        let mut channel = self.channel.lock().await;
        if let Some(channel) = &*channel {
            return Ok(channel.clone());
        }
        let unreachable = |reason| Error::Unreachable {
            endpoint: self.url.clone(),
            reason,
        };
        let connected = timeout(within, self.endpoint.connect()).await;
        let connected = connected
            .map_err(|_| unreachable(format!("no connection within {within:?}")))?
            .map_err(|error| unreachable(chain(&error)))?;
        Ok(channel.insert(connected).clone())
    }

    fn result<T>(&self, answer: Result<Result<Response<T>, Status>, Elapsed>) -> Result<T, Error> {
        let status = match answer {
            Ok(Ok(answer)) => return Ok(answer.into_inner()),
            Ok(Err(status)) => status,
            Err(_) => Status::deadline_exceeded("not in time"),
        };
        let (endpoint, code) = (self.url.clone(), status.code());
        Err(if says_etcd(&status) {
            let message = status.message().into();
            Error::Refused {
                endpoint,
                code,
                message,
            }
        } else if was_not_sent(&status) {
            let reason = reason(&status);
            Error::Unreachable { endpoint, reason }
        } else {
            let reason = reason(&status);
            Error::NoAnswer { endpoint, reason }
        })
    }
}

/// Whether etcd itself refused, having done nothing. Its other statuses, such as
/// one for a time-out within the cluster, say nothing about that.
fn says_etcd(status: &Status) -> bool {
    let refuses = matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::PermissionDenied
            | Code::Unauthenticated
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::OutOfRange
    );
    status.code() == Code::Unimplemented || refuses && status.message().starts_with("etcdserver:")
}

/// Whether the connection was gone already, and could not be made again.
fn was_not_sent(status: &Status) -> bool {
    causes(status).any(<dyn std::error::Error>::is::<ConnectError>)
}

fn causes(
    error: &dyn std::error::Error,
) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(error.source(), |&error| error.source())
}

/// What the status says, with all its causes.
fn reason(status: &Status) -> String {
    with_causes(status.message().into(), status)
}

/// The error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    with_causes(error.to_string(), error)
}

fn with_causes(mut text: String, error: &dyn std::error::Error) -> String {
    for cause in causes(error) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn tls_config(tls: &Tls) -> ClientTlsConfig {
    let mut config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&tls.ca));
    if let Some(ours) = &tls.identity {
        config = config.identity(Identity::from_pem(&ours.certificate, &ours.key));
    }
    match &tls.domain {
        Some(domain) => config.domain_name(domain),
        None => config,
    }
}

/// One member's channel, and the token to show there.
struct Connection {
    at: usize,
    channel: Channel,
    token: Token,
}

impl Connection {
    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("token", token.clone());
        }
        request
    }

    fn kv(self) -> KvClient<Channel> {
        KvClient::new(self.channel).max_decoding_message_size(MAX_ANSWER)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread;

    use super::*;
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

    #[test]
    fn only_what_etcd_itself_refuses_was_not_done() {
        let member = Member::new("http://127.0.0.1:1", &EtcdConfig::new(["x"])).unwrap();
        let not_done = |code, message: &str| {
            let answer: Result<Result<Response<()>, _>, _> = Ok(Err(Status::new(code, message)));
            member.result(answer).unwrap_err().not_applied()
        };
        for (code, message) in [
            (
                Code::InvalidArgument,
                "etcdserver: duplicate key given in txn request",
            ),
            (Code::NotFound, "etcdserver: requested lease not found"),
            (Code::ResourceExhausted, "etcdserver: too many requests"),
            (Code::Unauthenticated, "etcdserver: invalid auth token"),
            (Code::Unimplemented, "unknown service etcdserverpb.KV"),
        ] {
            assert!(not_done(code, message), "{message}");
        }
        for (code, message) in [
            (Code::Unavailable, "etcdserver: request timed out"),
            (Code::Unavailable, "etcdserver: leader changed"),
            (Code::Unknown, "etcdserver: whatever it is"),
            (Code::ResourceExhausted, "the answer is too long"),
            (Code::OutOfRange, "decoded message length too large"),
            (Code::Cancelled, "operation was canceled"),
        ] {
            assert!(!not_done(code, message), "{message}");
        }
    }
}
