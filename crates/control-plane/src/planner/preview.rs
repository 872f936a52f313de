//! Previews: what another fleet would change, without any effect.

use std::sync::Arc;
use std::time::Instant;

use plan_store::{DnsStore, EndpointName, Pin, RecordSet};

use super::decide::Situation;
use super::suspicion::Limit;
use super::{Desired, HeldChange, Planner, compare};
use crate::{EndpointDiff, Fleet, PlanError};

/// What a fleet would change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preview {
    /// The changes of the plan, by endpoint. New targets count as healthy; in truth each is
    /// served after its first successful check.
    pub changes: Vec<EndpointDiff>,
    /// The changes that would wait for a confirmation.
    pub held: Vec<HeldChange>,
}

impl<S: DnsStore> Planner<S> {
    /// What would change if this were the fleet, with the health and the orders of this
    /// moment. Nothing happens.
    ///
    /// # Errors
    /// The store fails, or the fleet makes no valid plan.
    pub fn preview(&self, fleet: &Fleet, now: Instant) -> Result<Preview, PlanError> {
        let latest = self.store.latest().map_err(plan_store::Error::from)?;
        let latest = latest.as_ref().map(|pin| &**pin.plan());
        let mut control = self.control.clone();
        let mut static_names = self.static_names.clone();
        if let Some(plan) = latest {
            control.adopt(plan, fleet, now);
            static_names.adopt(plan);
        }
        let mut targets = self.targets.clone();
        for (before, now) in control.check_as(fleet) {
            targets.hand_over(before, now);
        }
        control.propose(fleet, &self.status.drains, now);
        static_names.propose(fleet, now);
        let watchlist = control.watchlist(fleet);
        targets.assume_healthy(watchlist.targets.keys().copied());
        let watched = watchlist.addresses();
        let situation = Situation {
            targets: &targets,
            suspected: &Limit::of(fleet).suspected(&targets, watched, now),
            now,
            window: fleet.detection(),
            first_round: fleet.first_round(),
        };
        let Desired { changes, .. } = compare((&control, &static_names), latest, &situation)?;
        let of = |(name, to): &(EndpointName, Option<RecordSet>)| {
            let from = latest.and_then(|plan| plan.records(name));
            EndpointDiff::of(name, from.map(Arc::as_ref), to.as_ref())
        };
        let mut changes: Vec<_> = changes.iter().filter_map(of).collect();
        changes.sort_unstable_by(|a, b| a.endpoint.cmp(&b.endpoint));
        let held = control.held().chain(static_names.held()).cloned();
        let held = held.collect();
        Ok(Preview { changes, held })
    }
}
