//! The whole control plane, for a small fleet: a Planner with health checks,
//! three Enactors, the sweep, and a DNS front. One command shows it:
//!
//! ```sh
//! cargo run --release --example serve -- --demo-targets
//! dig @127.0.0.1 -p 5300 api.demo.example
//! ```
//!
//! SIGHUP reads the fleet file again, SIGUSR1 confirms the plan that the guard
//! has refused, Ctrl-C and SIGTERM end it.

mod arguments;
mod demo_targets;
mod metrics;
mod zones;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use arguments::Arguments;
use clap::Parser;
use control_plane::{ControlPlane, Enactor, Fleet, Pace, Planner, TcpChecks, ThreadReport};
use demo_targets::DemoTargets;
use dns_front::Front;
use metrics::{Metrics, Tally};
use plan_store::MemoryStore;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use tracing::{error, info};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
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
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM, SIGUSR1])?;
    let store = MemoryStore::new(fleet.retention());
    let tally = Arc::new(Tally::default());

    let _targets = if arguments.demo_targets {
        Some(DemoTargets::start(&fleet, arguments.seed)?)
    } else {
        None
    };
    let zones = zones::of(&fleet)?;
    let front = Front::start(&store, zones, &arguments.front())?;
    let front = Arc::new(front);
    let _metrics = match arguments.metrics {
        Some(address) => {
            let (store, front, tally) = (store.clone(), Arc::clone(&front), Arc::clone(&tally));
            Some(Metrics::start(address, move || {
                metrics::text(&store, &front.counts(), &tally)
            })?)
        }
        None => None,
    };
    let checks = TcpChecks::start(&fleet, arguments.seed)?;
    let control = start_control_plane(&store, &fleet, &checks, &tally, arguments.seed)?;

    for signal in signals.forever() {
        match signal {
            SIGHUP => match reload(arguments, &fleet) {
                Ok(new) => {
                    checks.set_fleet(&new);
                    control.planner().set_fleet(new);
                    info!("the fleet file is read again");
                }
                Err(error) => error!(%error, "the fleet stays as it is"),
            },
            SIGUSR1 => control.planner().confirm(),
            _ => break,
        }
    }
    info!("stopping");
    drop(control);
    drop(checks);
    let counts = front.counts();
    info!(queries = counts.total(), "stopped");
    Ok(())
}

fn start_control_plane(
    store: &MemoryStore,
    fleet: &Fleet,
    checks: &TcpChecks,
    tally: &Arc<Tally>,
    seed: u64,
) -> std::io::Result<ControlPlane> {
    let timings = fleet.timings();
    let pace = Pace {
        backoff_first: timings.backoff_first,
        backoff_max: timings.backoff_max,
        recheck: Some(timings.recheck),
        seed,
    };
    let enactors = ["az1", "az2", "az3"].map(|zone| Enactor::new(zone, store.clone()));
    let planner = Planner::new(store.clone(), fleet.clone());
    let tally = Arc::clone(tally);
    let report = move |report: ThreadReport<'_>| tally.count(&report);
    let interval = timings.planner_interval;
    ControlPlane::start(planner, checks.source(), interval, enactors, pace, report)
}

/// The fleet as the file has it now, if the running front can serve it.
fn reload(arguments: &Arguments, running: &Fleet) -> Result<Fleet, Box<dyn Error>> {
    let fleet = arguments.fleet()?;
    zones::of(&fleet)?;
    if fleet.dns_zones() != running.dns_zones() {
        return Err("its DNS zones differ from those being served; start anew for them".into());
    }
    if fleet.timings() != running.timings() || fleet.retention() != running.retention() {
        return Err("its timings or its `keep_newest` differ; start anew for them".into());
    }
    Ok(fleet)
}
