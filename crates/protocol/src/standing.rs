//! Where an endpoint stands, and the rule by which it moves.

use crate::{Generation, Refused};

/// The value of an endpoint's word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Standing {
    /// The plan of the last step; 0 if there was none.
    pub plan: Generation,
    /// Whether that plan withdrew the endpoint. If not, the plan is active.
    pub withdrawn: bool,
    /// The rollback target; 0 for none.
    pub rollback: Generation,
}

/// What a step does to an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// It makes the plan the active one.
    Activate,
    /// It withdraws the endpoint by a plan that does not name it.
    Withdraw,
}

impl Standing {
    /// The active plan; 0 if there is none. It becomes the rollback target in the next step.
    pub fn active(self) -> Generation {
        if self.withdrawn { 0 } else { self.plan }
    }

    /// Whether the plan is active or the rollback target.
    pub fn uses(self, plan: Generation) -> bool {
        self.active() == plan || self.rollback == plan
    }

    /// The value after a step with this plan, at an endpoint that the plan `since` brought.
    ///
    /// # Errors
    /// [`Refused::NotNewer`], or [`Refused::OlderThanCell`] for a withdrawal.
    pub fn moved(self, kind: Kind, plan: Generation, since: Generation) -> Result<Self, Refused> {
        if self.plan >= plan {
            return Err(Refused::NotNewer);
        }
        let withdrawn = kind == Kind::Withdraw;
        if withdrawn && self.plan == 0 && plan < since {
            return Err(Refused::OlderThanCell);
        }
        Ok(Self {
            plan,
            withdrawn,
            rollback: self.active(),
        })
    }
}
