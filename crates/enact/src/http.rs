//! A small HTTP server for a [`Site`]: the metrics pages and the admin API.
//!
//! hyper serves it, on one thread for each server. No client waits for another one: a client
//! that is slow has the site's patience, and if all [`CLIENTS`] places are taken, a new client
//! gets the oldest one's. Work that may have to wait, for a store or a lock, is made by a few
//! threads of its own ([`Blocking`]). Work beyond that is refused: a queue would grow while the
//! store stalls.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::UCred;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tracing::debug;

/// Most bytes of a request's head. hyper takes no smaller limit.
const MAX_REQUEST: usize = 8192;
/// How many clients are served at a time.
pub(crate) const CLIENTS: usize = 64;
/// How many requests of a server may wait for something at a time.
pub(crate) const WORKERS: usize = 4;
/// How long the server waits if no connection can be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// What a server serves.
pub(crate) trait Site: Send + Sync + 'static {
    /// How long a client may take from its connection to the end of the answer.
    const PATIENCE: Duration;

    /// The answer to a request.
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        client: Client,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// The origin of a request, as far as the operating system knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Client {
    /// A process on this machine.
    Process(UCred),
    /// An address.
    Address(SocketAddr),
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(process) => match process.pid() {
                Some(pid) => write!(f, "process {pid}"),
                None => f.write_str("a process"),
            },
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Takes connections.
pub(crate) trait Listener: Send + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn next(&self) -> impl Future<Output = io::Result<(Self::Stream, Client)>> + Send;
}

impl Listener for TcpListener {
    type Stream = tokio::net::TcpStream;

    async fn next(&self) -> io::Result<(Self::Stream, Client)> {
        let (stream, address) = self.accept().await?;
        Ok((stream, Client::Address(address)))
    }
}

impl Listener for UnixListener {
    type Stream = tokio::net::UnixStream;

    async fn next(&self) -> io::Result<(Self::Stream, Client)> {
        let (stream, _) = self.accept().await?;
        let process = stream.peer_cred()?;
        Ok((stream, Client::Process(process)))
    }
}

/// The running server. Dropping it stops it, without waiting for a client.
pub(crate) struct HttpServer(Option<Runtime>);

impl HttpServer {
    /// Starts to serve. `listen` opens the listener.
    pub(crate) fn start<L: Listener>(
        listen: impl FnOnce() -> io::Result<L>,
        site: Arc<impl Site>,
    ) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(WORKERS)
            .thread_name("http")
            .enable_all()
            .build()?;
        let listener = {
            let _entered = runtime.enter();
            listen()?
        };
        runtime.spawn(serve(listener, site));
        Ok(Self(Some(runtime)))
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Takes one client after another, each served by a task of its own.
async fn serve(listener: impl Listener, site: Arc<impl Site>) {
    let mut clients: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let accepted = listener.next().await;
        clients.retain(|client| !client.is_finished());
        if (clients.len() >= CLIENTS || accepted.is_err())
            && let Some(oldest) = clients.pop_front()
        {
            oldest.abort();
        }
        match accepted {
            Ok((stream, client)) => {
                let served = serve_client(stream, client, Arc::clone(&site));
                clients.push_back(tokio::spawn(served).abort_handle());
            }
            Err(error) => {
                debug!(%error, "cannot take a connection over HTTP");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn serve_client<S: Site>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    client: Client,
    site: Arc<S>,
) {
    let service = service_fn(|request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(site.answer(request, client).await) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(MAX_REQUEST)
        .header_read_timeout(None) // The whole exchange has a limit.
        .serve_connection(TokioIo::new(stream), service);
    match timeout(S::PATIENCE, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a request over HTTP failed"),
        Err(_) => debug!("a client over HTTP was too slow"),
    }
}

/// The threads for work that may have to wait.
pub(crate) struct Blocking(Arc<Semaphore>);

/// Why work has no result.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// As much work as allowed waits already.
    Busy,
    /// The work panicked. The log has the panic.
    Panicked,
}

impl Default for Blocking {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(WORKERS)))
    }
}

impl Blocking {
    /// Does some work. It goes on if its client goes, and counts until it is done.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NotDone> {
        let permit = Arc::clone(&self.0).try_acquire_owned();
        let Ok(permit) = permit else {
            return Err(NotDone::Busy);
        };
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.map_err(|_| NotDone::Panicked)
    }
}
