//! An endpoint's word: what is active and what was, changed in one step.
//!
//! How the two share 64 bits: [`EndpointState::to_word`].
//!
//! # Rules
//! 1. The word changes only in [`Cell::advance`], by compare-and-swap, and only
//!    to a higher generation. So no value ever returns, a compare-and-swap that
//!    succeeds has seen every step before it, and a word read twice with the
//!    same value has not changed in between.
//! 2. Whoever advances it to a plan holds a pin on that plan throughout.
//! 3. The new rollback target is what was active, in the same step. An endpoint
//!    that was vacant or withdrawn leaves none.
//! 4. A cell never stands on a plan older than the one that brought it: no older
//!    plan in the store names the endpoint, and to withdraw it is refused.
//!
//! # Orderings
//! The compare-and-swap releases; [`Cell::word`] acquires, and so does a
//! compare-and-swap that fails: who is told of a generation also sees all that its
//! activator did before. Success need not acquire: the word is the one that was
//! seen, and seeing it did. So each step follows the one it replaces, and a chain of
//! activations hands on what the first one released.

use std::sync::atomic::Ordering::{Acquire, Release};

use crate::primitives::{Primitives, Word};
use crate::{Activation, EndpointName, EndpointState, Generation, Standing};

pub(super) struct Cell<P: Primitives> {
    word: P::Word,
    endpoint: EndpointName,
    /// The plan that brought the endpoint along.
    since: Generation,
}

/// Two cells are the same only if they are one.
impl<P: Primitives> PartialEq for Cell<P> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl<P: Primitives> Cell<P> {
    pub(super) fn vacant(endpoint: EndpointName, since: Generation) -> Self {
        Self {
            word: P::Word::new(EndpointState::VACANT.to_word()),
            endpoint,
            since,
        }
    }

    /// Whose cell it is.
    pub(super) fn endpoint(&self) -> &EndpointName {
        &self.endpoint
    }

    /// Whether the endpoint is older than this plan and stands on an older one,
    /// or on none.
    pub(super) fn is_behind(&self, plan: Generation) -> bool {
        self.since < plan && self.state().standing.generation() < Some(plan)
    }

    pub(super) fn state(&self) -> EndpointState {
        EndpointState::from_word(self.word())
    }

    /// [`EndpointState::to_word`] of its state.
    #[inline]
    pub(super) fn word(&self) -> u64 {
        self.word.load(Acquire)
    }

    /// Moves the endpoint on to `target`, unless it is there or beyond.
    ///
    /// Lock-free: an attempt is repeated only when another one has raised the
    /// generation, and not again once it has passed `target`'s.
    pub(super) fn advance(&self, target: Standing) -> Activation {
        let mut seen = self.word();
        loop {
            let replaced = EndpointState::from_word(seen);
            let next = match step(replaced, target, self.since) {
                Ok(next) => next.to_word(),
                Err(refused) => return refused,
            };
            match self.word.compare_exchange(seen, next, Release, Acquire) {
                Ok(_) => return Activation::Activated { replaced },
                Err(current) => seen = current,
            }
        }
    }
}

/// The state after `seen` if it moves on to `target`, or why it does not, at an
/// endpoint that plan `since` brought along.
fn step(
    seen: EndpointState,
    target: Standing,
    since: Generation,
) -> Result<EndpointState, Activation> {
    match seen.standing.generation() {
        None if target.generation() < Some(since) => Err(Activation::Stale { newer: since }),
        Some(newer) if Some(newer) > target.generation() => Err(Activation::Stale { newer }),
        here if here == target.generation() => Err(Activation::Already),
        _ => Ok(seen.moved_to(target)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Native;

    fn generation() -> impl Strategy<Value = Generation> {
        (1..=Generation::MAX.get()).prop_map(|n| Generation::new(n).unwrap())
    }

    fn standing() -> impl Strategy<Value = Standing> {
        prop_oneof![
            Just(Standing::Vacant),
            generation().prop_map(Standing::Active),
            generation().prop_map(Standing::Withdrawn),
        ]
    }

    proptest! {
        #[test]
        fn no_step_lowers_a_generation(from in standing(), to in generation()) {
            let seen = EndpointState { standing: from, rollback: None };
            match step(seen, Standing::Active(to), Generation::FIRST) {
                Ok(next) => {
                    prop_assert!(seen.standing.generation() < next.standing.generation());
                    prop_assert_eq!(next.rollback, from.active());
                }
                Err(Activation::Stale { newer }) => prop_assert!(newer > to),
                Err(other) => {
                    prop_assert_eq!(other, Activation::Already);
                    prop_assert_eq!(from.generation(), Some(to));
                }
            }
        }
    }

    #[test]
    fn an_endpoint_goes_forward_only() {
        let g = |n| Generation::new(n).unwrap();
        let cell = Cell::<Native>::vacant("db.example".parse().unwrap(), g(2));
        let replaced = |standing, rollback| Activation::Activated {
            replaced: EndpointState { standing, rollback },
        };
        let steps = [
            (Standing::Withdrawn(g(1)), Activation::Stale { newer: g(2) }),
            (Standing::Active(g(2)), replaced(Standing::Vacant, None)),
            (Standing::Active(g(2)), Activation::Already),
            (Standing::Active(g(1)), Activation::Stale { newer: g(2) }),
            (
                Standing::Active(g(4)),
                replaced(Standing::Active(g(2)), None),
            ),
            (Standing::Withdrawn(g(3)), Activation::Stale { newer: g(4) }),
            (
                Standing::Withdrawn(g(5)),
                replaced(Standing::Active(g(4)), Some(g(2))),
            ),
            (Standing::Active(g(4)), Activation::Stale { newer: g(5) }),
            (
                Standing::Withdrawn(g(6)),
                replaced(Standing::Withdrawn(g(5)), Some(g(4))),
            ),
            (
                Standing::Active(g(7)),
                replaced(Standing::Withdrawn(g(6)), None),
            ),
        ];
        for (target, expected) in steps {
            assert_eq!(cell.advance(target), expected, "{target:?}");
        }
        let end = EndpointState {
            standing: Standing::Active(g(7)),
            rollback: None,
        };
        assert_eq!(cell.state(), end);
    }
}
