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

    /// Each attempt compares with the note that it read. So an attempt whose answer is lost
    /// cannot be done after a later write.
    pub(crate) async fn write_note(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let key = self.keys.note(name);
        loop {
            let there = self.read_note(name).await?;
            let written = there.map_or(0, |note| note.mod_revision);
            let set = put(key.clone(), bytes.clone());
            let request = txn([written_at(key.clone(), written)], [set], []);
            if self.client.txn_once(request).await?.succeeded {
                return Ok(());
            }
        }
    }
}
