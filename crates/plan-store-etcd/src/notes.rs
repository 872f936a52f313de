//! Notes: small named byte strings that a program keeps beside the plans.

use crate::Error;
use crate::proto::etcd::KeyValue;
use crate::shared::Shared;
use crate::txn::{one, put, txn, written_at};

impl Shared {
    pub(crate) async fn read_note(&self, name: &str) -> Result<Option<KeyValue>, Error> {
        let read = self.client.range(one(self.keys.note(name))).await?;
        Ok(read.kvs.into_iter().next())
    }

    pub(crate) async fn write_note(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        self.write_note_if(name, |_| true, bytes).await.map(drop)
    }

    /// Writes the note if it has this value, or if there is none and `before` is `None`. Returns
    /// whether it had.
    pub(crate) async fn replace_note(
        &self,
        name: &str,
        before: Option<&[u8]>,
        bytes: Vec<u8>,
    ) -> Result<bool, Error> {
        self.write_note_if(name, |there| there == before, bytes)
            .await
    }

    /// Each attempt compares with the note that it read. So it writes only what was judged, and an
    /// attempt whose answer is lost cannot be done after a later write.
    async fn write_note_if(
        &self,
        name: &str,
        may_replace: impl Fn(Option<&[u8]>) -> bool,
        bytes: Vec<u8>,
    ) -> Result<bool, Error> {
        let key = self.keys.note(name);
        loop {
            let there = self.read_note(name).await?;
            if !may_replace(there.as_ref().map(|note| &*note.value)) {
                return Ok(false);
            }
            let written = there.map_or(0, |note| note.mod_revision);
            let set = put(key.clone(), bytes.clone());
            let request = txn([written_at(key.clone(), written)], [set], []);
            if self.client.txn_once(request).await?.succeeded {
                return Ok(true);
            }
        }
    }
}
