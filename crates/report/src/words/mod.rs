//! Texts for the names of the simulation and the model checkers, in both languages.
//!
//! `cascade`, `charts` and `incident` have English texts only. The Japanese ones are here.

pub(crate) mod architectures;
pub(crate) mod invariants;
pub(crate) mod parameters;
pub(crate) mod protocols;
pub(crate) mod services;
pub(crate) mod switches;
pub(crate) mod units;
