//! Supplies a store's readers with a view. A follower keeps the view up to date, and
//! another task saves it to disk.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::follow::Follower;
use crate::shared::Shared;
use crate::snapshot;
use crate::threads::Threads;
use crate::view::Shown;

/// The view and its tasks, which start when the view is first asked for. A store that only
/// writes follows nothing.
pub(crate) struct Supply {
    /// Where the view is kept on disk.
    snapshot: Option<PathBuf>,
    shown: OnceLock<Arc<Shown>>,
}

impl Supply {
    pub(crate) fn new(snapshot: Option<PathBuf>) -> Self {
        let shown = OnceLock::new();
        Self { snapshot, shown }
    }

    /// The view. The first call starts the follower on these threads.
    pub(crate) fn shown(&self, shared: &Arc<Shared>, threads: &Threads) -> &Arc<Shown> {
        self.shown.get_or_init(|| {
            let shown = Arc::new(Shown::nothing());
            if let Some(file) = &self.snapshot {
                snapshot::show(file, &shown);
                threads.spawn(snapshot::keep(file.clone(), Arc::clone(&shown)));
            }
            let follower = Follower {
                shared: Arc::clone(shared),
                shown: Arc::clone(&shown),
            };
            threads.spawn(follower.run());
            shown
        })
    }
}
