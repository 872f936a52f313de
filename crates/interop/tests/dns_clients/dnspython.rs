//! dnspython decodes every answer, as a second implementation.

use std::path::Path;
use std::process::Command;

use interop::started;

use crate::world::serve;

#[test]
fn dnspython_reads_every_answer() {
    let server = serve();
    let address = server.addresses()[0];
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dns_clients/check.py");
    // Debian's package works with Debian's python3, which may not be the first on the path.
    let debians = "/usr/bin/python3";
    let python = if Path::new(debians).exists() {
        debians
    } else {
        "python3"
    };
    let output = Command::new(python)
        .args([
            script,
            &address.ip().to_string(),
            &address.port().to_string(),
        ])
        .output();
    let output = started("python3", output);
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("3000 queries"), "{said}");
}
