//! The part of etcd's protocol that the benchmark's own client uses; see `benches/`.

/// The code that `build.rs` generates from `proto/etcd.proto`.
pub mod proto {
    #![allow(
        missing_docs,
        unused_qualifications,
        clippy::all,
        clippy::pedantic,
        reason = "generated"
    )]
    tonic::include_proto!("etcdserverpb");
}
