//! Opens a store: from the file to the writer and the store in memory.

use std::io::ErrorKind;
use std::sync::Arc;

use plan_store::{MemoryStore, Retention};

use crate::durable::{Draft, Durable};
use crate::error::OpenError;
use crate::file::{File, Medium};
use crate::layout::{BadRow, FORMAT};
use crate::load::{Loaded, contents, load};
use crate::writer::{Shown, Writer};

/// Opens the database, reads it, and makes the store in memory.
pub(crate) fn begin(medium: Medium, retention: Retention) -> Result<Writer, OpenError> {
    let place = Arc::clone(&medium.place);
    let database = medium
        .open()
        .map_err(|error| not_opened(&place, error.into()))?;
    let loaded = load(&database).map_err(|error| not_opened(&place, error))?;
    let at = || place.to_string();
    let (durable, commits) = match loaded {
        Loaded::Nothing => (Durable::default(), 0),
        Loaded::Content(durable, commits) => (durable, commits),
        Loaded::OtherFormat(found) => {
            let (place, known) = (at(), FORMAT);
            return Err(OpenError::OtherFormat {
                place,
                found,
                known,
            });
        }
    };
    let memory = MemoryStore::restored(retention, contents(&durable));
    let memory = memory.map_err(|error| OpenError::Damaged {
        place: at(),
        reason: error.to_string(),
    })?;
    let shown = Shown::default();
    shown.notes.lock().clone_from(&durable.notes);
    let mut file = File::new(medium, database, commits);
    if commits == 0 {
        // From now on the file says what its format is.
        let committed = file.commit(&durable, &Draft::default());
        committed.map_err(|error| OpenError::Storage {
            place: at(),
            source: Arc::new(error),
        })?;
    }
    Ok(Writer {
        file,
        durable,
        memory,
        shown: Arc::new(shown),
    })
}

/// Why the database was not opened or read.
pub(crate) fn not_opened(place: &str, error: redb::Error) -> OpenError {
    let place = place.to_owned();
    match error {
        redb::Error::DatabaseAlreadyOpen => OpenError::InUse { place },
        redb::Error::Corrupted(reason) => OpenError::Damaged { place, reason },
        redb::Error::UpgradeRequired(version) => OpenError::OtherFormat {
            place,
            found: version.into(),
            known: FORMAT,
        },
        redb::Error::Backend(error) if error.is::<BadRow>() => OpenError::Damaged {
            place,
            reason: error.to_string(),
        },
        redb::Error::Io(error) if is_of_damage(error.kind()) => OpenError::Damaged {
            place,
            reason: error.to_string(),
        },
        error => OpenError::Storage {
            place,
            source: Arc::new(error),
        },
    }
}

/// Whether a file that can be read well has such an error because of what is in it.
fn is_of_damage(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
}
