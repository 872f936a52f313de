//! The database's file: opened, written in transactions, and opened again after an error.
//!
//! # States
//! *open* → *closed* at the first error, because the database refuses to go on after one. The
//! next commit opens it again, which repairs it, and checks that it holds what was acknowledged.
//!
//! # Rules
//! 1. A row that a failed commit may have written is *doubtful*. The next commit writes each
//!    doubtful row as [`Durable`] and its draft have it, so whether the failed commit is there
//!    does not matter any more.
//! 2. Each commit counts itself in the row `commits`. A database that is opened again holds the
//!    last count that was acknowledged, or the next one. Anything else is not the same database.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use plan_store::Generation;
use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase, StorageBackend,
    WriteTransaction,
};
use tracing::debug;

use crate::durable::{Draft, Durable};
use crate::error::Error;
use crate::folder;
use crate::layout::{
    ABOUT, COMMITS_ROW, FORMAT, FORMAT_ROW, LAYERS, NAMES, NOTES, PARTS, STATES, encode_states,
};

/// How much of the file the database may keep in memory, in bytes. The store reads its rows only
/// when it opens; later reads are for the pages that a commit changes.
const CACHE: usize = 8 << 20;

/// Where a database is, and how to open it.
pub(crate) struct Medium {
    /// Its name in messages.
    pub(crate) place: Arc<str>,
    open: Box<dyn Fn() -> Result<Database, DatabaseError> + Send>,
}

impl Medium {
    /// A file, which must be there.
    pub(crate) fn file(file: &Path) -> Self {
        let place = file.display().to_string();
        let file = file.to_owned();
        Self::new(&place, move || FileBackend::new(folder::open(&file)?))
    }

    /// What `make` returns, each time it is opened.
    pub(crate) fn new<B: StorageBackend>(
        place: &str,
        make: impl Fn() -> Result<B, DatabaseError> + Send + 'static,
    ) -> Self {
        let open = Box::new(move || {
            let mut builder = Builder::new();
            builder.set_cache_size(CACHE);
            // All checksums are checked, so that a damaged file is noticed at the start.
            builder.set_check_integrity_on_open(true);
            builder.create_with_backend(make()?)
        });
        let place = place.into();
        Self { place, open }
    }

    pub(crate) fn open(&self) -> Result<Database, DatabaseError> {
        (self.open)()
    }
}

pub(crate) struct File {
    medium: Medium,
    database: Option<Database>,
    /// How many commits were acknowledged.
    commits: u64,
    /// The rows that the next commit writes in addition to its draft.
    pub(crate) doubtful: Doubtful,
}

/// Rows that may differ from what [`Durable`] has.
#[derive(Default, Debug)]
pub(crate) struct Doubtful {
    pub(crate) layers: BTreeSet<Generation>,
    pub(crate) blocks: BTreeSet<u32>,
    notes: BTreeSet<String>,
}

impl Doubtful {
    pub(crate) fn is_empty(&self) -> bool {
        self.layers.is_empty() && self.blocks.is_empty() && self.notes.is_empty()
    }
}

/// The database is another one than before, or has lost commits that were acknowledged.
#[derive(Debug, thiserror::Error)]
#[error("it holds {found} commits, and {acknowledged} were acknowledged; restore it from a backup")]
struct WentBack {
    found: u64,
    acknowledged: u64,
}

impl File {
    /// A file whose database is open and has so many commits.
    pub(crate) fn new(medium: Medium, database: Database, commits: u64) -> Self {
        Self {
            medium,
            database: Some(database),
            commits,
            doubtful: Doubtful::default(),
        }
    }

    /// Its name in messages.
    pub(crate) fn place(&self) -> &Arc<str> {
        &self.medium.place
    }

    /// Writes the draft and the doubtful rows, durably.
    pub(crate) fn commit(&mut self, durable: &Durable, draft: &Draft) -> Result<(), Error> {
        let written = self.write(durable, draft);
        let transaction = written.map_err(|source| {
            self.database = None;
            let (place, source) = (Arc::clone(self.place()), Arc::new(source));
            Error::NotWritten { place, source }
        })?;
        if let Err(error) = transaction.commit() {
            self.database = None;
            self.doubtful.layers.extend(draft.layers.keys());
            self.doubtful.blocks.extend(draft.blocks.keys());
            self.doubtful.notes.extend(draft.notes.keys().cloned());
            let (place, source) = (Arc::clone(self.place()), Arc::new(error));
            return Err(Error::Unsettled { place, source });
        }
        self.commits += 1;
        self.doubtful = Doubtful::default();
        Ok(())
    }

    /// A transaction with everything that is to be committed.
    fn write(&mut self, durable: &Durable, draft: &Draft) -> Result<WriteTransaction, redb::Error> {
        let commits = self.commits + 1;
        let transaction = self.open()?.begin_write()?;
        let rows = Rows {
            transaction: &transaction,
            durable,
            draft,
            doubtful: &self.doubtful,
        };
        rows.layers()?;
        rows.blocks()?;
        rows.notes()?;
        rows.about(commits)?;
        Ok(transaction)
    }

    /// What the database holds now, for a reader that goes on while changes are written. If the
    /// database must be opened again meanwhile, that fails until the reader has ended.
    pub(crate) fn snapshot(&mut self) -> Result<ReadTransaction, Error> {
        let opened = self.open();
        let snapshot = opened.and_then(|database| Ok(database.begin_read()?));
        snapshot.map_err(|error| self.not_read(error))
    }

    /// Why a snapshot was not taken or read.
    fn not_read(&self, error: redb::Error) -> Error {
        let (place, source) = (Arc::clone(self.place()), Arc::new(error));
        Error::NotRead { place, source }
    }

    fn open(&mut self) -> Result<&Database, redb::Error> {
        let database = match self.database.take() {
            Some(database) => database,
            None => self.open_again()?,
        };
        Ok(self.database.insert(database))
    }

    fn open_again(&self) -> Result<Database, redb::Error> {
        let database = self.medium.open()?;
        let (found, acknowledged) = (commits_of(&database)?, self.commits);
        if found == acknowledged || found == acknowledged + 1 {
            debug!(place = %self.place(), "opened again");
            return Ok(database);
        }
        Err(other(WentBack {
            found,
            acknowledged,
        }))
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("place", self.place())
            .field("commits", &self.commits)
            .finish_non_exhaustive()
    }
}

/// An error that is not the database's own.
fn other(error: impl std::error::Error + Send + Sync + 'static) -> redb::Error {
    redb::Error::Backend(Box::new(error))
}

/// How many commits a database has that this store has begun.
fn commits_of(database: &Database) -> Result<u64, redb::Error> {
    let about = database.begin_read()?.open_table(ABOUT)?;
    let commits = about.get(COMMITS_ROW)?;
    Ok(commits.map_or(0, |commits| commits.value()))
}

/// The rows of one commit.
struct Rows<'a> {
    transaction: &'a WriteTransaction,
    durable: &'a Durable,
    draft: &'a Draft,
    doubtful: &'a Doubtful,
}

impl Rows<'_> {
    fn layers(&self) -> Result<(), redb::Error> {
        let mut layers = self.transaction.open_table(LAYERS)?;
        let mut parts = self.transaction.open_table(PARTS)?;
        for generation in &self.doubtful.layers {
            let number = generation.get();
            if let Some(layer) = self.durable.layers.get(generation) {
                let row = postcard::to_stdvec(&layer.row).map_err(other)?;
                layers.insert(number, &*row)?;
            } else {
                layers.remove(number)?;
                parts.retain_in((number, 0)..=(number, u32::MAX), |_, _| false)?;
            }
        }
        for (generation, (layer, contents)) in &self.draft.layers {
            let number = generation.get();
            let row = postcard::to_stdvec(&layer.row).map_err(other)?;
            layers.insert(number, &*row)?;
            for (part, content) in (0..).zip(contents) {
                parts.insert((number, part), &**content)?;
            }
        }
        Ok(())
    }

    fn blocks(&self) -> Result<(), redb::Error> {
        let mut names = self.transaction.open_table(NAMES)?;
        let mut states = self.transaction.open_table(STATES)?;
        let numbers = self.draft.blocks.keys().chain(&self.doubtful.blocks);
        for number in numbers.copied().collect::<BTreeSet<_>>() {
            let drafted = self.draft.blocks.get(&number);
            let Some(block) = drafted.or_else(|| self.durable.block(number)) else {
                names.remove(number)?;
                states.remove(number)?;
                continue;
            };
            let row = encode_states(&block.states).map_err(other)?;
            states.insert(number, &*row)?;
            if self.draft.renamed.contains(&number) || self.doubtful.blocks.contains(&number) {
                let row = postcard::to_stdvec(&*block.names).map_err(other)?;
                names.insert(number, &*row)?;
            }
        }
        Ok(())
    }

    fn notes(&self) -> Result<(), redb::Error> {
        let mut notes = self.transaction.open_table(NOTES)?;
        for name in &self.doubtful.notes {
            match self.durable.notes.get(name) {
                Some(note) => drop(notes.insert(&**name, &**note)?),
                None => drop(notes.remove(&**name)?),
            }
        }
        for (name, note) in &self.draft.notes {
            notes.insert(&**name, &**note)?;
        }
        Ok(())
    }

    fn about(&self, commits: u64) -> Result<(), redb::Error> {
        let mut about = self.transaction.open_table(ABOUT)?;
        about.insert(FORMAT_ROW, FORMAT)?;
        about.insert(COMMITS_ROW, commits)?;
        Ok(())
    }
}
