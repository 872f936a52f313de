//! Holds tests; see `tests/`.
