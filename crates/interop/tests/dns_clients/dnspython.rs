//! dnspython as a second reader of every answer.

use std::path::Path;
use std::process::Command;

use crate::world::serve;

#[test]
fn dnspython_reads_every_answer() {
    let front = serve();
    let server = front.addresses()[0];
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dns_clients/check.py");
    // Debian's own has Debian's dnspython, whatever else is on the path.
    let debians = "/usr/bin/python3";
    let python = if Path::new(debians).exists() {
        debians
    } else {
        "python3"
    };
    let output = Command::new(python)
        .args([script, &server.ip().to_string(), &server.port().to_string()])
        .output()
        .unwrap_or_else(|error| panic!("python3 must be installed: {error}"));
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("3000 queries"), "{said}");
}
