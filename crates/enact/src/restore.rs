//! `enact restore`: makes a store on disk of a backup.

use std::error::Error;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use control_plane::{Publication, chain};
use nix::unistd::Uid;
use plan_store::{Generation, Retention};
use plan_store_disk::{Backup, BackupError, DiskStore, RestoreError, Restored};

use crate::admin::user;
use crate::history;

/// Make a store on disk of a backup that `enact backup` wrote.
///
/// The process that uses the folder must have ended. Generations never go back: the restored store
/// continues above those of a store that is still in the folder, and above N. If its newest plan is
/// older, it is published again with a new generation, and is active at once.
#[derive(Args)]
pub(crate) struct RestoreArguments {
    /// The backup; `-` for standard input
    file: PathBuf,
    /// The folder of the store, as `disk:FOLDER`
    #[arg(long, value_parser = folder)]
    store: PathBuf,
    /// The newest generation that could have been served: the largest serial number of the zones at
    /// their secondaries, and `dns_active_generation` in Prometheus. Not needed if the folder
    /// still has a store that can be read and is not behind the backup
    #[arg(long, value_name = "GENERATION", value_parser = generation)]
    above: Option<Generation>,
    /// Replace the store that is in the folder
    #[arg(long)]
    replace: bool,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
enum NotRestored {
    #[error("cannot read the backup {file}")]
    File {
        file: String,
        #[source]
        error: io::Error,
    },
    #[error("{file} cannot be restored")]
    Backup {
        file: String,
        #[source]
        error: BackupError,
    },
    #[error(
        "{folder} belongs to {owner}; run this command as that user, or the process cannot use what it makes"
    )]
    OtherOwner { folder: String, owner: String },
    #[error("nothing is restored{}", advice(.0))]
    Store(#[source] RestoreError),
}

fn folder(text: &str) -> Result<PathBuf, &'static str> {
    match text.strip_prefix("disk:") {
        Some(folder) if !folder.is_empty() => Ok(folder.into()),
        _ if text.starts_with("etcd") => Err(
            "a cluster is restored with `etcdutl snapshot restore`, and its store continued with `enact restore-cluster`; docs/etcd.md has the steps",
        ),
        _ => Err("name the folder, as in `disk:/var/lib/enact`"),
    }
}

/// A generation as an argument.
pub(crate) fn generation(text: &str) -> Result<Generation, String> {
    let number = text.parse().ok().and_then(Generation::new);
    number.ok_or_else(|| format!("give a number from 1 to {}", Generation::MAX))
}

/// What to do about it, with the arguments of this command.
fn advice(error: &RestoreError) -> &'static str {
    match error {
        RestoreError::NotEmpty { .. } => "; to replace the store that is there, add --replace",
        RestoreError::NoFloor { .. } => {
            "; add --above N: the largest serial number of the zones at their secondaries or \
             `dns_active_generation` in Prometheus, or the backup's own newest generation if \
             nothing was published after it"
        }
        _ => "",
    }
}

/// Does it, and says what was done.
pub(crate) fn restore(arguments: &RestoreArguments) -> Result<String, Box<dyn Error>> {
    let (file, folder) = (&arguments.file, &arguments.store);
    let name = || file.display().to_string();
    let bytes = read(file).map_err(|error| NotRestored::File {
        file: name(),
        error,
    })?;
    let backup = Backup::read(&bytes).map_err(|error| NotRestored::Backup {
        file: name(),
        error,
    })?;
    check_owner(folder)?;
    let restored = backup.restore(folder, arguments.above, arguments.replace);
    let restored = restored.map_err(NotRestored::Store)?;
    let Restored { backup, newest, .. } = restored;
    if newest == backup {
        return Ok(format!("restored up to plan {newest}\n"));
    }
    let noted = add_to_history(folder, &restored).map_err(|error| chain(error.as_ref()));
    let lacks = noted.map_or_else(
        |error| format!("the history lacks plan {newest}: {error}\n"),
        |()| String::new(),
    );
    Ok(format!(
        "restored up to plan {backup}; its content is published again as plan {newest}, which is \
         active\n{lacks}"
    ))
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return fs::read(file);
    }
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Files that root makes in the folder of a service are not the service's to change.
fn check_owner(folder: &Path) -> Result<(), NotRestored> {
    let Ok(there) = fs::metadata(folder) else {
        return Ok(()); // It is made, or the error is met again.
    };
    if there.uid() == Uid::effective().as_raw() {
        return Ok(());
    }
    Err(NotRestored::OtherOwner {
        folder: folder.display().to_string(),
        owner: user(there.uid()),
    })
}

/// Has the history name the plan that the restore published. It says no more than that, so the
/// restore counts without it.
fn add_to_history(folder: &Path, restored: &Restored) -> Result<(), Box<dyn Error>> {
    let store = DiskStore::open(folder, Retention::newest(1))?;
    let (name, note) = history::note_of(Publication {
        generation: restored.newest,
        author: user(Uid::effective().as_raw()),
        cause: format!("restore of plan {} from a backup", restored.backup),
        names: restored.names,
        endpoints: restored.endpoints,
    })?;
    Ok(store.set_note(&name, &note)?)
}
