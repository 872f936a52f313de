//! Tests of the store on real etcd clusters. Install `etcd` and `etcdctl` with
//! `apt-get install etcd-server etcd-client`. If one is missing, the tests fail.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod conformance;
mod cuts;
mod dns_server;
mod faults;
mod load;
mod notes;
mod outside;
mod processes;
mod restore;
mod tls;
mod upkeep;
