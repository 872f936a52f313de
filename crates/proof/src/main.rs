//! Holds the protocols in `proof/` against two solvers.
//!
//! ```sh
//! cargo run -p proof                 # all of it
//! cargo run -p proof -- trace cas-only   # how one protocol breaks, step by step
//! cargo run -p proof -- trace cas-only 3 # the same with three Enactors
//! cargo run -p proof -- tie          # the steps of crates/protocol against the text
//! cargo run -p proof -- needed       # writes proof/needed.md anew
//! ```
//!
//! 1. *Induction.* The invariants of `memory-store.smt2` and `etcd.smt2` hold in a new store, each
//!    step keeps them, and the claims follow. That is a proof for any number of plans, endpoints,
//!    pins and sweeps.
//! 2. *Executions.* Each step of these files occurs in an execution that z3 finds.
//! 3. *The tie.* `crates/protocol`, which the running code is held against, has the steps of
//!    `memory-store.smt2`: in all states of a small size, both allow the same steps, with the
//!    same effect.
//! 4. *What is needed.* Without any one conjunct or guard, a condition fails.
//! 5. *Mutants.* With the counterpart of each mutant of the store, a condition fails.
//! 6. *Search.* In each protocol of the table of docs/verification.md, an execution is found
//!    that breaks each invariant that the table says it breaks, and none is found for the
//!    others.
//!
//! The exit status is not 0 if a condition fails, the solvers disagree, one is missing, or
//! docs/proof.md states other totals.

mod evaluate;
mod induction;
mod instance;
mod mutants;
mod needed;
mod protocol;
mod search;
mod sexpr;
mod solver;
mod tables;
mod text;
mod tie;
mod totals;
mod unroll;
mod workers;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use thiserror::Error;

use crate::induction::Obligation;
use crate::protocol::{Protocol, ProtocolError};
use crate::solver::{Solver, SolverError, Verdict};
use crate::totals::Totals;
use crate::unroll::{Found, Goal};
use crate::workers::each;

/// Why the program ends early.
#[derive(Debug, Error)]
enum Error {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    Solver(#[from] SolverError),
    #[error("{0}: {1}")]
    File(PathBuf, String),
    #[error("do not know {0:?}; use no argument, `trace PROTOCOL [3]`, `tie` or `needed`")]
    Arguments(String),
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => everything(),
        ["trace", protocol] => trace(protocol, search::ENACTORS),
        ["trace", protocol, "3"] => trace(protocol, 3),
        ["tie"] => store().map(|protocol| tie::check(&protocol)),
        ["needed"] => proved().and_then(|protocols| needed::write(&protocols)),
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
    let mut good = true;
    for protocol in proved()? {
        good &= prove(&protocol)?;
        good &= alive(&protocol)?;
        good &= needed::check(&protocol)?;
        println!();
    }
    good &= tie::check(&store()?);
    good &= mutants::check()?;
    good &= search::all()?;
    println!("{}", if good { "all as expected" } else { "FAILED" });
    Ok(good)
}

/// The protocols that are proved.
fn proved() -> Result<[Protocol; 2], Error> {
    Ok([store()?, Protocol::read(&file("etcd"))?])
}

/// The protocol of the store in memory, which `crates/protocol` has too.
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
    let decided = each(&obligations, |of| decide(protocol, of))?;
    let mut took = [Duration::ZERO; 2];
    for (of, (open, times)) in obligations.iter().zip(&decided) {
        for (sum, time) in took.iter_mut().zip(times) {
            *sum += *time;
        }
        let conditions = of.conditions.len();
        line(&of.name, conditions, of.untouched, *times, open.is_empty());
        for open in open {
            println!("{open}");
        }
    }
    let good = decided.iter().all(|(open, _)| open.is_empty());
    line("in all", totals.conditions, totals.untouched, took, good);
    println!("\n*untouched*: conjuncts that mention nothing that the step changes\n");
    Ok(totals.are_in_docs(&protocol.title)? && good)
}

/// What the solvers do not prove of an obligation, and how long each took.
fn decide(
    protocol: &Protocol,
    of: &Obligation,
) -> Result<(Vec<String>, [Duration; 2]), SolverError> {
    let mut open = Vec::new();
    let mut times = [Duration::ZERO; 2];
    for (solver, time) in Solver::BOTH.into_iter().zip(&mut times) {
        let mut session = of.session(protocol, &[], solver)?;
        let verdicts = of.decide(&mut session)?;
        for ((condition, _), verdict) in of.conditions.iter().zip(verdicts) {
            if verdict != Verdict::Unsat {
                open.push(format!(
                    "  {solver}: {condition} is {verdict:?}, not proved"
                ));
            }
        }
        *time = session.took;
    }
    Ok((open, times))
}

fn line(name: &str, conditions: usize, untouched: usize, took: [Duration; 2], good: bool) {
    let [z3, cvc5] = took.map(|took| took.as_secs_f64());
    let verdict = if good { "proved" } else { "FAILED" };
    println!("{name:<16}{conditions:>10}{untouched:>10}{z3:>9.2}{cvc5:>9.2}   {verdict}");
}

/// No execution that z3 looks for in a protocol that is proved is longer than this.
const ALIVE: usize = 14;

/// Looks for the executions that the `never.` definitions of a protocol exclude, and for those
/// that its other steps need. A protocol in which nothing happens would break nothing.
fn alive(protocol: &Protocol) -> Result<bool, Error> {
    println!("The shortest executions that break these, by z3:");
    let names = protocol.with_prefix("never.");
    let executions = each(&names, |name| execution(protocol, name))?;
    let mut missing = protocol.steps();
    let mut good = true;
    for (name, execution) in names.iter().zip(executions) {
        let Some(steps) = execution else {
            println!("  {name}: z3 finds no execution: FAILED");
            good = false;
            continue;
        };
        println!("  {name}, {} steps: {}", steps.len(), steps.join(", "));
        missing.retain(|step| !steps.iter().any(|taken| taken == step));
    }
    if !missing.is_empty() {
        let goals: Vec<_> = missing.iter().map(|step| Goal::Takes(step)).collect();
        let bounded = protocol.bounded(|_| 1, 3);
        let (found, _) = unroll::search(&bounded, &goals, ALIVE, Solver::Z3)?;
        let mut longest = 0;
        for (step, found) in missing.iter().zip(found) {
            if let Found::Broken(steps) = found {
                longest = longest.max(steps.len());
            } else {
                println!("  {step} occurs in no execution: FAILED");
                good = false;
            }
        }
        println!(
            "  other executions, at most {longest} steps: {}",
            missing.join(", ")
        );
    }
    println!();
    Ok(good)
}

/// The steps of the shortest execution that breaks a definition.
fn execution(protocol: &Protocol, name: &str) -> Result<Option<Vec<String>>, SolverError> {
    // In a store, an endpoint is forgotten only if one plan names it and another does not. A
    // publish that is given up makes another attempt.
    let (contents, numbers) = if name == "never.forgotten" {
        (2, 2)
    } else {
        (1, 3)
    };
    let size = |sort: &str| match sort {
        "Content" => contents,
        "Attempt" => 2,
        _ => 1,
    };
    let bounded = protocol.bounded(size, numbers);
    let goals = [Goal::Breaks(name)];
    let (mut found, _) = unroll::search(&bounded, &goals, ALIVE, Solver::Z3)?;
    Ok(match found.pop() {
        Some(Found::Broken(steps)) => Some(steps.into_iter().map(|step| step.name).collect()),
        _ => None,
    })
}

/// Prints the shortest execution that breaks each invariant of a protocol.
fn trace(name: &str, enactors: usize) -> Result<bool, Error> {
    let protocol = Protocol::read(&file(name))?;
    println!("{}", protocol.title);
    search::print_traces(&protocol, enactors)?;
    Ok(true)
}
