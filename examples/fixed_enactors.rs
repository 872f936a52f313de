//! The same Planner, the same Enactors and the same schedule as in
//! `buggy_enactors`, on the store with the fix: the slow Enactor is told *stale*,
//! and nothing breaks.

mod drill;

use std::process::ExitCode;

use plan_store::MemoryStore;

fn main() -> ExitCode {
    drill::main(
        "memory store",
        |retention| Ok(MemoryStore::new(retention)),
        None,
        |outcome| outcome.verdict.is_empty() && !outcome.stuck && outcome.tally.stale > 0,
    )
}
