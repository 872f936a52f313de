//! The checkers: each chooses the executions of a model, and runs it on its own primitives.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::instrumented::{self, Instrumented};

#[cfg(feature = "shuttle")]
pub use crate::randomized::{Dfs, Pct, Random, failures, run};
use crate::recorded::Threads;
use crate::{must, say};

/// The work of one thread of a model.
pub type Work<T = ()> = Box<dyn FnOnce() -> T + Send>;

/// A model checker, on primitives that it can see.
///
/// The main thread of a model only spawns and joins, because loom would miss races with it.
/// So all threads of a model are spawned before the first one is joined.
pub trait Checker: 'static {
    /// The primitives that the store and the code above it are built on.
    type Primitives: Threads;

    /// A thread of a model.
    type Thread<T: Send + 'static>;

    /// The checker's name in reports.
    fn name() -> &'static str;

    /// Runs the execution again and again, each time in another order, and returns how
    /// often. `bound` limits the preemptions, for checkers that count them.
    fn explore(
        name: &str,
        bound: Option<usize>,
        execution: impl Fn() + Send + Sync + 'static,
    ) -> usize;

    /// Starts a thread of the model.
    fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Self::Thread<T>;

    /// Waits for a thread, and returns the result of its work.
    fn join<T: Send + 'static>(thread: Self::Thread<T>) -> T;

    /// Runs each piece of work on a thread of its own, and returns the results in the same
    /// order.
    fn run_all<T: Send + 'static>(work: Vec<Work<T>>) -> Vec<T> {
        let threads: Vec<_> = work.into_iter().map(Self::spawn).collect();
        threads.into_iter().map(Self::join).collect()
    }

    /// Runs two pieces of work, each on a thread of its own.
    fn run_two<A: Send + 'static, B: Send + 'static>(
        one: impl FnOnce() -> A + Send + 'static,
        two: impl FnOnce() -> B + Send + 'static,
    ) -> (A, B) {
        let (one, two) = (Self::spawn(one), Self::spawn(two));
        (Self::join(one), Self::join(two))
    }

    /// Runs three pieces of work, each on a thread of its own.
    fn run_three<A: Send + 'static, B: Send + 'static, C: Send + 'static>(
        one: impl FnOnce() -> A + Send + 'static,
        two: impl FnOnce() -> B + Send + 'static,
        three: impl FnOnce() -> C + Send + 'static,
    ) -> (A, B, C) {
        let threads = (Self::spawn(one), Self::spawn(two), Self::spawn(three));
        (
            Self::join(threads.0),
            Self::join(threads.1),
            Self::join(threads.2),
        )
    }
}

/// How loom does a model's loads. [`litmus`](crate::litmus) shows what each of the two
/// kinds misses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loads {
    /// As plain loads.
    Plain,
    /// As read-modify-writes that add 0.
    Rmw,
}

impl Loads {
    /// While the work runs, loom uses this kind of loads for all models on this thread.
    /// Otherwise it uses plain loads.
    pub fn during<T>(self, work: impl FnOnce() -> T) -> T {
        let before = instrumented::loads();
        instrumented::load(self);
        let result = work();
        instrumented::load(before);
        result
    }
}

/// loom, with the kind of loads that [`Loads::during`] chose.
#[derive(Debug)]
pub enum Loom {}

impl Checker for Loom {
    type Primitives = Instrumented;
    type Thread<T: Send + 'static> = loom::thread::JoinHandle<T>;

    fn name() -> &'static str {
        match instrumented::loads() {
            Loads::Plain => "loom, plain loads",
            Loads::Rmw => "loom, rmw loads",
        }
    }

    fn explore(
        name: &str,
        bound: Option<usize>,
        execution: impl Fn() + Send + Sync + 'static,
    ) -> usize {
        let name = format!("{name} ({})", Self::name());
        let explore = || explore_by_loom(&name, bound, Box::new(execution));
        let (executions, loads) = instrumented::counting(explore);
        assert!(
            loads > 0,
            "model {name} ran on other primitives: none of its loads was counted"
        );
        executions
    }

    fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Self::Thread<T> {
        // In a box, so that loom's code for a thread is compiled once for each `T`.
        loom::thread::spawn::<Work<T>, T>(Box::new(work))
    }

    fn join<T: Send + 'static>(thread: Self::Thread<T>) -> T {
        must(thread.join())
    }
}

/// Explores all interleavings with at most `bound` preemptions, or all interleavings
/// without a bound.
fn explore_by_loom(
    name: &str,
    bound: Option<usize>,
    execution: Box<dyn Fn() + Send + Sync>,
) -> usize {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound;
    builder.max_branches = 100_000;
    // Either would end the search early and report success.
    builder.max_permutations = None;
    builder.max_duration = None;
    let label = format!(
        "model {name}, {}",
        bound.map_or("unbounded".into(), |n| format!("bound {n}"))
    );
    let (executions, begin) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let (count, progress) = (Arc::clone(&executions), label.clone());
    builder.check(move || {
        let n = count.fetch_add(1, Ordering::Relaxed) + 1;
        if n.is_multiple_of(250_000) {
            say(&format!("{progress}: {n} executions so far"));
        }
        execution();
    });
    let executions = executions.load(Ordering::Relaxed);
    let seconds = begin.elapsed().as_secs_f64();
    say(&format!(
        "{label}: {executions} executions in {seconds:.1} s"
    ));
    executions
}
