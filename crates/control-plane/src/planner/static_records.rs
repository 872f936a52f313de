//! Static records: what the zone files say, which changes of that take effect at once, and which
//! wait for a person.
//!
//! Health has no part in them. Endpoints and zones do not wait for each other.
//!
//! # Rules
//! 1. The records of a zone change as a whole, or wait as a whole.
//! 2. A record set is taken away if the zone had it and has no record of that name and type any
//!    more. Of a zone with at least four of them, the set share may go freely; of a smaller one,
//!    all but the last. What changes in other ways is free.
//! 3. What goes beyond is held like the change of an endpoint (see `change_control`), under the
//!    name of the zone.
//! 4. Names that a plan has and this Planner does not know are taken as they are in the plan.
//! 5. An endpoint in force wins at its name: static addresses, aliases and delegations wait there
//!    until the endpoint goes. A delegation also waits for the endpoints below its name.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use plan_store::{EndpointName, Plan, StaticRecords};

use super::change_control::may_go;
use super::change_control::{ChangeControl, ChangeId, Ended, HeldChange, HoldChanges, HoldReason};
use crate::fleet::above;
use crate::{DnsZone, Fleet, ZoneRecords};

/// The code of the type NS: a delegation.
const NS: u16 = 2;

/// The static records that are in force, and the zones whose change is held.
#[derive(Clone, Debug, Default)]
pub(super) struct StaticNames {
    accepted: ZoneRecords,
    /// By apex; `None` is for names that lie in no zone of the fleet.
    held: BTreeMap<Option<EndpointName>, Held>,
}

#[derive(Clone, Debug)]
struct Held {
    change: HeldChange,
    from: ZoneRecords,
    to: ZoneRecords,
}

impl StaticNames {
    /// The changes that are held, by zone.
    pub(super) fn held(&self) -> impl Iterator<Item = &HeldChange> {
        self.held.values().map(|held| &held.change)
    }

    /// Whether a name has static records.
    pub(super) fn names(&self, name: &EndpointName) -> bool {
        self.accepted.contains_key(name)
    }

    /// The records that stand beside the targets of an endpoint of this name.
    pub(super) fn beside(&self, name: &EndpointName) -> StaticRecords {
        let records = self.accepted.get(name);
        records.map_or_else(StaticRecords::default, StaticRecords::beside_targets)
    }

    /// The names that are no endpoints and wait for none.
    pub(super) fn alone<'s>(
        &'s self,
        endpoints: &'s ChangeControl,
    ) -> impl Iterator<Item = (&'s EndpointName, &'s StaticRecords)> {
        self.accepted.iter().filter(|(name, records)| {
            let delegates = records.rrset(NS).is_some();
            !(endpoints.names(name) || delegates && endpoints.lie_below(name))
        })
    }

    /// Takes the names of a plan that are not known as the plan has them.
    pub(super) fn adopt(&mut self, plan: &Plan) {
        for (name, records) in plan.endpoints() {
            let records = records.static_records();
            if !records.is_empty() && !self.names(name) {
                self.accepted.insert(name.clone(), records.clone());
            }
        }
    }

    /// Judges what this fleet makes of the records of each zone.
    pub(super) fn propose(&mut self, fleet: &Fleet, now: Instant) -> HoldChanges {
        let percent = fleet.change_limits().max_removal_percent;
        let zones = fleet.dns_zones();
        let mut before = self.by_zone(zones);
        let mut changes = HoldChanges::default();
        let mut held_before = std::mem::take(&mut self.held);
        let mut proposed: Vec<_> = zones
            .iter()
            .map(|zone| (Some(zone.apex.clone()), (*zone.records).clone()))
            .collect();
        proposed.push((None, ZoneRecords::new()));
        for (zone, to) in proposed {
            let from = before.remove(&zone).unwrap_or_default();
            let was_held = held_before.remove(&zone);
            self.judge(zone, (from, to), was_held, percent, now, &mut changes);
        }
        let withdrawn = held_before.into_values().map(|held| held.change);
        changes.ended.extend(withdrawn.map(Ended::Withdrawn));
        changes
    }

    /// Lets the change with this id take effect, if it is held.
    pub(super) fn confirm(&mut self, id: ChangeId) -> Option<HeldChange> {
        let mut held = self.held.iter();
        let (zone, _) = held.find(|(_, held)| held.change.id == id)?;
        let held = self.held.remove(&zone.clone())?;
        self.accept(&held.from, held.to);
        Some(held.change)
    }

    /// The records in force, by the zone that they lie in.
    fn by_zone(&self, zones: &[DnsZone]) -> HashMap<Option<EndpointName>, ZoneRecords> {
        let apexes: HashMap<&str, &EndpointName> = zones
            .iter()
            .map(|zone| (zone.apex.as_str(), &zone.apex))
            .collect();
        let mut by_zone: HashMap<_, ZoneRecords> = HashMap::new();
        for (name, records) in &self.accepted {
            let apex = above(name.as_str()).find_map(|name| apexes.get(name));
            let zone = by_zone.entry(apex.map(|apex| (*apex).clone())).or_default();
            zone.insert(name.clone(), records.clone());
        }
        by_zone
    }

    fn judge(
        &mut self,
        zone: Option<EndpointName>,
        (from, to): (ZoneRecords, ZoneRecords),
        was_held: Option<Held>,
        percent: u8,
        now: Instant,
        changes: &mut HoldChanges,
    ) {
        let (removed, of) = removed(&from, &to);
        let was_held = was_held.map(|held| held.change);
        let first = from.keys().next().filter(|_| !may_go(removed, of, percent));
        let Some(first) = first else {
            changes.ended.extend(was_held.map(Ended::Withdrawn));
            if from != to {
                self.accept(&from, to);
            }
            return;
        };
        let name = zone.clone().unwrap_or_else(|| first.clone());
        let id = ChangeId::of_text(&format!("{name}\nrecords {to:?}"));
        let reason = HoldReason::LosesRecords { removed, of };
        let mut change = HeldChange {
            id,
            endpoint: name,
            reason,
            since: now,
        };
        match was_held {
            Some(before) if before.id == id => change.since = before.since,
            before => {
                changes.ended.extend(before.map(Ended::Withdrawn));
                changes.begun.push(change.clone());
            }
        }
        self.held.insert(zone, Held { change, from, to });
    }

    fn accept(&mut self, from: &ZoneRecords, to: ZoneRecords) {
        self.accepted.retain(|name, _| !from.contains_key(name));
        self.accepted.extend(to);
    }
}

/// How many record sets go, and of how many.
fn removed(from: &ZoneRecords, to: &ZoneRecords) -> (usize, usize) {
    let (mut removed, mut of) = (0, 0);
    for (name, records) in from {
        let kept = to.get(name);
        for rrset in records.rrsets() {
            of += 1;
            let is_kept = kept.is_some_and(|kept| kept.rrset(rrset.record_type()).is_some());
            removed += usize::from(!is_kept);
        }
    }
    (removed, of)
}
