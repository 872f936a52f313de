//! Targets for a demonstration: TCP listeners on the fleet's addresses. One of them is down for
//! a while, then another.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use control_plane::Fleet;
use fastrand::Rng;
use tracing::info;

/// How long a target is down.
const DOWN: Duration = Duration::from_secs(12);
/// How long all targets are up after that.
const UP: Duration = Duration::from_secs(6);
/// How often the connections of the health checks are taken. The system completes at most
/// 128 on its own and then answers no more, so that a target would seem to be down.
const TAKE: Duration = Duration::from_millis(250);

/// The listeners, and the thread that takes them down. Dropping it ends both.
pub(crate) struct DemoTargets {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl DemoTargets {
    /// Listens on every target's address.
    pub(crate) fn start(fleet: &Fleet, seed: u64) -> io::Result<Self> {
        let sockets = fleet.targets().map(|target| {
            let port = fleet.check_of(target).port;
            SocketAddr::new(target.address, port)
        });
        let sockets: BTreeSet<_> = sockets.collect();
        let listeners = sockets
            .into_iter()
            .map(|socket| Ok((socket, listen(socket)?)))
            .collect::<io::Result<BTreeMap<_, _>>>()?;
        let (stop, stopped) = channel();
        let flap = move || flap(listeners, &mut Rng::with_seed(seed), &stopped);
        let builder = thread::Builder::new().name("demo-targets".into());
        Ok(Self {
            stop: Some(stop),
            thread: Some(builder.spawn(flap)?),
        })
    }
}

impl Drop for DemoTargets {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed.
            let _ = thread.join();
        }
    }
}

/// A listener whose connections are complete before they are taken.
fn listen(socket: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(socket)
        .map_err(|error| io::Error::new(error.kind(), format!("demo target {socket}: {error}")))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Takes one target down and brings it back, again and again.
fn flap(
    mut listeners: BTreeMap<SocketAddr, TcpListener>,
    random: &mut Rng,
    stopped: &Receiver<()>,
) {
    let sockets: Vec<_> = listeners.keys().copied().collect();
    while stays_up(&listeners, UP, stopped) {
        let Some(&target) = random.choice(&sockets) else {
            return;
        };
        info!(%target, "demo target down");
        listeners.remove(&target);
        if !stays_up(&listeners, DOWN, stopped) {
            return;
        }
        match listen(target) {
            Ok(listener) => {
                info!(%target, "demo target up");
                listeners.insert(target, listener);
            }
            Err(error) => info!(%error, "demo target stays down"),
        }
    }
}

/// Whether no connection waits. A check has reset its connection by the time it is taken,
/// which the system reports as an error.
fn is_empty<T>(accepted: &io::Result<T>) -> bool {
    let error = accepted.as_ref().err();
    error.is_some_and(|error| error.kind() != io::ErrorKind::ConnectionAborted)
}

/// Takes connections for this long. Returns whether to go on.
fn stays_up(
    listeners: &BTreeMap<SocketAddr, TcpListener>,
    time: Duration,
    stopped: &Receiver<()>,
) -> bool {
    let end = Instant::now() + time;
    loop {
        for listener in listeners.values() {
            // Closed at once: a health check wants no more than to connect.
            while !is_empty(&listener.accept()) {}
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        if stopped.recv_timeout(left.min(TAKE)) != Err(RecvTimeoutError::Timeout) {
            return false;
        }
    }
}
