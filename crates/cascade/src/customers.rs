//! What customers have of the day, and how they are led away.

use crate::Customers;
use crate::parameters::Arrangement;
use crate::unit::{Failing, STEP_MINUTES, Unit};

/// Whose requests mostly fail is hit.
const HIT: f64 = 0.5;
/// Once that has gone on for so many minutes.
const HIT_MINUTES: f64 = 5.0;

/// Adds up what customers have of the day.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Minutes for which each unit has mostly failed.
    hit: Vec<f64>,
    customers: Customers,
}

impl Ledger {
    /// Takes down one step; `weights` are the shares of customers whose home
    /// each unit is.
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
        // Shares that add up to one may come out a hair above.
        self.customers.blast_radius = self.customers.blast_radius.min(1.0);
        self.customers
    }
}

/// Leads customers away from a region that fails, and back when it is well.
#[derive(Debug, Default)]
pub(crate) struct Router {
    /// The share that has moved.
    moved: f64,
    /// For how many minutes it has failed; less than 0: been well.
    failing: f64,
    away: bool,
}

impl Router {
    /// Looks at the region, and returns what share of its customers is away.
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
