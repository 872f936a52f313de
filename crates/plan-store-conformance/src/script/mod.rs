//! Scripts of operations, the reference to compare with, and the invariants that must hold
//! after each operation.

mod invariants;
mod reference;
mod session;

pub use invariants::watch;
pub use reference::{Reference, ReferencePin, ReferenceReader, References};
pub use session::{Op, Said, Script, Session};
