//! The race of October 2025 on a real etcd cluster. The Planner, the Enactors and the
//! schedule are the same twice: first with a store that reads and then puts, written with
//! `etcdctl`, then with the store whose transactions are guarded.
//!
//! ```sh
//! crates/enact/cluster.sh etcd &
//! cargo run --features etcd --example etcd_race
//! ```
//!
//! `ETCDCTL_ENDPOINTS` says where the cluster is; the default is where the script starts
//! it. The keys that an earlier run left are deleted first.

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

/// Where `crates/enact/cluster.sh` starts the members.
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
