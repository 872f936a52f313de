//! Measures the time of work by several threads at once.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// The work of one thread. Its result is dropped after the time is taken.
pub(crate) type Work<T> = Box<dyn FnOnce() -> T + Send>;

/// The time from when the first thread begins its work until the last has finished. All
/// threads are started before that.
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
