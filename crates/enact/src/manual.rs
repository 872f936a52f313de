//! What ships beside the program: completions for shells, man pages, and the JSON Schema of
//! fleet files.

use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use control_plane::fleet_schema;

use crate::cli::Cli;

const NAME: &str = "enact";

/// Print completions for a shell
#[derive(Args)]
#[command(after_help = "For instance: enact completions bash >/etc/bash_completion.d/enact")]
pub(crate) struct CompletionsArguments {
    shell: Shell,
}

/// Print the JSON Schema of fleet files, for editors
#[derive(Args)]
#[command(after_help = "\
An editor with a TOML language server uses it if the fleet file begins with
  #:schema /usr/share/enact/fleet.schema.json
docs/fleet.md says the same to people.")]
pub(crate) struct SchemaArguments {}

/// Write the man pages into a directory
#[derive(Args)]
pub(crate) struct ManArguments {
    /// An existing directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// The completions as a script of the shell.
pub(crate) fn completions(arguments: &CompletionsArguments) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), NAME, &mut script);
    script
}

/// The JSON Schema as a text.
pub(crate) fn schema() -> String {
    // A schema of texts and numbers is not refused.
    serde_json::to_string_pretty(&fleet_schema()).unwrap_or_default() + "\n"
}

/// Writes one page for the program and one for each command.
pub(crate) fn write_man_pages(arguments: &ManArguments) -> io::Result<()> {
    clap_mangen::generate_to(Cli::command().name(NAME), &arguments.directory)
}
