//! The serving side.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use plan_store::{EndpointName, Resolution, Resolve};

use crate::store::EtcdStore;
use crate::view::View;

/// A serving thread's view of an [`EtcdStore`].
///
/// It shows what the store's follower has seen of the cluster, and goes on showing
/// that when the cluster cannot be reached; [`EtcdStore::health`] says how old it may
/// be. Resolving is one atomic load and one look into a map: it never waits for the
/// network or for a lock. Until there is anything to show, every endpoint is
/// [`Resolution::Unknown`]; so wait for [`EtcdStore::wait_for_view`] before serving.
pub struct EtcdReader {
    view: Cache<Arc<ArcSwap<View>>, Arc<View>>,
    /// Keeps the follower going.
    _store: EtcdStore,
}

static UNKNOWN: Resolution = Resolution::Unknown;

impl EtcdReader {
    pub(crate) fn new(view: Arc<ArcSwap<View>>, store: EtcdStore) -> Self {
        Self {
            view: Cache::new(view),
            _store: store,
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
