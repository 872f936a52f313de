//! The command line.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
#[cfg(feature = "etcd")]
use control_plane::{DnsZone, ZoneRecords};
use control_plane::{Fleet, FleetError, FleetMistake};
use dns_server::{Extras, ServerConfig, ServerText};

use crate::admin::AdminArguments;
use crate::check::CheckArguments;
use crate::commands::Ask;
use crate::cookie_keys;
#[cfg(feature = "etcd")]
use crate::fleet_copy;
use crate::manual::{CompletionsArguments, ManArguments, SchemaArguments};
use crate::restore::RestoreArguments;
use crate::tsig_keys::TsigKeys;

/// Run a DNS control plane.
#[derive(Parser)]
#[command(version, max_term_width = 80)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program does.
#[derive(Subcommand)]
pub(crate) enum Command {
    Serve(Box<ServeArguments>),
    Check(CheckArguments),
    Schema(SchemaArguments),
    Completions(CompletionsArguments),
    Man(ManArguments),
    #[command(flatten)]
    Ask(Ask),
    Restore(RestoreArguments),
    #[cfg(feature = "etcd")]
    RestoreCluster(Box<crate::restore_cluster::RestoreClusterArguments>),
}

/// Run the control plane: health checks, a Planner, three Enactors and a DNS server.
#[derive(Args)]
#[command(after_help = "\
Ready: the process logs `ready` when all of its parts do their work, and from
then on `GET /readyz` on the address of --metrics answers 200. Before that it
answers 503 with a list of what is missing.

Signals: SIGHUP makes the process read the fleet file again. SIGINT and SIGTERM
end the process.

Held changes: a fleet file that takes too much away from an endpoint waits for
a person. `enact status` lists such changes with their ids; `enact confirm ID`
and `enact reject ID` decide.

Log: on standard error. The environment variable RUST_LOG sets the level; the
default is `info`. The process never waits for its log: lines that cannot be
written are dropped and counted in `log_lines_lost_total`.

Exit status: 0 after SIGINT or SIGTERM, 1 if the DNS server cannot go on, 2 for
a bad argument or file.")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct ServeArguments {
    /// The fleet file
    #[arg(long, required_unless_present = "demo")]
    fleet: Option<PathBuf>,
    /// Serve a demonstration fleet on loopback addresses instead of a file, and play its
    /// targets as --demo-targets does
    #[arg(long, conflicts_with = "fleet")]
    demo: bool,
    /// Where the plans are: `disk:FOLDER` on this machine, for one process; `memory`, which ends
    /// with the process; or `etcd://HOST:PORT,HOST:PORT/PREFIX` for many processes, where
    /// `etcds://` uses TLS. The default is `disk`: in the folder `$STATE_DIRECTORY`, which systemd
    /// sets, or `$XDG_STATE_HOME/enact`, or `~/.local/state/enact`. With --demo it is `memory`
    #[arg(long, value_parser = StoreUrl::parse)]
    store: Option<StoreUrl>,
    /// Which parts run in this process. All roles except `all` need a store on etcd
    #[arg(long, value_enum, default_value_t = Role::All)]
    pub(crate) role: Role,
    /// The name of the Enactor in logs, with `--role enactor`
    #[arg(long, default_value = "enactor")]
    pub(crate) name: String,
    #[cfg(feature = "etcd")]
    #[command(flatten)]
    etcd: crate::etcd::EtcdArguments,
    /// An address to answer DNS queries on, over UDP and TCP; may be repeated. Port 0 takes
    /// a free port, which the log names
    #[arg(long, default_value = "127.0.0.1:5300", value_parser = address::<53>)]
    listen: Vec<SocketAddr>,
    /// An address to serve a status page, `/metrics` (for Prometheus), `/readyz`, `/healthz`, `/targets` and
    /// `/held` on, over HTTP, for reading only. Port 0 takes a free port, which the log names
    #[arg(long, value_parser = address::<9153>)]
    pub(crate) metrics: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) admin: AdminArguments,
    /// Also play the fleet's targets: listen on their addresses, and take one after another
    /// down for a while
    #[arg(long)]
    demo_targets: bool,
    /// UDP threads per address; the default is one per core
    #[arg(long)]
    threads: Option<usize>,
    /// Keep each UDP thread on its own core
    #[arg(long)]
    pin_threads: bool,
    /// The largest number of targets in an answer
    #[arg(long, default_value_t = 8)]
    max_targets: usize,
    /// A file with the keys of DNS cookies (RFC 9018), one per line as 32 hexadecimal digits. The
    /// first key makes cookies, all of them are accepted. Servers that share an address need the
    /// same keys; the default is a random key
    #[arg(long, value_name = "FILE")]
    cookie_keys: Option<PathBuf>,
    /// A file with the TSIG keys of the fleet's secondaries, one per line as
    /// `hmac-sha256:NAME:SECRET` or `hmac-sha512:NAME:SECRET`, as `dig -y` takes them. SIGHUP
    /// makes the process read it again
    #[arg(long, value_name = "FILE")]
    tsig_keys: Option<PathBuf>,
    /// The name of this server for clients that ask for it (NSID, `id.server`)
    #[arg(long, value_name = "TEXT", value_parser = server_text)]
    nsid: Option<ServerText>,
    /// What `version.bind` is answered with; the default is REFUSED
    #[arg(long, value_name = "TEXT", value_parser = server_text)]
    version_bind: Option<ServerText>,
    /// The largest number of replies of one kind that a UDP thread sends to one network (an IPv4
    /// /24, an IPv6 /56) in a second. The default is no limit
    #[arg(long, value_name = "N")]
    rate_limit: Option<NonZeroU32>,
    /// The seed of all random choices: draws, jitter and the demo. The default differs with
    /// each start, so that replicas do not draw in step; the log names it
    #[arg(long, default_value_t = fastrand::u64(..), hide_default_value = true)]
    pub(crate) seed: u64,
    /// Log one JSON object per line
    #[arg(long)]
    pub(crate) json_log: bool,
}

/// Which parts run in a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Role {
    /// A Planner, three Enactors and a DNS server
    All,
    /// The Planner with its health checks. On etcd, several processes may have this role: one
    /// of them plans, and the others stand by
    Planner,
    /// One Enactor
    Enactor,
    /// The DNS server
    Front,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Planner => "planner",
            Self::Enactor => "enactor",
            Self::Front => "front",
        })
    }
}

impl Role {
    /// Whether a process of this role runs the parts of `other`.
    pub(crate) fn includes(self, other: Self) -> bool {
        self == Self::All || self == other
    }
}

/// Where the plans are.
#[derive(Clone, Debug)]
pub(crate) enum StoreUrl {
    Memory,
    /// In this folder, or in the default one.
    Disk(Option<PathBuf>),
    #[cfg(feature = "etcd")]
    Etcd(Box<plan_store_etcd::EtcdConfig>),
}

impl StoreUrl {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "memory" => return Ok(Self::Memory),
            "disk" => return Ok(Self::Disk(None)),
            "disk:" => {
                return Err("name the folder after `disk:`, as in `disk:/var/lib/enact`".into());
            }
            _ => {}
        }
        if let Some(folder) = text.strip_prefix("disk:") {
            return Ok(Self::Disk(Some(folder.into())));
        }
        #[cfg(feature = "etcd")]
        return text
            .parse()
            .map(|config| Self::Etcd(Box::new(config)))
            .map_err(|error: plan_store_etcd::Error| error.to_string());
        #[cfg(not(feature = "etcd"))]
        Err(
            "this build has the stores `disk:FOLDER` and `memory`; build with `--features etcd`"
                .into(),
        )
    }
}

/// An address with a port. Its error says which port to give, if that is what is missing.
pub(crate) fn address<const PORT: u16>(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|error| {
        let no_port = text.trim_matches(['[', ']']).parse::<IpAddr>();
        match no_port {
            Ok(ip) => format!("{error}; give a port: {}", SocketAddr::new(ip, PORT)),
            Err(_) => format!("{error}; give an IP address and a port: 127.0.0.1:{PORT}"),
        }
    })
}

fn server_text(text: &str) -> Result<ServerText, &'static str> {
    ServerText::new(text).ok_or("give 1 to 64 printable ASCII characters")
}

/// Loads a fleet that has a zone to serve.
pub(crate) fn load(file: &Path) -> Result<Fleet, FleetError> {
    has_a_zone(file, Fleet::load_with(file, &zone_file::read)?)
}

/// The same without the static records, which a DNS server has from the plans.
#[cfg(feature = "etcd")]
fn load_without_records(file: &Path) -> Result<Fleet, FleetError> {
    let no_records = |_: &Fleet, _: &DnsZone, _: &Path| Ok(ZoneRecords::new());
    has_a_zone(file, Fleet::load_with(file, &no_records)?)
}

fn has_a_zone(file: &Path, fleet: Fleet) -> Result<Fleet, FleetError> {
    if fleet.dns_zones().is_empty() {
        let message =
            "the fleet has no zone to serve; add a [[dns_zone]] with an `apex` and a `name_server`";
        return Err(FleetError::Mistakes {
            file: file.into(),
            mistakes: vec![FleetMistake {
                line: 1,
                column: 1,
                field: None,
                message: message.into(),
            }],
            more: 0,
        });
    }
    Ok(fleet)
}

/// Reads this fleet file, or the demonstration fleet.
fn read(file: Option<&Path>) -> Result<Fleet, FleetError> {
    match file {
        Some(file) => load(file),
        None => Fleet::parse(LOOPBACK_FLEET, "examples/fleets/loopback.toml".as_ref()),
    }
}

const LOOPBACK_FLEET: &str = include_str!("../../../examples/fleets/loopback.toml");

impl ServeArguments {
    /// Reads the fleet for the first time. A DNS server with a cache takes the last good
    /// one if the file is broken.
    pub(crate) fn first_fleet(&self) -> Result<Fleet, FleetError> {
        #[cfg(feature = "etcd")]
        if let (Role::Front, Some(file), Some(cache)) = (self.role, &self.fleet, self.etcd.cache())
        {
            return fleet_copy::load(file, load, &fleet_copy::beside(cache), load_without_records);
        }
        self.fleet()
    }

    /// Reads the fleet.
    pub(crate) fn fleet(&self) -> Result<Fleet, FleetError> {
        read(self.fleet.as_deref())
    }

    /// Reads the fleet whenever it is called.
    pub(crate) fn fleet_reader(&self) -> impl Fn() -> Result<Fleet, FleetError> + 'static {
        let file = self.fleet.clone();
        move || read(file.as_deref())
    }

    /// Where the plans are. The demonstration leaves nothing behind unless it is told to.
    pub(crate) fn store(&self) -> StoreUrl {
        let default = if self.demo {
            StoreUrl::Memory
        } else {
            StoreUrl::Disk(None)
        };
        self.store.clone().unwrap_or(default)
    }

    /// Whether this process plays the fleet's targets. With `--demo` exactly one process
    /// does, the Planner's.
    pub(crate) fn plays_targets(&self) -> bool {
        self.demo_targets || (self.demo && self.role.includes(Role::Planner))
    }

    /// Adds to the URL's configuration what the other arguments and the fleet say.
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

    /// The keys of the fleet's secondaries.
    pub(crate) fn tsig_keys(&self) -> Result<TsigKeys, Box<dyn Error>> {
        let keys = self.tsig_keys.as_deref().map(TsigKeys::load);
        Ok(keys.transpose()?.unwrap_or_default())
    }

    /// How the DNS server listens and answers.
    pub(crate) fn server(&self) -> Result<ServerConfig, Box<dyn Error>> {
        let default = ServerConfig::default();
        let extras = default.extras;
        let cookie_keys = self.cookie_keys.as_deref().map(cookie_keys::load);
        Ok(ServerConfig {
            extras: Extras {
                cookie_keys: cookie_keys.transpose()?.unwrap_or(extras.cookie_keys),
                nsid: self.nsid.clone(),
                version: self.version_bind.clone(),
            },
            listen: self.listen.clone(),
            threads: self.threads.unwrap_or(default.threads),
            pin_threads: self.pin_threads,
            max_targets: self.max_targets,
            seed: self.seed,
            tcp: default.tcp,
            rate_limit: self.rate_limit,
            serial_offset: default.serial_offset,
        })
    }
}
