//! The checkers: what draws up the executions of a model, and on which primitives.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::LocalKey;
use std::time::Instant;

use plan_store::primitives::Word;
use plan_store::{Loom, LoomRmw, Primitives};

#[cfg(feature = "shuttle")]
pub use crate::randomized::{Dfs, Pct, Random, failures, run};
use crate::{must, say};

/// The work of one thread of a model.
pub type Work<T = ()> = Box<dyn FnOnce() -> T + Send>;

/// A model checker, on primitives that it can see.
///
/// The main thread of a model only spawns and joins: loom would miss races with it.
/// So all threads of a model are spawned before the first is joined.
pub trait Checker: 'static {
    /// What the store and the threads over it are built of.
    type Primitives: Primitives;

    /// A thread of a model.
    type Thread<T: Send + 'static>;

    /// Its name in reports.
    const NAME: &'static str;

    /// Runs the execution again and again, each time in another order, and returns how
    /// often. `bound` is on the preemptions, for checkers that count them.
    fn explore(
        name: &str,
        bound: Option<usize>,
        execution: impl Fn() + Send + Sync + 'static,
    ) -> usize;

    /// Starts a thread of the model.
    fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Self::Thread<T>;

    /// Waits for a thread, and returns what its work returned.
    fn join<T: Send + 'static>(thread: Self::Thread<T>) -> T;

    /// Runs these on a thread each, and returns what they returned, in this order.
    fn run_all<T: Send + 'static>(work: Vec<Work<T>>) -> Vec<T> {
        let threads: Vec<_> = work.into_iter().map(Self::spawn).collect();
        threads.into_iter().map(Self::join).collect()
    }

    /// Runs two pieces of work on a thread each.
    fn run_two<A: Send + 'static, B: Send + 'static>(
        one: impl FnOnce() -> A + Send + 'static,
        two: impl FnOnce() -> B + Send + 'static,
    ) -> (A, B) {
        let (one, two) = (Self::spawn(one), Self::spawn(two));
        (Self::join(one), Self::join(two))
    }

    /// Runs three pieces of work on a thread each.
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

/// loom, on one kind of its primitives.
pub struct LoomOn<P>(PhantomData<P>);

impl<P: LoomPrimitives> fmt::Debug for LoomOn<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(P::KIND)
    }
}

/// Primitives that run under loom.
pub trait LoomPrimitives: Primitives {
    /// The checker's name in reports.
    const KIND: &'static str;

    /// How many loads this thread has made with the words of this kind, if they count.
    fn loads() -> Option<u64> {
        None
    }
}

/// loom, with loads as they are. [`litmus`](crate::litmus) shows what it does not see.
pub type PlainLoads = LoomOn<Plain>;

/// loom, with each load done as a read-modify-write that changes nothing.
/// [`litmus`](crate::litmus) shows what it does not see.
pub type RmwLoads = LoomOn<Rmw>;

/// The primitives of [`PlainLoads`].
pub type Plain = Counted<Loom>;

/// The primitives of [`RmwLoads`].
pub type Rmw = Counted<LoomRmw>;

/// Primitives whose words count their loads. A model that is to be explored with one kind
/// of loads and runs on other primitives makes none of them, and fails.
#[derive(Debug)]
pub struct Counted<P>(PhantomData<P>);

/// A kind of loads, with its count. loom runs all threads of a model on the thread that
/// explores it.
pub trait LoadKind: Primitives {
    /// The checker's name in reports.
    const KIND: &'static str;

    /// How many loads of this kind this thread has made.
    fn count() -> &'static LocalKey<Cell<u64>>;
}

thread_local! {
    static PLAIN: Cell<u64> = const { Cell::new(0) };
    static RMW: Cell<u64> = const { Cell::new(0) };
}

impl LoadKind for Loom {
    const KIND: &'static str = "loom, plain loads";

    fn count() -> &'static LocalKey<Cell<u64>> {
        &PLAIN
    }
}

impl LoadKind for LoomRmw {
    const KIND: &'static str = "loom, rmw loads";

    fn count() -> &'static LocalKey<Cell<u64>> {
        &RMW
    }
}

impl<P: LoadKind> LoomPrimitives for Counted<P> {
    const KIND: &'static str = P::KIND;

    fn loads() -> Option<u64> {
        Some(P::count().get())
    }
}

impl<P: LoadKind> Primitives for Counted<P> {
    type Word = CountedWord<P>;
    type Lock<T: Send + Sync + 'static> = P::Lock<T>;
    type Monitor<T: Send + 'static> = P::Monitor<T>;
}

/// A word that counts its loads.
pub struct CountedWord<P: Primitives>(P::Word);

impl<P: LoadKind> fmt::Debug for CountedWord<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CountedWord").finish_non_exhaustive()
    }
}

impl<P: LoadKind> Word for CountedWord<P> {
    fn new(value: u64) -> Self {
        Self(P::Word::new(value))
    }

    fn load(&self, order: Ordering) -> u64 {
        P::count().set(P::count().get() + 1);
        self.0.load(order)
    }

    fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.0.compare_exchange(current, new, success, failure)
    }

    fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_add(value, order)
    }

    fn fetch_sub(&self, value: u64, order: Ordering) -> u64 {
        self.0.fetch_sub(value, order)
    }
}

impl<P: LoomPrimitives> Checker for LoomOn<P> {
    type Primitives = P;
    type Thread<T: Send + 'static> = loom::thread::JoinHandle<T>;

    const NAME: &'static str = P::KIND;

    fn explore(
        name: &str,
        bound: Option<usize>,
        execution: impl Fn() + Send + Sync + 'static,
    ) -> usize {
        let name = format!("{name} ({})", Self::NAME);
        let before = P::loads();
        let executions = explore_by_loom(&name, bound, execution);
        assert!(
            before.is_none() || before < P::loads(),
            "model {name} ran on other primitives: it made no load of this kind"
        );
        executions
    }

    fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Self::Thread<T> {
        loom::thread::spawn(work)
    }

    fn join<T: Send + 'static>(thread: Self::Thread<T>) -> T {
        must(thread.join())
    }
}

/// Explores all interleavings with at most `bound` preemptions, or all that there are.
fn explore_by_loom(
    name: &str,
    bound: Option<usize>,
    execution: impl Fn() + Send + Sync + 'static,
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
