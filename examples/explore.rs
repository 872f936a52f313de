//! Explores the race of October 2025 with loom on a protocol of your choice, and draws
//! the shortest execution that breaks an invariant.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use drill::diagram;
use incident::Invariant;
use lexopt::prelude::{Long, Short};
use models::outage::{Protocol, Setup};
use models::walkthrough::Walkthrough;

const HELP: &str = "\
Options:
  --protocol NAME   The protocol (default: incident)
  --invariant NAME  Draw the shortest execution that breaks this invariant (default: the
                    shortest of those that break the most)
  --bound N         How many preemptions loom tries at most: 1, 2 (default) or 3
  --html FILE       Write a page to step through the execution, beside all other protocols
                    on the same schedule
  -h, --help        Print this, with all names

Exit status: 0 if what broke is what is known to break, 1 if not, 2 for a bad
argument.";

type Error = Box<dyn std::error::Error>;

struct Args {
    protocol: Protocol,
    invariant: Option<Invariant>,
    bound: usize,
    html: Option<PathBuf>,
}

fn main() -> ExitCode {
    let explored = parse().and_then(|args| match args {
        Some(args) => run(&args),
        None => Ok(help()),
    });
    match explored {
        Ok(as_known) => ExitCode::from(u8::from(!as_known)),
        Err(error) => {
            eprintln!("error: {error}; see --help");
            ExitCode::from(2)
        }
    }
}

fn parse() -> Result<Option<Args>, Error> {
    let mut args = Args {
        protocol: Protocol::ALL[0],
        invariant: None,
        bound: Setup::SMALL.bound,
        html: None,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("protocol") => {
                args.protocol = named("protocol", &Protocol::ALL, Protocol::id, &parser.value()?)?;
            }
            Long("invariant") => {
                args.invariant = Some(named(
                    "invariant",
                    &Invariant::ALL,
                    Invariant::name,
                    &parser.value()?,
                )?);
            }
            Long("html") => args.html = Some(parser.value()?.into()),
            Long("bound") => args.bound = bound(&parser.value()?)?,
            Short('h') | Long("help") => return Ok(None),
            _ => return Err(arg.unexpected().into()),
        }
    }
    Ok(Some(args))
}

/// The item of this name.
fn named<T: Copy>(
    option: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
    wanted: &OsStr,
) -> Result<T, Error> {
    let found = all.iter().copied().find(|&item| name(item) == wanted);
    found.ok_or_else(|| {
        let names: Vec<_> = all.iter().copied().map(name).collect();
        let (wanted, names) = (wanted.display(), names.join(", "));
        format!("--{option} {wanted}: there is no such {option}; give one of {names}").into()
    })
}

fn bound(wanted: &OsStr) -> Result<usize, Error> {
    let bound = wanted.to_str().and_then(|bound| bound.parse().ok());
    bound
        .filter(|bound| (1..=3).contains(bound))
        .ok_or_else(|| {
            let wanted = wanted.display();
            format!("--bound {wanted}: give 1, 2 or 3").into()
        })
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

/// Explores, reports and writes the page. Returns whether exactly the expected invariants
/// broke.
fn run(args: &Args) -> Result<bool, Error> {
    let setup = Setup {
        bound: args.bound,
        ..Setup::SMALL
    };
    if let Some(file) = &args.html {
        // Refuses a bad path before the exploration, and leaves an older page as it is.
        let opened = File::options().create(true).append(true).open(file);
        opened.map_err(|error| unwritable(file, &error))?;
    }
    let as_known = explore(args, setup);
    if let Some(file) = &args.html {
        println!("\nExploring the other protocols on the same schedule.");
        let walkthrough = Walkthrough::explore(args.protocol, args.invariant, setup);
        let walkthrough = walkthrough.ok_or("--html: no execution breaks that invariant")?;
        fs::write(file, walkthrough.html()).map_err(|error| unwritable(file, &error))?;
        println!("{}", file.display());
    }
    Ok(as_known)
}

fn unwritable(file: &Path, error: &std::io::Error) -> String {
    format!("--html {}: {error}; give another file", file.display())
}

/// Explores and reports. Returns whether exactly the expected invariants broke.
fn explore(args: &Args, setup: Setup) -> bool {
    let protocol = args.protocol;
    println!("{protocol}: a Planner and two Enactors at one endpoint; both Enactors sweep.");
    let explored = protocol.explore(setup);
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
            print!("{}", diagram::draw(&steps, &verdict, drill::width()));
        }
        None => println!("There is nothing to draw."),
    }
    times.keys().copied().eq(protocol.broken().iter().copied())
}
