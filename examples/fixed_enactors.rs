//! The same Planner, the same Enactors and the same schedule as in
//! `buggy_enactors`, on the store with the fix: the slow Enactor is told *stale*,
//! and nothing breaks.

use std::process::ExitCode;

use drill::cli;
use plan_store::MemoryStore;

fn main() -> ExitCode {
    cli::main(
        "memory store",
        |retention| Ok(MemoryStore::new(retention)),
        None,
        |outcome| outcome.verdict.is_empty() && !outcome.stuck && outcome.tally.stale > 0,
    )
}
