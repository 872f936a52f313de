//! What is asked for on the command line.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use control_plane::Fleet;
use dns_server::ServerConfig;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// A DNS control plane
#[derive(Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program does.
#[derive(Subcommand)]
pub(crate) enum Command {
    Serve(Box<Arguments>),
}

/// Run the control plane: health checks, Planner, three Enactors, sweep, DNS server
#[derive(Args)]
#[command(
    after_help = "Signals: SIGHUP has the Planner read the fleet file again, SIGUSR1 confirms the \
    plan that its guard has refused, SIGINT and SIGTERM end the process.\n\
    RUST_LOG says how much is logged, on standard error; info if it is not set.\n\
    Exit status: 0 when it was told to end, 2 for a bad argument or file."
)]
pub(crate) struct Arguments {
    /// The fleet file; a fleet on loopback addresses if not given
    #[arg(long)]
    fleet: Option<PathBuf>,
    /// Where the plans are: `memory`, for this process alone, or
    /// `etcd://HOST:PORT,HOST:PORT/PREFIX`, and `etcds://` for TLS
    #[arg(long, default_value = "memory", value_parser = StoreUrl::parse)]
    pub(crate) store: StoreUrl,
    /// What this process is. All but `all` need a store that processes share
    #[arg(long, value_enum, default_value_t = Role::All)]
    pub(crate) role: Role,
    /// The name of the Enactor, for people, with `--role enactor`
    #[arg(long, default_value = "enactor")]
    pub(crate) name: String,
    #[cfg(feature = "etcd")]
    #[command(flatten)]
    etcd: crate::etcd::EtcdArguments,
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

/// What a process is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Role {
    /// Everything: a Planner, three Enactors, the front
    All,
    /// The Planner with its health checks; one of them for each store
    Planner,
    /// One Enactor
    Enactor,
    /// The DNS front
    Front,
}

impl Role {
    /// Whether this process is that, by itself or among others.
    pub(crate) fn includes(self, other: Self) -> bool {
        self == Self::All || self == other
    }
}

/// Where the plans are.
#[derive(Clone, Debug)]
pub(crate) enum StoreUrl {
    Memory,
    #[cfg(feature = "etcd")]
    Etcd(Box<plan_store_etcd::EtcdConfig>),
}

impl StoreUrl {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        #[cfg(feature = "etcd")]
        return text
            .parse()
            .map(|config| Self::Etcd(Box::new(config)))
            .map_err(|error: plan_store_etcd::Error| error.to_string());
        #[cfg(not(feature = "etcd"))]
        Err("there is only `memory`; for a store on etcd build with `--features etcd`".into())
    }
}

const LOOPBACK_FLEET: &str = include_str!("../../../examples/fleets/loopback.toml");

impl Arguments {
    /// The fleet, read now.
    pub(crate) fn fleet(&self) -> Result<Fleet, control_plane::Error> {
        match &self.fleet {
            Some(file) => Fleet::load(file),
            None => Fleet::parse(LOOPBACK_FLEET, "examples/fleets/loopback.toml".as_ref()),
        }
    }

    /// The cluster, as all arguments about it have it, and what the fleet says of it.
    #[cfg(feature = "etcd")]
    pub(crate) fn etcd(
        &self,
        config: plan_store_etcd::EtcdConfig,
        fleet: &Fleet,
    ) -> Result<plan_store_etcd::EtcdConfig, Box<dyn Error>> {
        let config = self.etcd.complete(config)?;
        let retention = fleet.retention();
        Ok(plan_store_etcd::EtcdConfig {
            retention,
            ..config
        })
    }

    /// How the front is to serve.
    pub(crate) fn front(&self) -> ServerConfig {
        let default = ServerConfig::default();
        ServerConfig {
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
