//! The store on real etcd clusters. `etcd` and `etcdctl` must be installed: a
//! program that is missing is a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod cluster;
mod conformance;
mod cuts;
mod faults;
mod front;
mod load;
mod network;
mod outside;
mod processes;

mod tls;
