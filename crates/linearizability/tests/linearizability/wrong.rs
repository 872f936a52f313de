//! A store with one thing wrong.

use std::collections::BTreeMap;

use plan_store::memory::MemoryPin;
use plan_store::{EndpointName, Layer, MemoryStore, PlanStore, Reader, Resolution, Resolve};

/// Its readers look once and believe it for good.
#[derive(Clone)]
pub(crate) struct Believing(pub(crate) MemoryStore);

pub(crate) struct BelievingReader {
    reader: Reader,
    believed: BTreeMap<EndpointName, Resolution>,
}

impl Layer for Believing {
    type Inner = MemoryStore;
    type Pin = MemoryPin;
    type Reader = BelievingReader;

    fn inner(&self) -> &MemoryStore {
        &self.0
    }

    fn wrap(&self, pin: MemoryPin) -> MemoryPin {
        pin
    }

    fn reader(&self) -> BelievingReader {
        BelievingReader {
            reader: self.0.reader(),
            believed: BTreeMap::new(),
        }
    }
}

impl Resolve for BelievingReader {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        let reader = &mut self.reader;
        let look = || reader.resolve(endpoint).clone();
        self.believed.entry(endpoint.clone()).or_insert_with(look)
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        self.reader.has_descendant(name)
    }
}
