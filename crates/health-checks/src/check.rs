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

/// So many descriptors a command has open at most while it runs, beside a moment while it
/// is started: the pipe of its output, and what tells of its end.
pub(crate) const OF_A_COMMAND: u32 = 4;

/// Makes checks.
pub(crate) struct Checker {
    trusts: Trusts,
    /// One permit for each descriptor that the checks may have open.
    descriptors: Semaphore,
}

impl Checker {
    pub(crate) fn new(descriptors: usize) -> Self {
        Self {
            trusts: Trusts::default(),
            descriptors: Semaphore::new(descriptors),
        }
    }

    /// Loads what the checks of this list need.
    pub(crate) fn load(&self, list: &Watchlist) {
        self.trusts.load(list);
    }

    /// Makes a check. Only the usual kind is in the task itself, so that a task stays small.
    pub(crate) async fn check(&self, due: &Due) -> Finding {
        let Watched { check, endpoint } = &due.watched;
        let needed = match check.kind {
            CheckKind::Command(_) => OF_A_COMMAND,
            _ => 1,
        };
        let Ok(_descriptors) = self.descriptors.try_acquire_many(needed) else {
            let text = "too many checks run at a time; raise the limit of open files";
            return Err(Trouble::checker(text)).into();
        };
        let at = SocketAddr::new(due.target.address, check.port);
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
                let run = command::run(command, due.target.address, check.port, endpoint);
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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::time::Instant;

    use control_plane::{CommandCheck, HealthCheck};

    use super::*;

    /// A check of this kind with so many descriptors.
    async fn check(descriptors: usize, kind: CheckKind) -> Result<(), Trouble> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap();
        let check = Arc::new(HealthCheck {
            kind,
            port: target.port(),
            ..HealthCheck::default()
        });
        let endpoint = "a.example".parse().unwrap();
        let due = Due {
            target: target.ip().into(),
            watched: Watched { check, endpoint },
            id: 1,
            begun: Instant::now(),
        };
        Checker::new(descriptors).check(&due).await.result
    }

    #[tokio::test]
    async fn a_check_is_made_only_with_all_descriptors_that_it_may_need() {
        let command = || {
            CheckKind::Command(CommandCheck {
                program: "/bin/sh".into(),
                arguments: vec!["-c".into(), "exit 0".into()],
            })
        };
        let text = "too many checks run at a time; raise the limit of open files";
        let too_many = Err(Trouble::checker(text));
        assert_eq!(check(0, CheckKind::Tcp).await, too_many);
        assert_eq!(check(1, CheckKind::Tcp).await, Ok(()));
        assert_eq!(check(3, command()).await, too_many);
        assert_eq!(check(4, command()).await, Ok(()));
    }
}
