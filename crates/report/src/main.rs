//! The program `report` shows what this workspace found.
//!
//! Without a command it writes the report, a page for people who look rather than
//! read. The commands print the same results in the terminal, or decide them anew.

mod clock;
#[cfg(feature = "models")]
mod counterexample;
mod diagram;
mod lang;
mod page;
mod run;
mod terminal;
#[cfg(feature = "models")]
mod verdicts;
mod words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

type Error = Box<dyn std::error::Error>;

#[cfg(feature = "models")]
const COMMANDS: &str = "";
#[cfg(not(feature = "models"))]
const COMMANDS: &str = "Built with --features models, there are two more commands: verdicts \
and counterexample.\n";

/// Write the report: what happened, why, and what would have stood.
#[derive(Parser)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = format!("{COMMANDS}\
    Links to the code lead from the repository's root, so keep the report there.\n\
    The same arguments give the same bytes.\n\
    Exit status: 0 if the report was written, 2 for a bad argument or file.")
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    page: page::Args,
}

#[derive(Subcommand)]
enum Command {
    /// Simulate what fell with the database, and print it as tables
    Cascade(terminal::Args),
    /// Decide with loom and shuttle which protocol keeps which invariant
    #[cfg(feature = "models")]
    Verdicts(verdicts::Args),
    /// Draw the shortest execution found that breaks the most
    #[cfg(feature = "models")]
    Counterexample(counterexample::Args),
}

fn main() -> ExitCode {
    let Cli { command, page } = Cli::parse();
    let shown = match command {
        None => page::write(&page).map(|()| true),
        Some(Command::Cascade(args)) => terminal::show(&args),
        #[cfg(feature = "models")]
        Some(Command::Verdicts(args)) => verdicts::decide(&args),
        #[cfg(feature = "models")]
        Some(Command::Counterexample(args)) => counterexample::draw(&args).map(|()| true),
    };
    match shown {
        Ok(as_expected) => ExitCode::from(u8::from(!as_expected)),
        Err(error) => {
            eprintln!("error: {error}");
            let causes = std::iter::successors(error.source(), |cause| cause.source());
            for cause in causes {
                eprintln!("  cause: {cause}");
            }
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    /// clap checks its definitions only in debug builds, and panics.
    #[test]
    fn the_arguments_are_well_defined() {
        super::Cli::command().debug_assert();
    }
}
