//! Tests against other people's programs; see `tests/`. A program that is missing is a
//! failure.

use std::io;

/// The program's process or output.
///
/// # Panics
/// If it could not be started. The message says what to install.
#[track_caller]
#[expect(clippy::panic, reason = "a test without its program fails")]
pub fn started<T>(program: &str, result: io::Result<T>) -> T {
    result.unwrap_or_else(|error| {
        let package = package(program);
        panic!("cannot start {program}: {error}; install it with `apt-get install {package}`")
    })
}

/// Debian's name for what brings a program.
fn package(program: &str) -> &str {
    match program {
        "dig" => "bind9-dnsutils",
        "kdig" => "knot-dnsutils",
        "drill" => "ldnsutils",
        "etcd" => "etcd-server",
        "etcdctl" => "etcd-client",
        other => other,
    }
}
