//! Reads and activations by a growing number of threads, also by more threads than cores.
//!
//! The time per operation is the elapsed time divided by the operations of all threads. Two
//! threads on two cores halve it if they do not hinder each other.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion};

use crate::together::{Work, time};
use crate::{reads, writes};

pub(crate) const THREADS: [u64; 5] = [1, 2, 4, 8, 16];

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
