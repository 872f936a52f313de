//! Has loom explore the race of October 2025 on a protocol of your choice, and draws
//! the shortest execution that it found to break something.

#[path = "../tests/model/mod.rs"]
mod model;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use charts::Lang;
use clap::Parser;
use clap::builder::PossibleValuesParser;
use incident::{Invariant, diagram};
use model::judge::PlainLoads;
use model::outage::{Protocol, Setup};

#[derive(Parser)]
#[command(
    after_help = "Exit status: 0 if what broke is what is known to break, 1 if not, 2 for a bad argument or file."
)]
struct Args {
    /// The protocol
    #[arg(long, default_value = "incident", value_parser = PossibleValuesParser::new(Protocol::ALL.map(Protocol::id)))]
    protocol: String,
    /// The shortest execution that breaks this; if not given, of those that break
    /// the most
    #[arg(long, value_parser = PossibleValuesParser::new(Invariant::ALL.map(Invariant::name)))]
    invariant: Option<String>,
    /// Writes the picture to this file as well
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Preemptions that loom tries, at most
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=3))]
    bound: u8,
}

fn main() -> ExitCode {
    match explore(&Args::parse()) {
        Ok(as_known) => ExitCode::from(u8::from(!as_known)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether what broke is what is known to break.
fn explore(args: &Args) -> Result<bool, String> {
    let by_id = |protocol: &Protocol| protocol.id() == args.protocol;
    let protocol = Protocol::ALL.into_iter().find(by_id);
    let protocol = protocol.ok_or("no such protocol; see --help")?;
    let wanted = Invariant::ALL
        .into_iter()
        .find(|invariant| Some(invariant.name()) == args.invariant.as_deref());
    let setup = Setup {
        bound: args.bound.into(),
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
    match explored.findings.counterexample(wanted) {
        Some((steps, verdict)) => {
            println!("\nThe shortest of them:\n");
            print!("{}", diagram::draw(&steps, &verdict));
            if let Some(file) = &args.svg {
                let picture =
                    diagram::svg(&protocol.to_string(), &steps, &verdict, 1000.0, Lang::En);
                let picture = picture.standalone();
                fs::write(file, picture)
                    .map_err(|error| format!("{}: {error}; give another file", file.display()))?;
            }
        }
        None => println!("So there is nothing to draw."),
    }
    Ok(times.keys().copied().eq(protocol.broken().iter().copied()))
}
