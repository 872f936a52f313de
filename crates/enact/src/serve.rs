//! `enact serve`: the parts of the control plane in one process, until a signal ends it.

use std::error::Error;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use control_plane::Fleet;
use plan_store::MemoryStore;
#[cfg(feature = "etcd")]
use plan_store_etcd::{EtcdConfig, EtcdStore};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::info;

use crate::backing::Backing;
use crate::cli::{Role, ServeArguments, StoreUrl};
use crate::parts::Parts;
use crate::readiness::Readiness;

/// How often the DNS server is looked after: whether it can begin, and whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// Runs until SIGINT or SIGTERM.
pub(crate) fn serve(arguments: &ServeArguments) -> Result<(), Box<dyn Error>> {
    let fleet = arguments.first_fleet()?;
    // From here on no signal is missed.
    let signals = receive_signals()?;
    match &arguments.store {
        StoreUrl::Memory if arguments.role != Role::All => Err(
            "this role needs a store to share with other processes; give --store etcd://…".into(),
        ),
        StoreUrl::Memory => {
            let store = MemoryStore::new(fleet.retention());
            run(arguments, fleet, &store, &signals)
        }
        #[cfg(feature = "etcd")]
        StoreUrl::Etcd(config) => {
            let config = arguments.etcd(EtcdConfig::clone(config), &fleet)?;
            let store = EtcdStore::connect(config)?;
            run(arguments, fleet, &store, &signals)
        }
    }
}

/// Starts the parts, and does what the signals say until one ends the process.
fn run(
    arguments: &ServeArguments,
    fleet: Fleet,
    store: &impl Backing,
    signals: &Receiver<i32>,
) -> Result<(), Box<dyn Error>> {
    let mut parts = Parts::start(arguments, fleet, store, Readiness::default())?;
    loop {
        parts.advance()?;
        match signals.recv_timeout(LOOK) {
            Ok(SIGHUP) => parts.reload(),
            Ok(_) => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err("no signal can be received any more; restart the process".into());
            }
        }
    }
    info!("stopping");
    let queries = parts.stop();
    info!(queries, "stopped");
    Ok(())
}

/// Signals from now on, through a channel that can be waited on for a limited time.
fn receive_signals() -> io::Result<Receiver<i32>> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let (send, received) = channel();
    // The thread ends with the process.
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || signals.forever().try_for_each(|signal| send.send(signal)))?;
    Ok(received)
}
