//! The folder of a store: one file with the plans, and one that shows that the folder is in use.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// The database.
const PLANS: &str = "plans.redb";
/// The database while it is made.
const NEW: &str = "plans.redb.new";
/// The process that uses the folder holds a lock on this file. The operating system lets go of it
/// when the process ends, however it ends. The file itself stays.
const LOCK: &str = "in-use";

/// A folder that this process alone uses, until this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is missing, and takes it for this process.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(path).map_err(|error| failed(path, error))?;
        let lock = path.join(LOCK);
        let file = File::options().create(true).append(true).open(&lock);
        let file = file.map_err(|error| failed(&lock, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let place = path.display().to_string();
                return Err(OpenError::InUse { place });
            }
            Err(TryLockError::Error(error)) => return Err(failed(&lock, error)),
        }
        let path = path.to_owned();
        Ok(Self { path, _lock: file })
    }

    /// The database's file.
    pub(crate) fn plans(&self) -> PathBuf {
        self.path.join(PLANS)
    }

    /// Makes the database, if there is none, so that it is there as a whole or not at all,
    /// whenever the power is cut: `make` makes it in another file, which then gets its name.
    pub(crate) fn make_plans(
        &self,
        make: impl FnOnce(&Path) -> Result<(), OpenError>,
    ) -> Result<(), OpenError> {
        let plans = self.plans();
        match fs::symlink_metadata(&plans) {
            Ok(_) => return Ok(()),
            // Only this means that there is no database. A link that leads nowhere, as on a
            // volume that is not mounted, must not be replaced by an empty store.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&plans, error)),
        }
        self.replace_plans(make)
    }

    /// Makes a database in another file, which then gets the name of the database. A failure
    /// leaves the one that is there as it is.
    pub(crate) fn replace_plans<E: From<OpenError>>(
        &self,
        make: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<(), E> {
        let (plans, new) = (self.plans(), self.path.join(NEW));
        // Empties what an earlier attempt left.
        File::create(&new).map_err(|error| failed(&new, error))?;
        let replaced = make(&new)
            .and_then(|()| fs::rename(&new, &plans).map_err(|error| failed(&plans, error).into()));
        if replaced.is_err() {
            // What is left of it takes room on a full disk.
            let _ = fs::remove_file(&new);
            return replaced;
        }
        // Not every system can sync a folder. There the file system keeps the order.
        let _ = File::open(&self.path).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

/// Opens a database's file, which must be there.
pub(crate) fn open(file: &Path) -> io::Result<File> {
    File::options().read(true).write(true).open(file)
}

fn failed(place: &Path, source: io::Error) -> OpenError {
    let place = place.display().to_string();
    OpenError::Folder { place, source }
}
