//! `MemoryStore` does what `PlanStore` requires. For more scripts run
//! `PROPTEST_CASES=100000 cargo test -p plan-store-conformance --test memory_store scripts`.

use plan_store::{Generation, MemoryStore, Retention};
use plan_store_conformance::{Effort, Stores, suite};

struct InMemory;

impl Stores for InMemory {
    type Store = MemoryStore;

    fn make(&self, retention: Retention, last: Option<Generation>) -> MemoryStore {
        match last {
            None => MemoryStore::new(retention),
            Some(last) => MemoryStore::continuing(retention, last),
        }
    }

    fn effort(&self) -> Effort {
        Effort::FULL
    }
}

suite!(InMemory);
