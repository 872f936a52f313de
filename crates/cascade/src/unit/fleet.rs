//! Hosts of a service that runs on instances behind load balancers.
//!
//! A host that its load balancer holds for dead is ended, and another is
//! launched in its place: which works if launches do.

use crate::unit::moment::STEP_MINUTES;

/// How fast hosts come and go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turnover {
    /// The share ended in an hour if all load balancers hold them for dead.
    pub(crate) ended: f64,
    /// The share that can be brought in within an hour.
    pub(crate) replaced: f64,
}

/// What happens around the hosts of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// The share of their load balancers' capacity that is out of DNS.
    pub(crate) out: f64,
    /// How often each missing host gets its launch, with a network, in an hour.
    pub(crate) launches: f64,
}

/// The hosts of one service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fleet {
    /// The share that is there.
    alive: f64,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        Self { alive: 1.0 }
    }

    pub(crate) fn step(&mut self, turnover: Turnover, weather: Weather) {
        let hours = STEP_MINUTES / 60.0;
        let ended = self.alive * weather.out * turnover.ended * hours;
        let missing = 1.0 - self.alive;
        let launched = turnover.replaced.min(missing * weather.launches) * hours;
        self.alive = (self.alive - ended + launched).clamp(0.0, 1.0);
    }

    /// The share that is there.
    pub(crate) fn alive(self) -> f64 {
        self.alive
    }
}
