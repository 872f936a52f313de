//! The store beside the bare database, in the same run: both make the same changes durable, on the
//! same disk, by turns.
//!
//! ```sh
//! cargo bench -p plan-store-disk                 # 1,000 and 100,000 endpoints
//! cargo bench -p plan-store-disk -- 1000000      # other numbers of endpoints
//! ```
//! The bare database has a row for each endpoint and plan that brings it new records, and a row
//! for where each endpoint stands. A change is one transaction. It decides nothing, serves nothing,
//! and shares nothing.
//!
//! `TMPDIR` chooses the disk.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a failed step ends the measurement; the numbers are small"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use plan_store::{
    Activation, EndpointName, Pin, Plan, PlanStore, RecordSet, Resolve, Retention, Target,
};
use plan_store_disk::DiskStore;
use redb::{Database, TableDefinition};

const ROUNDS: usize = 7;
const STEPS: usize = 200;
const KEEP: Retention = Retention::newest(3);

const RECORDS: TableDefinition<'_, (u32, &str), &[u8]> = TableDefinition::new("records");
const WORDS: TableDefinition<'_, &str, u64> = TableDefinition::new("words");

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let is_test = arguments.iter().any(|argument| argument == "--test");
    let sizes: Vec<u32> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    let sizes = match (is_test, &sizes[..]) {
        (true, _) => vec![500],
        (false, []) => vec![1_000, 100_000],
        _ => sizes,
    };
    let (rounds, steps) = if is_test { (1, 8) } else { (ROUNDS, STEPS) };
    println!("| change | endpoints | writers | store, per second | bare, per second | ratio |");
    println!("|---|---|---|---|---|---|");
    for size in sizes {
        let folder = std::env::temp_dir().join(format!("plan-store-bench-{}", std::process::id()));
        measure(&folder, size, rounds, steps);
        fs::remove_dir_all(&folder).unwrap();
    }
}

/// Prints a row. Each round gives how long the store and the bare database took for so many
/// changes.
fn row(change: &str, size: u32, writers: usize, changes: usize, rounds: &[(Duration, Duration)]) {
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let rate = |time: Duration| changes as f64 / time.as_secs_f64();
    let ours = median(rounds.iter().map(|(ours, _)| rate(*ours)).collect());
    let bare = median(rounds.iter().map(|(_, bare)| rate(*bare)).collect());
    let ratio = median(rounds.iter().map(|(o, b)| rate(*o) / rate(*b)).collect());
    println!("| {change} | {size} | {writers} | {ours:.0} | {bare:.0} | {ratio:.2} |");
}

fn timed(work: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}

/// Six targets for each endpoint. In plan `number`, one endpoint in a hundred has new weights.
fn records(at: u32, number: u32) -> RecordSet {
    let changes = (number + at) / 100;
    let targets = (0..6).map(|target| {
        let weight = (changes % 200 + 1) as u8;
        Target::new([10, target, (at >> 8) as u8, at as u8].into(), weight)
    });
    RecordSet::new(60, targets).unwrap()
}

fn names(size: u32) -> Vec<EndpointName> {
    let name = |at| format!("service-{at:07}.prod.example").parse().unwrap();
    (0..size).map(name).collect()
}

/// The endpoints of plan `number` that have other records than in the plan before.
fn changed(size: u32, number: u32) -> impl Iterator<Item = u32> {
    (0..size).filter(move |at| (number + at).is_multiple_of(100))
}

fn measure(folder: &Path, size: u32, rounds: usize, steps: usize) {
    let names = names(size);
    let store = DiskStore::open(folder, KEEP).unwrap();
    let all = names.iter().cloned().zip((0..).map(|at| records(at, 0)));
    let mut plan = Arc::new(Plan::new(all).unwrap());
    store.publish(Arc::clone(&plan)).unwrap();
    let bare_file = folder.join("bare");
    let bare = Database::create(&bare_file).unwrap();
    fill(&bare, &names);

    let (mut publishes, mut passes) = (Vec::new(), Vec::new());
    for number in (1..).take(rounds) {
        let changes: Vec<_> = changed(size, number)
            .map(|at| (at, records(at, number)))
            .collect();
        let pairs = changes.iter().map(|(at, records)| {
            let name = names[*at as usize].clone();
            (name, Some(records.clone()))
        });
        plan = Arc::new(plan.changed(pairs).unwrap());
        publishes.push(by_turns(
            number,
            || assert!(store.publish(Arc::clone(&plan)).is_ok()),
            || publish(&bare, number, &names, &changes),
        ));
        let pin = store.latest().unwrap().unwrap();
        passes.push(by_turns(
            number,
            || {
                let walk = store.activate_all(&pin);
                walk.for_each(|(_, outcome)| step(outcome));
            },
            || activate(&bare, number, &names),
        ));
        drop(pin);
        store
            .sweep(store.latest().unwrap().unwrap().generation())
            .unwrap();
    }
    row("publish, 1 % changed", size, 1, 1, &publishes);
    row("activate a plan everywhere", size, 1, names.len(), &passes);
    for writers in [1, 8] {
        let steps = steps.min(names.len() / writers);
        let own = |writer| names.iter().skip(writer).step_by(writers).take(steps);
        let alone = (0..rounds as u32).map(|round| {
            store.publish(Arc::clone(&plan)).unwrap();
            let ours = |writer| {
                let pin = store.latest().unwrap().unwrap();
                own(writer).for_each(|name| step(store.activate(&pin, name)));
            };
            let theirs = |writer| {
                own(writer).for_each(|name| activate(&bare, 1, std::slice::from_ref(name)));
            };
            let ours = || in_threads(writers, ours);
            by_turns(round, ours, || in_threads(writers, theirs))
        });
        let alone: Vec<_> = alone.collect();
        row(
            "activate at one endpoint",
            size,
            writers,
            steps * writers,
            &alone,
        );
    }
    store_size(store, folder, &bare_file);
}

/// Prints how large the files are, and how long the store takes to open and to answer.
fn store_size(store: DiskStore, folder: &Path, bare: &PathBuf) {
    let endpoint = store
        .latest()
        .unwrap()
        .unwrap()
        .plan()
        .endpoints()
        .next()
        .unwrap()
        .0
        .clone();
    let plans = store.latest().unwrap().unwrap().generation();
    let size = store.file_size().unwrap() / 1024;
    drop(store);
    let bare = fs::metadata(bare).unwrap().len() / 1024;
    let mut answered = false;
    let opening = timed(|| {
        let store = DiskStore::open(folder, KEEP).unwrap();
        answered = store.reader().resolve(&endpoint).records().is_some();
    });
    assert!(answered);
    println!(
        "after {plans} plans: a file of {size} KiB, bare {bare} KiB; opened and answered in {opening:.0?}"
    );
}

/// Runs so many threads to their end.
fn in_threads(writers: usize, write: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for writer in 0..writers {
            let write = &write;
            scope.spawn(move || write(writer));
        }
    });
}

/// How long the store and the bare database take. Every other time, the bare database is first,
/// because a sync may wait for writes of the other file.
fn by_turns(round: u32, ours: impl FnOnce(), bare: impl FnOnce()) -> (Duration, Duration) {
    if round.is_multiple_of(2) {
        let ours = timed(ours);
        (ours, timed(bare))
    } else {
        let bare = timed(bare);
        (timed(ours), bare)
    }
}

/// Asserts that the step was taken.
fn step<E: std::fmt::Debug>(outcome: Result<Activation, E>) {
    let outcome = outcome.unwrap();
    assert!(
        matches!(outcome, Activation::Activated { .. }),
        "{outcome:?}"
    );
}

fn fill(bare: &Database, names: &[EndpointName]) {
    let all: Vec<_> = (0..names.len() as u32)
        .map(|at| (at, records(at, 0)))
        .collect();
    publish(bare, 0, names, &all);
    activate(bare, 0, names);
}

fn publish(bare: &Database, number: u32, names: &[EndpointName], changes: &[(u32, RecordSet)]) {
    let transaction = bare.begin_write().unwrap();
    {
        let mut rows = transaction.open_table(RECORDS).unwrap();
        for (at, records) in changes {
            let name = names[*at as usize].as_str();
            let encoded = postcard::to_stdvec(records).unwrap();
            rows.insert((number, name), &*encoded).unwrap();
        }
    }
    transaction.commit().unwrap();
}

fn activate(bare: &Database, number: u32, names: &[EndpointName]) {
    let transaction = bare.begin_write().unwrap();
    {
        let mut rows = transaction.open_table(WORDS).unwrap();
        for name in names {
            rows.insert(name.as_str(), u64::from(number)).unwrap();
        }
    }
    transaction.commit().unwrap();
}
