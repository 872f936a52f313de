//! The code of docs/loom.md, one module for each of its steps. The page quotes these files,
//! and a test here fails if a quotation does not match.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed model")]

mod bound;
mod bug;
mod explore;
mod fix;
mod half_fix;
mod hidden;
mod orderings;
mod page;
mod primitives;
