//! Backups: all rows of the database in one file, with a version and a checksum.
//!
//! # Format, version 1
//! | bytes | what |
//! |---|---|
//! | 16 | [`MAGIC`] |
//! | 4 | the version, the lowest byte first |
//! | 32 | the SHA-256 of all bytes that follow |
//! | the rest | the rows, encoded with postcard: for each table its keys and values |
//!
//! The rows come from one read transaction of the database, so a backup holds what was durable at
//! one moment, and the writer goes on meanwhile. The rows have the version of the layout with
//! them, so a backup of another layout is refused like a file of another layout.

use plan_store::{Generation, MemoryStore, Retention};
use redb::backends::InMemoryBackend;
use redb::{Builder, Database, Key, ReadTransaction, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::layout::{ABOUT, LAYERS, NAMES, NOTES, PARTS, STATES};
use crate::load::{Loaded, contents, load};

/// The first bytes. The line ends in it show a transfer that took the file for a text.
const MAGIC: [u8; 16] = *b"plans backup\r\n\x1a\n";
const VERSION: u32 = 1;
const HASH: usize = 32;

/// A backup that was read and checked as a whole: [`DiskStore::backup`](crate::DiskStore::backup)
/// makes it, and [`Backup::restore`] makes a store of it.
pub struct Backup {
    pub(crate) rows: Rows,
    newest: Generation,
}

/// Why bytes are no good backup.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// They are something else.
    #[error("it is no backup of a store; give a file that `enact backup` wrote")]
    NotABackup,

    /// Another version of this program wrote them.
    #[error(
        "it has version {found}, and this program reads version {VERSION}; use the program that wrote it"
    )]
    OtherVersion {
        /// The version of the backup.
        found: u64,
    },

    /// Some bytes are missing, or others than those that were written.
    #[error("it is damaged: {reason}; take another backup")]
    Damaged {
        /// What is wrong.
        reason: String,
    },

    /// The store had no plan yet, so there is nothing to go on with.
    #[error("it has no plan; back the store up after its first plan")]
    NoPlan,
}

/// The rows of all tables.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Rows {
    about: Vec<(String, u64)>,
    layers: Vec<(u32, Vec<u8>)>,
    parts: Vec<((u32, u32), Vec<u8>)>,
    names: Vec<(u32, Vec<u8>)>,
    states: Vec<(u32, Vec<u8>)>,
    notes: Vec<(String, Vec<u8>)>,
}

impl Backup {
    /// Reads a backup and checks all of it: the checksum, and that a store can be made of it.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub fn read(bytes: &[u8]) -> Result<Self, BackupError> {
        let rows = decode(bytes)?;
        let newest = checked(&rows)?;
        Ok(Self { rows, newest })
    }

    /// The newest plan in it.
    pub fn newest(&self) -> Generation {
        self.newest
    }
}

/// The rows that a transaction sees, as a backup.
pub(crate) fn encode(transaction: &ReadTransaction) -> Result<Vec<u8>, redb::Error> {
    let other = |error| redb::Error::Backend(Box::new(error));
    let rows = Rows::read(transaction)?;
    let mut bytes = Vec::from(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend([0; HASH]);
    let begin = bytes.len();
    let mut bytes = postcard::to_extend(&rows, bytes).map_err(other)?;
    let hash = Sha256::digest(&bytes[begin..]);
    bytes[begin - HASH..begin].copy_from_slice(&hash);
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<Rows, BackupError> {
    let damaged = |reason: &str| BackupError::Damaged {
        reason: reason.into(),
    };
    let cut = || damaged("it ends too early");
    let rest = match bytes.strip_prefix(&MAGIC) {
        Some(rest) => rest,
        None if !bytes.is_empty() && MAGIC.starts_with(bytes) => return Err(cut()),
        None => return Err(BackupError::NotABackup),
    };
    let (version, rest) = rest.split_first_chunk().ok_or_else(cut)?;
    match u32::from_le_bytes(*version) {
        VERSION => {}
        found => {
            let found = found.into();
            return Err(BackupError::OtherVersion { found });
        }
    }
    let (hash, rows) = rest.split_first_chunk::<HASH>().ok_or_else(cut)?;
    if Sha256::digest(rows).as_slice() != hash {
        return Err(damaged(
            "its checksum is wrong, so bytes are missing or changed",
        ));
    }
    postcard::from_bytes(rows).map_err(|error| damaged(&error.to_string()))
}

/// Makes a store of the rows in memory. Returns its newest plan.
fn checked(rows: &Rows) -> Result<Generation, BackupError> {
    let damaged = |error: &dyn std::fmt::Display| BackupError::Damaged {
        reason: error.to_string(),
    };
    let database = Builder::new().create_with_backend(InMemoryBackend::new());
    let database = database.map_err(|error| damaged(&error))?;
    rows.write(&database).map_err(|error| damaged(&error))?;
    let durable = match load(&database).map_err(|error| damaged(&error))? {
        Loaded::Content(durable, _) => durable,
        Loaded::OtherFormat(found) => return Err(BackupError::OtherVersion { found }),
        Loaded::Nothing => return Err(BackupError::NoPlan),
    };
    let memory: Result<MemoryStore, _> =
        MemoryStore::restored(Retention::newest(1), contents(&durable));
    let memory = memory.map_err(|error| damaged(&error))?;
    let newest = memory.generations().last().copied();
    newest.ok_or(BackupError::NoPlan)
}

impl Rows {
    fn read(transaction: &ReadTransaction) -> Result<Self, redb::Error> {
        let mut about = Vec::new();
        for row in transaction.open_table(ABOUT)?.iter()? {
            let (name, number) = row?;
            about.push((name.value().to_owned(), number.value()));
        }
        Ok(Self {
            about,
            layers: rows(transaction, LAYERS, |key| key)?,
            parts: rows(transaction, PARTS, |key| key)?,
            names: rows(transaction, NAMES, |key| key)?,
            states: rows(transaction, STATES, |key| key)?,
            notes: rows(transaction, NOTES, str::to_owned)?,
        })
    }

    /// Writes the rows into an empty database, durably.
    pub(crate) fn write(&self, database: &Database) -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        {
            let mut about = transaction.open_table(ABOUT)?;
            for (name, number) in &self.about {
                about.insert(&**name, number)?;
            }
            let numbered = [
                (LAYERS, &self.layers),
                (NAMES, &self.names),
                (STATES, &self.states),
            ];
            for (table, rows) in numbered {
                let mut table = transaction.open_table(table)?;
                for (key, row) in rows {
                    table.insert(key, &**row)?;
                }
            }
            let mut parts = transaction.open_table(PARTS)?;
            for (key, row) in &self.parts {
                parts.insert(key, &**row)?;
            }
            let mut notes = transaction.open_table(NOTES)?;
            for (name, note) in &self.notes {
                notes.insert(&**name, &**note)?;
            }
        }
        Ok(transaction.commit()?)
    }
}

/// All rows of a table.
fn rows<K: Key + 'static, O>(
    transaction: &ReadTransaction,
    table: TableDefinition<'static, K, &'static [u8]>,
    key: impl for<'a> Fn(K::SelfType<'a>) -> O,
) -> Result<Vec<(O, Vec<u8>)>, redb::Error> {
    let mut rows = Vec::new();
    for row in transaction.open_table(table)?.iter()? {
        let (of, row) = row?;
        rows.push((key(of.value()), row.value().to_owned()));
    }
    Ok(rows)
}

impl std::fmt::Debug for Backup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backup")
            .field("newest", &self.newest)
            .finish_non_exhaustive()
    }
}
