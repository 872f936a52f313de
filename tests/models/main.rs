//! The models under loom, in one test program, so that they run on all cores.
//!
//! Each test asserts the number of executions of its model. The number does not vary from
//! run to run, and a model that silently shrinks proves nothing. If you change the store on
//! purpose, put the new numbers here and into `docs/models.md`.

mod apart;
mod controls;
mod incident;
mod mutants;
mod observer;
mod passes;
mod races;
mod system;
mod wakeups;
