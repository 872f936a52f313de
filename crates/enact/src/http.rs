//! A small HTTP server: `GET /metrics`, `GET /ready`, `GET /targets`,
//! `GET /held` and `POST /confirm`.
//!
//! One thread answers one client after another. A silent client holds up the others for
//! at most a second.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::{info, warn};

use crate::health::Checked;
use crate::held::Held;
use crate::readiness::Readiness;

/// Longest request that is read.
const MAX_REQUEST: u64 = 8192;
/// How long a client may take to ask, and how long to read the answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Prometheus' text format, which is plain text as well.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What can be asked.
const USAGE: &str = "GET /metrics, /ready, /targets or /held, or POST /confirm?id=ID\n";

/// The running server. Dropping it stops it.
pub(crate) struct HttpServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    pub(crate) fn start(
        address: SocketAddr,
        readiness: Readiness,
        metrics: impl Fn() -> String + Send + 'static,
        held: Held,
        health: Checked,
    ) -> io::Result<Self> {
        let named = |error: io::Error| {
            let text = format!("cannot listen on {address} (metrics): {error}");
            io::Error::new(error.kind(), text)
        };
        let listener = TcpListener::bind(address).map_err(named)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let builder = thread::Builder::new().name("http".into());
        let thread = builder.spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let answered =
                    client.and_then(|client| answer(&client, &readiness, &metrics, &held, &health));
                if let Err(error) = answered {
                    warn!(%error, "a request over HTTP failed");
                }
            }
        })?;
        info!(url = %format!("http://{address}/metrics"), "serving metrics");
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // The thread waits for a client; this is the last one.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            // A panic in it has been printed.
            let _ = thread.join();
        }
    }
}

fn answer(
    mut client: &TcpStream,
    readiness: &Readiness,
    metrics: impl Fn() -> String,
    held: &Held,
    health: &Checked,
) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut request = BufReader::new(client.take(MAX_REQUEST)).lines();
    let first = request.next().transpose()?.unwrap_or_default();
    while request
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let (status, body) = match first.split(' ').collect::<Vec<_>>()[..] {
        ["GET", "/metrics", _] => ("200 OK", metrics()),
        ["GET", "/ready", _] => match readiness.check() {
            Ok(()) => ("200 OK", "ready\n".into()),
            Err(missing) => ("503 Service Unavailable", missing.lines()),
        },
        ["GET", "/targets", _] => health.list(),
        ["GET", "/held", _] => held.list(),
        ["POST", path, _] => match path.split_once('?') {
            Some(("/confirm", query)) => held.confirm(query),
            _ => ("404 Not Found", USAGE.into()),
        },
        ["GET", ..] => ("404 Not Found", USAGE.into()),
        _ => ("405 Method Not Allowed", USAGE.into()),
    };
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: {TEXT}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(server: &HttpServer, path: &str) -> String {
        let mut client = TcpStream::connect(server.address).unwrap();
        write!(client, "GET {path} HTTP/1.1\r\n\r\n").unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn ready_is_answered_as_the_parts_are() {
        let readiness = Readiness::default();
        let parts = ["dns server", "planner"].map(|name| readiness.part(name));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let metrics = || "m 1\n".into();
        let (held, health) = (Held::default(), Checked::default());
        let server = HttpServer::start(any, readiness.clone(), metrics, held, health);
        let server = server.unwrap();
        for (part, missing) in parts.iter().zip([
            "\r\n\r\ndns server: it has not started\nplanner: it has not started\n",
            "\r\n\r\nplanner: it has not started\n",
        ]) {
            let answer = get(&server, "/ready");
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
            assert!(answer.ends_with(missing), "{answer}");
            part.up();
        }
        let answer = get(&server, "/ready");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        readiness.stopping();
        let answer = get(&server, "/ready");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.ends_with("the process is stopping\n"), "{answer}");
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
}
