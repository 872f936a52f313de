//! Notes: small named byte strings that the store keeps beside the plans.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A place for notes. Each call may block for as long as the store takes.
pub(crate) trait Notes: Send + Sync {
    /// The note with this name, if there is one.
    fn note(&self, name: &str) -> Result<Option<Vec<u8>>, plan_store::Error>;

    /// Sets the note with this name, whatever it was.
    fn set_note(&self, name: &str, bytes: &[u8]) -> Result<(), plan_store::Error>;

    /// Replaces the note with this name if it is still `before`. Returns whether it was.
    fn replace_note(
        &self,
        name: &str,
        before: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<bool, plan_store::Error>;
}

/// Notes that end with the process, like the plans of a store in memory.
#[derive(Default)]
pub(crate) struct MemoryNotes(Mutex<BTreeMap<String, Vec<u8>>>);

impl Notes for MemoryNotes {
    fn note(&self, name: &str) -> Result<Option<Vec<u8>>, plan_store::Error> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(notes.get(name).cloned())
    }

    fn set_note(&self, name: &str, bytes: &[u8]) -> Result<(), plan_store::Error> {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn replace_note(
        &self,
        name: &str,
        before: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<bool, plan_store::Error> {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = notes.get(name).map(Vec::as_slice) == before;
        if is_same {
            notes.insert(name.to_owned(), bytes.to_vec());
        }
        Ok(is_same)
    }
}
