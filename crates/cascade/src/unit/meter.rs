//! Whole requests, and where they are.

use crate::Counts;

/// Turns a rate into whole requests; what is left over counts for the next step.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Meter {
    carry: f64,
}

impl Meter {
    pub(crate) fn take(&mut self, amount: f64) -> u64 {
        self.carry += amount.max(0.0);
        let whole = self.carry.floor();
        self.carry -= whole;
        whole_number(whole)
    }
}

/// A count of what is not negative; the bounds of the parameters keep it small.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and counts are not negative"
)]
pub(crate) fn whole_number(amount: f64) -> u64 {
    amount as u64
}

/// So many of something that there are few of.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and the bounds of the parameters keep it small"
)]
pub(crate) fn how_many(amount: f64) -> usize {
    amount as usize
}

/// A count as a quantity.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn amount(count: u64) -> f64 {
    count as f64
}

/// `part` of `whole`, which is 0 of nothing.
pub(crate) fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Requests never get lost: they come, wait, and are served or fail.
impl Counts {
    pub(crate) fn arrive(&mut self, requests: u64) {
        self.arrived += requests;
        self.waiting += requests;
    }

    /// Serves as many of those that wait; returns how many there were.
    pub(crate) fn serve(&mut self, at_most: u64) -> u64 {
        let served = at_most.min(self.waiting);
        self.waiting -= served;
        self.served += served;
        served
    }

    /// Fails as many of those that wait; returns how many there were.
    pub(crate) fn fail(&mut self, at_most: u64) -> u64 {
        let failed = at_most.min(self.waiting);
        self.waiting -= failed;
        self.failed += failed;
        failed
    }
}
