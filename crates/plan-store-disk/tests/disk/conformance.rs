//! The store does what `PlanStore` requires: it passes the same tests as `MemoryStore`.

use parking_lot::Mutex;
use plan_store::{Generation, Retention};
use plan_store_conformance::{Effort, Stores, suite};
use plan_store_disk::DiskStore;

use crate::folder::Folder;

/// Stores in folders of their own.
#[derive(Default)]
struct OnDisk(Mutex<Vec<Folder>>);

impl Stores for OnDisk {
    type Store = DiskStore;

    fn make(&self, retention: Retention, _: Option<Generation>) -> DiskStore {
        let folder = Folder::new();
        let store = DiskStore::open(folder.path(), retention).unwrap();
        self.0.lock().push(folder);
        store
    }

    fn can_continue(&self) -> bool {
        false
    }

    /// The endpoints of a walk share commits.
    fn steps_ahead(&self) -> bool {
        true
    }

    fn effort(&self) -> Effort {
        Effort {
            scripts: Some(40),
            ..Effort::REMOTE
        }
    }
}

suite!(OnDisk::default());
