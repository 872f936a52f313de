//! Targets to look at: listeners on the fleet's addresses, one of which is down
//! for a while, then another.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use control_plane::{Fleet, FleetEndpoint};
use fastrand::Rng;
use tracing::info;

/// How long one is down, and how long all are up between.
const DOWN: Duration = Duration::from_secs(12);
const UP: Duration = Duration::from_secs(6);

/// The listeners and the thread that takes them down. Dropping it ends both.
pub(crate) struct DemoTargets {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl DemoTargets {
    /// Listens on every target's address.
    pub(crate) fn start(fleet: &Fleet, seed: u64) -> io::Result<Self> {
        let port = fleet.health_check().port;
        let targets = fleet.endpoints().iter().flat_map(FleetEndpoint::targets);
        let addresses: BTreeSet<_> = targets.map(|target| target.address).collect();
        let listeners = addresses
            .into_iter()
            .map(|address| Ok((address, listen(address, port)?)))
            .collect::<io::Result<BTreeMap<_, _>>>()?;
        let (stop, stopped) = channel();
        let flap = move || flap(listeners, port, &mut Rng::with_seed(seed), &stopped);
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
            // It has nothing to say at the end.
            let _ = thread.join();
        }
    }
}

/// A listener that nobody accepts on: the system completes the connections.
fn listen(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    let socket = SocketAddr::new(address, port);
    TcpListener::bind(socket)
        .map_err(|error| io::Error::new(error.kind(), format!("demo target {socket}: {error}")))
}

/// Takes one down and brings it back, again and again.
fn flap(
    mut listeners: BTreeMap<IpAddr, TcpListener>,
    port: u16,
    random: &mut Rng,
    stopped: &Receiver<()>,
) {
    let addresses: Vec<_> = listeners.keys().copied().collect();
    let waited = |time| stopped.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    while waited(UP) {
        let Some(&target) = random.choice(&addresses) else {
            return;
        };
        info!(%target, "demo target down");
        listeners.remove(&target);
        if !waited(DOWN) {
            return;
        }
        match listen(target, port) {
            Ok(listener) => {
                info!(%target, "demo target up");
                listeners.insert(target, listener);
            }
            Err(error) => info!(%error, "demo target stays down"),
        }
    }
}
