//! The part of etcd's protocol that the benchmark's own client speaks; see `benches/`.

/// What `build.rs` makes of `proto/etcd.proto`.
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
