//! The guard: refuses a plan that takes away too many targets at once.
//!
//! # Rules
//! 1. A target is taken away if it could be drawn in the store's latest plan and
//!    cannot be drawn in the new one: it is absent, or at weight 0.
//! 2. A plan that takes away more than the allowed share of any endpoint's targets
//!    is refused. It does not matter whether health or a new fleet asks for it.
//! 3. Small endpoints are no exception: one target of two is 50 %. An endpoint that
//!    goes is 100 %.
//! 4. The guard judges single steps, not their sum: several small steps each pass.
//! 5. An operator's confirmation is for the plan that was refused last and for no
//!    other. It holds until a plan is published, until another plan is refused, or
//!    until the store's plan is the desired one again.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use plan_store::{EndpointName, Plan, RecordSet};
use tracing::{info, warn};

use crate::PlanError;

/// Remembers the plan that it refused last, until [`Guard::forget`].
#[derive(Debug, Default)]
pub(super) struct Guard {
    refused: Option<Refused>,
}

#[derive(Debug)]
struct Refused {
    plan: Plan,
    confirmed: bool,
}

impl Guard {
    /// Confirms the plan that was refused last. Returns whether there is one.
    pub(super) fn confirm(&mut self) -> bool {
        if let Some(refused) = &mut self.refused {
            refused.confirmed = true;
        }
        self.refused.is_some()
    }

    /// Forgets the refused plan, and with it a confirmation.
    pub(super) fn forget(&mut self) {
        self.refused = None;
    }

    /// Refuses `desired` if it takes too much away and is not confirmed.
    pub(super) fn check(
        &mut self,
        allowed_percent: u8,
        latest: &Plan,
        desired: &Plan,
    ) -> Result<(), PlanError> {
        let Some((first, endpoints)) = first_beyond(allowed_percent, latest, desired) else {
            return Ok(());
        };
        let (endpoint, removed, of) = (first.endpoint, first.removed, first.of);
        if self.is_confirmed(desired) {
            info!(%endpoint, removed, of, endpoints, "confirmed");
            return Ok(());
        }
        warn!(%endpoint, removed, of, endpoints, allowed_percent, "refuse");
        self.refused = Some(Refused {
            plan: desired.clone(),
            confirmed: false,
        });
        Err(PlanError::TooManyRemoved {
            endpoint: endpoint.clone(),
            removed,
            of,
            allowed_percent,
            endpoints,
        })
    }

    fn is_confirmed(&self, desired: &Plan) -> bool {
        let refused = self.refused.as_ref();
        refused.is_some_and(|refused| refused.confirmed && refused.plan == *desired)
    }
}

/// What a plan takes away from an endpoint.
struct Removal<'a> {
    endpoint: &'a EndpointName,
    removed: usize,
    of: usize,
}

/// The first endpoint, by name, that loses more than it may, and how many do.
fn first_beyond<'a>(
    allowed_percent: u8,
    latest: &'a Plan,
    desired: &Plan,
) -> Option<(Removal<'a>, usize)> {
    let removals = latest
        .endpoints()
        .map(|(endpoint, before)| removal(endpoint, before, desired.records(endpoint)));
    let mut beyond = removals.filter(|r| r.removed * 100 > r.of * usize::from(allowed_percent));
    let first = beyond.next()?;
    Some((first, 1 + beyond.count()))
}

fn removal<'a>(
    endpoint: &'a EndpointName,
    before: &RecordSet,
    after: Option<&Arc<RecordSet>>,
) -> Removal<'a> {
    let kept: HashSet<IpAddr> = after.into_iter().flat_map(|after| drawn(after)).collect();
    Removal {
        endpoint,
        removed: drawn(before)
            .filter(|target| !kept.contains(target))
            .count(),
        of: drawn(before).count(),
    }
}

/// The targets that can be drawn.
fn drawn(records: &RecordSet) -> impl Iterator<Item = IpAddr> + '_ {
    let drawn = records.targets().filter(|target| target.weight > 0);
    drawn.map(|target| target.address)
}
