//! `enact serve` as several processes on an etcd cluster. Install `etcd` and `etcdctl` with
//! `apt-get install etcd-server etcd-client`. If one is missing, the tests fail.

#![cfg(all(unix, feature = "etcd"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod planners;
mod process;
