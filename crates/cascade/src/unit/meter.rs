//! Counts of whole requests.

use crate::Counts;

/// Turns a rate into whole requests. The remainder counts for the next step.
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

/// A quantity as a count. The bounds of the parameters keep it small.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and counts are not negative"
)]
pub(crate) fn whole_number(amount: f64) -> u64 {
    amount as u64
}

/// A parameter as the length of a list.
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

/// `part` divided by `whole`; 0 if `whole` is 0.
pub(crate) fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Requests arrive, wait, and are then served or fail. None is lost.
impl Counts {
    pub(crate) fn arrive(&mut self, requests: u64) {
        self.arrived += requests;
        self.waiting += requests;
    }

    /// Serves at most this many of the waiting requests. Returns how many it served.
    pub(crate) fn serve(&mut self, at_most: u64) -> u64 {
        let served = at_most.min(self.waiting);
        self.waiting -= served;
        self.served += served;
        served
    }

    /// Lets at most this many of the waiting requests fail. Returns how many failed.
    pub(crate) fn fail(&mut self, at_most: u64) -> u64 {
        let failed = at_most.min(self.waiting);
        self.waiting -= failed;
        self.failed += failed;
        failed
    }
}
