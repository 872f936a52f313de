//! The judges: who draws up the executions of a model, and on which primitives.

use std::marker::PhantomData;

use plan_store::{Loom, LoomRmw, Primitives};

use super::mutant::Mutable;

/// The work of one thread of a model.
pub type Work = Box<dyn FnOnce() + Send>;

/// A model checker, on primitives that it can see.
pub trait Checker: 'static {
    type Primitives: Primitives;
    const NAME: &'static str;

    /// Runs the execution again and again, each time in another order, and says
    /// how often. `bound` is on the preemptions, for judges that count them.
    fn explore(
        name: &str,
        bound: Option<usize>,
        execution: impl Fn() + Send + Sync + 'static,
    ) -> usize;

    /// Runs these on threads of the model and waits for all of them. The model's
    /// main thread does nothing else meanwhile (loom would miss races with it).
    fn run_all(work: Vec<Work>);
}

/// loom, on one kind of its primitives.
pub struct LoomOn<P>(PhantomData<P>);

/// Primitives that run under loom.
pub trait LoomPrimitives: Primitives {
    /// What is said of them in reports.
    const KIND: &'static str;
}

impl LoomPrimitives for Loom {
    const KIND: &'static str = "loom, plain loads";
}

impl LoomPrimitives for LoomRmw {
    const KIND: &'static str = "loom, rmw loads";
}

impl LoomPrimitives for Mutable {
    const KIND: &'static str = "loom, mutant";
}

pub type PlainLoads = LoomOn<Loom>;
pub type RmwLoads = LoomOn<LoomRmw>;

impl<P: LoomPrimitives> Checker for LoomOn<P> {
    type Primitives = P;
    const NAME: &'static str = P::KIND;

    fn explore(
        name: &str,
        bound: Option<usize>,
        execution: impl Fn() + Send + Sync + 'static,
    ) -> usize {
        super::explore(&format!("{name} ({})", Self::NAME), bound, execution)
    }

    fn run_all(work: Vec<Work>) {
        super::run_all(work);
    }
}

#[cfg(feature = "shuttle")]
pub use randomized::{Dfs, Pct, Random, failures, run};

/// shuttle. Its seeds are fixed: each run explores the same executions.
#[cfg(feature = "shuttle")]
mod randomized {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::time::Instant;

    use plan_store::Shuttle;
    use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
    use shuttle::{Config, FailurePersistence, Runner};

    use super::{Checker, Work};
    use crate::say;

    /// How many executions are drawn for each cell of the table.
    const EXECUTIONS: usize = 10_000;

    const SEED: u64 = 2025;

    /// Any thread may run next, each as likely.
    pub enum Random {}

    /// Threads have priorities, which change at a few points drawn at random
    /// (Burckhardt and others, ASPLOS 2010): at as many as there may be preemptions,
    /// which makes the depth one more.
    pub enum Pct {}

    /// All executions there are, without a bound. It ends for two threads with
    /// few steps each.
    pub enum Dfs {}

    macro_rules! judge {
        ($judge:ty, $name:literal, $scheduler:expr) => {
            impl Checker for $judge {
                type Primitives = Shuttle;
                const NAME: &'static str = $name;

                fn explore(
                    name: &str,
                    bound: Option<usize>,
                    execution: impl Fn() + Send + Sync + 'static,
                ) -> usize {
                    let name = format!("{name} ({})", Self::NAME);
                    run(&name, $scheduler(bound), execution)
                }

                fn run_all(work: Vec<Work>) {
                    run_all(work);
                }
            }
        };
    }

    judge!(Random, "shuttle, random", |_| {
        RandomScheduler::new_from_seed(SEED, EXECUTIONS)
    });
    judge!(Pct, "shuttle, PCT", |bound: Option<usize>| {
        PctScheduler::new_from_seed(SEED, bound.unwrap_or(2) + 1, EXECUTIONS)
    });
    judge!(Dfs, "shuttle, DFS", |_| DfsScheduler::new(None, true));

    /// Where schedules go that break something. One place for all models: shuttle
    /// asks the first that runs, once for the whole process.
    pub fn failures() -> PathBuf {
        let folder = option_env!("CARGO_TARGET_TMPDIR").unwrap_or("target/tmp");
        Path::new(folder).join("schedules")
    }

    /// Runs what the scheduler draws, and says how often. If an execution panics,
    /// its schedule is kept in a file in [`failures`].
    pub fn run(
        name: &str,
        scheduler: impl Scheduler + 'static,
        execution: impl Fn() + Send + Sync + 'static,
    ) -> usize {
        fs::create_dir_all(failures()).unwrap();
        let mut config = Config::new();
        // The default is too small for test builds.
        config.stack_size = 512 * 1024;
        config.silence_warnings = true;
        config.failure_persistence = FailurePersistence::File(Some(failures()));
        let begin = Instant::now();
        let executions = Runner::new(scheduler, config).run(execution);
        let seconds = begin.elapsed().as_secs_f64();
        say(&format!(
            "model {name}: {executions} executions in {seconds:.1} s"
        ));
        executions
    }

    /// Runs these on threads of the model and waits for all of them.
    fn run_all(work: Vec<Work>) {
        let threads: Vec<_> = work.into_iter().map(shuttle::thread::spawn).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}
