//! The race of October 2025 on a real etcd cluster. The same Planner, Enactors and schedule
//! run on two stores. The first store reads and then puts, and is written with `etcdctl`.
//! The second has guarded transactions.
//!
//! ```sh
//! crates/enact/cluster.sh etcd &
//! cargo run --features etcd --example etcd_race
//! ```
//!
//! `ETCDCTL_ENDPOINTS` says where the cluster is. The default is the cluster that the
//! script starts. The example first deletes the keys that an earlier run left.

mod by_hand;
mod etcdctl;

use std::env;
use std::process::ExitCode;
use std::sync::Arc;

use by_hand::ByHand;
use drill::cli;
use etcdctl::Etcdctl;
use incident::OneByOne;
use plan_store_etcd::{EtcdConfig, EtcdStore};

/// The addresses at which `crates/enact/cluster.sh` starts the members.
const ENDPOINTS: &str = "127.0.0.1:12379,127.0.0.1:22379,127.0.0.1:32379";

fn main() -> ExitCode {
    let endpoints = env::var("ETCDCTL_ENDPOINTS").unwrap_or_else(|_| ENDPOINTS.into());
    let looking = cli::main(
        "read, then put",
        |threshold| {
            let etcd = |prefix| Etcdctl {
                endpoints: endpoints.clone(),
                prefix,
            };
            etcd("/race/").clear()?;
            Ok(ByHand {
                etcd: etcd("/race/by-hand/"),
                threshold,
                contents: Arc::default(),
            })
        },
        Some(&|store: &ByHand, endpoint| Ok(store.repair(endpoint)?)),
        |outcome| outcome.stuck && outcome.repaired,
    );
    let guarded = cli::main(
        "guarded transactions",
        |retention| {
            let url = format!("etcd://{endpoints}/race/guarded");
            let config: EtcdConfig = url.parse()?;
            let store = EtcdStore::connect(EtcdConfig {
                retention,
                ..config
            })?;
            Ok(OneByOne(store))
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
