//! The checker shuttle. Its seeds are fixed, so each run explores the same executions.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use plan_store::Shuttle;
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};

use crate::checker::Checker;
use crate::{must, say};

/// The number of executions that are drawn for a model.
const EXECUTIONS: usize = 10_000;

const SEED: u64 = 2025;

/// Any thread may run next, each with the same probability.
#[derive(Debug)]
pub enum Random {}

/// PCT: threads have priorities, which change at a few points drawn at random (Burckhardt
/// and others, ASPLOS 2010). The number of points is the bound on preemptions, so the depth
/// is one more than the bound.
#[derive(Debug)]
pub enum Pct {}

/// All executions, without a bound. This ends only for two threads with few steps each.
#[derive(Debug)]
pub enum Dfs {}

macro_rules! checker {
    ($checker:ty, $name:literal, $scheduler:expr) => {
        impl Checker for $checker {
            type Primitives = Shuttle;
            type Thread<T: Send + 'static> = shuttle::thread::JoinHandle<T>;

            fn name() -> &'static str {
                $name
            }

            fn explore(
                name: &str,
                bound: Option<usize>,
                execution: impl Fn() + Send + Sync + 'static,
            ) -> usize {
                let name = format!("{name} ({})", Self::name());
                run(&name, $scheduler(bound), execution)
            }

            fn spawn<T: Send + 'static>(
                work: impl FnOnce() -> T + Send + 'static,
            ) -> Self::Thread<T> {
                shuttle::thread::spawn(work)
            }

            fn join<T: Send + 'static>(thread: Self::Thread<T>) -> T {
                must(thread.join())
            }
        }
    };
}

checker!(Random, "shuttle, random", |_| {
    RandomScheduler::new_from_seed(SEED, EXECUTIONS)
});
checker!(Pct, "shuttle, PCT", |bound: Option<usize>| {
    PctScheduler::new_from_seed(SEED, bound.unwrap_or(2) + 1, EXECUTIONS)
});
checker!(Dfs, "shuttle, DFS", |_| DfsScheduler::new(None, true));

/// The folder for schedules that break something. All models share it, because shuttle
/// reads this setting once for the whole process.
pub fn failures() -> PathBuf {
    let folder = option_env!("CARGO_TARGET_TMPDIR").unwrap_or("target/tmp");
    Path::new(folder).join("schedules")
}

/// Runs the executions that the scheduler draws, and returns their number. If an execution
/// panics, its schedule is kept in a file in [`failures`].
pub fn run(
    name: &str,
    scheduler: impl Scheduler + 'static,
    execution: impl Fn() + Send + Sync + 'static,
) -> usize {
    must(fs::create_dir_all(failures()));
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
