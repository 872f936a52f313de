//! What the control plane has done, as Prometheus reads it.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use control_plane::{Error, Pass, Planned};
use dns_server::{Counts, Outcome};
use tracing::{info, warn};

use crate::arguments::Role;
use crate::backing::Backing;

/// What Planner and Enactors have reported.
#[derive(Default)]
pub(crate) struct Tally {
    published: AtomicU64,
    unchanged: AtomicU64,
    refused: AtomicU64,
    applied: AtomicU64,
    stale: AtomicU64,
    failed: AtomicU64,
}

impl Tally {
    pub(crate) fn planned(&self, planned: &Result<Planned, Error>) {
        count(match planned {
            Ok(Planned::Published { .. }) => &self.published,
            Ok(Planned::Unchanged { .. }) => &self.unchanged,
            Err(_) => &self.refused,
        });
    }

    pub(crate) fn passed(&self, pass: &Result<Pass, Error>) {
        count(match pass {
            Ok(Pass::Applied { .. }) => &self.applied,
            Ok(Pass::Stale { .. } | Pass::StaleAtStart { .. }) => &self.stale,
            Ok(Pass::NoPlan) => return,
            Err(_) => &self.failed,
        });
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// All metrics of the parts that run here, in Prometheus' text format.
pub(crate) fn text(
    role: Role,
    store: &impl Backing,
    front: Option<&Counts>,
    tally: &Tally,
) -> String {
    let mut text = Text(String::new());
    if let Some(counts) = front {
        describe_front(&mut text, counts);
    }
    store.describe(&mut text);
    if role.includes(Role::Planner) {
        describe_planner(&mut text, tally);
    }
    if role.includes(Role::Enactor) {
        describe_enactors(&mut text, tally);
    }
    text.0
}

fn describe_front(text: &mut Text, counts: &Counts) {
    text.help("dns_queries_total", "counter", "Queries by outcome.");
    for outcome in Outcome::ALL {
        let label = format!("{{outcome=\"{}\"}}", outcome.name());
        text.sample("dns_queries_total", &label, counts.of(outcome));
    }
    text.help(
        "dns_activations_seen_total",
        "counter",
        "Changes of plan met by a query, thread by thread.",
    );
    text.sample("dns_activations_seen_total", "", counts.activations_seen);
    if let (Some(generation), Some(age)) = (counts.generation, counts.age) {
        let says = "The newest plan answered from.";
        text.gauge("dns_served_generation", says, generation.get());
        let says = "How long ago it was first answered from.";
        text.gauge("dns_served_age_seconds", says, age.as_secs_f64());
    }
}

fn describe_planner(text: &mut Text, tally: &Tally) {
    text.help(
        "planner_ticks_total",
        "counter",
        "The Planner's steps by outcome.",
    );
    for (outcome, count) in [
        ("published", &tally.published),
        ("unchanged", &tally.unchanged),
        ("refused", &tally.refused),
    ] {
        let label = format!("{{outcome=\"{outcome}\"}}");
        text.sample("planner_ticks_total", &label, count.load(Ordering::Relaxed));
    }
}

fn describe_enactors(text: &mut Text, tally: &Tally) {
    text.help(
        "enactor_passes_total",
        "counter",
        "The Enactors' passes by outcome.",
    );
    for (outcome, count) in [
        ("applied", &tally.applied),
        ("stale", &tally.stale),
        ("failed", &tally.failed),
    ] {
        let label = format!("{{outcome=\"{outcome}\"}}");
        text.sample(
            "enactor_passes_total",
            &label,
            count.load(Ordering::Relaxed),
        );
    }
}

/// Metrics as they are written.
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn help(&mut self, name: &str, kind: &str, says: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {says}\n# TYPE {name} {kind}");
    }

    /// A gauge of one sample.
    pub(crate) fn gauge(&mut self, name: &str, says: &str, value: impl std::fmt::Display) {
        self.help(name, "gauge", says);
        self.sample(name, "", value);
    }

    pub(crate) fn sample(&mut self, name: &str, label: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{name}{label} {value}");
    }
}

/// Longest request that is read, and how long a client may take over it.
const MAX_REQUEST: u64 = 8192;
const PATIENCE: Duration = Duration::from_secs(1);

/// A server of the metrics over HTTP. Dropping it stops it.
pub(crate) struct Metrics {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Metrics {
    pub(crate) fn start(
        address: SocketAddr,
        text: impl Fn() -> String + Send + 'static,
    ) -> io::Result<Self> {
        let in_vain = |error: io::Error| {
            io::Error::new(error.kind(), format!("metrics on {address}: {error}"))
        };
        let listener = TcpListener::bind(address).map_err(in_vain)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let builder = thread::Builder::new().name("metrics".into());
        let thread = builder.spawn(move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let answered = client.and_then(|client| answer(&client, &text));
                if let Err(error) = answered {
                    warn!(%error, "a request for metrics failed");
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

impl Drop for Metrics {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Ends the thread's waiting for a client.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            // It has nothing to say at the end.
            let _ = thread.join();
        }
    }
}

fn answer(mut client: &TcpStream, text: impl Fn() -> String) -> io::Result<()> {
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
        ["GET", "/metrics", _] => ("200 OK", text()),
        ["GET", ..] => ("404 Not Found", "look at /metrics\n".into()),
        _ => ("405 Method Not Allowed", "GET only\n".into()),
    };
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}
