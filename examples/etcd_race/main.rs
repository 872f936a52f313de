//! The race of October 2025 on a real etcd cluster: the same Planner, the same Enactors
//! and the same schedule, first with a store that looks and then puts, as one would write
//! it with `etcdctl`, then with the store whose transactions are guarded.
//!
//! ```sh
//! crates/enact/cluster.sh etcd &
//! cargo run --features etcd --example etcd_race
//! ```
//!
//! `ETCDCTL_ENDPOINTS` says where the cluster is, if not where the script starts it. What
//! was left there by a run before is deleted first.

mod by_hand;

use std::env;
use std::process::ExitCode;

use by_hand::ByHand;
use drill::cli;
use plan_store_etcd::{EtcdConfig, EtcdStore};

/// As `crates/enact/cluster.sh` has them.
const ENDPOINTS: &str = "127.0.0.1:12379,127.0.0.1:22379,127.0.0.1:32379";

fn main() -> ExitCode {
    let endpoints = env::var("ETCDCTL_ENDPOINTS").unwrap_or_else(|_| ENDPOINTS.into());
    let looking = cli::main(
        "look, then put",
        |threshold| {
            let store = ByHand {
                endpoints: endpoints.clone(),
                prefix: "/race/by-hand/".into(),
                threshold,
            };
            store.clear("/race/")?;
            Ok(store)
        },
        Some(&|store: &ByHand, endpoint| Ok(store.repair(endpoint)?)),
        |outcome| outcome.stuck && outcome.repaired,
    );
    let guarded = cli::main(
        "guarded transactions",
        |retention| {
            let url = format!("etcd://{endpoints}/race/guarded");
            let config: EtcdConfig = url.parse()?;
            Ok(EtcdStore::connect(EtcdConfig {
                retention,
                ..config
            })?)
        },
        None,
        |outcome| outcome.verdict.is_empty() && !outcome.stuck && outcome.tally.stale > 0,
    );
    if looking == ExitCode::SUCCESS {
        guarded
    } else {
        looking
    }
}
