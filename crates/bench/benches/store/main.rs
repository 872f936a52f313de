//! The store beside what else one could build it with, in one run:
//!
//! ```sh
//! cargo bench -p plan-store
//! ```
//!
//! prints, after criterion's own lines, a table for each question with medians and
//! their ratios. With `-- --test` each benchmark runs once, and no table is printed.
//! `crates/plan-store/measure` puts the tables and their curves into the docs.

// A failed step is a failed benchmark.
#![allow(clippy::unwrap_used)]

mod plans;
mod reads;
#[path = "../report/mod.rs"]
mod report;
mod tables;
mod threads;
mod world;
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
