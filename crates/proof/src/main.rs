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
//! 2. *Executions.* Each step of `memory-store.smt2` occurs in an execution that z3 finds.
//! 3. *What is needed.* Without any one conjunct or guard, a condition fails.
//! 4. *Search.* In each protocol of the table of docs/verification.md, an execution is found
//!    that breaks each invariant that the table says it breaks, and none is found for the
//!    others.
//!
//! The exit status is not 0 if a condition fails, the solvers disagree, one is missing, or
//! docs/proof.md states other totals.

mod induction;
mod needed;
mod protocol;
mod search;
mod sexpr;
mod solver;
mod text;
mod totals;
mod unroll;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use thiserror::Error;

use crate::protocol::{Protocol, ProtocolError};
use crate::solver::{Solver, SolverError, Verdict};
use crate::totals::Totals;
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
    let obligations = induction::obligations(protocol);
    let totals = Totals::of(protocol, &obligations);
    let mut good = true;
    let mut took = [Duration::ZERO; 2];
    for obligation in &obligations {
        let mut open = Vec::new();
        let mut times = [Duration::ZERO; 2];
        for (i, solver) in Solver::BOTH.into_iter().enumerate() {
            let mut session = obligation.session(protocol, &[], solver, LIMIT)?;
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
        totals.conditions,
        totals.untouched,
        took,
        if good { "proved" } else { "FAILED" },
    );
    println!("\n*untouched*: conjuncts that mention nothing that the step changes\n");
    Ok(totals.are_in_docs()? && good)
}

fn line(name: &str, conditions: usize, untouched: usize, took: [Duration; 2], verdict: &str) {
    let [z3, cvc5] = took.map(|took| took.as_secs_f64());
    println!("{name:<16}{conditions:>10}{untouched:>10}{z3:>9.2}{cvc5:>9.2}   {verdict}");
}

/// No execution that z3 looks for in the store's protocol is longer than this.
const ALIVE: usize = 14;

/// Looks for the executions that the `never.` definitions of the store's protocol exclude. Each
/// step must occur in one of them: a protocol in which nothing happens would break nothing.
fn alive(store: &Protocol) -> Result<bool, Error> {
    let mut missing = store.steps();
    let mut good = true;
    println!("The shortest executions that break these, by z3:");
    for goal in store.with_prefix("never.") {
        // An endpoint is forgotten only if one plan names it and another does not.
        let (contents, numbers) = if goal == "never.forgotten" {
            (2, 2)
        } else {
            (1, 3)
        };
        let size = |sort: &str| if sort == "Content" { contents } else { 1 };
        let bounded = store.bounded(size, numbers);
        let (found, _) = unroll::search(&bounded, &[goal], ALIVE, Solver::Z3, LIMIT)?;
        let [Found::Broken(steps)] = found.as_slice() else {
            println!("  {goal}: z3 finds no execution: FAILED");
            good = false;
            continue;
        };
        let names: Vec<_> = steps.iter().map(|step| step.name.as_str()).collect();
        println!("  {goal}, {} steps: {}", names.len(), names.join(", "));
        missing.retain(|step| !names.contains(step));
    }
    for step in &missing {
        println!("  {step} occurs in none of these executions: FAILED");
    }
    println!();
    Ok(good && missing.is_empty())
}

/// Prints the shortest execution that breaks each invariant of a protocol.
fn trace(name: &str) -> Result<bool, Error> {
    let protocol = Protocol::read(&file(name))?;
    println!("{}", protocol.title);
    search::print_traces(&protocol)?;
    Ok(true)
}
