//! An endpoint's word: its active plan and its rollback target, changed in one step.
//!
//! ```text
//!  63          62 .. 32        31    30 .. 0
//! +-----------+---------------+-----+---------------+
//! | withdrawn | generation    |  0  | rollback      |     0 = none
//! +-----------+---------------+-----+---------------+
//! ```
//!
//! # Rules
//! 1. The word changes only in [`Cell::advance`], by compare-and-swap, and only to a higher
//!    generation. So no value returns. A compare-and-swap that succeeds has seen every step
//!    before it, and if two reads return the same value, the word has not changed between
//!    them.
//! 2. A caller that advances the word to a plan holds a pin on that plan for the whole step.
//! 3. The same step makes the plan that was active the rollback target. An endpoint that was
//!    vacant or withdrawn leaves no rollback target.
//! 4. A cell never stands on a plan that is older than the one that added the endpoint: no
//!    older plan in the store names the endpoint, and a withdrawal by an older plan is
//!    refused.
//!
//! # Orderings
//! - The compare-and-swap releases. [`Cell::word`] acquires, and so does a compare-and-swap
//!   that fails. So a caller that reads a generation also sees everything that its activator
//!   did before the step.
//! - A compare-and-swap that succeeds need not acquire: the word has the value that an
//!   earlier load returned, and that load acquired. So each step follows the step that it
//!   replaces, and a caller that reads the last step of a chain also sees what the first one
//!   released.

use std::cmp::Ordering;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::primitives::{Primitives, Word};
use crate::{Activation, EndpointState, Generation, Key, Standing};

/// The bits of a generation.
const NUMBER: u64 = (1 << 31) - 1;
/// Where the active or withdrawing generation begins. The rollback target begins at 0.
const STANDING: u32 = 32;
/// The flag of a withdrawn endpoint.
const WITHDRAWN: u64 = 1 << 63;

const _: () = {
    assert!(Generation::MAX.get() as u64 == NUMBER, "each number fits");
    assert!(
        NUMBER & NUMBER << STANDING == 0,
        "the numbers do not overlap"
    );
    assert!(
        (NUMBER | NUMBER << STANDING) & WITHDRAWN == 0,
        "nor do they overlap the flag"
    );
};

impl EndpointState {
    /// The state as one word, for a store that changes it in one atomic step. From the highest
    /// bit on, the word has one bit that says whether the endpoint is withdrawn, 31 bits of the
    /// generation that the endpoint stands on, one bit that is always 0, and 31 bits of the
    /// rollback target. The number 0 means that there is none.
    pub fn to_word(self) -> u64 {
        let number = |generation: Option<Generation>| generation.map_or(0, |g| u64::from(g.get()));
        let flag = match self.standing {
            Standing::Withdrawn(_) => WITHDRAWN,
            Standing::Vacant | Standing::Active(_) => 0,
        };
        flag | number(self.standing.generation()) << STANDING | number(self.rollback)
    }

    /// The state from which [`EndpointState::to_word`] made this word.
    pub fn from_word(word: u64) -> Self {
        let number = |bits: u64| u32::try_from(bits & NUMBER).ok().and_then(Generation::new);
        let standing = match number(word >> STANDING) {
            None => Standing::Vacant,
            Some(generation) if word & WITHDRAWN != 0 => Standing::Withdrawn(generation),
            Some(generation) => Standing::Active(generation),
        };
        let rollback = number(word);
        Self { standing, rollback }
    }
}

/// What the holder of a pin does to an endpoint with the pinned plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Makes this plan the active one.
    Activate(Generation),
    /// Withdraws the endpoint by this plan, which does not name it.
    Withdraw(Generation),
}

impl Step {
    fn generation(self) -> Generation {
        match self {
            Self::Activate(generation) | Self::Withdraw(generation) => generation,
        }
    }
}

/// Where an endpoint stands after the step.
impl From<Step> for Standing {
    fn from(step: Step) -> Self {
        match step {
            Step::Activate(generation) => Self::Active(generation),
            Step::Withdraw(generation) => Self::Withdrawn(generation),
        }
    }
}

/// An endpoint that a store knows: where it stands, and which plan added it. A durable store
/// keeps this for each endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// Where the endpoint stands.
    pub state: EndpointState,
    /// The plan that added the endpoint to the store.
    pub since: Generation,
}

impl Known {
    /// An endpoint that this plan adds.
    pub const fn added_by(since: Generation) -> Self {
        let state = EndpointState::VACANT;
        Self { state, since }
    }

    /// The endpoint after this step. A [`MemoryStore`](crate::MemoryStore) decides each of its
    /// steps by the same rule.
    ///
    /// # Errors
    /// What the caller of the step is told if it is refused: [`Activation::Already`] or
    /// [`Activation::Stale`].
    pub fn after(self, step: Step) -> Result<Self, Activation> {
        let state = after(self.state, step, self.since)?;
        Ok(Self { state, ..self })
    }
}

pub(super) struct Cell<K: Key, P: Primitives> {
    word: P::Word,
    endpoint: K,
    /// The plan that added the endpoint to the store.
    since: Generation,
}

/// Cells are compared by identity: a cell is equal only to itself.
impl<K: Key, P: Primitives> PartialEq for Cell<K, P> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl<K: Key, P: Primitives> Cell<K, P> {
    pub(super) fn vacant(endpoint: K, since: Generation) -> Self {
        Self {
            word: P::Word::new(EndpointState::VACANT.to_word()),
            endpoint,
            since,
        }
    }

    /// A cell that continues one of another store.
    pub(super) fn known(endpoint: K, known: Known) -> Self {
        Self {
            word: P::Word::new(known.state.to_word()),
            endpoint,
            since: known.since,
        }
    }

    /// The endpoint to which the cell belongs.
    pub(super) fn endpoint(&self) -> &K {
        &self.endpoint
    }

    /// Whether an older plan added the endpoint, and it stands on an older plan or on none.
    pub(super) fn is_behind(&self, plan: Generation) -> bool {
        self.since < plan && self.state().standing.generation() < Some(plan)
    }

    pub(super) fn state(&self) -> EndpointState {
        EndpointState::from_word(self.word())
    }

    /// The cell's state, as [`EndpointState::to_word`] gives it.
    #[inline]
    pub(super) fn word(&self) -> u64 {
        self.word.load(Acquire)
    }

    /// Takes the step, unless the endpoint is on this plan or a newer one.
    ///
    /// Lock-free: an attempt is repeated only if another step has raised the generation. The
    /// attempts end as soon as the generation has reached this step's.
    pub(super) fn advance(&self, step: Step) -> Activation {
        let mut seen = self.word();
        loop {
            let replaced = EndpointState::from_word(seen);
            let next = match after(replaced, step, self.since) {
                Ok(next) => next,
                Err(refused) => return refused,
            };
            debug_assert!(
                replaced.standing.generation() < next.standing.generation(),
                "a step from {replaced:?} to {next:?}"
            );
            let next = next.to_word();
            match self.word.compare_exchange(seen, next, Release, Acquire) {
                Ok(_) => return Activation::Activated { replaced },
                Err(current) => seen = current,
            }
        }
    }
}

/// The state after `step` at an endpoint that is in state `seen` and that plan `since` added,
/// or why the step is refused.
fn after(seen: EndpointState, step: Step, since: Generation) -> Result<EndpointState, Activation> {
    let plan = step.generation();
    match seen.standing.generation() {
        None if plan < since => Err(Activation::Stale { newer: since }),
        None => Ok(seen.moved_to(step.into())),
        Some(here) => match here.cmp(&plan) {
            Ordering::Less => Ok(seen.moved_to(step.into())),
            Ordering::Equal => Err(Activation::Already),
            Ordering::Greater => Err(Activation::Stale { newer: here }),
        },
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
        fn every_state_survives_the_word(
            standing in standing(),
            rollback in proptest::option::of(generation()),
        ) {
            let state = EndpointState { standing, rollback };
            prop_assert_eq!(EndpointState::from_word(state.to_word()), state);
        }

        #[test]
        fn no_step_lowers_a_generation(from in standing(), to in generation()) {
            let seen = EndpointState { standing: from, rollback: None };
            match after(seen, Step::Activate(to), Generation::FIRST) {
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
        let cell = Cell::<String, Native>::vacant("db".into(), g(2));
        let replaced = |standing, rollback| Activation::Activated {
            replaced: EndpointState { standing, rollback },
        };
        let steps = [
            (Step::Withdraw(g(1)), Activation::Stale { newer: g(2) }),
            (Step::Activate(g(2)), replaced(Standing::Vacant, None)),
            (Step::Activate(g(2)), Activation::Already),
            (Step::Activate(g(1)), Activation::Stale { newer: g(2) }),
            (Step::Activate(g(4)), replaced(Standing::Active(g(2)), None)),
            (Step::Withdraw(g(3)), Activation::Stale { newer: g(4) }),
            (
                Step::Withdraw(g(5)),
                replaced(Standing::Active(g(4)), Some(g(2))),
            ),
            (Step::Activate(g(4)), Activation::Stale { newer: g(5) }),
            (
                Step::Withdraw(g(6)),
                replaced(Standing::Withdrawn(g(5)), Some(g(4))),
            ),
            (
                Step::Activate(g(7)),
                replaced(Standing::Withdrawn(g(6)), None),
            ),
        ];
        for (step, expected) in steps {
            assert_eq!(cell.advance(step), expected, "{step:?}");
        }
        let end = EndpointState {
            standing: Standing::Active(g(7)),
            rollback: None,
        };
        assert_eq!(cell.state(), end);
    }
}
