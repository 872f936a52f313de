//! Tests against programs of other projects; see `tests/`. If a program is missing, its
//! tests fail.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

pub mod cluster;
mod network;

use std::io;

/// Unwraps the process or output of a program.
///
/// # Panics
/// If it could not be started. The message says what to install.
#[track_caller]
pub fn started<T>(program: &str, result: io::Result<T>) -> T {
    result.unwrap_or_else(|error| {
        let package = package(program);
        panic!("cannot start {program}: {error}; install it with `apt-get install {package}`")
    })
}

/// The Debian package that contains a program.
fn package(program: &str) -> &str {
    match program {
        "dig" => "bind9-dnsutils",
        "kdig" => "knot-dnsutils",
        "drill" => "ldnsutils",
        "knotd" => "knot",
        "named" => "bind9",
        "etcd" => "etcd-server",
        "etcdctl" => "etcd-client",
        other => other,
    }
}
