//! The conditions of one step.

use crate::parameters::Values;
use crate::{STEP, Switch, Time};

/// Minutes of a step.
pub(crate) const STEP_MINUTES: f64 = STEP as f64 / 60.0;

/// The switches that people used so far, and when.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Controls {
    since: [Option<Time>; Switch::ALL.len()],
}

impl Controls {
    pub(crate) fn set(&mut self, switch: Switch, now: Time) {
        self.since[switch as usize] = Some(now);
    }

    pub(crate) fn is_on(&self, switch: Switch) -> bool {
        self.since(switch).is_some()
    }

    pub(crate) fn since(&self, switch: Switch) -> Option<Time> {
        self.since[switch as usize]
    }

    /// Whether fail-over is off, so that NLB takes no node out by itself.
    pub(crate) fn failover_is_off(&self) -> bool {
        self.since(Switch::FailoverOff) > self.since(Switch::FailoverOn)
    }
}

/// The conditions of one step, the same for all services of a unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Time,
    pub(crate) values: &'a Values,
    pub(crate) controls: &'a Controls,
    /// The demand, relative to the mean of a usual day.
    pub(crate) load: f64,
    /// Whether services continue with their last known state without the database.
    pub(crate) outlives: bool,
}

impl Moment<'_> {
    /// How long a service continues with its last known state: `seconds`, or the much longer
    /// time of static stability.
    pub(crate) fn keep(&self, seconds: f64) -> f64 {
        if self.outlives {
            self.values.architecture.outlive * 3600.0
        } else {
            seconds
        }
    }

    /// The demand in this step, if its mean is `per_minute`.
    pub(crate) fn demand(&self, per_minute: f64) -> f64 {
        per_minute * self.load * STEP_MINUTES
    }

    /// Minutes since people used a switch.
    pub(crate) fn minutes_since(&self, switch: Switch) -> Option<f64> {
        let since = self.controls.since(switch)?;
        Some(self.now.minutes_since(since))
    }
}
