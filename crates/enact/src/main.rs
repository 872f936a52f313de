//! The whole control plane, for a small fleet: a Planner with health checks,
//! three Enactors, the sweep, and a DNS front. One command shows it:
//!
//! ```sh
//! cargo run --release -p enact -- serve --demo-targets
//! dig @127.0.0.1 -p 5300 api.demo.example
//! ```
//!
//! With a store on etcd, Planner, Enactors and front are processes of their own, on
//! machines of their own if need be; `crates/enact/cluster.sh` starts them all:
//!
//! ```sh
//! enact serve --store etcd://10.0.1.1:2379,10.0.2.1:2379,10.0.3.1:2379 --role enactor
//! ```
//!
//! SIGHUP has the Planner read the fleet file again, SIGUSR1 confirms the plan that
//! its guard has refused, Ctrl-C and SIGTERM end the process.

mod arguments;
mod backing;
mod demo_targets;
#[cfg(feature = "etcd")]
mod etcd;
mod metrics;
mod parts;
mod zones;

use std::error::Error;
use std::process::ExitCode;

use arguments::{Arguments, Cli, Command, Role, StoreUrl};
use backing::Backing;
use clap::Parser;
use control_plane::Fleet;
use parts::Parts;
use plan_store::MemoryStore;
#[cfg(feature = "etcd")]
use plan_store_etcd::{EtcdConfig, EtcdStore};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use tracing::info;

fn main() -> ExitCode {
    let Command::Serve(arguments) = Cli::parse().command;
    match arguments.start_log().and_then(|()| serve(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn serve(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let fleet = arguments.fleet()?;
    // From here on a signal is not missed.
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM, SIGUSR1])?;
    match &arguments.store {
        StoreUrl::Memory if arguments.role != Role::All => Err(
            "a process that is one part only needs a store to share; give --store etcd://…".into(),
        ),
        StoreUrl::Memory => {
            let store = MemoryStore::new(fleet.retention());
            run(arguments, fleet, &store, signals)
        }
        #[cfg(feature = "etcd")]
        StoreUrl::Etcd(config) => {
            let config = arguments.etcd(EtcdConfig::clone(config), &fleet)?;
            let store = EtcdStore::connect(config)?;
            run(arguments, fleet, &store, signals)
        }
    }
}

/// Starts the parts, and does what the signals say until one says to end.
fn run(
    arguments: &Arguments,
    fleet: Fleet,
    store: &impl Backing,
    mut signals: Signals,
) -> Result<(), Box<dyn Error>> {
    let mut parts = Parts::start(arguments, fleet, store)?;
    loop {
        // A front without anything to show waits for that, but not past a signal.
        let waits = parts.begin_to_answer()?;
        let pending: Vec<_> = if waits {
            signals.pending().collect()
        } else {
            signals.wait().collect()
        };
        for signal in pending {
            match signal {
                SIGHUP => parts.reload(),
                SIGUSR1 => parts.confirm(),
                _ => {
                    info!("stopping");
                    let queries = parts.stop();
                    info!(queries, "stopped");
                    return Ok(());
                }
            }
        }
    }
}
