//! A small HTTP server: `GET /metrics`, `GET /readyz` (also `/ready`), `GET /healthz`,
//! `GET /targets`, `GET /held` and `POST /confirm`.
//!
//! hyper serves it, on one thread. No client waits for another one: a client that is slow has
//! [`PATIENCE`], and if all [`CLIENTS`] places are taken, a new client gets the oldest one's.
//! The metrics may have to ask the store, so they are made on [`SCRAPES`] threads of their own.
//! A scrape beyond that is refused: a queue of scrapes would grow while the store stalls.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use crate::health::Checked;
use crate::held::{Answer, Held};
use crate::readiness::{NotReady, Readiness};

/// Most bytes of a request's head. hyper takes no smaller limit.
const MAX_REQUEST: usize = 8192;
/// How long a client may take from its connection to the end of the answer. In the tests of
/// this module no client is too slow.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 3600 } else { 5 });
/// How many clients are served at a time.
const CLIENTS: usize = 64;
/// How many scrapes may wait for the store at a time.
const SCRAPES: usize = 4;
/// How long the server waits if no connection can be taken.
const PAUSE: Duration = Duration::from_millis(100);
/// Prometheus' text format, which is plain text as well.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What can be asked.
const USAGE: &str = "GET /metrics, /readyz, /healthz, /targets or /held, or POST /confirm?id=ID\n";

/// The running server. Dropping it stops it, without waiting for a client.
pub(crate) struct HttpServer {
    #[cfg(test)]
    address: SocketAddr,
    runtime: Option<Runtime>,
}

/// Where the answers come from.
struct Sources<M> {
    readiness: Readiness,
    metrics: M,
    /// One permit for each scrape that may wait for the store.
    scrapes: Arc<Semaphore>,
    held: Held,
    health: Checked,
}

impl HttpServer {
    pub(crate) fn start(
        address: SocketAddr,
        readiness: Readiness,
        metrics: impl Fn() -> String + Send + Sync + 'static,
        held: Held,
        health: Checked,
    ) -> io::Result<Self> {
        let named = |error: io::Error| {
            let text = format!("cannot listen on {address} (metrics): {error}");
            io::Error::new(error.kind(), text)
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(SCRAPES)
            .thread_name("http")
            .enable_all()
            .build()?;
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .map_err(named)?;
        let address = listener.local_addr()?;
        let sources = Arc::new(Sources {
            readiness,
            metrics,
            scrapes: Arc::new(Semaphore::new(SCRAPES)),
            held,
            health,
        });
        runtime.spawn(serve(listener, sources));
        info!(url = %format!("http://{address}/metrics"), "serving metrics");
        Ok(Self {
            #[cfg(test)]
            address,
            runtime: Some(runtime),
        })
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Takes one client after another, each served by a task of its own.
async fn serve<M>(listener: TcpListener, sources: Arc<Sources<M>>)
where
    M: Fn() -> String + Send + Sync + 'static,
{
    let mut clients: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let accepted = listener.accept().await;
        clients.retain(|client| !client.is_finished());
        if (clients.len() >= CLIENTS || accepted.is_err())
            && let Some(oldest) = clients.pop_front()
        {
            oldest.abort();
        }
        match accepted {
            Ok((client, _)) => {
                let served = serve_client(client, Arc::clone(&sources));
                clients.push_back(tokio::spawn(served).abort_handle());
            }
            Err(error) => {
                debug!(%error, "cannot take a connection over HTTP");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn serve_client<M>(client: TcpStream, sources: Arc<Sources<M>>)
where
    M: Fn() -> String + Send + Sync + 'static,
{
    let service = service_fn(|request| {
        let sources = Arc::clone(&sources);
        async { Ok::<_, Infallible>(answer(request, sources).await) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(MAX_REQUEST)
        .header_read_timeout(None) // The whole exchange has a limit.
        .serve_connection(TokioIo::new(client), service);
    match timeout(PATIENCE, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a request over HTTP failed"),
        Err(_) => debug!("a client over HTTP was too slow"),
    }
}

async fn answer<M>(request: Request<Incoming>, sources: Arc<Sources<M>>) -> Response<Full<Bytes>>
where
    M: Fn() -> String + Send + Sync + 'static,
{
    let (path, query) = (request.uri().path(), request.uri().query());
    let (status, body) = match (request.method(), path) {
        (&Method::GET, "/metrics") => scrape(sources).await,
        (&Method::GET, "/readyz" | "/ready") => {
            probe(sources.readiness.check(), &sources.readiness.lines())
        }
        (&Method::GET, "/healthz") => probe(sources.readiness.alive(), "ok\n"),
        (&Method::GET, "/targets") => sources.health.list(),
        (&Method::GET, "/held") => sources.held.list(),
        (&Method::POST, "/confirm") if query.is_some() => {
            sources.held.confirm(query.unwrap_or_default())
        }
        (&Method::GET | &Method::POST, _) => (StatusCode::NOT_FOUND, USAGE.into()),
        _ => (StatusCode::METHOD_NOT_ALLOWED, USAGE.into()),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(TEXT));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
    }
    response
}

/// The answer to a probe.
fn probe(state: Result<(), NotReady>, well: &str) -> Answer {
    match state {
        Ok(()) => (StatusCode::OK, well.into()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, missing.lines()),
    }
}

/// Makes the metrics. A scrape whose client has gone still counts until the store answers.
async fn scrape<M>(sources: Arc<Sources<M>>) -> Answer
where
    M: Fn() -> String + Send + Sync + 'static,
{
    let Ok(permit) = Arc::clone(&sources.scrapes).try_acquire_owned() else {
        let text = format!("{SCRAPES} scrapes wait for the store; ask again later\n");
        return (StatusCode::SERVICE_UNAVAILABLE, text);
    };
    let scraped = tokio::task::spawn_blocking(move || {
        let text = (sources.metrics)();
        drop(permit);
        text
    });
    match scraped.await {
        Ok(text) => (StatusCode::OK, text),
        // The panic is in the log.
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "see the log\n".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;

    /// The bound of every wait; a test that reaches it fails.
    const BOUND: Duration = Duration::from_mins(1);

    fn start(readiness: &Readiness) -> HttpServer {
        start_with(readiness, || "m 1\n".into())
    }

    fn start_with(
        readiness: &Readiness,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> HttpServer {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (held, health) = (Held::default(), Checked::default());
        HttpServer::start(any, readiness.clone(), metrics, held, health).unwrap()
    }

    fn ask(server: &HttpServer, path: &str) -> TcpStream {
        let mut client = TcpStream::connect(server.address).unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        write!(client, "GET {path} HTTP/1.1\r\n\r\n").unwrap();
        client
    }

    fn get(server: &HttpServer, path: &str) -> String {
        answer_to(ask(server, path))
    }

    fn answer_to(mut client: TcpStream) -> String {
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn ready_is_answered_as_the_parts_are() {
        let readiness = Readiness::default();
        let parts = ["dns server", "planner"].map(|name| readiness.part(name));
        let server = start(&readiness);
        for (part, missing) in parts.iter().zip([
            "\r\n\r\ndns server: it has not started\nplanner: it has not started\n",
            "\r\n\r\nplanner: it has not started\n",
        ]) {
            let answer = get(&server, "/ready");
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.ends_with(missing), "{answer}");
            part.up();
        }
        for path in ["/readyz", "/ready", "/healthz"] {
            let answer = get(&server, path);
            assert!(
                answer.starts_with("HTTP/1.1 200 OK\r\n"),
                "{path}: {answer}"
            );
        }
        readiness.stopping();
        let answer = get(&server, "/ready");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.ends_with("the process is stopping\n"), "{answer}");
        // The end is no reason to start it again, but a part that has ended is.
        assert!(get(&server, "/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
        drop(parts);
        let answer = get(&server, "/healthz");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("planner: it has ended"), "{answer}");
        // The metrics can be read in every state.
        assert!(get(&server, "/metrics").ends_with("\r\n\r\nm 1\n"));
        assert!(
            get(&server, "/confirm?id=1").starts_with("HTTP/1.1 404 "),
            "not by GET"
        );
        assert!(
            get(&server, "/held").starts_with("HTTP/1.1 404 "),
            "no Planner"
        );
    }

    /// Waits until the server has closed this connection.
    fn wait_until_closed(client: &mut TcpStream) {
        client.set_read_timeout(Some(BOUND)).unwrap();
        match client.read(&mut [0; 16]) {
            Ok(length) => assert_eq!(length, 0),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
    }

    fn is_open(client: &mut TcpStream) -> bool {
        client.set_nonblocking(true).unwrap();
        let read = client.read(&mut [0; 16]);
        client.set_nonblocking(false).unwrap();
        read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    #[test]
    fn clients_that_say_nothing_hold_up_no_other_and_give_way() {
        let server = start(&Readiness::default());
        let silent = || TcpStream::connect(server.address).unwrap();
        let mut clients: Vec<_> = (0..2 * CLIENTS).map(|_| silent()).collect();
        assert!(get(&server, "/metrics").ends_with("\r\n\r\nm 1\n"));
        // The oldest had to go, and the newest is served.
        wait_until_closed(&mut clients[0]);
        let newest = clients.last_mut().unwrap();
        assert!(is_open(newest));
        // The end waits for none of them.
        drop(server);
        wait_until_closed(newest);
    }

    /// The store answers none of them until the test says so.
    #[test]
    fn scrapes_beyond_the_limit_are_refused_and_do_not_queue() {
        let ((tell, scrapes_begun), (answer, answers)) = (channel(), channel::<()>());
        let answers = Mutex::new(answers);
        let server = start_with(&Readiness::default(), move || {
            tell.send(()).unwrap();
            // The end of the channel is an answer as well.
            let _ = answers.lock().unwrap().recv();
            "m 1\n".into()
        });
        let scrapes: Vec<_> = (0..SCRAPES).map(|_| ask(&server, "/metrics")).collect();
        for _ in &scrapes {
            scrapes_begun.recv_timeout(BOUND).unwrap();
        }
        for _ in 0..3 {
            let refused = get(&server, "/metrics");
            assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
            assert!(refused.contains("4 scrapes wait"), "{refused}");
        }
        drop(answer);
        for scrape in scrapes {
            assert!(answer_to(scrape).ends_with("\r\n\r\nm 1\n"));
        }
        assert!(get(&server, "/metrics").ends_with("\r\n\r\nm 1\n"));
        assert_eq!(
            scrapes_begun.try_iter().count(),
            1,
            "none has waited in a queue"
        );
    }
}
