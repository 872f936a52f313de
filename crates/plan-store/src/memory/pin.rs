//! The store's pin. The counting is in `pins.rs`.

use std::fmt;
use std::sync::Arc;

use super::index::Entry;
use crate::{Error, Generation, Native, Pin, Plan, Primitives};

/// [`MemoryStore`](crate::MemoryStore)'s pin.
#[must_use = "the plan is held only as long as its pin"]
pub struct MemoryPin<P: Primitives = Native> {
    pub(super) entry: Arc<Entry<P>>,
}

impl<P: Primitives> MemoryPin<P> {
    /// A pin on the plan of this entry.
    pub(super) fn on(entry: &Arc<Entry<P>>) -> Result<Self, Error> {
        entry.pins.take(entry.generation)?;
        let entry = Arc::clone(entry);
        Ok(Self { entry })
    }
}

impl<P: Primitives> Pin for MemoryPin<P> {
    fn generation(&self) -> Generation {
        self.entry.generation
    }

    fn plan(&self) -> &Arc<Plan> {
        &self.entry.plan
    }
}

impl<P: Primitives> Drop for MemoryPin<P> {
    fn drop(&mut self) {
        self.entry.pins.give_back();
    }
}

impl<P: Primitives> fmt::Debug for MemoryPin<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryPin")
            .field(&self.generation())
            .finish()
    }
}
