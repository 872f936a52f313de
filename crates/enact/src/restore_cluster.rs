//! `enact restore-cluster`: continues a store on etcd after a restore from a backup.

use std::error::Error;

use clap::Args;
use plan_store::Generation;
use plan_store_etcd::{EtcdConfig, EtcdStore};

use crate::etcd::Login;
use crate::restore::generation;

/// Continue a store on etcd after its cluster was restored from a backup: publish the latest plan
/// again, above what DNS servers have served.
///
/// A server never goes back to an older plan, so it keeps what it shows until the cluster is above
/// that. Each server logs the number to give, once it has noticed the restore.
#[derive(Args)]
pub(crate) struct RestoreClusterArguments {
    /// The store, as `etcd://HOST:PORT,HOST:PORT/PREFIX`; `etcds://` uses TLS
    #[arg(long)]
    store: EtcdConfig,
    /// The newest generation that any server shows
    #[arg(long, value_name = "GENERATION", value_parser = generation)]
    above: Generation,
    /// The id of the cluster that this one takes the place of, in hexadecimal digits. Only a
    /// cluster that was made anew has another id
    #[arg(long, value_name = "CLUSTER", value_parser = cluster)]
    replaces: Option<u64>,
    #[command(flatten)]
    login: Login,
}

fn cluster(text: &str) -> Result<u64, &'static str> {
    u64::from_str_radix(text, 16).map_err(|_| "give 1 to 16 hexadecimal digits")
}

/// Does it, and says what was done, in a line.
pub(crate) fn restore(arguments: RestoreClusterArguments) -> Result<String, Box<dyn Error>> {
    let RestoreClusterArguments {
        store,
        above,
        replaces,
        login,
    } = arguments;
    let store = EtcdStore::connect(login.complete(store)?)?;
    let continued = store.continue_above(above, replaces)?;
    Ok(format!("{continued}\n"))
}
