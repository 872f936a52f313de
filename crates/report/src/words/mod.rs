//! What the simulation and the model checkers name in English, in both languages.
//!
//! `cascade`, `charts` and `incident` speak English only. The Japanese is here.

pub(crate) mod architectures;
pub(crate) mod invariants;
pub(crate) mod parameters;
pub(crate) mod protocols;
pub(crate) mod services;
pub(crate) mod switches;
pub(crate) mod units;
