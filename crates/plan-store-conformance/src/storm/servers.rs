//! The servers of a storm. They resolve all endpoints throughout, and check every answer.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::thread;

use plan_store::{Generation, PlanStore, Resolution, Resolve};

use super::plans::{ENDPOINTS, endpoint, names, records};
use crate::Stores;

/// For each endpoint, the newest plan that was about to withdraw it.
#[derive(Default)]
pub(super) struct Announced([AtomicU32; ENDPOINTS as usize]);

impl Announced {
    pub(super) fn withdrawal(&self, at: u32, by: Generation) {
        self.0[at as usize].fetch_max(by.get(), SeqCst);
    }

    fn since(&self, at: u32, answered: Generation) -> bool {
        self.0[at as usize].load(SeqCst) > answered.get()
    }
}

/// Resolves all endpoints, at least once, until `quiet`, and then once more. Returns how
/// many rounds of an endpoint came after its first answer.
pub(super) fn serve<M: Stores>(
    stores: &M,
    store: &M::Store,
    announced: &Announced,
    quiet: &AtomicBool,
) -> usize {
    let mut reader = store.reader();
    // What the reader's answers and the store's answers have shown. Both go into one
    // history, unless the reader may lag.
    let mut seen = [const { [Seen::NOTHING; 2] }; ENDPOINTS as usize];
    let of_store = usize::from(stores.readers_lag());
    let mut answers = 0;
    for round in 0.. {
        let last_round = round > 0 && quiet.load(SeqCst);
        if last_round {
            stores.settle(store);
        }
        for at in 0..ENDPOINTS {
            let endpoint = endpoint(at);
            let seen = &mut seen[at as usize];
            let shown = reader.resolve(&endpoint);
            let held = store.resolve(&endpoint);
            seen[0].check(at, shown, announced);
            seen[of_store].check(at, &held, announced);
            assert!(
                !last_round || *shown == held,
                "Settled: {shown:?}, {held:?}"
            );
            answers += usize::from(seen[0].answered.is_some());
        }
        if last_round {
            break;
        }
        thread::yield_now();
    }
    answers
}

/// What a server has seen of an endpoint.
#[derive(Clone, Copy)]
struct Seen {
    newest: Option<Generation>,
    /// The plan of the newest answer.
    answered: Option<Generation>,
}

impl Seen {
    const NOTHING: Self = Self {
        newest: None,
        answered: None,
    };

    fn check(&mut self, at: u32, resolution: &Resolution, announced: &Announced) {
        match resolution {
            Resolution::Answer {
                generation,
                records: from,
            } => {
                let by = Some(*generation);
                assert!(
                    by >= self.newest,
                    "Monotonic: {by:?} after {:?}",
                    self.newest
                );
                assert!(
                    names(generation.get(), at) && **from == records(generation.get(), at),
                    "WholeAnswer: plan {generation} has no {from:?}"
                );
                self.answered = by;
            }
            Resolution::Dangling { .. } => unreachable!("ActiveKept: {resolution:?}"),
            Resolution::Unknown | Resolution::Vacant | Resolution::Withdrawn { .. } => {
                let withdrawn = self.answered.is_none_or(|g| announced.since(at, g));
                assert!(withdrawn, "NeverEmpty: {resolution:?} at {at}");
            }
        }
        self.newest = self.newest.max(resolution.generation());
    }
}
