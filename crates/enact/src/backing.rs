//! What this program needs of a store in addition to [`PlanStore`](plan_store::PlanStore).

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use control_plane::Waker;
use plan_store::{DnsStore, Generation, MemoryStore, Pin, Plan};

use crate::leadership::{Alone, Candidacy};
use crate::metrics::{self, Scrape};
use crate::notes::{MemoryNotes, Notes};

/// Why a store gives no backup.
pub(crate) enum NotBackedUp {
    /// It never does; what to do instead.
    Never(&'static str),
    /// It failed.
    Failed(plan_store::Error),
}

/// A store that this program can run on.
pub(crate) trait Backing: DnsStore<Reader: 'static> + Clone + 'static {
    /// Wakes Enactors until it is dropped.
    type Wakening;

    /// Wakes these Enactors whenever another process publishes a plan.
    fn wake_on_publish(&self, wakers: Vec<Waker>) -> io::Result<Self::Wakening>;

    /// Whether readers show what the store holds. Does not wait.
    fn can_be_read(&self) -> bool;

    /// Has this process stand for election as the Planner of the store, under this name.
    fn stand_for_election(&self, _name: String) -> Box<dyn Candidacy> {
        Box::new(Alone)
    }

    /// The notes that the store keeps beside the plans.
    fn notes(&self) -> Arc<dyn Notes>;

    /// The newest plan that this process knows. Does not wait.
    fn newest_plan(&self) -> Option<(Generation, Arc<Plan>)> {
        let pin = self.latest().ok()??;
        Some((pin.generation(), Arc::clone(pin.plan())))
    }

    /// A backup of all that the store holds. May block for as long as the store takes.
    fn backup(&self) -> Result<Vec<u8>, NotBackedUp>;

    /// The plans in the store, in order. May wait for the store.
    fn plans(&self) -> Result<Vec<Generation>, plan_store::Error>;

    /// What the serial number of the SOA records is more than the generation: nothing, if the
    /// store keeps the generations.
    fn serial_offset(&self) -> u32 {
        0
    }

    /// Writes metrics about the store.
    fn describe(&self, scrape: &mut Scrape<'_>);
}

/// Only this process publishes here, and its Planner wakes the Enactors.
impl Backing for MemoryStore {
    type Wakening = ();

    fn wake_on_publish(&self, _: Vec<Waker>) -> io::Result<()> {
        Ok(())
    }

    fn can_be_read(&self) -> bool {
        true
    }

    fn plans(&self) -> Result<Vec<Generation>, plan_store::Error> {
        Ok(self.generations())
    }

    fn notes(&self) -> Arc<dyn Notes> {
        Arc::new(MemoryNotes::default())
    }

    fn backup(&self) -> Result<Vec<u8>, NotBackedUp> {
        let text = "the plans are in memory and end with the process; start it with \
                    `--store disk:FOLDER` to keep them and to back them up";
        Err(NotBackedUp::Never(text))
    }

    /// The generations begin again with every process, and secondaries must not take its plans
    /// for older ones. So the serial numbers begin at the time in seconds. They stay ahead of
    /// those of the process before as long as that had less than a plan a second on average.
    fn serial_offset(&self) -> u32 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = now.map_or(0, |now| now.as_secs() & u64::from(u32::MAX));
        u32::try_from(seconds).unwrap_or(0)
    }

    fn describe(&self, scrape: &mut Scrape<'_>) {
        scrape.value(&metrics::PLANS, self.generations().len());
    }
}
