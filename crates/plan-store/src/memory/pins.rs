//! A plan's pins: how many are held, how many were ever taken, whether the plan
//! is deleted. One word.
//!
//! ```text
//!  63 .. 24                       23 .. 0
//! +------------------------------+-----------------+
//! | taken (only ever grows)      | held            |     all ones = deleted
//! +------------------------------+-----------------+
//! ```
//!
//! # States
//! *unpinned* (held = 0) ⇄ *pinned* (held > 0); *unpinned* → *deleted*, for good.
//!
//! # Rules
//! 1. A pin is taken by compare-and-swap, which counts it in both fields, and
//!    never on a deleted plan.
//! 2. Only the holder of a pin gives it back, once.
//! 3. A plan is deleted by compare-and-swap from a value that the deleter read
//!    while nobody held a pin. As `taken` only grows, success means that nobody
//!    took a pin in between, however short. There is no ABA: the counter does
//!    not wrap, its end is an error ([`Error::PinsExhausted`]).
//!
//! # Orderings
//! [`Pins::give_back`] releases and [`Pins::unpinned`] acquires: a deleter that
//! sees no pin held also sees what every earlier holder did under its pin,
//! activations above all (takers in between continue the release sequence).
//! Taking needs no ordering: it makes nothing visible and relies on nothing.
//! The deletion itself needs none either: its atomicity decides, and the word is
//! final from then on.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::primitives::{Primitives, Word};
use crate::{Error, Generation};

const HELD_BITS: u32 = 24;
/// One pin held.
const HELD: u64 = 1;
/// One pin taken.
const TAKEN: u64 = 1 << HELD_BITS;
/// Most pins held at once.
const MAX_HELD: u64 = TAKEN - 1;
/// Most pins taken in a plan's life: 2⁴⁰ − 2, a million a second for 12 days.
const MAX_TAKEN: u64 = (u64::MAX >> HELD_BITS) - 1;
const DELETED: u64 = u64::MAX;

pub(super) struct Pins<P: Primitives> {
    word: P::Word,
}

/// Proof that nobody held a pin at some moment.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(super) struct Unpinned(u64);

/// Why a plan cannot be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// Somebody holds a pin, or has taken one since.
    Pinned,
    /// Somebody else deleted it.
    Deleted,
}

impl<P: Primitives> Pins<P> {
    pub(super) fn none() -> Self {
        Self {
            word: P::Word::new(0),
        }
    }

    /// Takes a pin on the plan, whose number serves the error messages.
    pub(super) fn take(&self, generation: Generation) -> Result<(), Error> {
        let mut seen = self.word.load(Relaxed);
        loop {
            let next = with_one_more(seen, generation)?;
            match self.word.compare_exchange(seen, next, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(current) => seen = current,
            }
        }
    }

    /// Gives back a pin that [`Pins::take`] gave.
    pub(super) fn give_back(&self) {
        self.word.fetch_sub(HELD, Release);
    }

    /// Proof that nobody holds a pin, if so.
    pub(super) fn unpinned(&self) -> Result<Unpinned, Refused> {
        let seen = self.word.load(Acquire);
        match seen & MAX_HELD {
            0 => Ok(Unpinned(seen)),
            _ => Err(refused(seen)),
        }
    }

    /// Marks the plan deleted, unless somebody took a pin since `proof` or
    /// deleted it already.
    pub(super) fn delete(&self, Unpinned(seen): Unpinned) -> Result<(), Refused> {
        self.word
            .compare_exchange(seen, DELETED, Relaxed, Relaxed)
            .map(drop)
            .map_err(refused)
    }
}

/// What stands in the way of a deletion.
fn refused(word: u64) -> Refused {
    match word {
        DELETED => Refused::Deleted,
        _ => Refused::Pinned,
    }
}

/// The word after another pin is taken.
fn with_one_more(word: u64, generation: Generation) -> Result<u64, Error> {
    if word == DELETED {
        return Err(Error::NoSuchPlan { generation });
    }
    let (taken, held) = (word >> HELD_BITS, word & MAX_HELD);
    if held == MAX_HELD {
        let held = Some(held);
        return Err(Error::PinsExhausted { generation, held });
    }
    if taken == MAX_TAKEN {
        let held = None;
        return Err(Error::PinsExhausted { generation, held });
    }
    Ok(word + TAKEN + HELD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Native;

    #[test]
    fn a_pin_taken_and_given_back_in_between_still_stops_a_deletion() {
        let pins = Pins::<Native>::none();
        let proof = pins.unpinned().unwrap();
        pins.take(Generation::FIRST).unwrap();
        assert_eq!(pins.unpinned().unwrap_err(), Refused::Pinned);
        pins.give_back();
        assert_eq!(pins.delete(proof), Err(Refused::Pinned));
        let proof = pins.unpinned().unwrap();
        assert_eq!(pins.delete(proof), Ok(()));
        assert_eq!(pins.delete(proof), Err(Refused::Deleted));
        let refused = pins.take(Generation::FIRST);
        assert!(matches!(refused, Err(Error::NoSuchPlan { .. })));
        assert_eq!(pins.unpinned().unwrap_err(), Refused::Deleted);
    }

    #[test]
    fn both_counters_end_in_an_error() {
        let take =
            |taken: u64, held: u64| with_one_more(taken << HELD_BITS | held, Generation::FIRST);
        assert!(take(MAX_TAKEN - 1, MAX_HELD - 1).is_ok_and(|word| word != DELETED));
        let held = take(0, MAX_HELD).unwrap_err().to_string();
        assert!(held.contains("16777215 pins are held"), "{held}");
        let taken = take(MAX_TAKEN, 0).unwrap_err().to_string();
        assert!(taken.contains("publish its content anew"), "{taken}");
    }
}
