//! Is a plan store linearizable? [`record`] takes down what each client was told and
//! when, [`spec`] is the sequential store, and [`search`] looks for an order of single
//! moments, each within its call, in which the sequential store says the same.

pub mod record;
pub mod search;
pub mod spec;
