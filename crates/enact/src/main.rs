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

mod backing;
mod cli;
mod cookie_keys;
mod demo_targets;
mod dns;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(any(feature = "etcd", test))]
mod fleet_copy;
mod fleet_hash;
mod health;
mod held;
mod http;
mod leadership;
mod log;
mod metrics;
mod parts;
mod planning;
mod readiness;
mod serve;
mod zones;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use control_plane::chain;
use log::Log;

fn main() -> ExitCode {
    let Command::Serve(arguments) = Cli::parse().command;
    let served = match Log::start(arguments.json_log) {
        Ok(log) => {
            let served = serve::serve(&arguments, &log);
            log.close();
            served
        }
        Err(error) => Err(error),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::last_words(format!("error: {}", chain(error.as_ref())));
            ExitCode::from(serve::status_of(error.as_ref()))
        }
    }
}
