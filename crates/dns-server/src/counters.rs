//! Counts of what a server has done, which other threads can read while it runs.
//!
//! # Who may touch what
//! Each serving thread has its own counters. Only that thread writes them; any thread may
//! read them. So a count is a load and a store, without a read-modify-write.
//!
//! # Orderings
//! All are relaxed. No reader concludes from one count what another must be. So
//! [`Counters::read`] may see one count of a query and not yet another.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use plan_store::Generation;

use crate::reply::Outcome;

/// One serving thread's counters. Aligned so that no two threads' share a cache
/// line, nor a pair that is fetched together.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counters {
    begin: Instant,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    activations: AtomicU64,
    panics: AtomicU64,
    tcp_failures: AtomicU64,
    /// The newest generation answered from; 0 before the first.
    generation: AtomicU64,
    /// When that was first answered from, in milliseconds after `begin`.
    since: AtomicU64,
}

/// The counters of one thread, or of several threads added up, at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    outcomes: [u64; Outcome::ALL.len()],
    /// How often an endpoint was first answered from a newer plan. Each thread counts on its
    /// own, and only endpoints that it was asked for.
    pub activations_seen: u64,
    /// How often a thread panicked while it answered. It dropped what it was answering, and
    /// went on.
    pub panics: u64,
    /// How often a TCP connection could not be taken, for example because the process had no
    /// file descriptor left. Each try counts.
    pub tcp_failures: u64,
    /// The newest generation that a query was answered from.
    pub generation: Option<Generation>,
    /// How long ago that generation was first answered from.
    pub age: Option<Duration>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            begin: Instant::now(),
            outcomes: Default::default(),
            activations: AtomicU64::new(0),
            panics: AtomicU64::new(0),
            tcp_failures: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            since: AtomicU64::new(0),
        }
    }
}

impl Counters {
    pub(crate) fn count(&self, outcome: Outcome) {
        add_one(&self.outcomes[outcome as usize]);
    }

    pub(crate) fn panicked(&self) {
        add_one(&self.panics);
    }

    pub(crate) fn tcp_failed(&self) {
        add_one(&self.tcp_failures);
    }

    pub(crate) fn activation_seen(&self, generation: Generation) {
        add_one(&self.activations);
        let number = u64::from(generation.get());
        if number > self.generation.load(Relaxed) {
            let since = self.begin.elapsed().as_millis();
            self.since
                .store(u64::try_from(since).unwrap_or(u64::MAX), Relaxed);
            self.generation.store(number, Relaxed);
        }
    }

    /// Reads all of them.
    pub fn read(&self) -> Counts {
        let number = u32::try_from(self.generation.load(Relaxed));
        let generation = number.ok().and_then(Generation::new);
        let since = Duration::from_millis(self.since.load(Relaxed));
        Counts {
            outcomes: self.outcomes.each_ref().map(|count| count.load(Relaxed)),
            activations_seen: self.activations.load(Relaxed),
            panics: self.panics.load(Relaxed),
            tcp_failures: self.tcp_failures.load(Relaxed),
            generation,
            age: generation.map(|_| self.begin.elapsed().saturating_sub(since)),
        }
    }
}

/// Only the counter's own thread calls this.
fn add_one(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed) + 1, Relaxed);
}

impl Counts {
    /// How many queries had this outcome.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize]
    }

    /// How many packets came in.
    pub fn total(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Both added up. The generation is the newer one; if both have the same, the age is the
    /// longer one.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (count, more) in self.outcomes.iter_mut().zip(other.outcomes) {
            *count += more;
        }
        self.activations_seen += other.activations_seen;
        self.panics += other.panics;
        self.tcp_failures += other.tcp_failures;
        if (other.generation, other.age) > (self.generation, self.age) {
            (self.generation, self.age) = (other.generation, other.age);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(number: u32) -> Generation {
        Generation::new(number).unwrap()
    }

    #[test]
    fn counts_of_several_threads_add_up_and_the_newest_generation_counts() {
        let [one, two] = [Counters::default(), Counters::default()];
        one.count(Outcome::Answer);
        two.count(Outcome::Answer);
        two.count(Outcome::Dropped);
        one.activation_seen(generation(4));
        two.activation_seen(generation(7));
        two.activation_seen(generation(5));
        let both = one.read().and(&two.read());
        assert_eq!(both.of(Outcome::Answer), 2);
        assert_eq!(both.of(Outcome::Refused), 0);
        assert_eq!((both.total(), both.activations_seen), (3, 3));
        assert_eq!(both.generation, Some(generation(7)));
        assert!(both.age.is_some());
        assert_eq!(Counts::default().and(&both), both);
        assert_eq!(both.clone().and(&Counts::default()), both);
    }

    #[test]
    fn every_outcome_has_its_counter() {
        for (at, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, at, "{outcome:?}");
        }
    }
}
