//! Status: what a person needs to know of the Planner, and the log lines when it changes.
//!
//! # Rules
//! 1. There is a line when something begins and one when it ends. There is none for each
//!    tick.
//! 2. What begins or ends at many endpoints or targets at once is one line, with the number
//!    and a few names.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use plan_store::{EndpointName, Generation};
use tracing::{info, warn};

use super::change_control::{ChangeId, Ended, HeldChange, HoldChanges};
use super::orders::{DrainScope, Orders};
use super::suspicion::Suspected;
use super::targets::Changes;

/// So many names are in a line at most.
const NAMES: usize = 5;

/// What the Planner holds back, and why.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// The changes that wait for a confirmation, by endpoint.
    pub held: Vec<HeldChange>,
    /// The changes that a person has rejected. They are held too, and a confirmation still
    /// lets them take effect.
    pub rejected: Vec<HeldChange>,
    /// The endpoints that serve unhealthy targets, because too few are healthy.
    pub fail_open: BTreeSet<EndpointName>,
    /// The new endpoints that are in no plan yet, because their targets have not all been
    /// checked.
    pub awaited: BTreeSet<EndpointName>,
    /// How many targets are unhealthy and served, because so many became unhealthy at once.
    pub suspected: usize,
    /// When the last of them is not suspected any more.
    pub suspected_until: Option<Instant>,
    /// The newest plan in the store, when the last tick ended.
    pub newest: Option<Generation>,
    /// How many names are to have other records than in that plan. Above 0 under a
    /// freeze, or while the store fails.
    pub waiting: usize,
    /// What persons have ordered.
    pub orders: Arc<Orders>,
    /// The drains of those orders that are in force.
    pub drains: BTreeSet<DrainScope>,
}

impl Status {
    /// Takes what a tick has found.
    pub(super) fn update(
        &mut self,
        fail_open: BTreeSet<EndpointName>,
        awaited: BTreeSet<EndpointName>,
        suspected: &Suspected,
        now: Instant,
    ) {
        let begun: Vec<_> = fail_open.difference(&self.fail_open).collect();
        if !begun.is_empty() {
            warn!(
                endpoints = begun.len(),
                names = %some(&begun),
                "fail open: too few targets are healthy, so unhealthy ones are served"
            );
        }
        let ended: Vec<_> = self.fail_open.difference(&fail_open).collect();
        if !ended.is_empty() {
            info!(endpoints = ended.len(), names = %some(&ended), "fail open ends");
        }
        match (self.suspected, suspected.targets.len()) {
            (0, targets @ 1..) => {
                let until = suspected.until.unwrap_or(now);
                let wait = until.saturating_duration_since(now).as_secs_f64();
                warn!(
                    targets,
                    wait = %format_args!("{wait:.1}s"),
                    "suspicion: so many targets became unhealthy at once that the checks may be at fault; they stay until the wait is over"
                );
            }
            (1.., 0) => info!("suspicion ends: unhealthy targets are removed again"),
            _ => {}
        }
        self.fail_open = fail_open;
        self.awaited = awaited;
        self.suspected = suspected.targets.len();
        self.suspected_until = suspected.until;
    }

    /// Takes the changes that are held now.
    pub(super) fn hold<'a>(
        &mut self,
        held: impl Iterator<Item = &'a HeldChange>,
        rejected: &BTreeSet<ChangeId>,
        changes: &HoldChanges,
    ) {
        match &changes.begun[..] {
            [] => {}
            [change] => warn!(
                id = %change.id,
                endpoint = %change.endpoint,
                reason = %change.reason,
                "change held: confirm its id, or restore the fleet file"
            ),
            many => warn!(
                endpoints = many.len(),
                names = %some(&endpoints(many)),
                "changes held: confirm their ids, or restore the fleet file"
            ),
        }
        let (mut confirmed, mut withdrawn) = (Vec::new(), Vec::new());
        for ended in &changes.ended {
            match ended {
                Ended::Confirmed(change) => confirmed.push(change),
                Ended::Withdrawn(change) => withdrawn.push(change),
            }
        }
        hold_ends(&confirmed, "confirmed");
        hold_ends(
            &withdrawn,
            "withdrawn: the fleet file asks for something else",
        );
        let (no, open) = held.cloned().partition(|held| rejected.contains(&held.id));
        (self.rejected, self.held) = (no, open);
    }
}

fn hold_ends(changes: &[&HeldChange], how: &str) {
    match changes {
        [] => {}
        [change] => info!(id = %change.id, endpoint = %change.endpoint, "held change {how}"),
        many => {
            let names: Vec<_> = many.iter().map(|change| &change.endpoint).collect();
            info!(endpoints = many.len(), names = %some(&names), "held changes {how}");
        }
    }
}

/// Logs a freeze that begins or ends, and changes that are rejected.
pub(super) fn orders_changed(before: &Orders, now: &Orders) {
    let by = now.last.as_ref().map_or("", |order| &order.by);
    match (&before.freeze, &now.freeze) {
        (None, Some(freeze)) => warn!(
            by = %freeze.by,
            why = %freeze.why,
            "frozen: no plan is published until a person thaws it"
        ),
        (Some(_), None) => info!(%by, "thawed: plans are published again"),
        _ => {}
    }
    for id in now.rejected.difference(&before.rejected) {
        info!(%id, %by, "held change rejected: the endpoint keeps what it has");
    }
}

/// Logs drains that begin or end.
pub(super) fn drains_changed(before: &BTreeSet<DrainScope>, now: &BTreeSet<DrainScope>) {
    let begun: Vec<_> = now.difference(before).collect();
    if !begun.is_empty() {
        info!(drains = begun.len(), names = %some(&begun), "drain begins");
    }
    let ended: Vec<_> = before.difference(now).collect();
    if !ended.is_empty() {
        info!(drains = ended.len(), names = %some(&ended), "drain ends");
    }
}

/// The targets whose health has changed, in a few words; `None` if there are none.
pub(super) fn health_in_short(changes: &Changes) -> Option<String> {
    let words = [("unhealthy", &changes.fallen), ("healthy", &changes.risen)];
    let words = words.into_iter().filter(|(_, targets)| !targets.is_empty());
    let words: Vec<_> = words
        .map(|(word, targets)| format!("{word}: {}", some(targets)))
        .collect();
    (!words.is_empty()).then(|| words.join("; "))
}

/// The new targets that have proven themselves, in a few words; `None` if there are none.
pub(super) fn proven_in_short(changes: &Changes) -> Option<String> {
    let proven = &changes.proven;
    (!proven.is_empty()).then(|| format!("first checks succeeded: {}", some(proven)))
}

/// Logs the targets whose health has changed.
pub(super) fn targets_changed(changes: &Changes) {
    let (fallen, risen) = (&changes.fallen, &changes.risen);
    if !fallen.is_empty() {
        warn!(targets = fallen.len(), names = %some(fallen), "unhealthy");
    }
    if !risen.is_empty() {
        info!(targets = risen.len(), names = %some(risen), "healthy");
    }
    let proven = &changes.proven;
    if !proven.is_empty() {
        info!(targets = proven.len(), names = %some(proven), "healthy, in the first checks");
    }
}

fn endpoints(changes: &[HeldChange]) -> Vec<&EndpointName> {
    changes.iter().map(|change| &change.endpoint).collect()
}

/// A few of the names.
fn some(names: &[impl Display]) -> String {
    let shown: Vec<_> = names.iter().take(NAMES).map(ToString::to_string).collect();
    let shown = shown.join(", ");
    match names.len().saturating_sub(NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
