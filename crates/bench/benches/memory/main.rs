//! Counts the bytes that the store keeps allocated, per endpoint and per retained
//! generation.
//!
//! ```sh
//! cargo bench -p bench --bench memory
//! ```

#![allow(clippy::unwrap_used, reason = "a failed step is a failed benchmark")]

use std::sync::Arc;

use bench::{docs, world};
use plan_store::{PlanStore, Resolve};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// The bytes that are allocated now.
fn now() -> usize {
    dhat::HeapStats::get().curr_bytes
}

/// The bytes that stay allocated after the work, and the work's result.
fn bytes<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = now();
    let result = work();
    (now() - before, result)
}

fn row(size: u32) -> String {
    let (plan, first) = bytes(|| Arc::new(world::plan(size)));
    let (cells, store) = bytes(|| world::store_of(Arc::clone(&first), u32::MAX));
    let (reader, _reader) = bytes(|| {
        let mut reader = store.reader();
        for (name, _) in first.endpoints() {
            reader.resolve(name);
        }
        reader
    });
    let changes = world::changes(size, 7);
    let how_many = changes.len();
    let changes = changes.into_iter().map(|(name, set)| (name, Some(set)));
    let changes: Vec<_> = changes.collect();
    let (generation, ()) = bytes(|| {
        let next = first.changed(changes.iter().cloned()).unwrap();
        store.publish(Arc::new(next)).unwrap();
        world::pass(&store);
    });
    let (same, ()) = bytes(|| {
        let latest = store.latest().unwrap().unwrap();
        let plan = Arc::clone(plan_store::Pin::plan(&latest));
        store.publish(plan).unwrap();
    });
    let per = |bytes: usize, of: usize| bytes.div_ceil(of);
    let endpoints = size as usize;
    format!(
        "| {size} | {} | {} | {} | {} | {same} |",
        per(plan, endpoints),
        per(cells, endpoints),
        per(reader, endpoints),
        per(generation, how_many),
    )
}

fn main() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut table = String::from(
        "| endpoints | plan, per endpoint | store, per endpoint | reader that was asked for all, per endpoint | \
        retained generation, per changed endpoint | generation with the same content |\n\
        |---|---|---|---|---|---|\n",
    );
    let test = std::env::args().any(|argument| argument == "--test");
    for size in SIZES.into_iter().filter(|&size| !test || size <= 1_000) {
        table += &row(size);
        table.push('\n');
    }
    println!("Bytes:\n\n{table}");
    docs::put("memory", &table);
}
