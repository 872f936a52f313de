//! The Planner: decides what the endpoints should answer, and publishes it.
//!
//! # A tick
//! 1. *Weigh*: make the desired plan from the fleet and a health reading, as
//!    `weights` describes.
//! 2. *Compare* it with the store's latest plan. The same content is not
//!    published again.
//! 3. *Guard*: refuse it if it takes too much away at once, as `guard` describes.
//! 4. *Publish* it. The Enactors do the rest.
//!
//! The Planner remembers nothing of what it published: each tick starts from
//! what the store says. So a publish whose reply was lost needs no repair; the
//! next tick finds the plan there, or publishes it.

mod guard;
mod weights;

use std::sync::Arc;

use plan_store::{Generation, Pin, Plan, PlanStore};
use tracing::{debug, debug_span, warn};

use self::guard::Guard;
use crate::{Fleet, Health, PlanError};

/// Publishes a plan whenever the fleet or its health asks for another one.
///
/// Run one Planner for a store. Two Planners would each undo what the other
/// publishes, but could do no worse harm. An operator's
/// [`republish`](PlanStore::republish) is undone as well, in the next tick; for
/// a lasting return, change the fleet.
///
/// A plan is refused if it takes away more than [`Fleet::max_removal_percent`] of
/// an endpoint's targets at once. A target is taken away if it could be drawn in
/// the latest plan and cannot be drawn in the new one. [`Planner::confirm`] lets
/// such a plan pass.
#[derive(Debug)]
pub struct Planner<S> {
    store: S,
    fleet: Fleet,
    guard: Guard,
}

/// What a tick did.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Planned {
    /// A new plan is in the store.
    Published {
        /// Its generation.
        generation: Generation,
    },
    /// The store's latest plan is the desired one.
    Unchanged {
        /// Its generation.
        generation: Generation,
    },
}

impl<S: PlanStore> Planner<S> {
    /// A Planner of this fleet.
    pub fn new(store: S, fleet: Fleet) -> Self {
        Self {
            store,
            fleet,
            guard: Guard::default(),
        }
    }

    /// The fleet that it plans for.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// Plans for another fleet from the next tick on. The guard judges the changes
    /// like any other. The store keeps the retention that it has.
    pub fn set_fleet(&mut self, fleet: Fleet) {
        self.fleet = fleet;
    }

    /// Lets the plan that was refused last pass the guard, once. Returns whether
    /// there is one.
    ///
    /// The confirmation is for that plan only. If the next ticks want a different
    /// plan that also takes too much away, that plan is refused and needs a
    /// confirmation of its own. The confirmation is void once a plan is published,
    /// or once the store's plan is the desired one again.
    pub fn confirm(&mut self) -> bool {
        self.guard.confirm()
    }

    /// Makes one tick from a reading.
    ///
    /// # Errors
    /// [`PlanError::NoHealth`] if the reading is empty, and
    /// [`PlanError::TooManyRemoved`] if the guard refuses the plan: nothing is
    /// published. [`PlanError::Store`] if the store fails: the plan may or may not
    /// be published, and the next tick looks.
    pub fn tick(&mut self, health: &Health) -> Result<Planned, PlanError> {
        let _span = debug_span!("tick").entered();
        if health.is_empty() {
            warn!("health reading names no target");
            return Err(PlanError::NoHealth);
        }
        let desired = weights::desired(&self.fleet, health)?;
        let Some(latest) = self.store.latest()? else {
            return self.publish(desired);
        };
        let desired = desired.sharing(latest.plan());
        let generation = latest.generation();
        if desired == **latest.plan() {
            debug!(%generation, "unchanged");
            self.guard.forget();
            return Ok(Planned::Unchanged { generation });
        }
        let allowed_percent = self.fleet.max_removal_percent();
        self.guard.check(allowed_percent, latest.plan(), &desired)?;
        self.publish(desired)
    }

    fn publish(&mut self, plan: Plan) -> Result<Planned, PlanError> {
        let generation = self.store.publish(Arc::new(plan))?;
        // Not before: if the store fails, the operator need not confirm again.
        self.guard.forget();
        Ok(Planned::Published { generation })
    }
}
