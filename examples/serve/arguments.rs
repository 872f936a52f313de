//! What is asked for on the command line.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use control_plane::Fleet;
use dns_front::FrontConfig;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// A DNS control plane: health checks, Planner, three Enactors, sweep, DNS front
#[derive(Parser)]
#[command(
    after_help = "Signals: SIGHUP reads the fleet file again, SIGUSR1 confirms the plan that the \
    guard has refused, SIGINT and SIGTERM end it.\n\
    RUST_LOG says how much is logged, on standard error; info if it is not set.\n\
    Exit status: 0 when it was told to end, 2 for a bad argument or file."
)]
pub(crate) struct Arguments {
    /// The fleet file; a fleet on loopback addresses if not given
    #[arg(long)]
    fleet: Option<PathBuf>,
    /// Where to answer DNS queries, over UDP and TCP; may be given more than once
    #[arg(long, default_value = "127.0.0.1:5300")]
    listen: Vec<SocketAddr>,
    /// Where to serve metrics as Prometheus reads them, over HTTP
    #[arg(long)]
    pub(crate) metrics: Option<SocketAddr>,
    /// Be the fleet's targets as well: listen on their addresses, and let one
    /// after another be down for a while
    #[arg(long)]
    pub(crate) demo_targets: bool,
    /// UDP threads for each address; one for each core if not given
    #[arg(long)]
    threads: Option<usize>,
    /// Keep each UDP thread on a core of its own
    #[arg(long)]
    pin_threads: bool,
    /// Most targets in an answer
    #[arg(long, default_value_t = 8)]
    max_targets: usize,
    /// Repeats the same draws, jitter and demo
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Log one JSON object a line
    #[arg(long)]
    json_log: bool,
}

const LOOPBACK_FLEET: &str = include_str!("../fleets/loopback.toml");

impl Arguments {
    /// The fleet, read now.
    pub(crate) fn fleet(&self) -> Result<Fleet, control_plane::Error> {
        match &self.fleet {
            Some(file) => Fleet::load(file),
            None => Fleet::parse(LOOPBACK_FLEET, "examples/fleets/loopback.toml".as_ref()),
        }
    }

    /// How the front is to serve.
    pub(crate) fn front(&self) -> FrontConfig {
        let default = FrontConfig::default();
        FrontConfig {
            listen: self.listen.clone(),
            threads: self.threads.unwrap_or(default.threads),
            pin_threads: self.pin_threads,
            max_targets: self.max_targets,
            seed: self.seed,
            ..default
        }
    }

    /// Logs to standard error from now on.
    pub(crate) fn start_log(&self) -> Result<(), Box<dyn Error>> {
        let filter = EnvFilter::builder()
            .with_default_directive(LevelFilter::INFO.into())
            .from_env()?;
        let log = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(false);
        let started = if self.json_log {
            log.json().try_init()
        } else {
            log.try_init()
        };
        started.map_err(|error| error as Box<dyn Error>)
    }
}
