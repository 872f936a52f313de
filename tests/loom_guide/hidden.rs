//! Step 5: what loom's plain loads hide, and loads that hide nothing.

use std::collections::BTreeSet;

use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::thread;

use crate::explore::explore;

/// One thread reads the word. The other reads it too, and then adds 1. What does the first
/// thread read?
fn read_beside_an_addition(load: fn(&AtomicU64) -> u64) -> Vec<u64> {
    let (outcomes, _) = explore(None, move || {
        let word = Arc::new(AtomicU64::new(0));
        let (read, added) = (Arc::clone(&word), Arc::clone(&word));
        let reads = thread::spawn(move || load(&read));
        let adds = thread::spawn(move || load(&added) + added.fetch_add(1, Relaxed));
        adds.join().unwrap();
        reads.join().unwrap()
    });
    outcomes.into_iter().collect()
}

/// The half fix of step 2, with loads of this kind.
fn half_fix(load: fn(&AtomicU64) -> u64) -> BTreeSet<(Result<u64, u64>, Result<u64, u64>)> {
    let (outcomes, _) = explore(None, move || {
        let active = Arc::new(AtomicU64::new(1));
        let enactor = |version| {
            let active = Arc::clone(&active);
            thread::spawn(move || match load(&active) {
                newer if newer >= version => Err(newer),
                replaced => {
                    active.fetch_max(version, AcqRel);
                    Ok(replaced)
                }
            })
        };
        let (slow, quick) = (enactor(2), enactor(3));
        (slow.join().unwrap(), quick.join().unwrap())
    });
    outcomes
}

#[test]
fn the_half_fix_has_an_outcome_that_plain_loads_miss() {
    let (older_first, newer_first) = ((Ok(1), Ok(2)), (Err(3), Ok(1)));
    let both_replaced_1 = (Ok(1), Ok(1));
    let plain = half_fix(|word| word.load(Acquire));
    assert_eq!(plain, [older_first, both_replaced_1].into());
    let rmw = half_fix(|word| word.fetch_add(0, AcqRel));
    assert_eq!(rmw, [older_first, newer_first, both_replaced_1].into());
}

#[test]
fn plain_loads_miss_an_outcome() {
    let plain = |word: &AtomicU64| word.load(Relaxed);
    assert_eq!(read_beside_an_addition(plain), [0]);
}

#[test]
fn a_load_that_adds_nothing_misses_none() {
    let rmw = |word: &AtomicU64| word.fetch_add(0, AcqRel);
    assert_eq!(read_beside_an_addition(rmw), [0, 1]);
}
