//! Supplies a store's readers with a view. A follower keeps the view up to date, and
//! another task saves it to disk.

use std::path::PathBuf;
use std::sync::{Arc, Once};

use crate::Error;
use crate::config::EtcdConfig;
use crate::follow::Follower;
use crate::shared::Shared;
use crate::snapshot;
use crate::threads::Threads;
use crate::view::{Health, Shown};

/// The view and its tasks, which start when the view is first asked for. A store that only
/// writes follows nothing.
pub(crate) struct Supply {
    /// Where the view is kept on disk.
    snapshot: Option<PathBuf>,
    prefix: String,
    shown: Arc<Shown>,
    started: Once,
}

impl Supply {
    /// Reads the snapshot, if there is one.
    pub(crate) fn new(config: &EtcdConfig) -> Result<Self, Error> {
        let shown = Arc::new(Shown::nothing());
        if let Some(file) = &config.snapshot {
            snapshot::show(file, &config.prefix, &shown)?;
        }
        Ok(Self {
            snapshot: config.snapshot.clone(),
            prefix: config.prefix.clone(),
            shown,
            started: Once::new(),
        })
    }

    /// Whether the view is followed.
    pub(crate) fn has_started(&self) -> bool {
        self.started.is_completed()
    }

    /// The health of the view, followed or not.
    pub(crate) fn health(&self) -> Health {
        self.shown.health()
    }

    /// The view. The first call starts the follower on these threads.
    pub(crate) fn shown(&self, shared: &Arc<Shared>, threads: &Threads) -> &Arc<Shown> {
        let shown = &self.shown;
        self.started.call_once(|| {
            if let Some(file) = self.snapshot.clone() {
                let prefix = self.prefix.clone();
                threads.spawn(snapshot::keep(file, prefix, Arc::clone(shown)));
            }
            let follower = Follower::new(Arc::clone(shared), Arc::clone(shown));
            threads.spawn(follower.run());
        });
        shown
    }
}
