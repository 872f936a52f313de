//! Makes a store of a backup, in a folder, above all generations that could have been served.
//!
//! # Rules
//! 1. The backup was checked as a whole before. What the folder holds is looked at first, and
//!    a refusal leaves it as it is.
//! 2. The new database is made in another file, read again as a start would read it, synced, and
//!    then renamed. So after a crash the folder has the store of before or the new one.
//! 3. The *floor* is the newest generation that could have been served: the one that the caller
//!    names or the newest one that is still in the folder, whichever is higher. A store that is
//!    behind the backup does not count: it began after the one that was backed up was lost. If the
//!    backup is not above the floor, its latest plan is published again as the generation after
//!    the floor.
//! 4. That plan is active everywhere in the same transaction, and endpoints that it does not name
//!    are withdrawn. So the first answer after the restore is from a generation above the floor,
//!    as all later ones are.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use plan_store::memory::Step;
use plan_store::{Generation, GenerationsExhausted, Retention, Standing};
use thiserror::Error;

use crate::backup::Backup;
use crate::begin::{begin, not_opened};
use crate::durable::{Draft, Durable};
use crate::error::{Cause, Error, OpenError};
use crate::file::Medium;
use crate::folder::Folder;
use crate::store::DiskStore;

/// The largest step from the newest generation of the backup, or of the store that it replaces, to
/// the floor. A number with a digit too many must not use up the generations: nothing takes them
/// back.
const MAX_STEP: u32 = 1_000_000;

/// Only the process that serves a store sweeps, so its retention does not matter here.
const ANY: Retention = Retention::newest(1);

/// What a restore did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Restored {
    /// The newest plan of the backup.
    pub backup: Generation,
    /// The newest plan of the store. If it is another one, it has the content of the backup's
    /// newest plan.
    pub newest: Generation,
    /// How many names that plan has.
    pub names: usize,
    /// How many of them are endpoints. The others have static records alone.
    pub endpoints: usize,
}

/// Why nothing was restored. The folder's store is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The folder has a store that is not empty.
    #[error("{place} is not empty: {what}")]
    NotEmpty {
        /// The store's file.
        place: String,
        /// What it holds.
        what: String,
    },

    /// Nothing says which generations could have been served.
    #[error(
        "the newest generation that could have been served is not known: {place} does not say it, and the backup only says that it is at least {backup}"
    )]
    NoFloor {
        /// The store's file.
        place: String,
        /// The newest plan of the backup.
        backup: Generation,
    },

    /// The caller's generation is so high that it is most probably a slip.
    #[error(
        "generation {above} is more than {MAX_STEP} above {newest}, the newest that is known; look whether the number is right. If it is, restore in steps"
    )]
    TooFarAbove {
        /// The caller's generation.
        above: Generation,
        /// The newest generation of the backup or of the folder's store.
        newest: Generation,
    },

    /// There is no generation above the floor.
    #[error(transparent)]
    GenerationsExhausted(#[from] GenerationsExhausted),

    /// The folder or a file in it cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),

    /// The new file cannot be written.
    #[error("the new file cannot be written; free space or repair the disk, and restore again")]
    NotWritten(#[source] Cause),
}

/// What the folder holds before.
enum There {
    /// No store, or an empty one.
    Nothing,
    /// Notes, and plans up to this one if there are any.
    Store(Option<Generation>),
    /// Something that cannot be read.
    Unreadable(OpenError),
}

impl Backup {
    /// Makes a store of this backup in the folder. Its generations go on above `above`, and above
    /// those of a store that is there. At least one of the two must be known, and a store that is
    /// behind the backup says nothing. Only with `replace` may that store hold anything.
    ///
    /// # Errors
    /// See [`RestoreError`].
    pub fn restore(
        &self,
        folder: &Path,
        above: Option<Generation>,
        replace: bool,
    ) -> Result<Restored, RestoreError> {
        let folder = Folder::take(folder)?;
        let there = there(&folder)?;
        if !replace {
            refuse_to_replace(&folder, &there)?;
        }
        let floor = self.floor(&folder, &there, above)?;
        let backup = self.newest();
        let newest = if backup > floor {
            backup
        } else {
            floor.next()?
        };
        let (mut names, mut endpoints) = (0, 0);
        folder.replace_plans(|file| {
            (names, endpoints) = self.make(file, newest)?;
            Ok::<_, RestoreError>(())
        })?;
        Ok(Restored {
            backup,
            newest,
            names,
            endpoints,
        })
    }

    /// The newest generation that could have been served.
    fn floor(
        &self,
        folder: &Folder,
        there: &There,
        above: Option<Generation>,
    ) -> Result<Generation, RestoreError> {
        let there = match there {
            There::Store(newest) => newest.filter(|newest| *newest >= self.newest()),
            There::Nothing | There::Unreadable(_) => None,
        };
        let known = there.unwrap_or(self.newest());
        if let Some(above) =
            above.filter(|above| above.get().saturating_sub(known.get()) > MAX_STEP)
        {
            let newest = known;
            return Err(RestoreError::TooFarAbove { above, newest });
        }
        above.max(there).ok_or_else(|| RestoreError::NoFloor {
            place: folder.plans().display().to_string(),
            backup: self.newest(),
        })
    }

    /// Makes the database in this file. Returns how many names its latest plan has, and how many of
    /// them are endpoints.
    fn make(&self, file: &Path, newest: Generation) -> Result<(usize, usize), RestoreError> {
        let place = file.display().to_string();
        let failed = |error: redb::Error| not_opened(&place, error);
        let database = Medium::file(file).open();
        let database = database.map_err(|error| failed(error.into()))?;
        self.rows.write(&database).map_err(failed)?;
        drop(database);
        let mut writer = begin(Medium::file(file), ANY)?;
        if newest > self.newest() {
            let draft = writer.durable.continued_at(newest);
            let draft = draft.map_err(|error| failed(redb::Error::Backend(Box::new(error))))?;
            let committed = writer.file.commit(&writer.durable, &draft);
            committed.map_err(|error| RestoreError::NotWritten(cause(error)))?;
        }
        drop(writer);
        let writer = begin(Medium::file(file), ANY)?;
        let latest = writer.durable.layers.last_key_value();
        let latest = latest.and_then(|(&at, layer)| Some((at, layer.plan.as_ref()?)));
        let Some((_, plan)) = latest.filter(|(at, _)| *at == newest) else {
            let reason = format!("plan {newest} is not in what was just written");
            return Err(OpenError::Damaged { place, reason }.into());
        };
        let endpoints = plan
            .endpoints()
            .filter(|(_, records)| records.has_targets());
        let counts = (plan.endpoints().len(), endpoints.count());
        drop(writer);
        let synced = File::open(file).and_then(|file| file.sync_all());
        synced.map_err(|source| OpenError::Folder { place, source })?;
        Ok(counts)
    }
}

/// The first reason of the failure. What else the error says is about a store that goes on.
fn cause(error: Error) -> Cause {
    match error {
        Error::NotWritten { source, .. }
        | Error::Unsettled { source, .. }
        | Error::NotRead { source, .. } => source,
        stopped @ Error::Stopped { .. } => Arc::new(stopped),
    }
}

/// Looks at the folder's store, without a change of what it holds.
fn there(folder: &Folder) -> Result<There, OpenError> {
    let plans = folder.plans();
    let failed = |source| OpenError::Folder {
        place: plans.display().to_string(),
        source,
    };
    match fs::symlink_metadata(&plans) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            let text = "it is no ordinary file; restore into the folder where the file is";
            return Err(failed(io::Error::other(text)));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(There::Nothing),
        Err(error) => return Err(failed(error)),
    }
    Ok(match DiskStore::start(Medium::file(&plans), ANY, None) {
        Ok(store) => match store.generations().last() {
            None if !store.has_notes() => There::Nothing,
            newest => There::Store(newest.copied()),
        },
        Err(error) => There::Unreadable(error),
    })
}

fn refuse_to_replace(folder: &Folder, there: &There) -> Result<(), RestoreError> {
    let what = match there {
        There::Nothing => return Ok(()),
        There::Store(Some(newest)) => format!("its newest plan is {newest}"),
        There::Store(None) => "it has orders of persons".into(),
        There::Unreadable(error) => format!("{error}"),
    };
    let place = folder.plans().display().to_string();
    Err(RestoreError::NotEmpty { place, what })
}

impl Durable {
    /// Drafts the latest plan again as this generation, which is above all that are there: active
    /// at each endpoint that it names, and all other endpoints withdrawn.
    fn continued_at(&self, generation: Generation) -> Result<Draft, postcard::Error> {
        let mut draft = Draft::default();
        let Some(plan) = self.publish_again(&mut draft, generation)? else {
            return Ok(draft);
        };
        for block in &self.blocks {
            for (name, known) in block.names.iter().zip(&block.states) {
                let Some(name) = name else { continue };
                let is_active = matches!(known.state.standing, Standing::Active(_));
                if plan.names(name) {
                    self.step(&mut draft, name, Step::Activate(generation));
                } else if is_active {
                    self.step(&mut draft, name, Step::Withdraw(generation));
                }
            }
        }
        Ok(draft)
    }
}
