//! Back-off: how long an Enactor waits after a failed pass.

use std::time::Duration;

use fastrand::Rng;

/// Exponential back-off with jitter. The n-th wait, from 0, is drawn evenly from the
/// upper half of `first × 2ⁿ`, which is capped at `max`. The jitter keeps Enactors
/// that failed together from retrying together.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    next: Duration,
    rng: Rng,
}

impl Backoff {
    pub(crate) fn new(first: Duration, max: Duration, seed: u64) -> Self {
        let rng = Rng::with_seed(seed);
        let next = first;
        Self {
            first,
            max,
            next,
            rng,
        }
    }

    /// How long to wait after another failure.
    pub(crate) fn after_failure(&mut self) -> Duration {
        let ceiling = self.next.min(self.max);
        self.next = ceiling.saturating_mul(2);
        ceiling.mul_f64(0.5 + 0.5 * self.rng.f64())
    }

    /// Starts over with the first wait, after a pass that succeeded.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_maximum_and_start_over() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(10), ms(50), 7);
        for ceiling in [10, 20, 40, 50, 50].map(ms) {
            let wait = backoff.after_failure();
            assert!(
                ceiling / 2 <= wait && wait <= ceiling,
                "{wait:?} for {ceiling:?}"
            );
        }
        backoff.reset();
        assert!(backoff.after_failure() <= ms(10));
    }

    #[test]
    fn each_wait_has_a_jitter_of_its_own() {
        let wait = Duration::from_secs(1);
        let mut backoff = Backoff::new(wait, wait, 7);
        let mut waits = [(); 5].map(|()| backoff.after_failure());
        waits.sort();
        assert!(waits.is_sorted_by(|one, next| one < next), "{waits:?}");
    }

    #[test]
    fn different_seeds_wait_differently() {
        let waits = |seed| {
            let mut backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1), seed);
            [(); 5].map(|()| backoff.after_failure())
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
