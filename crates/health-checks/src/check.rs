//! One check, of any kind.

use std::future::{self, Future};
use std::net::SocketAddr;

use control_plane::{CheckKind, Trust, Watched, Watchlist};
use plan_store::EndpointName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;

use crate::board::Due;
use crate::connect::connect;
use crate::finding::{Finding, Trouble};
use crate::tls::{Inside, Trusts};
use crate::{command, grpc, http};

/// Makes checks.
pub(crate) struct Checker {
    trusts: Trusts,
    /// One permit for each check that may run.
    descriptors: Semaphore,
}

impl Checker {
    pub(crate) fn new(at_a_time: usize) -> Self {
        Self {
            trusts: Trusts::default(),
            descriptors: Semaphore::new(at_a_time),
        }
    }

    /// Loads what the checks of this list need.
    pub(crate) fn load(&self, list: &Watchlist) {
        self.trusts.load(list);
    }

    /// Makes a check. Only the usual kind is in the task itself, so that a task stays small.
    pub(crate) async fn check(&self, due: &Due) -> Finding {
        let Ok(_descriptor) = self.descriptors.try_acquire() else {
            let text = "too many checks run at a time; raise the limit of open files";
            return Err(Trouble::checker(text)).into();
        };
        let Watched { check, endpoint } = &due.watched;
        let at = SocketAddr::new(due.target, check.port);
        let host = |host: &'_ Option<EndpointName>| host.as_ref().unwrap_or(endpoint).clone();
        match &check.kind {
            CheckKind::Tcp => connect(at).await.map(drop).into(),
            CheckKind::Tls(tls) => {
                let host = host(&tls.host);
                let shaken = self.on_stream(at, Some(&tls.trust), &host, Inside::Nothing, |_| {
                    future::ready(Ok(()))
                });
                Box::pin(shaken).await
            }
            CheckKind::Http(http) => {
                let host = host(&http.host);
                let asked = self.on_stream(at, http.tls.as_ref(), &host, Inside::Http1, |stream| {
                    http::ask(stream, http, &host, at.port())
                });
                Box::pin(asked).await
            }
            CheckKind::Grpc(grpc) => {
                let host = host(&grpc.host);
                let asked = self.on_stream(at, grpc.tls.as_ref(), &host, Inside::Http2, |stream| {
                    grpc::ask(stream, grpc, &host, at.port())
                });
                Box::pin(asked).await
            }
            CheckKind::Command(command) => {
                let run = command::run(command, due.target, check.port, endpoint);
                Box::pin(run).await.into()
            }
        }
    }

    /// Opens a connection, with TLS if a trust is given, and asks on it.
    async fn on_stream<F: Future<Output = Result<(), Trouble>>>(
        &self,
        at: SocketAddr,
        tls: Option<&Trust>,
        host: &EndpointName,
        inside: Inside,
        ask: impl FnOnce(Box<dyn Stream>) -> F,
    ) -> Finding {
        let stream = match connect(at).await {
            Ok(stream) => stream,
            Err(trouble) => return Err(trouble).into(),
        };
        let Some(trust) = tls else {
            return ask(Box::new(stream)).await.into();
        };
        let (stream, certificate) = self.trusts.shake_hands(stream, trust, host, inside).await;
        let result = match stream {
            Ok(stream) => ask(Box::new(stream)).await,
            Err(trouble) => Err(trouble),
        };
        Finding {
            result,
            certificate,
        }
    }
}

/// A connection, with or without TLS.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}
