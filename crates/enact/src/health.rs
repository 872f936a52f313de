//! The health of the targets, over HTTP: one line for each, and metrics.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use control_plane::TargetState;
use health_checks::{CheckedHealth, Counts, TargetStatus};
use hyper::StatusCode;

use crate::current_planner::{Answer, no_planner};
use crate::metrics::{self, Scrape};

/// The health checks of this process, once they run.
#[derive(Clone, Default)]
pub(crate) struct Checked(Arc<OnceLock<CheckedHealth>>);

impl Checked {
    pub(crate) fn set(&self, health: CheckedHealth) {
        // There is one Planner in a process.
        let _ = self.0.set(health);
    }

    /// What is known of each target; empty in a process without checks.
    pub(crate) fn status(&self) -> Vec<TargetStatus> {
        self.0.get().map_or_else(Vec::new, CheckedHealth::status)
    }

    /// One line for each target: address, state, and why and since when the checks fail. An
    /// address that is checked in several ways has a line for each, with the check.
    pub(crate) fn list(&self) -> Answer {
        let Some(health) = self.0.get() else {
            return no_planner();
        };
        let now = Instant::now();
        let mut text = String::new();
        let all = health.status();
        // Sorted by address.
        for alike in all.chunk_by(|one, other| one.target.address == other.target.address) {
            for status in alike {
                let (address, said) = (status.target.address, describe(status, now));
                // Writing to a string does not fail.
                let _ = match alike.len() {
                    1 => writeln!(text, "{address} {said}"),
                    _ => writeln!(text, "{address} {said} ({})", status.check),
                };
            }
        }
        (StatusCode::OK, text)
    }

    /// Writes metrics about the checks.
    pub(crate) fn describe(&self, scrape: &mut Scrape<'_>) {
        let (counts, status) = match self.0.get() {
            Some(health) => (health.counts(), health.status()),
            None => (Counts::default(), Vec::new()),
        };
        let outcomes = [
            (["succeeded"], counts.succeeded),
            (["failed"], counts.failed),
            (["not_made"], counts.not_made),
        ];
        scrape.values(&metrics::CHECKS, outcomes);
        scrape.value(&metrics::CHECKS_RUNNING, counts.running);
        scrape.value(&metrics::CHECK_LAG, counts.lag.as_secs_f64());
        describe_states(scrape, &status);
        let certificates = certificates(&status).into_iter();
        let certificates = certificates.map(|(target, expires)| ([target.to_string()], expires));
        scrape.values(&metrics::CERTIFICATE_EXPIRY, certificates);
    }
}

fn describe_states(scrape: &mut Scrape<'_>, targets: &[TargetStatus]) {
    let samples = ["unknown", "failing", "up", "down"].map(|state| {
        let those = targets.iter().filter(|target| word(target.state) == state);
        ([state], those.count())
    });
    scrape.values(&metrics::TARGETS, samples);
    let not_made = targets.iter().filter(|target| target.not_made).count();
    scrape.value(&metrics::NOT_CHECKED, not_made);
    let damped = targets.iter().filter(|target| target.damped).count();
    scrape.value(&metrics::DAMPED, damped);
}

/// The addresses whose certificates are known, and when the first certificate of each expires.
fn certificates(targets: &[TargetStatus]) -> BTreeMap<IpAddr, u64> {
    let mut first = BTreeMap::new();
    for status in targets {
        let expires = status.certificate_expires;
        let since = expires.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        if let Some(since) = since.map(|since| since.as_secs()) {
            let earliest = first.entry(status.target.address).or_insert(since);
            *earliest = since.min(*earliest);
        }
    }
    first
}

fn describe(status: &TargetStatus, now: Instant) -> String {
    let seconds = |since: Instant| now.saturating_duration_since(since).as_secs();
    let mut text = word(status.state).to_owned();
    if let TargetState::Down { since, .. } = status.state {
        // Writing to a string does not fail.
        let _ = write!(text, " for {}s", seconds(since));
    }
    if let (Some(error), Some(since)) = (&status.error, status.error_since) {
        let what = if status.not_made {
            "not checked"
        } else {
            "failing"
        };
        let _ = write!(text, ", {what} for {}s: {error}", seconds(since));
    }
    if status.damped {
        text += ", kept out because it has fallen so often";
    }
    text
}

pub(crate) fn word(state: TargetState) -> &'static str {
    match state {
        TargetState::Unknown => "unknown",
        TargetState::Failing => "failing",
        TargetState::Up => "up",
        TargetState::Down { .. } => "down",
    }
}
