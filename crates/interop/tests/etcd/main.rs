//! The store on real etcd clusters. `etcd` and `etcdctl` must be installed (`apt-get
//! install etcd-server etcd-client`); a program that is missing is a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod cluster;
mod conformance;
mod cuts;
mod dns_server;
mod faults;
mod load;
mod network;
mod outside;
mod processes;
mod tls;
