//! Is a plan store linearizable? [`record`] takes down what each client was told and
//! when, [`spec`] is the sequential store, and porcupine looks for an order of single
//! moments, each within its call, in which the sequential store says the same.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a failed step is a failed test"
)]
#![allow(missing_docs, missing_debug_implementations)]

pub mod record;
pub mod spec;
