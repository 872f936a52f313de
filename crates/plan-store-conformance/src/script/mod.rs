//! Scripts of operations, what they are compared with, and what must hold after
//! each of their steps.

mod invariants;
mod reference;
mod session;

pub use invariants::watch;
pub use reference::{Reference, ReferencePin, ReferenceReader, References};
pub use session::{Op, Said, Script, Session};
