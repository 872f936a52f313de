//! Compares the store with its peers, which are other ways to build it.
//!
//! ```sh
//! cargo bench -p bench --bench store
//! ```
//!
//! After criterion's own lines it prints a table for each group, with medians and their
//! ratios. With `-- --test` each benchmark runs once, and no table is printed.
//! `crates/bench/measure` writes the tables and their curves into the docs.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed benchmark")]

mod plans;
mod reads;
mod tables;
mod threads;
mod together;
mod writes;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default()
        .output_directory(&tables::folder())
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(20)
        .without_plots()
        .configure_from_args();
    reads::all(&mut criterion);
    writes::all(&mut criterion);
    threads::all(&mut criterion);
    plans::all(&mut criterion);
    criterion.final_summary();
    if !std::env::args().any(|arg| arg == "--test") {
        tables::publish_all();
    }
}
