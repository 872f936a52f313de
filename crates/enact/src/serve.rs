//! `enact serve`: the parts of the control plane in one process, until a signal ends it.
//!
//! The time limit of the end begins when the signal arrives. So it counts also while the parts
//! start or the fleet file is read, which may wait for a store or a disk.

use std::error::Error;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use control_plane::{Fleet, FleetError, chain};
use plan_store::MemoryStore;
#[cfg(feature = "etcd")]
use plan_store_etcd::EtcdStore;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::{info, warn};

use crate::backing::Backing;
use crate::cli::{Role, ServeArguments, StoreUrl};
use crate::disk;
use crate::log::Log;
use crate::parts::Parts;
use crate::readiness::Readiness;

/// How often the DNS server is looked after: whether it can begin, and whether it has ended.
const LOOK: Duration = Duration::from_millis(100);

/// How long the parts may take to end. With the last lines of the log, the process ends within
/// a second.
const STOP: Duration = Duration::from_millis(600);

/// The process cannot go on, so it ends. What started it may start it again.
#[derive(Debug, thiserror::Error)]
#[error("{0}; the process ends, so that it can be started again")]
pub(crate) struct CannotGoOn(pub(crate) &'static str);

/// The exit status after this error.
pub(crate) fn status_of(error: &(dyn Error + 'static)) -> u8 {
    if error.is::<CannotGoOn>() { 1 } else { 2 }
}

/// Runs until SIGINT or SIGTERM.
pub(crate) fn serve(arguments: &ServeArguments, log: &Log) -> Result<(), Box<dyn Error>> {
    let fleet = arguments.first_fleet().map_err(not_loaded)?;
    // From here on no signal is missed.
    let signals = receive_signals(log)?;
    info!(seed = arguments.seed, "random choices");
    match arguments.store() {
        StoreUrl::Memory | StoreUrl::Disk(_) if arguments.role != Role::All => Err(
            "this role needs a store to share with other processes; give --store etcd://…".into(),
        ),
        StoreUrl::Memory => {
            let store = MemoryStore::new(fleet.retention());
            run(arguments, fleet, &store, &signals, log)
        }
        StoreUrl::Disk(folder) => {
            let store = disk::open(folder, fleet.retention())?;
            run(arguments, fleet, &store, &signals, log)
        }
        #[cfg(feature = "etcd")]
        StoreUrl::Etcd(config) => {
            let config = arguments.etcd(*config, &fleet)?;
            let store = EtcdStore::connect(config)?;
            run(arguments, fleet, &store, &signals, log)
        }
    }
}

/// Why there is no fleet. A file that cannot be read is that of the option.
fn not_loaded(error: FleetError) -> Box<dyn Error> {
    match error {
        FleetError::Unreadable { .. } => format!("--fleet {}", chain(&error)).into(),
        error => error.into(),
    }
}

/// Runs the parts until a signal ends the process, or until it cannot go on.
fn run(
    arguments: &ServeArguments,
    fleet: Fleet,
    store: &impl Backing,
    signals: &Receiver<i32>,
    log: &Log,
) -> Result<(), Box<dyn Error>> {
    let mut parts = Parts::start(arguments, fleet, store, Readiness::default(), log.lost())?;
    let ended = until_it_ends(&mut parts, signals);
    info!("stopping");
    if let Err(error) = &ended {
        limit_the_end(log, status_of(error.as_ref()));
    }
    let queries = parts.stop();
    info!(queries, "stopped");
    ended
}

/// Does what the signals say until one ends the process.
fn until_it_ends(
    parts: &mut Parts<'_, impl Backing>,
    signals: &Receiver<i32>,
) -> Result<(), Box<dyn Error>> {
    loop {
        parts.advance()?;
        match signals.recv_timeout(LOOK) {
            Ok(SIGHUP) => parts.reload(),
            Ok(_) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(CannotGoOn("no signal can be received any more").into());
            }
        }
    }
}

/// Ends the process with this status if it has not ended by itself after [`STOP`].
fn end_in_time(log: &Log, status: u8) -> ! {
    thread::sleep(STOP);
    warn!("some parts of the process do not end; it ends without them");
    log.close();
    std::process::exit(status.into());
}

/// [`end_in_time`], without waiting.
fn limit_the_end(log: &Log, status: u8) {
    let log = log.clone();
    let end = move || {
        end_in_time(&log, status);
    };
    let started = thread::Builder::new().name("end".into()).spawn(end);
    if let Err(error) = started {
        warn!(%error, "the process has no time limit for its end");
    }
}

/// Signals from now on, through a channel that can be waited on for a limited time.
fn receive_signals(log: &Log) -> io::Result<Receiver<i32>> {
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let (send, received) = channel();
    let log = log.clone();
    // The thread ends with the process.
    thread::Builder::new()
        .name("signals".into())
        .spawn(move || pass_on(signals, &send, &log))?;
    Ok(received)
}

/// Passes signals on. The one that ends the process is the last, and limits the time for it.
fn pass_on(mut signals: Signals, send: &Sender<i32>, log: &Log) {
    for signal in signals.forever() {
        if send.send(signal).is_err() {
            return; // The process is at its end.
        }
        if signal != SIGHUP {
            end_in_time(log, 0);
        }
    }
}
