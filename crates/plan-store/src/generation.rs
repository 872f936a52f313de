//! A plan's number.

use std::fmt;
use std::num::NonZeroU32;

use thiserror::Error;

/// A plan's number: 1 for the first plan, and one more with every publish.
///
/// Generations are never reused and never wrap around. There are 2³¹ − 1 of them, enough for a
/// plan per second for 68 years. After the last one, publishing fails with
/// [`GenerationsExhausted`]. Because of this bound, one word of 64 bits holds an endpoint's
/// active and rollback generation and whether the endpoint is withdrawn, so all of these change
/// in one atomic step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(NonZeroU32);

impl Generation {
    /// The generation of the first plan.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The last generation.
    pub const MAX: Self = match NonZeroU32::new(u32::MAX >> 1) {
        Some(max) => Self(max),
        None => Self::FIRST,
    };

    /// The generation with this number, which must be in `1..=Generation::MAX`.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(n) if n.get() <= Self::MAX.get() => Some(Self(n)),
            _ => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The generation after this one.
    ///
    /// # Errors
    /// This is [`Generation::MAX`], the last generation.
    pub fn next(self) -> Result<Self, GenerationsExhausted> {
        Self::new(self.get() + 1).ok_or(GenerationsExhausted)
    }
}

/// The last generation is published.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("generation {} was the last one; start a new store", Generation::MAX)]
pub struct GenerationsExhausted;

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_end_in_an_error_and_never_wrap() {
        assert_eq!(Generation::new(0), None);
        assert_eq!(Generation::new(1), Some(Generation::FIRST));
        assert_eq!(Generation::new(Generation::MAX.get() + 1), None);
        assert_eq!(Generation::new(u32::MAX), None);
        assert_eq!(Generation::FIRST.next().unwrap().get(), 2);
        assert_eq!(Generation::MAX.next(), Err(GenerationsExhausted));
    }
}
