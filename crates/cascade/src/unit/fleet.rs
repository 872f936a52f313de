//! Hosts of a service that runs on instances behind load balancers.
//!
//! A host that its load balancer considers dead is ended, and another host is launched in
//! its place, if launches succeed.

use crate::unit::moment::STEP_MINUTES;

/// How fast hosts come and go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turnover {
    /// The share ended in an hour if all load balancers consider the hosts dead.
    pub(crate) ended: f64,
    /// The share that can be added in an hour.
    pub(crate) replaced: f64,
}

/// The conditions outside of the service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// The share of their load balancers' capacity that is out of DNS.
    pub(crate) out: f64,
    /// How many successful launches each missing host gets in an hour.
    pub(crate) launches: f64,
}

/// The hosts of one service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fleet {
    /// The share of hosts that run.
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

    /// The share of hosts that run.
    pub(crate) fn alive(self) -> f64 {
        self.alive
    }
}
