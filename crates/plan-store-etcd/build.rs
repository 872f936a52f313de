//! Compiles `proto/` to Rust. The compiler is a crate, so nothing needs to be installed.

use std::error::Error;

const PROTOS: [&str; 2] = ["proto/etcd.proto", "proto/stored.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    tonic_prost_build::configure()
        .build_server(false)
        .compile_fds(descriptors)?;
    Ok(())
}
