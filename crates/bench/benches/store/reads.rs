//! Reads of what is active, by one thread or two, with or without a writer.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Cache};
use bench::world;
use criterion::{BenchmarkId, Criterion};
use crossbeam_epoch::{self as epoch, Atomic, Owned};
use plan_store::{PlanStore, Resolve};

/// A payload as large as a small record set.
type Payload = [u64; 16];

fn payload(number: u64) -> Payload {
    [number; 16]
}

/// Reads the given number of times.
pub(crate) type Reads = Box<dyn FnMut(u64) + Send>;

/// A way to share what is active.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// Makes the reader of one thread.
    pub(crate) reads: Box<dyn Fn() -> Reads>,
    /// Writes the n-th value.
    write: Arc<Mutex<dyn FnMut(u64) + Send>>,
}

impl Peer {
    fn new(
        name: &'static str,
        reads: impl Fn() -> Reads + 'static,
        write: impl FnMut(u64) + Send + 'static,
    ) -> Self {
        Self {
            name,
            reads: Box::new(reads),
            write: Arc::new(Mutex::new(write)),
        }
    }
}

/// A loop around one read.
fn again(mut read: impl FnMut() + Send + 'static) -> Reads {
    Box::new(move |times| (0..times).for_each(|_| read()))
}

fn atomic_load() -> Peer {
    let word = Arc::new(AtomicU64::new(1));
    let reading = Arc::clone(&word);
    let reads = move || {
        let word = Arc::clone(&reading);
        again(move || {
            black_box(word.load(Ordering::Acquire));
        })
    };
    Peer::new("one atomic load", reads, move |n| {
        word.store(n, Ordering::Release);
    })
}

/// The three ways to read from the store.
fn ours() -> [Peer; 3] {
    let name = world::endpoint(0);
    let new = || {
        let store = world::store_of(Arc::new(world::plan(1)), 1);
        let writing = store.clone();
        let write = move |n: u64| {
            let plan = world::plan(1);
            let weight = u8::try_from(n % 200 + 1).unwrap();
            let changes = world::changes(1, weight).into_iter();
            let plan = plan.changed(changes.map(|(name, records)| (name, Some(records))));
            writing.publish(Arc::new(plan.unwrap())).unwrap();
            world::pass(&writing);
        };
        (store, write)
    };
    let follower = {
        let ((store, write), name) = (new(), name.clone());
        let reads = move || {
            let mut follower = store.follow(name.clone());
            again(move || {
                black_box(follower.resolve());
            })
        };
        Peer::new("Follower", reads, write)
    };
    let reader = {
        let ((store, write), name) = (new(), name.clone());
        let reads = move || {
            let (mut reader, name) = (store.reader(), name.clone());
            again(move || {
                black_box(reader.resolve(black_box(&name)));
            })
        };
        Peer::new("Reader, by name", reads, write)
    };
    let without = {
        let (store, write) = new();
        let reads = move || {
            let (store, name) = (store.clone(), name.clone());
            again(move || {
                black_box(store.resolve(black_box(&name)));
            })
        };
        Peer::new("store, by name, no handle", reads, write)
    };
    [follower, reader, without]
}

fn arc_swaps() -> [Peer; 2] {
    let new = || {
        let shared = Arc::new(ArcSwap::from_pointee(payload(0)));
        let writing = Arc::clone(&shared);
        (shared, move |n| writing.store(Arc::new(payload(n))))
    };
    let (shared, write) = new();
    let load = Peer::new(
        "arc-swap, load",
        move || {
            let shared = Arc::clone(&shared);
            again(move || {
                black_box(shared.load()[0]);
            })
        },
        write,
    );
    let (shared, write) = new();
    let cache = Peer::new(
        "arc-swap, Cache",
        move || {
            let mut cache = Cache::new(Arc::clone(&shared));
            again(move || {
                black_box(cache.load()[0]);
            })
        },
        write,
    );
    [load, cache]
}

struct Put(u64);

impl left_right::Absorb<Put> for Payload {
    fn absorb_first(&mut self, Put(number): &mut Put, _: &Self) {
        *self = payload(*number);
    }

    fn sync_with(&mut self, first: &Self) {
        *self = *first;
    }
}

fn left_right() -> Peer {
    let (mut writing, reading) = left_right::new_from_empty::<Payload, Put>(payload(0));
    writing.publish();
    let factory = reading.factory();
    let reads = move || {
        let handle = factory.handle();
        again(move || {
            black_box(handle.enter().unwrap()[0]);
        })
    };
    Peer::new("left-right", reads, move |n| {
        writing.append(Put(n));
        writing.publish();
    })
}

fn crossbeam_epoch() -> Peer {
    let shared = Arc::new(Atomic::new(Arc::new(payload(0))));
    let reading = Arc::clone(&shared);
    let reads = move || {
        let shared = Arc::clone(&reading);
        again(move || {
            let guard = epoch::pin();
            black_box(shared.load(Ordering::Acquire, &guard).is_null());
        })
    };
    Peer::new("crossbeam-epoch, pin and load", reads, move |n| {
        // The old value is leaked, because freeing it is unsafe. It is a few thousand small
        // values.
        shared.store(Owned::new(Arc::new(payload(n))), Ordering::Release);
    })
}

macro_rules! locked {
    ($name:literal, $lock:ty, |$l:ident| $read:expr, |$w:ident, $value:ident| $write:expr) => {{
        let shared = Arc::new(<$lock>::new(Arc::new(payload(0))));
        let reading = Arc::clone(&shared);
        let reads = move || {
            let $l = Arc::clone(&reading);
            again(move || {
                black_box(Arc::clone(&$read));
            })
        };
        Peer::new($name, reads, move |n| {
            let ($w, $value) = (&shared, Arc::new(payload(n)));
            $write;
        })
    }};
}

fn locks() -> [Peer; 3] {
    type Shared = Arc<Payload>;
    [
        locked!(
            "parking_lot RwLock of Arc, clone",
            parking_lot::RwLock<Shared>,
            |lock| lock.read(),
            |lock, value| *lock.write() = value
        ),
        locked!(
            "std RwLock of Arc, clone",
            RwLock<Shared>,
            |lock| lock.read().unwrap(),
            |lock, value| *lock.write().unwrap() = value
        ),
        locked!(
            "std Mutex of Arc, clone",
            Mutex<Shared>,
            |lock| lock.lock().unwrap(),
            |lock, value| *lock.lock().unwrap() = value
        ),
    ]
}

/// Runs `work` again and again on another thread while `measured` runs.
fn beside<T>(work: Option<impl FnMut(u64) + Send + 'static>, measured: impl FnOnce() -> T) -> T {
    let stop = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&stop);
    let beside = work.map(|mut work| {
        thread::spawn(move || {
            let mut n = 0;
            while !ended.load(Ordering::Relaxed) {
                n += 1;
                work(n);
            }
        })
    });
    let result = measured();
    stop.store(true, Ordering::Relaxed);
    if let Some(beside) = beside {
        beside.join().unwrap();
    }
    result
}

/// The settings: a name, whether a second thread reads, and whether a writer writes.
pub(crate) const SETTINGS: [(&str, bool, bool); 4] = [
    ("1 thread", false, false),
    ("2 threads", true, false),
    ("1 thread, writer", false, true),
    ("2 threads, writer", true, true),
];

pub(crate) fn peers() -> Vec<Peer> {
    let mut peers = vec![atomic_load()];
    peers.extend(ours());
    peers.extend(arc_swaps());
    peers.extend([left_right(), crossbeam_epoch()]);
    peers.extend(locks());
    peers
}

pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    for peer in &peers() {
        for (setting, other_reader, writer) in SETTINGS {
            let id = BenchmarkId::new(peer.name, setting);
            group.bench_function(id, |bencher| {
                bencher.iter_custom(|times| {
                    let mut reads = (peer.reads)();
                    let mut others = (peer.reads)();
                    let other = other_reader.then_some(move |_| others(1000));
                    let write = Arc::clone(&peer.write);
                    let write = writer.then_some(move |n| {
                        (write.lock().unwrap())(n);
                        thread::sleep(Duration::from_millis(1));
                    });
                    beside(write, || {
                        beside(other, || {
                            reads(10);
                            let begin = Instant::now();
                            reads(times);
                            begin.elapsed()
                        })
                    })
                });
            });
        }
    }
    group.finish();
}
