//! Has loom explore the race of October 2025 on a protocol of your choice, and draws
//! the shortest execution that it found to break something.

use std::process::ExitCode;

use drill::diagram;
use incident::Invariant;
use lexopt::ValueExt as _;
use lexopt::prelude::{Long, Short};
use models::checker::PlainLoads;
use models::outage::{Protocol, Setup};

const HELP: &str = "\
Options:
  --protocol NAME   The protocol (default: incident)
  --invariant NAME  Draw the shortest execution that breaks this; if not given, of
                    those that break the most
  --bound N         Preemptions that loom tries, at most: 1, 2 (default) or 3
  -h, --help        Print this, with all names

Exit status: 0 if what broke is what is known to break, 1 if not, 2 for a bad
argument.";

struct Args {
    protocol: Protocol,
    invariant: Option<Invariant>,
    bound: usize,
}

fn main() -> ExitCode {
    let explored = parse().map(|args| match args {
        Some(args) => explore(&args),
        None => help(),
    });
    match explored {
        Ok(as_known) => ExitCode::from(u8::from(!as_known)),
        Err(error) => {
            eprintln!("error: {error}; see --help");
            ExitCode::from(2)
        }
    }
}

fn parse() -> Result<Option<Args>, lexopt::Error> {
    let mut args = Args {
        protocol: Protocol::ALL[0],
        invariant: None,
        bound: Setup::SMALL.bound,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("protocol") => args.protocol = parser.value()?.parse_with(protocol)?,
            Long("invariant") => args.invariant = Some(parser.value()?.parse_with(invariant)?),
            Long("bound") => args.bound = parser.value()?.parse_with(bound)?,
            Short('h') | Long("help") => return Ok(None),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(args))
}

fn protocol(name: &str) -> Result<Protocol, &'static str> {
    let named = |protocol: &Protocol| protocol.id() == name;
    Protocol::ALL
        .into_iter()
        .find(named)
        .ok_or("no such protocol")
}

fn invariant(name: &str) -> Result<Invariant, &'static str> {
    let named = |invariant: &Invariant| invariant.name() == name;
    Invariant::ALL
        .into_iter()
        .find(named)
        .ok_or("no such invariant")
}

fn bound(text: &str) -> Result<usize, &'static str> {
    match text {
        "1" => Ok(1),
        "2" => Ok(2),
        "3" => Ok(3),
        _ => Err("give 1, 2 or 3"),
    }
}

fn help() -> bool {
    println!(
        "{HELP}\n\nProtocols: {}",
        Protocol::ALL.map(Protocol::id).join(", ")
    );
    println!(
        "Invariants: {}",
        Invariant::ALL.map(Invariant::name).join(", ")
    );
    true
}

/// Whether what broke is what is known to break.
fn explore(args: &Args) -> bool {
    let protocol = args.protocol;
    let setup = Setup {
        bound: args.bound,
        ..Setup::SMALL
    };
    println!("{protocol}: a Planner and two Enactors, each of which sweeps, at one endpoint.");
    let explored = protocol.explore::<PlainLoads>(setup);
    let executions = explored.executions;
    let times = explored.findings.times_broken();
    if times.is_empty() {
        println!("Nothing broke in {executions} executions.");
    } else {
        println!("What broke, and in how many of {executions} executions:");
    }
    for (invariant, times) in &times {
        println!("  ✗ {invariant:<12} {times:>6}");
    }
    match explored.findings.counterexample(args.invariant) {
        Some((steps, verdict)) => {
            println!("\nThe shortest of them:\n");
            print!("{}", diagram::draw(&steps, &verdict));
        }
        None => println!("There is nothing to draw."),
    }
    times.keys().copied().eq(protocol.broken().iter().copied())
}
