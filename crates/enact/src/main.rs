//! `enact`, the operator's program.
//!
//! `enact serve` runs the control plane: a Planner with health checks, three Enactors that
//! also sweep, and a DNS server. One command shows it:
//!
//! ```sh
//! cargo run -p enact -- serve --demo
//! dig @127.0.0.1 -p 5300 api.demo.example
//! ```
//!
//! With a store on etcd (`--features etcd`), the Planner, each Enactor and each DNS server
//! are processes of their own, on as many machines as needed. `crates/enact/cluster.sh`
//! starts them all on one machine. By hand:
//!
//! ```sh
//! enact serve --store etcd://10.0.1.1:2379,10.0.2.1:2379,10.0.3.1:2379 --role enactor
//! ```
//!
//! A process logs `ready` when all of its parts do their work, and with `--metrics` it
//! answers `GET /readyz`. The rules are in `readiness.rs`.

mod admin;
mod api;
mod backing;
mod check;
mod cli;
mod commands;
mod cookie_keys;
mod current_fleet;
mod current_planner;
mod demo_targets;
mod disk;
mod dns;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(any(feature = "etcd", test))]
mod fleet_copy;
mod fleet_hash;
mod health;
mod history;
mod http;
mod leadership;
mod log;
mod manual;
mod metrics;
mod notes;
mod option_file;
mod orders;
mod page;
mod pages;
mod parts;
mod planning;
mod readiness;
mod restore;
#[cfg(feature = "etcd")]
mod restore_cluster;
mod serve;
mod text;
mod tsig_keys;
mod zones;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, ServeArguments};
use control_plane::chain;
use log::Log;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(arguments) => serve(&arguments),
        Command::Check(arguments) => {
            let (text, is_good) = check::check(&arguments);
            print(text.as_bytes());
            ExitCode::from(if is_good { 0 } else { 2 })
        }
        Command::Ask(ask) => ask.run(),
        Command::Schema(_) => print(manual::schema().as_bytes()),
        Command::Completions(arguments) => print(&manual::completions(&arguments)),
        Command::Man(arguments) => match manual::write_man_pages(&arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error, 2),
        },
        Command::Restore(arguments) => match restore::restore(&arguments) {
            Ok(said) => print(said.as_bytes()),
            Err(error) => failed(error.as_ref(), 2),
        },
        #[cfg(feature = "etcd")]
        Command::RestoreCluster(arguments) => match restore_cluster::restore(*arguments) {
            Ok(said) => print(said.as_bytes()),
            Err(error) => failed(error.as_ref(), 2),
        },
    }
}

/// Runs `enact serve`.
fn serve(arguments: &ServeArguments) -> ExitCode {
    let served = match Log::start(arguments.json_log) {
        Ok(log) => {
            let served = serve::serve(arguments, &log);
            log.close();
            served
        }
        Err(error) => Err(error),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(error.as_ref(), serve::status_of(error.as_ref())),
    }
}

/// Prints on standard output. A reader that wants no more is no error.
fn print(text: &[u8]) -> ExitCode {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => failed(&error, 2),
        _ => ExitCode::SUCCESS,
    }
}

/// Says why the program fails. Returns its exit status.
fn failed(error: &(dyn Error + 'static), status: u8) -> ExitCode {
    log::last_words(format!("error: {}", chain(error)));
    ExitCode::from(status)
}
