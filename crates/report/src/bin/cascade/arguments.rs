//! The arguments of this example.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::RangedU64ValueParser;

#[derive(Parser)]
#[command(
    after_help = "Exit status: 0 if every published time is met and nothing falls with the fix, \
    1 if not, 2 for a bad argument or file."
)]
pub(crate) struct Args {
    /// How many days are simulated for each architecture, each with a seed of its own
    #[arg(long, default_value_t = 30, value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub(crate) seeds: usize,
    /// A file of parameters in TOML; what it leaves out is as in crates/cascade/parameters.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) parameters: Option<PathBuf>,
    /// A DNS timeline, CSV with the header `at,answer`; a run of the control plane if not given
    #[arg(long, value_name = "FILE")]
    pub(crate) timeline: Option<PathBuf>,
    /// End with one line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}
