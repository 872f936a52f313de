//! The models under loom, in one program, so that they run on all cores.
//!
//! The number of executions of each model is asserted: it does not vary from run to run,
//! and a model that silently shrinks is no proof. Whoever changes the store on purpose
//! puts the new numbers here and into `docs/verification.md`.

mod apart;
mod controls;
mod incident;
mod mutants;
mod passes;
mod races;
mod system;
mod wakeups;
