//! The effect on customers, and how routing moves them to another region.

use crate::Customers;
use crate::parameters::Arrangement;
use crate::unit::{Failing, STEP_MINUTES, Unit};

/// A customer is hit if at least this share of requests fails.
const HIT: f64 = 0.5;
/// For how many minutes requests must fail before a customer counts as hit.
const HIT_MINUTES: f64 = 5.0;

/// Adds up the effect on customers.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Minutes for which each unit has mostly failed.
    hit: Vec<f64>,
    customers: Customers,
}

impl Ledger {
    /// Records one step. `weights` are the shares of customers whose home is each unit.
    pub(crate) fn step(&mut self, units: &[Unit], weights: &[f64]) {
        self.hit.resize(units.len(), 0.0);
        let mut radius = 0.0;
        for ((unit, weight), hit) in units.iter().zip(weights).zip(&mut self.hit) {
            let (failing, share) = (unit.failing(), weight * unit.traffic);
            let customers = &mut self.customers;
            customers.launch_minutes += share * failing.launches * STEP_MINUTES;
            customers.invocation_minutes += share * failing.invocations * STEP_MINUTES;
            customers.sign_in_minutes += share * failing.sign_ins * STEP_MINUTES;
            *hit = if failing.worst() >= HIT {
                *hit + STEP_MINUTES
            } else {
                0.0
            };
            if *hit >= HIT_MINUTES {
                radius += share;
            }
        }
        self.customers.blast_radius = self.customers.blast_radius.max(radius);
    }

    pub(crate) fn finish(mut self) -> Customers {
        // The sum of the shares may be slightly above 1.
        self.customers.blast_radius = self.customers.blast_radius.min(1.0);
        self.customers
    }
}

/// Leads customers away from a failing region, and back when it works again.
#[derive(Debug, Default)]
pub(crate) struct Router {
    /// The share that has moved.
    moved: f64,
    /// For how many minutes the region has failed; negative if it has worked.
    failing: f64,
    away: bool,
}

impl Router {
    /// Reads the state of the region, and returns the share of its customers that is away.
    pub(crate) fn step(&mut self, failing: Failing, values: &Arrangement) -> f64 {
        let fails = failing.worst() >= values.leave;
        let goes_on = fails == (self.failing > 0.0);
        let minutes = if fails { STEP_MINUTES } else { -STEP_MINUTES };
        self.failing = if goes_on {
            self.failing + minutes
        } else {
            minutes
        };
        if self.failing >= values.notice.max(STEP_MINUTES) {
            self.away = true;
        }
        if -self.failing >= values.trust {
            self.away = false;
        }
        let goal = f64::from(u8::from(self.away));
        let pace = 1.0 - (-STEP_MINUTES / values.move_time).exp();
        self.moved += (goal - self.moved) * pace;
        self.moved
    }
}
