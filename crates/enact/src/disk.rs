//! A store in a folder of this machine: which folder, and its metrics.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use control_plane::Waker;
use plan_store::{Generation, Retention};
use plan_store_disk::DiskStore;
use tracing::info;

use crate::backing::{Backing, NotBackedUp};
use crate::metrics::{self, Scrape};
use crate::notes::Notes;

/// No folder is named, and the environment names none either.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no folder for the plans: none of $STATE_DIRECTORY, $XDG_STATE_HOME and $HOME is an absolute path; give --store disk:FOLDER, or --store memory to keep nothing"
)]
struct NoFolder;

/// Opens the store in this folder, or in the default one.
pub(crate) fn open(
    folder: Option<PathBuf>,
    retention: Retention,
) -> Result<DiskStore, Box<dyn Error>> {
    let folder = folder.or_else(|| default_folder(|name| env::var_os(name)));
    let folder = folder.ok_or(NoFolder)?;
    let store = DiskStore::open(&folder, retention)?;
    let newest = store.generations().last().map(ToString::to_string);
    let newest = newest.unwrap_or_else(|| "none".into());
    info!(folder = %folder.display(), %newest, "the plans are in this folder");
    Ok(store)
}

/// The folder that the environment names. systemd may name several, separated by colons.
fn default_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let folder = |name| {
        let value = variable(name)?;
        let first = env::split_paths(&value).next()?;
        first.is_absolute().then_some(first)
    };
    folder("STATE_DIRECTORY")
        .or_else(|| Some(folder("XDG_STATE_HOME")?.join("enact")))
        .or_else(|| Some(folder("HOME")?.join(".local/state/enact")))
}

/// Only this process publishes here, and its Planner wakes the Enactors.
impl Backing for DiskStore {
    type Wakening = ();

    fn wake_on_publish(&self, _: Vec<Waker>) -> io::Result<()> {
        Ok(())
    }

    fn can_be_read(&self) -> bool {
        true
    }

    fn plans(&self) -> Result<Vec<Generation>, plan_store::Error> {
        Ok(self.generations())
    }

    fn notes(&self) -> Arc<dyn Notes> {
        Arc::new(self.clone())
    }

    fn backup(&self) -> Result<Vec<u8>, NotBackedUp> {
        let failed = |error| NotBackedUp::Failed(plan_store::Error::new(error));
        Self::backup(self).map_err(failed)
    }

    fn describe(&self, scrape: &mut Scrape<'_>) {
        scrape.value(&metrics::PLANS, self.generations().len());
        let writable = self.health().is_ok();
        scrape.value(&metrics::DISK_WRITABLE, u64::from(writable));
        let size = self.file_size().unwrap_or(0);
        scrape.value(&metrics::DISK_SIZE, size);
    }
}

impl Notes for DiskStore {
    fn note(&self, name: &str) -> Result<Option<Vec<u8>>, plan_store::Error> {
        Self::note(self, name).map_err(plan_store::Error::new)
    }

    fn set_note(&self, name: &str, bytes: &[u8]) -> Result<(), plan_store::Error> {
        Self::set_note(self, name, bytes).map_err(plan_store::Error::new)
    }

    fn replace_note(
        &self,
        name: &str,
        before: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<bool, plan_store::Error> {
        Self::replace_note(self, name, before, bytes).map_err(plan_store::Error::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_folder_is_the_first_that_the_environment_names() {
        let found = |variables: &[(&str, &str)]| {
            default_folder(|name| {
                let value = variables.iter().find(|(known, _)| *known == name);
                value.map(|(_, value)| value.into())
            })
        };
        let all = [
            ("HOME", "/home/user"),
            ("XDG_STATE_HOME", "/state"),
            ("STATE_DIRECTORY", "/var/lib/enact:/var/lib/other"),
        ];
        let expected = [
            "/home/user/.local/state/enact",
            "/state/enact",
            "/var/lib/enact",
        ];
        for (count, folder) in (1..).zip(expected) {
            assert_eq!(found(&all[..count]), Some(folder.into()));
        }
        assert_eq!(found(&[]), None);
        let relative = [("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", "state"), all[0]];
        assert_eq!(found(&relative), Some(expected[0].into()));
    }
}
