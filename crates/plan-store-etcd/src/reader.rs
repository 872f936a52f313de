//! The readers, which DNS servers resolve with.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use plan_store::{EndpointName, Resolution, Resolve};

use crate::threads::Threads;
use crate::view::View;

/// A serving thread's view of an [`EtcdStore`](crate::EtcdStore).
///
/// It shows the cluster as the store's follower last saw it, also while the cluster cannot
/// be reached. [`EtcdStore::health`](crate::EtcdStore::health) says how old the view may
/// be. Resolving is one atomic load and one look-up in a map; it never waits for the
/// network or for a lock. Until there is a view, every endpoint is [`Resolution::Unknown`],
/// so call [`EtcdStore::wait_for_view`](crate::EtcdStore::wait_for_view) before serving.
pub struct EtcdReader {
    view: Cache<Arc<ArcSwap<View>>, Arc<View>>,
    /// Keeps the follower running.
    _threads: Threads,
}

static UNKNOWN: Resolution = Resolution::Unknown;

impl EtcdReader {
    pub(crate) fn new(view: Arc<ArcSwap<View>>, threads: Threads) -> Self {
        Self {
            view: Cache::new(view),
            _threads: threads,
        }
    }
}

impl Resolve for EtcdReader {
    fn resolve(&mut self, endpoint: &EndpointName) -> &Resolution {
        self.view.load().answer(endpoint).unwrap_or(&UNKNOWN)
    }

    fn has_descendant(&mut self, name: &EndpointName) -> bool {
        self.view.load().has_descendant(name)
    }
}

impl fmt::Debug for EtcdReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdReader").finish_non_exhaustive()
    }
}
