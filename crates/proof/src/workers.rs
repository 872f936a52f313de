//! Independent work on all cores.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

/// Does the work for each item, and returns the results in the order of the items. All items are
/// worked on, even if one fails. A counter hands out the items: each is taken once, and nothing
/// else is shared, so its order with other memory does not matter.
pub(crate) fn each<T: Sync, R: Send, E: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let i = next.fetch_add(1, Relaxed);
            match items.get(i) {
                Some(item) => done.push((i, work(item))),
                None => return done,
            }
        }
    };
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let mut all = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            match worker.join() {
                Ok(done) => all.extend(done),
                Err(panic) => resume_unwind(panic),
            }
        }
    });
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_and_an_error_is_returned() {
        let items: Vec<u32> = (0..1000).collect();
        let twice = each(&items, |i| Ok::<_, u32>(i * 2)).unwrap();
        assert_eq!(twice, items.iter().map(|i| i * 2).collect::<Vec<_>>());
        let refused = each(&items, |i| if *i == 700 { Err(*i) } else { Ok(()) });
        assert_eq!(refused, Err(700));
    }
}
