//! What supplies a store's readers: a view, kept up to date by a follower and saved to
//! disk.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::follow::Follower;
use crate::shared::Shared;
use crate::snapshot;
use crate::threads::Threads;
use crate::view::Shown;

/// Starts when it is first asked for: a store that only writes follows nothing.
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

    /// The view that is shown, followed on these threads from the first call on.
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
