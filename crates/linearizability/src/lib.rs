//! Checks whether a plan store is linearizable. [`record`] records what each client was
//! told and when. [`spec`] is the sequential store. [`search`] looks for a moment within
//! each call, such that the sequential store, taking the calls in the order of these
//! moments, gives the same answers.

pub mod record;
pub mod search;
pub mod spec;
