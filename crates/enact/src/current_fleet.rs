//! The fleet that is in force in this process, for what shows it.

use std::sync::{Arc, PoisonError, RwLock};

use control_plane::Fleet;

/// The fleet that this process was given last. Clones share it.
#[derive(Clone)]
pub(crate) struct CurrentFleet(Arc<RwLock<Arc<Fleet>>>);

impl CurrentFleet {
    pub(crate) fn new(fleet: &Fleet) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(fleet.clone()))))
    }

    /// Takes another fleet.
    pub(crate) fn set(&self, fleet: &Fleet) {
        // A change is one assignment, so a panic elsewhere leaves nothing half done.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fleet.clone());
    }

    pub(crate) fn get(&self) -> Arc<Fleet> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
