//! Step 4: weaken each ordering, and see what appears.

use std::collections::BTreeSet;

use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};
use loom::thread;

use crate::explore::explore;

/// The orderings of the register's three accesses.
#[derive(Clone, Copy)]
struct Orderings {
    load: Ordering,
    success: Ordering,
    failure: Ordering,
}

const AS_WRITTEN: Orderings = Orderings {
    load: Acquire,
    success: Release,
    failure: Acquire,
};

fn activate(active: &AtomicU64, version: u64, with: Orderings) -> u64 {
    let mut seen = active.load(with.load);
    loop {
        if seen >= version {
            return seen;
        }
        match active.compare_exchange(seen, version, with.success, with.failure) {
            Ok(replaced) => return replaced,
            Err(newer) => seen = newer,
        }
    }
}

/// Two Enactors each write their plan's data and then activate the plan. Each outcome says
/// whether an Enactor that was told of the other's plan also saw that plan's data.
fn sees_what_it_is_told_of(with: Orderings) -> BTreeSet<bool> {
    let (outcomes, _) = explore(None, move || {
        let active = Arc::new(AtomicU64::new(1));
        let data = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let enactor = |version: u64| {
            let (active, data) = (Arc::clone(&active), Arc::clone(&data));
            thread::spawn(move || {
                let [of_2, of_3] = &*data;
                let (own, others) = if version == 2 {
                    (of_2, of_3)
                } else {
                    (of_3, of_2)
                };
                own.store(1, Relaxed);
                let told = activate(&active, version, with);
                told == 1 || others.load(Relaxed) == 1
            })
        };
        let (slow, quick) = (enactor(2), enactor(3));
        slow.join().unwrap() & quick.join().unwrap()
    });
    outcomes
}

#[test]
fn as_written_no_thread_is_blind() {
    assert_eq!(sees_what_it_is_told_of(AS_WRITTEN), [true].into());
}

#[test]
fn each_ordering_is_needed() {
    let weakened = [
        Orderings {
            load: Relaxed,
            ..AS_WRITTEN
        },
        Orderings {
            success: Relaxed,
            ..AS_WRITTEN
        },
        Orderings {
            failure: Relaxed,
            ..AS_WRITTEN
        },
    ];
    for with in weakened {
        assert_eq!(sees_what_it_is_told_of(with), [false, true].into());
    }
}
