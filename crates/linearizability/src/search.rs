//! The search for an order in which a sequential store gives the answers that the clients
//! got (Wing and Gong, JPDC 1993, with the memoization of Lowe, CCPE 2017).
//!
//! # Steps
//! 1. An operation is a candidate to be next if no other remaining operation returned
//!    before it was called.
//! 2. A candidate becomes the next operation if the sequential store allows it in its
//!    current state.
//! 3. If no candidate is allowed, the search takes back the last operation and tries
//!    another one in its place.
//! 4. If the same set of operations has led to the same state before, the search does not
//!    go on from there.
//!
//! The search ends after [`LIMIT`] tries. So a history that is too hard fails with its
//! seed, before the test's time-out.

use std::collections::HashSet;
use std::mem;
use std::time::Instant;

use crate::spec::{Op, State};

/// The most steps of the sequential store that a search tries.
pub const LIMIT: usize = 1_000_000;

/// An operation of a client, with the times of its call and its return.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Which client it was.
    pub client: u32,
    /// When it was called.
    pub called: i64,
    /// When it returned; [`i64::MAX`] if it may take effect at any later time, or never.
    pub returned: i64,
    /// When the client got the answer, by the machine's clock.
    pub told_at: Instant,
    /// What it was, and what the client was told.
    pub op: Op,
}

/// The result of a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// There is an order.
    Linearizable,
    /// There is no order. The text says where the longest attempt got stuck.
    Illegal(String),
    /// The search gave up after this many tries.
    Undecided(usize),
}

/// Looks for an order that explains the history, from the store's first state.
pub fn check(history: &[Operation]) -> Verdict {
    check_within(history, LIMIT)
}

/// The same as [`check`], with another limit on the tries.
pub fn check_within(history: &[Operation], limit: usize) -> Verdict {
    Search::over(history).run(limit)
}

/// A set of operations, a bit for each.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Set(Vec<u64>);

impl Set {
    fn empty(operations: usize) -> Self {
        Self(vec![0; operations.div_ceil(64)])
    }

    fn contains(&self, at: usize) -> bool {
        self.0[at / 64] & 1 << (at % 64) != 0
    }

    /// Adds the operation, or removes it.
    fn flip(&mut self, at: usize) {
        self.0[at / 64] ^= 1 << (at % 64);
    }
}

/// A search under way.
struct Search<'a> {
    /// Sorted by the time of the call.
    operations: Vec<&'a Operation>,
    /// The operations in the order so far, each with the state before it.
    order: Vec<(usize, State)>,
    done: Set,
    state: State,
    /// What the search has visited: sets of done operations, each with the state after
    /// them.
    been: HashSet<(Set, State)>,
    longest: (usize, String),
    tried: usize,
}

impl<'a> Search<'a> {
    fn over(history: &'a [Operation]) -> Self {
        let mut operations: Vec<_> = history.iter().collect();
        operations.sort_by_key(|operation| operation.called);
        Self {
            done: Set::empty(operations.len()),
            operations,
            order: Vec::new(),
            state: State::default(),
            been: HashSet::new(),
            longest: (0, String::new()),
            tried: 0,
        }
    }

    fn run(mut self, limit: usize) -> Verdict {
        let mut from = 0;
        while self.order.len() < self.operations.len() {
            if self.tried > limit {
                return Verdict::Undecided(self.tried);
            }
            if self.extend(from) {
                from = 0;
                continue;
            }
            match self.take_back() {
                Some(next) => from = next,
                None => return Verdict::Illegal(self.longest.1),
            }
        }
        Verdict::Linearizable
    }

    /// The candidates to be next: the operations that were called before any other
    /// remaining operation returned.
    fn candidates(&self) -> Vec<usize> {
        let mut returned = i64::MAX;
        let mut candidates = Vec::new();
        for (at, operation) in self.operations.iter().enumerate() {
            if operation.called > returned {
                break;
            }
            if !self.done.contains(at) {
                returned = returned.min(operation.returned);
                candidates.push(at);
            }
        }
        candidates
    }

    /// Extends the order by one candidate from this index on.
    fn extend(&mut self, from: usize) -> bool {
        let candidates = self.candidates().into_iter().filter(|&at| at >= from);
        for at in candidates {
            self.tried += 1;
            let Some(next) = self.state.after(&self.operations[at].op) else {
                continue;
            };
            self.done.flip(at);
            if self.been.insert((self.done.clone(), next.clone())) {
                let before = mem::replace(&mut self.state, next);
                self.order.push((at, before));
                return true;
            }
            self.done.flip(at);
        }
        false
    }

    /// Takes the last operation back, and returns the index from which to try others.
    /// `None` if the order is empty.
    fn take_back(&mut self) -> Option<usize> {
        if self.order.len() >= self.longest.0 {
            self.longest = (self.order.len(), self.stuck());
        }
        let (at, before) = self.order.pop()?;
        self.done.flip(at);
        self.state = before;
        Some(at + 1)
    }

    /// Where the order gets stuck, in words.
    fn stuck(&self) -> String {
        let candidates = self.candidates().into_iter().take(8);
        let next: Vec<_> = candidates.map(|at| self.operations[at]).collect();
        format!(
            "none of these can be next: {next:#?}\nafter {:#?}",
            self.state
        )
    }
}
