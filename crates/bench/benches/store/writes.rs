//! Activations and pins.

use std::any::Any;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bench::world;
use criterion::{BenchmarkId, Criterion};
use plan_store::{MemoryStore, PlanStore, Retention};

use crate::together::{Work, time};

/// The number of activations in one measurement. Each needs a plan of its own.
pub(crate) const BATCH: u64 = 4_000;

pub(crate) const SETTINGS: [(&str, u64); 2] = [("1 thread", 1), ("2 threads", 2)];

/// A way to replace a number by a newer number.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Makes a new number, and for each of the given number of threads the work that tries
    /// `BATCH` newer numbers.
    pub(crate) new: Box<dyn Fn(u64) -> Vec<Moves>>,
}

/// The work of one thread. It returns what it holds, so that this is dropped after the time
/// is taken.
pub(crate) type Moves = Work<Box<dyn Any + Send>>;

/// The numbers that thread `thread` of `of` threads tries. Each thread tries `BATCH`
/// numbers.
fn numbers(thread: u64, of: u64) -> impl Iterator<Item = u64> + Send {
    (0..BATCH).map(move |n| 1 + n * of + thread)
}

fn compare_and_swap() -> Peer {
    let moves = |word: &AtomicU64, number: u64| {
        let mut seen = word.load(Ordering::Acquire);
        while seen < number {
            match word.compare_exchange(seen, number, Ordering::Release, Ordering::Acquire) {
                Ok(_) => return,
                Err(current) => seen = current,
            }
        }
    };
    let new = move |of| {
        let word = Arc::new(AtomicU64::new(0));
        let thread = |thread| -> Moves {
            let word = Arc::clone(&word);
            Box::new(move || {
                numbers(thread, of).for_each(|n| moves(&word, n));
                Box::new(word)
            })
        };
        (0..of).map(thread).collect()
    };
    Peer {
        name: "load and compare-and-swap",
        new: Box::new(new),
    }
}

fn ours() -> Peer {
    let new = |of| {
        let store = MemoryStore::new(Retention::newest(0));
        let (plan, name) = (Arc::new(world::plan(1)), world::endpoint(0));
        let pins = || store.latest().unwrap().unwrap();
        let publish = |_| {
            store.publish(Arc::clone(&plan)).unwrap();
            pins()
        };
        let mut pins: Vec<_> = (0..BATCH * of).map(publish).map(Some).collect();
        let mut thread = |thread| -> Moves {
            let (store, name) = (store.clone(), name.clone());
            let mut pin = |n: u64| pins.get_mut(usize::try_from(n - 1).unwrap())?.take();
            let pins: Vec<_> = numbers(thread, of).filter_map(&mut pin).collect();
            Box::new(move || {
                for pin in &pins {
                    let _ = black_box(store.activate(pin, &name).unwrap());
                }
                Box::new((store, pins))
            })
        };
        (0..of).map(&mut thread).collect()
    };
    Peer {
        name: "activate",
        new: Box::new(new),
    }
}

fn arc_swap() -> Peer {
    let new = |of| {
        let shared = Arc::new(ArcSwap::from_pointee(0));
        let thread = |thread| -> Moves {
            let shared = Arc::clone(&shared);
            Box::new(move || {
                for number in numbers(thread, of) {
                    shared.rcu(|seen| u64::max(**seen, number));
                }
                Box::new(shared)
            })
        };
        (0..of).map(thread).collect()
    };
    Peer {
        name: "arc-swap, rcu",
        new: Box::new(new),
    }
}

fn locked() -> Peer {
    let new = |of| {
        let shared = Arc::new(parking_lot::Mutex::new(0));
        let thread = |thread| -> Moves {
            let shared = Arc::clone(&shared);
            Box::new(move || {
                for number in numbers(thread, of) {
                    let mut seen = shared.lock();
                    *seen = u64::max(*seen, number);
                }
                Box::new(shared)
            })
        };
        (0..of).map(thread).collect()
    };
    Peer {
        name: "parking_lot Mutex",
        new: Box::new(new),
    }
}

pub(crate) fn peers() -> [Peer; 4] {
    [compare_and_swap(), ours(), arc_swap(), locked()]
}

pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("activate");
    for peer in peers() {
        for (setting, threads) in SETTINGS {
            group.bench_function(BenchmarkId::new(peer.name, setting), |bencher| {
                bencher.iter_custom(|times| {
                    let batches = times.div_ceil(BATCH);
                    let sum: Duration = (0..batches).map(|_| time((peer.new)(threads))).sum();
                    sum.mul_f64(to_f64(times) / to_f64(batches * BATCH))
                });
            });
        }
    }
    group.finish();
    pins(criterion);
}

pub(crate) fn to_f64(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

fn pins(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pin");
    let word = AtomicU64::new(0);
    group.bench_function("two read-modify-writes", |bencher| {
        bencher.iter(|| {
            word.fetch_add(1, Ordering::Relaxed);
            word.fetch_sub(1, Ordering::Release);
        });
    });
    let store = world::store_of(Arc::new(world::plan(1)), 1);
    group.bench_function("latest, and let go", |bencher| {
        bencher.iter(|| store.latest().unwrap());
    });
    let generation = store.generations()[0];
    group.bench_function("pin, and let go", |bencher| {
        bencher.iter(|| store.pin(generation).unwrap());
    });
    group.finish();
}
