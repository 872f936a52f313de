//! Stalls and other random choices, repeatable from a seed.

use std::hint::spin_loop;
use std::thread;
use std::time::Duration;

/// A source of random numbers, and of stalls from nothing to about a millisecond.
pub(super) struct Stalls(u64);

impl Stalls {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn stall(&mut self) {
        match self.next() % 64 {
            0..8 => thread::yield_now(),
            8..12 => (0..self.next() % 2000).for_each(|_| spin_loop()),
            12 => thread::park_timeout(Duration::from_micros(self.next() % 100)),
            13 => (0..100).for_each(|_| thread::yield_now()),
            _ => {}
        }
    }
}
