//! What this program asks of a store, beyond being one.

use std::io;

use control_plane::Waker;
use plan_store::{MemoryStore, PlanStore};

use crate::metrics::Text;

/// A store that this program can run on.
pub(crate) trait Backing: PlanStore<Reader: 'static> + Clone + 'static {
    /// Wakes Enactors while it lives.
    type Wakening;

    /// Wakes these Enactors whenever another process publishes a plan.
    fn wake_on_publish(&self, wakers: Vec<Waker>) -> io::Result<Self::Wakening>;

    /// Whether readers have anything to show. Waits for that for a moment.
    fn can_be_read(&self) -> bool;

    /// Says in metrics how it is.
    fn describe(&self, text: &mut Text);
}

/// No other process publishes here.
impl Backing for MemoryStore {
    type Wakening = ();

    fn wake_on_publish(&self, _: Vec<Waker>) -> io::Result<()> {
        Ok(())
    }

    fn can_be_read(&self) -> bool {
        true
    }

    fn describe(&self, text: &mut Text) {
        let says = "Plans that no sweep has deleted.";
        text.gauge("plans_in_store", says, self.generations().len());
    }
}
