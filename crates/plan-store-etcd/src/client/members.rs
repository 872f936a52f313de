//! Decides which member gets a request, and what happens if that member fails.
//!
//! # Rules
//! 1. All requests go to one member until it fails: no connection can be made, the
//!    connection breaks, or no answer comes in time. From then on they go to the next
//!    member.
//! 2. A connection is made before a request is sent over it. So a member without a
//!    connection has received nothing, and the request may go to the next member at once.
//! 3. A request that was sent and not answered may have been done, or may be done later.
//!    A request that must not be done twice then fails with [`Error::NoAnswer`]; any
//!    other is sent to the next member.
//! 4. A refusal means *not done* only if etcd itself sent it (see [`super::status`]).

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::time::timeout;
use tonic::{Response, Status};
use tracing::debug;

use crate::Error;
use crate::client::login::Login;
use crate::client::member::{Connection, Member};
use crate::client::status;
use crate::config::EtcdConfig;

/// The members of the cluster. A member gets a connection when it is first asked.
pub(super) struct Members {
    all: Box<[Member]>,
    /// The index of the member that gets the requests now.
    current: AtomicUsize,
    login: Login,
    request_timeout: Duration,
    contact: Mutex<Contact>,
}

/// When the cluster last answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Contact {
    pub(crate) at: Option<Instant>,
    /// Whether the last request was answered.
    pub(crate) answers: bool,
}

impl Members {
    pub(super) fn new(config: &EtcdConfig) -> Result<Self, Error> {
        let members = config.endpoints.iter().map(|url| Member::new(url, config));
        Ok(Self {
            all: members.collect::<Result<_, _>>()?,
            current: AtomicUsize::new(0),
            login: Login::new(config.user.clone()),
            request_timeout: config.request_timeout,
            contact: Mutex::default(),
        })
    }

    /// Asks one member after another, until a member answers or refuses, or fails after the
    /// request may have been done and must not be repeated. Each member is asked at most
    /// twice, and one more request is made if the login token has expired.
    pub(super) async fn ask<T, F: Future<Output = Result<Response<T>, Status>>>(
        &self,
        may_repeat: impl Fn(&Error) -> bool,
        ask: impl Fn(Connection) -> F,
    ) -> Result<T, Error> {
        let mut left = 2 * self.all.len() + usize::from(self.login.has_user());
        loop {
            let at = self.current.load(Relaxed);
            let (shown, answer) = match self.connection(at).await {
                Ok(connection) => (connection.token.clone(), self.send(connection, &ask).await),
                Err(error) => (None, Err(error)),
            };
            let error = match answer {
                Ok(answer) => {
                    self.note(None);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            self.note(Some(&error));
            left -= 1;
            match &error {
                Error::Refused { code, message, .. }
                    if self.login.expired(*code, message, &shown) => {}
                Error::Refused { .. } => return Err(error),
                _ => self.failed(at, &error).await,
            }
            if left == 0 || !may_repeat(&error) {
                return Err(error);
            }
        }
    }

    /// The members' addresses, in their order.
    pub(super) fn urls(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|member| member.url.as_str())
    }

    /// When the cluster last answered, and whether it does.
    pub(super) fn contact(&self) -> Contact {
        *self.contact.lock()
    }

    /// Notes how the last request ended. A refusal is an answer.
    fn note(&self, error: Option<&Error>) {
        let mut contact = self.contact.lock();
        contact.answers = error.is_none_or(|error| matches!(error, Error::Refused { .. }));
        if contact.answers {
            contact.at = Some(Instant::now());
        }
    }

    /// Asks this member only, and only once.
    pub(super) async fn ask_at<T, F: Future<Output = Result<Response<T>, Status>>>(
        &self,
        at: usize,
        ask: impl FnOnce(Connection) -> F,
    ) -> Result<T, Error> {
        let answer = match self.connection(at).await {
            Ok(connection) => self.send(connection, ask).await,
            Err(error) => Err(error),
        };
        // That one member fails does not mean that the cluster does not answer.
        if answer.is_ok() {
            self.note(None);
        }
        if let Err(error) = &answer {
            self.failed(at, error).await;
        }
        answer
    }

    /// A connection to this member, and the token to send over it.
    async fn connection(&self, at: usize) -> Result<Connection, Error> {
        let (member, within) = (&self.all[at], self.request_timeout);
        let channel = member.connected().await?;
        let token = self.login.token(&member.url, &channel, within).await?;
        Ok(Connection { at, channel, token })
    }

    async fn send<T, F: Future<Output = Result<Response<T>, Status>>>(
        &self,
        connection: Connection,
        ask: impl FnOnce(Connection) -> F,
    ) -> Result<T, Error> {
        let url = &self.all[connection.at].url;
        status::answer(url, timeout(self.request_timeout, ask(connection)).await)
    }

    /// Notes that this member has failed, so that the next member gets the requests.
    async fn failed(&self, at: usize, error: &Error) {
        let next = (at + 1) % self.all.len();
        let turned = self.current.compare_exchange(at, next, Relaxed, Relaxed);
        if turned.is_ok() {
            debug!(%error, next = %self.all[next].url, "member failed; the next member gets the requests");
        }
        self.all[at].disconnect().await;
    }
}
