//! The program `report` shows the results of this workspace.
//!
//! Without a command it writes the report, a page of pictures. The commands print the same
//! results in the terminal, or run the model checkers again.

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
const COMMANDS: &str = "Build with --features models for two more commands: verdicts and \
counterexample.\n";

/// Write the report: what happened, why, and which architectures would have withstood it.
#[derive(Parser)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = format!("{COMMANDS}\
    Links to the code are relative to the repository's root, so keep the report there.\n\
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
    /// Simulate the services that failed with the database, and print tables
    Cascade(terminal::Args),
    /// Decide with loom and shuttle which protocol keeps which invariant
    #[cfg(feature = "models")]
    Verdicts(verdicts::Args),
    /// Draw the shortest of the executions that break the most invariants
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
