//! The Planner, the Enactors and the schedule of `buggy_enactors`, on the store with the
//! fix. It refuses the slow Enactor's activation as stale, and no invariant breaks.

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
