//! The code that `build.rs` generates from `proto/`.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "generated"
)]

pub(crate) mod etcd {
    tonic::include_proto!("etcdserverpb");
}

pub(crate) mod stored {
    tonic::include_proto!("stored");
}
