//! How many instructions the hot paths take, counted by callgrind, which counts the
//! same each time: what guards them in CI, where times mean nothing.
//!
//! ```sh
//! cargo bench -p plan-store --bench instructions
//! ```
//!
//! needs valgrind and gungraun-runner of the version of gungraun. Each benchmark does
//! its step a thousand times, loop included, and fails beyond its limit, which stands
//! a tenth above what was counted when it was set.

// A failed step is a failed benchmark.
#![allow(clippy::unwrap_used)]
// The harness makes items of its own.
#![allow(missing_docs, unused_qualifications)]

#[path = "../store/world.rs"]
#[allow(dead_code, reason = "shared with the other benchmarks")]
mod world;

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use plan_store::memory::MemoryPin;
use plan_store::{EndpointName, Follower, MemoryStore, PlanStore, Reader, Resolve, Retention};

const STEPS: u64 = 1_000;

/// No more than so many instructions.
fn limit(instructions: u64) -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::default().hard_limits([(EventKind::Ir, instructions)]));
    config
}

fn word() -> AtomicU64 {
    AtomicU64::new(1)
}

#[library_benchmark(setup = word)]
#[bench::a_word()]
fn atomic_load(word: AtomicU64) -> AtomicU64 {
    for _ in 0..STEPS {
        black_box(word.load(Ordering::Acquire));
    }
    word
}

fn follower() -> Follower {
    let mut follower =
        world::store_of(Arc::new(world::plan(1_000)), 1).follow(world::endpoint(500));
    follower.resolve();
    follower
}

#[library_benchmark(setup = follower)]
#[bench::of_a_thousand(config = limit(9_000))]
fn follower_resolve(mut follower: Follower) -> Follower {
    for _ in 0..STEPS {
        black_box(follower.resolve());
    }
    follower
}

fn reader() -> (Reader, EndpointName) {
    let mut reader = world::store_of(Arc::new(world::plan(1_000)), 1).reader();
    let name = world::endpoint(500);
    reader.resolve(&name);
    (reader, name)
}

#[library_benchmark(setup = reader)]
#[bench::of_a_thousand(config = limit(150_000))]
fn reader_resolve((mut reader, name): (Reader, EndpointName)) -> Reader {
    for _ in 0..STEPS {
        black_box(reader.resolve(black_box(&name)));
    }
    reader
}

/// A store of a thousand endpoints, and a thousand plans that are not active yet.
fn plans() -> (MemoryStore, Vec<MemoryPin>, EndpointName) {
    let store = MemoryStore::new(Retention::newest(0));
    let plan = Arc::new(world::plan(1_000));
    let publish = |_| {
        store.publish(Arc::clone(&plan)).unwrap();
        store.latest().unwrap().unwrap()
    };
    let pins = (0..STEPS).map(publish).collect();
    (store, pins, world::endpoint(500))
}

#[library_benchmark(setup = plans)]
#[bench::of_a_thousand(config = limit(200_000))]
fn activate(
    (store, pins, name): (MemoryStore, Vec<MemoryPin>, EndpointName),
) -> (MemoryStore, Vec<MemoryPin>) {
    for pin in &pins {
        let _ = black_box(store.activate(pin, &name).unwrap());
    }
    (store, pins)
}

#[library_benchmark(setup = plans)]
#[bench::of_a_thousand(config = limit(100_000))]
fn activate_all(
    (store, pins, _): (MemoryStore, Vec<MemoryPin>, EndpointName),
) -> (MemoryStore, Vec<MemoryPin>) {
    let walked = store.activate_all(&pins[999], |_, outcome| {
        let _ = black_box(outcome.is_ok());
        ControlFlow::<()>::Continue(())
    });
    assert!(walked.is_continue());
    (store, pins)
}

#[library_benchmark(setup = plans)]
#[bench::of_a_thousand(config = limit(100_000))]
fn pin_and_let_go(
    (store, pins, _): (MemoryStore, Vec<MemoryPin>, EndpointName),
) -> (MemoryStore, Vec<MemoryPin>) {
    for _ in 0..STEPS {
        drop(black_box(store.latest().unwrap()));
    }
    (store, pins)
}

library_benchmark_group!(
    name = hot_paths,
    benchmarks = [
        atomic_load,
        follower_resolve,
        reader_resolve,
        activate,
        activate_all,
        pin_and_let_go
    ]
);
main!(library_benchmark_groups = hot_paths);
