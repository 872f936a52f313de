//! Holds benchmarks; see `benches/`.
