//! The command `counterexample`: the shortest of the executions that break the most
//! invariants, as a picture.

use std::fs;
use std::path::PathBuf;

use models::outage::{Protocol, Setup};

use crate::lang::Lang;
use crate::{Error, diagram};

/// The width of the picture in pixels.
const WIDTH: f64 = 1000.0;

/// The arguments of the command.
#[derive(clap::Args)]
#[command(
    after_help = "Exit status: 0 if the picture was written, 2 for a bad argument or file.\n\
    The example `explore` does the same for any protocol, in the terminal."
)]
pub(crate) struct Args {
    /// Where to write the picture
    #[arg(value_name = "FILE", default_value = "counterexample.svg")]
    file: PathBuf,
}

/// Lets loom explore the incident's protocol, and draws the shortest of the executions
/// that break the most invariants.
pub(crate) fn draw(args: &Args) -> Result<(), Error> {
    let protocol = Protocol::ALL[0];
    let explored = protocol.explore(Setup::SMALL);
    let (steps, verdict) = explored.findings.counterexample(None).ok_or_else(|| {
        format!("no execution of {protocol} broke an invariant, so there is nothing to draw")
    })?;
    let picture = diagram::svg(&protocol.to_string(), &steps, &verdict, WIDTH, Lang::En);
    let file = &args.file;
    fs::write(file, picture.standalone())
        .map_err(|error| format!("{}: {error}; give another file", file.display()))?;
    println!("{}", file.display());
    Ok(())
}
