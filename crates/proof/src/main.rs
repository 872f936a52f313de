//! Holds the protocols in `proof/` against two solvers.
//!
//! ```sh
//! cargo run -p proof                 # all of it
//! cargo run -p proof -- trace cas-only   # how one protocol breaks, step by step
//! cargo run -p proof -- needed       # writes proof/needed.md anew
//! ```
//!
//! 1. *Induction.* The invariant of `memory-store.smt2` holds in a new store, each step keeps
//!    it, and the claims follow. That is a proof for any number of plans, endpoints, pins and
//!    sweeps.
//! 2. *Search.* In each protocol of the table of docs/verification.md, an execution is found
//!    that breaks each invariant that the table says it breaks, and none is found for the
//!    others.
//!
//! The exit status is not 0 if a condition fails, the solvers disagree, or one is missing.

mod induction;
mod needed;
mod protocol;
mod search;
mod sexpr;
mod solver;
mod text;
mod unroll;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use thiserror::Error;

use crate::protocol::{Protocol, ProtocolError};
use crate::solver::{Solver, SolverError, Verdict};
use crate::unroll::Found;

/// The time that a solver has for one question. Many times what it takes.
const LIMIT: Duration = Duration::from_secs(10);

/// Why the program ends early.
#[derive(Debug, Error)]
enum Error {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    Solver(#[from] SolverError),
    #[error("{0}: {1}")]
    File(PathBuf, String),
    #[error("do not know {0:?}; use no argument, `trace PROTOCOL` or `needed`")]
    Arguments(String),
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => everything(),
        ["trace", protocol] => trace(protocol),
        ["needed"] => store().and_then(|protocol| needed::write(&protocol)),
        other => Err(Error::Arguments(other.join(" "))),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn everything() -> Result<bool, Error> {
    let store = store()?;
    let proved = prove(&store)?;
    let alive = alive(&store)?;
    let needed = needed::check(&store)?;
    let found = search::all()?;
    let good = proved && alive && needed && found;
    println!("{}", if good { "all as expected" } else { "FAILED" });
    Ok(good)
}

fn store() -> Result<Protocol, Error> {
    Ok(Protocol::read(&file("memory-store"))?)
}

/// The file of a protocol, by its name.
fn file(name: &str) -> PathBuf {
    root().join("proof").join(name).with_extension("smt2")
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Decides all conditions of a protocol. Prints a line for each step.
fn prove(protocol: &Protocol) -> Result<bool, Error> {
    println!("{}: any number of everything\n", protocol.title);
    println!(
        "{:<16}{:>10}{:>10}{:>9}{:>9}   verdict",
        "step", "conditions", "untouched", "z3 s", "cvc5 s"
    );
    let (mut conditions, mut untouched, mut good) = (0, 0, true);
    let mut took = [Duration::ZERO; 2];
    for obligation in induction::obligations(protocol) {
        let mut open = Vec::new();
        let mut times = [Duration::ZERO; 2];
        for (i, solver) in Solver::BOTH.into_iter().enumerate() {
            let mut session = obligation.session(protocol, None, solver, LIMIT)?;
            let verdicts = obligation.decide(&mut session)?;
            for ((condition, _), verdict) in obligation.conditions.iter().zip(verdicts) {
                if verdict != Verdict::Unsat {
                    open.push(format!(
                        "  {solver}: {condition} is {verdict:?}, not proved"
                    ));
                }
            }
            times[i] = session.took;
            took[i] += session.took;
        }
        conditions += obligation.conditions.len();
        untouched += obligation.untouched;
        good &= open.is_empty();
        let verdict = if open.is_empty() { "proved" } else { "FAILED" };
        line(
            &obligation.name,
            obligation.conditions.len(),
            obligation.untouched,
            times,
            verdict,
        );
        for open in open {
            println!("{open}");
        }
    }
    line(
        "in all",
        conditions,
        untouched,
        took,
        if good { "proved" } else { "FAILED" },
    );
    println!("\n*untouched*: conjuncts that mention nothing that the step changes\n");
    Ok(good)
}

fn line(name: &str, conditions: usize, untouched: usize, took: [Duration; 2], verdict: &str) {
    let [z3, cvc5] = took.map(|took| took.as_secs_f64());
    println!("{name:<16}{conditions:>10}{untouched:>10}{z3:>9.2}{cvc5:>9.2}   {verdict}");
}

/// Looks for an execution of the store's protocol in which a plan that was active is swept and
/// removed: a protocol in which nothing happens would break nothing.
fn alive(store: &Protocol) -> Result<bool, Error> {
    let bounded = store.bounded(1, 3);
    let (found, _) = unroll::search(&bounded, &["never.reclaimed"], 14, Solver::Z3, LIMIT)?;
    let [Found::Broken(steps)] = found.as_slice() else {
        println!("z3 finds no execution that sweeps a plan that was active: FAILED\n");
        return Ok(false);
    };
    println!("The shortest execution that sweeps a plan that was active, by z3:");
    for steps in steps.chunks(7) {
        let names: Vec<_> = steps.iter().map(|step| step.name.as_str()).collect();
        println!("  {}", names.join(", "));
    }
    println!();
    Ok(true)
}

/// Prints the shortest execution that breaks each invariant of a protocol.
fn trace(name: &str) -> Result<bool, Error> {
    let protocol = Protocol::read(&file(name))?;
    println!("{}", protocol.title);
    search::print_traces(&protocol)?;
    Ok(true)
}
