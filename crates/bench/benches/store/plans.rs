//! Operations on whole plans: making a successor, publishing it, a pass, a sweep.

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bench::world;
use criterion::{Bencher, BenchmarkId, Criterion, SamplingMode};
use imbl::OrdMap;
use plan_store::memory::MemoryPin;
use plan_store::{EndpointName, Generation, MemoryStore, Pin, PlanStore, RecordSet};
use rpds::RedBlackTreeMapSync;

pub(crate) const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

type Changes = Vec<(EndpointName, Arc<RecordSet>)>;
/// Makes a successor of the plan that it holds.
type Successor = Box<dyn Fn(Changes)>;

/// The time of `times` runs of `work`, each on a value that `prepare` makes.
fn timed<T, R>(
    times: u64,
    mut prepare: impl FnMut() -> T,
    mut work: impl FnMut(T) -> R,
) -> Duration {
    let mut sum = Duration::ZERO;
    for _ in 0..times {
        let prepared = prepare();
        let begin = Instant::now();
        let result = work(prepared);
        sum += begin.elapsed();
        drop(black_box(result));
    }
    sum
}

/// Other data structures for a plan. Each makes the successor from a copy, or from a
/// structure that shares memory.
fn peers(size: u32) -> Vec<(&'static str, Successor)> {
    let plan = world::plan(size);
    let pairs = || {
        plan.endpoints()
            .map(|(name, records)| (name.clone(), Arc::clone(records)))
    };
    let hash: Arc<HashMap<EndpointName, Arc<RecordSet>>> = Arc::new(pairs().collect());
    let tree: Arc<BTreeMap<EndpointName, Arc<RecordSet>>> = Arc::new(pairs().collect());
    let ordered: OrdMap<EndpointName, Arc<RecordSet>> = pairs().collect();
    let red_black: RedBlackTreeMapSync<EndpointName, Arc<RecordSet>> = pairs().collect();
    vec![
        (
            "HashMap, clone",
            Box::new(move |changes| {
                let mut next = HashMap::clone(&hash);
                next.extend(changes);
                black_box(Arc::new(next));
            }),
        ),
        (
            "BTreeMap, clone",
            Box::new(move |changes| {
                let mut next = BTreeMap::clone(&tree);
                next.extend(changes);
                black_box(Arc::new(next));
            }),
        ),
        (
            "imbl OrdMap",
            Box::new(move |changes| {
                let mut next = ordered.clone();
                next.extend(changes);
                black_box(Arc::new(next));
            }),
        ),
        (
            "rpds RedBlackTreeMap",
            Box::new(move |changes| {
                let mut next = red_black.clone();
                for (name, records) in changes {
                    next.insert_mut(name, records);
                }
                black_box(Arc::new(next));
            }),
        ),
    ]
}

pub(crate) fn all(criterion: &mut Criterion) {
    for size in SIZES {
        successor(criterion, size);
        pass(criterion, size);
    }
}

fn successor(criterion: &mut Criterion, size: u32) {
    let mut group = criterion.benchmark_group("successor");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let mut weight = 0;
    let mut changes = || {
        weight = weight % 200 + 1;
        world::changes(size, weight)
    };
    {
        let store = world::store_of(Arc::new(world::plan(size)), 1);
        group.bench_function(BenchmarkId::new("changed, and publish", size), |bencher| {
            bencher.iter_custom(|times| {
                timed(
                    times,
                    || {
                        let _ = store.sweep(store.latest().unwrap().unwrap().generation());
                        (store.latest().unwrap().unwrap(), changes())
                    },
                    |(pin, changes)| {
                        let changes = changes.into_iter();
                        let changes = changes.map(|(name, records)| (name, Some(records)));
                        let next = pin.plan().changed(changes).unwrap();
                        store.publish(Arc::new(next)).unwrap();
                        pin
                    },
                )
            });
        });
    }
    for (name, next) in peers(size) {
        group.bench_function(BenchmarkId::new(name, size), |bencher| {
            bencher.iter_custom(|times| timed(times, &mut changes, &next));
        });
    }
    group.finish();
}

/// Publishes the latest plan again, unchanged or with one hundredth changed, and picks it
/// up.
fn next(store: &MemoryStore, changes: Changes) -> MemoryPin {
    let latest = store.latest().unwrap().unwrap();
    let changes = changes
        .into_iter()
        .map(|(name, records)| (name, Some(records)));
    let plan = latest.plan().changed(changes).unwrap();
    store.publish(Arc::new(plan)).unwrap();
    store.latest().unwrap().unwrap()
}

fn activate_all(store: &MemoryStore, pin: &MemoryPin) {
    for (_, outcome) in store.activate_all(pin) {
        black_box(outcome.is_ok());
    }
}

fn pass(criterion: &mut Criterion, size: u32) {
    let mut group = criterion.benchmark_group("pass");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    let store = world::store_of(Arc::new(world::plan(size)), 1);
    let mut parts = |name, work: &dyn Fn(&mut Bencher<'_>)| {
        group.bench_function(BenchmarkId::new(name, size), work);
    };
    let publish = || next(&store, Vec::new());
    parts("check at the start", &|bencher| {
        bencher.iter(|| store.newest_active().unwrap());
    });
    parts("activate all", &|bencher| {
        bencher.iter_custom(|times| timed(times, publish, |pin| activate_all(&store, &pin)));
    });
    parts("find stale endpoints", &|bencher| {
        let pin = store.latest().unwrap().unwrap();
        bencher.iter(|| store.stale_endpoints(&pin).unwrap());
    });
    parts("sweep that deletes a plan", &|bencher| {
        let prepare = || {
            let pin = publish();
            activate_all(&store, &pin);
            pin.generation()
        };
        let sweep = |applied| store.sweep(applied).unwrap();
        bencher.iter_custom(|times| timed(times, prepare, sweep));
    });
    parts("sweep that finds nothing old", &|bencher| {
        bencher.iter(|| store.sweep(Generation::FIRST).unwrap());
    });
    for (name, weight) in [
        ("all, nothing changed", None),
        ("all, 1 % changed", Some(9)),
    ] {
        let prepare = || {
            let changes = weight.map(|weight| world::changes(size, weight));
            drop(next(&store, changes.unwrap_or_default()));
        };
        parts(name, &|bencher| {
            bencher.iter_custom(|times| timed(times, prepare, |()| world::pass(&store)));
        });
    }
    group.finish();
}
