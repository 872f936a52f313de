//! The commands that speak to a running process over its admin API.
//!
//! The exit status is 0 if all went well. `plan` and `diff` end with 1 if something differs.
//! It is 2 if the command is refused, or nothing answers.

mod backup;
mod door;
mod show;
mod watch;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use control_plane::{DnsZone, Fleet, FleetError, ZoneRecords};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api;
use backup::{BackupArguments, NoBackup};
use door::{AskError, Door, DoorArguments};
use watch::{WatchArguments, WatchError};

/// What a person can tell a running process.
#[derive(Subcommand)]
pub(crate) enum Ask {
    Status(StatusArguments),
    Watch(WatchArguments),
    Plan(PlanArguments),
    /// Let held changes take effect
    ///
    /// `enact status` lists the ids.
    Confirm(IdArguments),
    /// Keep what the endpoint has, in place of held changes
    ///
    /// `enact status` lists the ids.
    Reject(IdArguments),
    Drain(DrainArguments),
    Undrain(UndrainArguments),
    Freeze(FreezeArguments),
    Thaw(Plain),
    History(HistoryArguments),
    Diff(DiffArguments),
    Return(ReturnArguments),
    Backup(BackupArguments),
}

/// Show how a running process is: plans, health, held changes, drains, a freeze.
///
/// With the name of an endpoint or the address of a target, show that in detail.
#[derive(Args)]
pub(crate) struct StatusArguments {
    /// An endpoint's name or a target's address
    of: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Show what a fleet file would change, without changing anything.
///
/// Without a file, the running process looks at its own file as SIGHUP would. With a file, this
/// command reads it and the zone files that it names, and sends their texts. The exit status
/// is 0 if nothing changes, 1 if something does, and 2 if the file is refused.
#[derive(Args)]
pub(crate) struct PlanArguments {
    /// The fleet file to try
    file: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

// What `confirm` and `reject` take; each has a description of its own.
#[derive(Args)]
pub(crate) struct IdArguments {
    /// Ids of held changes
    #[arg(required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    common: Common,
}

/// Send no traffic to a target or a zone, without a change of the fleet file.
///
/// The drain is kept in the store and survives restarts. An endpoint that would lose too much
/// keeps its targets until the change is confirmed.
#[derive(Args)]
pub(crate) struct DrainArguments {
    /// The target's address
    #[arg(required_unless_present = "zone")]
    target: Option<IpAddr>,
    /// All targets of this zone
    #[arg(long, conflicts_with = "target")]
    zone: Option<String>,
    /// End the drain after this time, such as `2h` or `1h 30m`
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    long: Option<Duration>,
    /// The reason, for the status and the log
    #[arg(long, default_value = "")]
    why: String,
    #[command(flatten)]
    common: Common,
}

/// End the drain of a target or a zone.
#[derive(Args)]
pub(crate) struct UndrainArguments {
    /// The target's address
    #[arg(required_unless_present = "zone")]
    target: Option<IpAddr>,
    /// The zone
    #[arg(long, conflicts_with = "target")]
    zone: Option<String>,
    #[command(flatten)]
    common: Common,
}

/// Publish no plans until `thaw`. Health is still checked and shown.
#[derive(Args)]
pub(crate) struct FreezeArguments {
    /// The reason, for the status and the log
    #[arg(long, default_value = "")]
    why: String,
    #[command(flatten)]
    common: Common,
}

/// End a freeze.
#[derive(Args)]
pub(crate) struct Plain {
    #[command(flatten)]
    common: Common,
}

/// List the last plans with time, author and cause, the newest first.
#[derive(Args)]
pub(crate) struct HistoryArguments {
    /// How many plans
    #[arg(long, short = 'n', default_value_t = 20)]
    number: usize,
    #[command(flatten)]
    common: Common,
}

/// Show what plan B has otherwise than plan A. The exit status is 1 if they differ.
#[derive(Args)]
pub(crate) struct DiffArguments {
    /// A generation
    a: u32,
    /// Another generation
    b: u32,
    #[command(flatten)]
    common: Common,
}

/// Publish the content of an older plan again, as a new plan, and freeze.
///
/// Nothing else is published until `thaw`. Then the Planner goes on with the fleet file and
/// the health of that time, so repair the fleet file first.
#[derive(Args)]
pub(crate) struct ReturnArguments {
    /// The older plan; `enact history` lists them
    generation: u32,
    /// Let endpoints go that the older plan does not name
    #[arg(long)]
    remove_endpoints: bool,
    #[command(flatten)]
    common: Common,
}

/// What all of these commands take.
#[derive(Args)]
struct Common {
    #[command(flatten)]
    door: DoorArguments,
    /// Print the answer as JSON; docs/commands.md describes it
    #[arg(long)]
    json: bool,
}

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Backup(#[from] NoBackup),
    #[error(transparent)]
    Watch(#[from] WatchError),
    #[error("{file}: {error}")]
    File { file: String, error: io::Error },
    #[error(transparent)]
    Fleet(#[from] FleetError),
    #[error(
        "the fleet file and its zone files have more than {} bytes; replace the file of the process, and run `enact plan` without FILE",
        Fleet::MAX_BYTES
    )]
    TooLarge,
    #[error("cannot print the answer")]
    Print(#[source] io::Error),
}

impl Ask {
    /// Carries the command out, and prints the answer.
    pub(crate) fn run(self) -> ExitCode {
        match self.ask() {
            Ok(status) => status,
            Err(error) => {
                // There may be no standard error.
                let _ = writeln!(
                    io::stderr(),
                    "error: {}",
                    api::harmless(&control_plane::chain(&error))
                );
                ExitCode::from(2)
            }
        }
    }

    fn ask(self) -> Result<ExitCode, CommandError> {
        match self {
            Self::Status(StatusArguments { of, common }) => status(of, &common),
            Self::Watch(watch) => {
                watch.run()?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Plan(PlanArguments { file, common }) => plan(file.as_deref(), &common),
            Self::Confirm(IdArguments { ids, common }) => {
                common.tell("/v1/confirm", &api::Ids { ids })
            }
            Self::Reject(IdArguments { ids, common }) => {
                common.tell("/v1/reject", &api::Ids { ids })
            }
            Self::Drain(drain) => drain.common.tell(
                "/v1/drain",
                &api::DrainRequest {
                    target: drain.target.map(|target| target.to_string()),
                    zone: drain.zone,
                    for_seconds: drain.long.map(|long| long.as_secs()),
                    why: drain.why,
                },
            ),
            Self::Undrain(undrain) => undrain.common.tell(
                "/v1/undrain",
                &api::UndrainRequest {
                    target: undrain.target.map(|target| target.to_string()),
                    zone: undrain.zone,
                },
            ),
            Self::Freeze(FreezeArguments { why, common }) => {
                common.tell("/v1/freeze", &api::FreezeRequest { why })
            }
            Self::Thaw(Plain { common }) => common.tell("/v1/thaw", &api::ThawRequest {}),
            Self::History(HistoryArguments { number, common }) => {
                let mut history: api::History = common.door()?.get("/v1/history")?;
                history.plans.truncate(number);
                common.print(&history, show::history)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Diff(DiffArguments { a, b, common }) => {
                let changes = common.door()?.get(&format!("/v1/diff/{a}/{b}"))?;
                common.print_changes(&changes)
            }
            Self::Backup(backup) => {
                backup.run()?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Return(back) => back.common.tell(
                "/v1/return",
                &api::ReturnRequest {
                    generation: back.generation,
                    remove_endpoints: back.remove_endpoints,
                },
            ),
        }
    }
}

fn status(of: Option<String>, common: &Common) -> Result<ExitCode, CommandError> {
    let door = common.door()?;
    let Some(of) = of else {
        common.print::<api::Status>(&door.get("/v1/status")?, show::status)?;
        return Ok(ExitCode::SUCCESS);
    };
    if of.parse::<IpAddr>().is_ok() {
        common.print(&door.get(&format!("/v1/targets/{of}"))?, show::target)?;
    } else {
        common.print(&door.get(&format!("/v1/endpoints/{of}"))?, show::endpoint)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(file: Option<&Path>, common: &Common) -> Result<ExitCode, CommandError> {
    let fleet = file.map(fleet_text).transpose()?;
    let changes = common
        .door()?
        .post("/v1/plan", &api::PlanRequest { fleet })?;
    common.print_changes(&changes)
}

/// The fleet file with the zone files that it names. The process does not open them: it may
/// have other rights, or run on another machine.
fn fleet_text(file: &Path) -> Result<api::FleetText, CommandError> {
    let text = read(file)?;
    let found = RefCell::new(Vec::new());
    let find = |_: &Fleet, zone: &DnsZone, path: &Path| {
        // What cannot be opened is a mistake of the fleet file, which names it.
        File::open(path).map_err(|source| FleetError::Unreadable {
            file: path.to_owned(),
            source,
        })?;
        let zone = zone.apex.as_str().to_owned();
        found.borrow_mut().push((zone, path.to_owned()));
        Ok(ZoneRecords::new())
    };
    Fleet::parse_with(&text, file, &find)?;
    let mut left = Fleet::MAX_BYTES.saturating_sub(text.len() as u64);
    let mut zone_files = BTreeMap::new();
    for (zone, path) in found.into_inner() {
        let text = read(&path)?;
        let rest = left.checked_sub(text.len() as u64);
        left = rest.ok_or(CommandError::TooLarge)?;
        zone_files.insert(zone, text);
    }
    let name = file.display().to_string();
    Ok(api::FleetText {
        name,
        text,
        zone_files,
    })
}

/// The text of a file, which has at most [`Fleet::MAX_BYTES`].
fn read(file: &Path) -> Result<String, CommandError> {
    let failed = |error| CommandError::File {
        file: file.display().to_string(),
        error,
    };
    let opened = File::open(file).map_err(failed)?;
    let mut text = String::new();
    let mut bounded = opened.take(Fleet::MAX_BYTES + 1);
    bounded.read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > Fleet::MAX_BYTES {
        return Err(CommandError::TooLarge);
    }
    Ok(text)
}

impl Common {
    fn door(&self) -> Result<Door, AskError> {
        self.door.door()
    }

    /// Gives a command that changes something.
    fn tell(&self, path: &str, request: &impl Serialize) -> Result<ExitCode, CommandError> {
        self.print::<api::Done>(&self.door()?.post(path, request)?, show::done)?;
        Ok(ExitCode::SUCCESS)
    }

    fn print_changes(&self, changes: &api::Changes) -> Result<ExitCode, CommandError> {
        self.print(changes, show::changes)?;
        let differs = !changes.changes.is_empty() || !changes.held.is_empty();
        Ok(ExitCode::from(u8::from(differs)))
    }

    /// Prints an answer as JSON or as text.
    fn print<T: Serialize + DeserializeOwned>(
        &self,
        answer: &T,
        show: impl FnOnce(&T) -> String,
    ) -> Result<(), CommandError> {
        let text = if self.json {
            let json = serde_json::to_string_pretty(answer);
            json.map_err(|error| CommandError::Print(error.into()))? + "\n"
        } else {
            show(answer)
        };
        io::stdout()
            .write_all(text.as_bytes())
            .map_err(CommandError::Print)
    }
}
