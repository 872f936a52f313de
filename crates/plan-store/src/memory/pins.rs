//! A plan's pins, and the pin that callers hold. One word says how many pins are held, how
//! many were ever taken, and whether the plan is deleted.
//!
//! ```text
//!  63 .. 24                       23 .. 0
//! +------------------------------+-----------------+
//! | taken (only grows)           | held            |     all ones = deleted
//! +------------------------------+-----------------+
//! ```
//!
//! # States
//! *unpinned* (held = 0) ⇄ *pinned* (held > 0); *unpinned* → *deleted*, for good.
//!
//! # Rules
//! 1. A pin is taken by a compare-and-swap that counts it in both fields. On a deleted plan,
//!    no pin can be taken.
//! 2. Each pin is given back once, when its [`MemoryPin`] is dropped. Code outside this file
//!    has no other way to take a pin or to give it back.
//! 3. A plan is deleted by a compare-and-swap from a value that the deleter read while no pin
//!    was held ([`Unpinned`]). Because `taken` only grows, success means that no pin was
//!    taken in between, not even for a short time. There is no ABA problem: the counter does
//!    not wrap. When it is used up, taking a pin fails with [`PinError::PinsExhausted`].
//!
//! # Orderings
//! - Giving back releases, and [`Pins::unpinned`] acquires. A deleter that sees that no pin is
//!   held also sees what every earlier holder did under its pin, such as activations. Pins
//!   that are taken in between continue the release sequence.
//! - Taking needs no ordering: it makes nothing visible and relies on nothing.
//! - The deletion needs no ordering either: its atomicity decides, and the word never
//!   changes after it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::index::Entry;
use crate::primitives::{Primitives, Word};
use crate::{EndpointName, Generation, Key, Native, Pin, PinError, Plan, RecordSet, Value};

const HELD_BITS: u32 = 24;
/// One pin held.
const HELD: u64 = 1;
/// One pin taken.
const TAKEN: u64 = 1 << HELD_BITS;
/// The most pins that can be held at once.
const MAX_HELD: u64 = TAKEN - 1;
/// The most pins that can be taken in a plan's life: 2⁴⁰ − 2, which is a million per second
/// for 12 days.
const MAX_TAKEN: u64 = (u64::MAX >> HELD_BITS) - 1;
const DELETED: u64 = u64::MAX;

const _: () = assert!(
    MAX_TAKEN * TAKEN + MAX_HELD < DELETED,
    "no number of pins looks like a deletion"
);

pub(super) struct Pins<P: Primitives> {
    word: P::Word,
}

/// [`MemoryStore`](crate::MemoryStore)'s pin.
#[must_use = "the pin holds the plan only until it is dropped"]
pub struct MemoryPin<K: Key = EndpointName, V: Value = RecordSet, P: Primitives = Native> {
    pub(super) entry: Arc<Entry<K, V, P>>,
}

/// Proof that no pin was held on a plan at some moment.
#[must_use]
pub(super) struct Unpinned<'p, P: Primitives> {
    pins: &'p Pins<P>,
    seen: u64,
}

/// Why a plan cannot be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refused {
    /// A pin is held, or was taken after the plan was seen unpinned.
    Pinned,
    /// Another sweep deleted it.
    Deleted,
}

impl<P: Primitives> Pins<P> {
    pub(super) fn none() -> Self {
        Self {
            word: P::Word::new(0),
        }
    }

    /// Counts one more pin. The generation is for the error messages.
    fn take(&self, generation: Generation) -> Result<(), PinError> {
        let mut seen = self.word.load(Relaxed);
        loop {
            let next = with_one_more(seen, generation)?;
            match self.word.compare_exchange(seen, next, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(current) => seen = current,
            }
        }
    }

    /// Counts one pin fewer.
    fn give_back(&self) {
        let before = self.word.fetch_sub(HELD, Release);
        debug_assert_ne!(before & MAX_HELD, 0, "a pin was given back twice");
    }

    /// Proof that no pin is held, or why there is no proof.
    pub(super) fn unpinned(&self) -> Result<Unpinned<'_, P>, Refused> {
        let seen = self.word.load(Acquire);
        match seen & MAX_HELD {
            0 => Ok(Unpinned { pins: self, seen }),
            _ => Err(refused(seen)),
        }
    }
}

impl<P: Primitives> Unpinned<'_, P> {
    /// Marks the plan deleted, unless a pin was taken or the plan was deleted since this
    /// proof was made.
    pub(super) fn delete(self) -> Result<(), Refused> {
        let word = &self.pins.word;
        word.compare_exchange(self.seen, DELETED, Relaxed, Relaxed)
            .map(drop)
            .map_err(refused)
    }
}

impl<K: Key, V: Value, P: Primitives> MemoryPin<K, V, P> {
    /// Takes a pin on the plan of this entry.
    pub(super) fn on(entry: &Arc<Entry<K, V, P>>) -> Result<Self, PinError> {
        entry.pins.take(entry.generation)?;
        let entry = Arc::clone(entry);
        Ok(Self { entry })
    }
}

impl<K: Key, V: Value, P: Primitives> Drop for MemoryPin<K, V, P> {
    fn drop(&mut self) {
        self.entry.pins.give_back();
    }
}

impl<K: Key, V: Value, P: Primitives> Pin<K, V> for MemoryPin<K, V, P> {
    fn generation(&self) -> Generation {
        self.entry.generation
    }

    fn plan(&self) -> &Arc<Plan<K, V>> {
        &self.entry.plan
    }
}

impl<K: Key, V: Value, P: Primitives> fmt::Debug for MemoryPin<K, V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MemoryPin")
            .field(&self.generation())
            .finish()
    }
}

/// Why a plan with this word cannot be deleted.
fn refused(word: u64) -> Refused {
    match word {
        DELETED => Refused::Deleted,
        _ => Refused::Pinned,
    }
}

/// The word after one more pin is taken.
fn with_one_more(word: u64, generation: Generation) -> Result<u64, PinError> {
    if word == DELETED {
        return Err(PinError::NoSuchPlan { generation });
    }
    let (taken, held) = (word >> HELD_BITS, word & MAX_HELD);
    if held == MAX_HELD {
        let held = Some(held);
        return Err(PinError::PinsExhausted { generation, held });
    }
    if taken == MAX_TAKEN {
        let held = None;
        return Err(PinError::PinsExhausted { generation, held });
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
        let delete = |proof: Result<Unpinned<'_, Native>, Refused>| proof?.delete();
        let early = pins.unpinned();
        pins.take(Generation::FIRST).unwrap();
        assert_eq!(pins.unpinned().err(), Some(Refused::Pinned));
        pins.give_back();
        assert_eq!(delete(early), Err(Refused::Pinned));
        let (first, second) = (pins.unpinned(), pins.unpinned());
        assert_eq!(delete(first), Ok(()));
        assert_eq!(delete(second), Err(Refused::Deleted));
        let refused = pins.take(Generation::FIRST);
        assert!(matches!(refused, Err(PinError::NoSuchPlan { .. })));
        assert_eq!(pins.unpinned().err(), Some(Refused::Deleted));
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic = "a pin was given back twice"]
    fn a_pin_cannot_be_given_back_twice() {
        let pins = Pins::<Native>::none();
        pins.take(Generation::FIRST).unwrap();
        pins.give_back();
        pins.give_back();
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
