//! The pages of `--metrics`, for reading only: `GET /`, `/metrics`, `/readyz` (also `/ready`),
//! `/healthz`, `/targets` and `/held`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;
use tracing::info;

use crate::current_planner::{Answer, CurrentPlanner};
use crate::health::Checked;
use crate::http::{Blocking, Client, HttpServer, NotDone, Site, WORKERS};
use crate::readiness::{NotReady, Readiness};

/// Prometheus' text format, which is plain text as well.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The status page: its style is in it, and nothing else belongs to it.
const HTML: &str = "text/html; charset=utf-8";
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What can be asked.
const USAGE: &str = "GET /, /metrics, /readyz, /healthz, /targets or /held\n";

/// Where the answers come from.
struct Pages<M> {
    readiness: Readiness,
    metrics: Arc<M>,
    page: Page,
    blocking: Blocking,
    planner: CurrentPlanner,
    health: Checked,
}

/// Makes the status page.
pub(crate) type Page = Arc<dyn Fn() -> String + Send + Sync>;

/// Serves the pages on this address, and returns the address that it has.
pub(crate) fn start(
    address: SocketAddr,
    readiness: Readiness,
    metrics: impl Fn() -> String + Send + Sync + 'static,
    page: Page,
    planner: CurrentPlanner,
    health: Checked,
) -> io::Result<(HttpServer, SocketAddr)> {
    let named = |error: io::Error| {
        let text = format!("cannot listen on {address} (metrics): {error}");
        io::Error::new(error.kind(), text)
    };
    let pages = Pages {
        readiness,
        metrics: Arc::new(metrics),
        page,
        blocking: Blocking::default(),
        planner,
        health,
    };
    let listener = std::net::TcpListener::bind(address).map_err(named)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let listen = || TcpListener::from_std(listener);
    let server = HttpServer::start(listen, Arc::new(pages))?;
    info!(url = %format!("http://{address}/metrics"), "serving metrics");
    Ok((server, address))
}

impl<M: Fn() -> String + Send + Sync + 'static> Site for Pages<M> {
    // In the tests of this module no client is too slow.
    const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 3600 } else { 5 });

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        _: Client,
    ) -> Response<Full<Bytes>> {
        let is_page = request.uri().path() == "/";
        let (status, body) = match (request.method(), request.uri().path()) {
            (&Method::GET, "/") => {
                let page = Arc::clone(&self.page);
                self.wait_for(move || page()).await
            }
            (&Method::GET, "/metrics") => {
                let metrics = Arc::clone(&self.metrics);
                self.wait_for(move || metrics()).await
            }
            (&Method::GET, "/readyz" | "/ready") => {
                probe(self.readiness.check(), &self.readiness.lines())
            }
            (&Method::GET, "/healthz") => probe(self.readiness.alive(), "ok\n"),
            (&Method::GET, "/targets") => self.health.list(),
            (&Method::GET, "/held") => self.planner.list(),
            (&Method::GET, _) => (StatusCode::NOT_FOUND, USAGE.into()),
            _ => (StatusCode::METHOD_NOT_ALLOWED, USAGE.into()),
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let kind = if is_page && status == StatusCode::OK {
            HTML
        } else {
            TEXT
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        response
    }
}

/// The answer to a probe.
fn probe(state: Result<(), NotReady>, well: &str) -> Answer {
    match state {
        Ok(()) => (StatusCode::OK, well.into()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, missing.lines()),
    }
}

impl<M: Fn() -> String + Send + Sync + 'static> Pages<M> {
    /// Makes a text that may have to wait for the store. It counts until it is made, also if
    /// its client has gone.
    async fn wait_for(&self, make: impl FnOnce() -> String + Send + 'static) -> Answer {
        match self.blocking.run(make).await {
            Ok(text) => (StatusCode::OK, text),
            Err(NotDone::Busy) => {
                let text = format!("{WORKERS} scrapes wait for the store; ask again later\n");
                (StatusCode::SERVICE_UNAVAILABLE, text)
            }
            Err(NotDone::Panicked) => (StatusCode::INTERNAL_SERVER_ERROR, "see the log\n".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::http::CLIENTS;

    type Server = (HttpServer, SocketAddr);

    /// The bound of every wait; a test that reaches it fails.
    const BOUND: Duration = Duration::from_mins(1);

    fn start(readiness: &Readiness) -> Server {
        start_with(readiness, || "m 1\n".into())
    }

    fn start_with(
        readiness: &Readiness,
        metrics: impl Fn() -> String + Send + Sync + 'static,
    ) -> Server {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (planner, health) = (CurrentPlanner::default(), Checked::default());
        let page: Page = Arc::new(|| "<p>".into());
        super::start(any, readiness.clone(), metrics, page, planner, health).unwrap()
    }

    fn ask((_, address): &Server, path: &str) -> TcpStream {
        let mut client = TcpStream::connect(*address).unwrap();
        client.set_read_timeout(Some(BOUND)).unwrap();
        write!(client, "GET {path} HTTP/1.1\r\n\r\n").unwrap();
        client
    }

    fn get(server: &Server, path: &str) -> String {
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
        let silent = || TcpStream::connect(server.1).unwrap();
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
        let scrapes: Vec<_> = (0..WORKERS).map(|_| ask(&server, "/metrics")).collect();
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
