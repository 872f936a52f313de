//! Reading and activating by more and more threads, beyond the cores too.
//!
//! The time is that of all threads together, for each thing done: two threads that do
//! not hinder each other, each on a core, halve it.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};

use crate::{reads, writes};

pub(crate) const THREADS: [u64; 5] = [1, 2, 4, 8, 16];

/// Work of one thread; what it returns is dropped when the time is taken.
pub(crate) type Work<T> = Box<dyn FnOnce() -> T + Send>;

/// How long it takes from when the first begins until the last has done, with all of
/// them started before.
pub(crate) fn time<T: Send + 'static>(works: Vec<Work<T>>) -> Duration {
    let start = Arc::new(Barrier::new(works.len()));
    let run = |work: Work<T>| {
        let start = Arc::clone(&start);
        thread::spawn(move || {
            start.wait();
            let begin = Instant::now();
            let done = work();
            (begin, Instant::now(), done)
        })
    };
    let threads: Vec<_> = works.into_iter().map(run).collect();
    let ended: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    let first = ended.iter().map(|(begin, ..)| *begin).min();
    let last = ended.iter().map(|(_, end, _)| *end).max();
    first
        .zip(last)
        .map_or(Duration::ZERO, |(first, last)| last - first)
}

pub(crate) fn all(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read by threads");
    group.sample_size(10);
    for peer in &reads::peers() {
        for threads in THREADS {
            group.bench_function(BenchmarkId::new(peer.name, threads), |bencher| {
                bencher.iter_custom(|times| {
                    let each = times.div_ceil(threads);
                    let work = |_| -> Work<()> {
                        let mut reads = (peer.reads)();
                        Box::new(move || reads(each))
                    };
                    time((0..threads).map(work).collect())
                });
            });
        }
    }
    group.finish();
    let mut group = criterion.benchmark_group("activate by threads");
    group.sample_size(10);
    for peer in writes::peers() {
        for threads in THREADS {
            group.bench_function(BenchmarkId::new(peer.name, threads), |bencher| {
                bencher.iter_custom(|times| {
                    let batch = writes::BATCH * threads;
                    let batches = times.div_ceil(batch);
                    let sum: Duration = (0..batches).map(|_| time((peer.new)(threads))).sum();
                    sum.mul_f64(writes::to_f64(times) / writes::to_f64(batches * batch))
                });
            });
        }
    }
    group.finish();
}
