//! What holds during one step.

use crate::parameters::Values;
use crate::{STEP, Switch, Time};

/// Minutes of a step.
pub(crate) const STEP_MINUTES: f64 = STEP as f64 / 60.0;

/// What people have switched so far, and when.
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

    /// Whether NLB takes nothing out by itself: off, and not on again since.
    pub(crate) fn failover_is_off(&self) -> bool {
        self.since(Switch::FailoverOff) > self.since(Switch::FailoverOn)
    }
}

/// What holds during one step, the same for all services of a unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Time,
    pub(crate) values: &'a Values,
    pub(crate) controls: &'a Controls,
    /// What customers ask for, against the mean of a usual day.
    pub(crate) load: f64,
    /// Whether what is known goes on to hold without the database.
    pub(crate) outlives: bool,
}

impl Moment<'_> {
    /// So many seconds for which a service goes on with what it knows; very long
    /// where it is built to.
    pub(crate) fn keep(&self, seconds: f64) -> f64 {
        if self.outlives {
            self.values.architecture.outlive * 3600.0
        } else {
            seconds
        }
    }

    /// What is asked for in this step, at so many a minute on the mean.
    pub(crate) fn demand(&self, per_minute: f64) -> f64 {
        per_minute * self.load * STEP_MINUTES
    }

    /// Minutes since something was switched on.
    pub(crate) fn minutes_since(&self, switch: Switch) -> Option<f64> {
        let since = self.controls.since(switch)?;
        Some(self.now.minutes_since(since))
    }
}
