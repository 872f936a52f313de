//! Activates many endpoints: many steps share a request, and a few requests are under way
//! at a time. Each endpoint is still a step of its own.

use std::collections::VecDeque;
use std::sync::Arc;

use plan_store::{Activation, EndpointName};

use crate::Error;
use crate::layout::StoredStanding;
use crate::pins::Held;
use crate::shared::Shared;
use crate::steps::{self, Outcome, Step};
use crate::threads::{Begun, Threads};

/// The number of requests that are under way at a time, including the one that the caller
/// waits for.
const WINDOW: usize = 5;

/// Activates a plan at these endpoints. Yields each endpoint with its outcome. When the
/// iterator is dropped, the requests that are under way may still be done.
pub(crate) fn activate<'a>(
    shared: &Arc<Shared>,
    threads: &Threads,
    held: &Held,
    endpoints: impl Iterator<Item = &'a EndpointName>,
) -> impl Iterator<Item = (&'a EndpointName, Outcome)> {
    let mut endpoints = endpoints.fuse();
    let mut under_way = VecDeque::new();
    let batches = std::iter::from_fn(move || {
        while under_way.len() < WINDOW {
            match Batch::begin(shared, threads, held, &mut endpoints) {
                Some(batch) => under_way.push_back(batch),
                None => break,
            }
        }
        under_way.pop_front()
    });
    batches.flat_map(Batch::wait)
}

/// Steps that share a request.
struct Batch<'a> {
    endpoints: Vec<&'a EndpointName>,
    task: Begun<Vec<Outcome>, Error>,
}

impl<'a> Batch<'a> {
    /// Sends the steps of the next few endpoints; `None` if no endpoint is left.
    fn begin(
        shared: &Arc<Shared>,
        threads: &Threads,
        held: &Held,
        endpoints: &mut impl Iterator<Item = &'a EndpointName>,
    ) -> Option<Self> {
        let endpoints: Vec<_> = endpoints.take(steps::BATCH).collect();
        if endpoints.is_empty() {
            return None;
        }
        let steps = endpoints.iter().map(|&endpoint| Step {
            endpoint: endpoint.clone(),
            to: StoredStanding::active(held.generation),
        });
        let steps: Vec<_> = steps.collect();
        let (shared, held) = (Arc::clone(shared), held.clone());
        let task = threads.begin(async move { Ok(shared.step_all(&held, &steps).await) });
        Some(Self { endpoints, task })
    }

    fn wait(self) -> impl Iterator<Item = (&'a EndpointName, Outcome)> {
        // A task that panicked has no outcomes: whether its steps were taken is unknown.
        let outcomes = self.task.wait().unwrap_or_default();
        let unknown = std::iter::repeat_with(|| Ok(Activation::Unknown));
        self.endpoints
            .into_iter()
            .zip(outcomes.into_iter().chain(unknown))
    }
}
