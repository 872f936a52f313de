//! `enact backup`: writes what the store of a running process holds into a file.
//!
//! The process reads its store at one moment and goes on meanwhile. This command checks what it
//! gets as a restore would, and only then gives the file its name. So a file with that name is a
//! whole backup, the one of before or the new one.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use plan_store_disk::{Backup, BackupError};

use super::CommandError;
use super::door::DoorArguments;

/// Write what the store of a running process holds into a file, for `enact restore`.
///
/// The process goes on meanwhile. Only a store on disk can be backed up like this: for etcd there
/// is `etcdctl snapshot save`.
#[derive(Args)]
pub(crate) struct BackupArguments {
    /// The file, which is replaced only when the new backup is complete; `-` for standard output
    file: PathBuf,
    #[command(flatten)]
    door: DoorArguments,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoBackup {
    #[error("what the process sent cannot be restored")]
    Bad(#[source] BackupError),
    #[error("cannot write the backup to {file}; no file of that name was changed")]
    File {
        file: String,
        #[source]
        error: io::Error,
    },
}

impl BackupArguments {
    /// Does it, and says what was done.
    pub(super) fn run(&self) -> Result<(), CommandError> {
        let bytes = self.door.door()?.get_bytes("/v1/backup")?;
        let newest = Backup::read(&bytes).map_err(NoBackup::Bad)?.newest();
        if self.file.as_os_str() == "-" {
            return io::stdout().write_all(&bytes).map_err(CommandError::Print);
        }
        let file = self.file.display();
        write_whole(&self.file, &bytes).map_err(|error| NoBackup::File {
            file: file.to_string(),
            error,
        })?;
        let size = bytes.len();
        writeln!(io::stdout(), "{file}: plan {newest}, {size} bytes").map_err(CommandError::Print)
    }
}

/// Writes the file beside, syncs it, and gives it its name.
fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::metadata(file) {
        Ok(there) if !there.is_file() => {
            return Err(io::Error::other("it is there, and it is no ordinary file"));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut beside = OsString::from(file);
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let written = write_synced(&beside, bytes).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        // What is left of it takes room on a full disk.
        let _ = fs::remove_file(&beside);
    }
    written?;
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    // Not every system can sync a folder.
    let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    Ok(())
}

fn write_synced(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true);
    // It names persons and their reasons.
    let mut file = options.mode(0o600).open(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}
