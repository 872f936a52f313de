//! The health of the targets, over HTTP: one line for each, and metrics.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use control_plane::TargetState;
use health_checks::{CheckedHealth, TargetStatus};
use hyper::StatusCode;

use crate::held::{Answer, no_planner};
use crate::metrics::Text;

/// The health checks of this process, once they run.
#[derive(Clone, Default)]
pub(crate) struct Checked(Arc<OnceLock<CheckedHealth>>);

impl Checked {
    pub(crate) fn set(&self, health: CheckedHealth) {
        // There is one Planner in a process.
        let _ = self.0.set(health);
    }

    /// One line for each target: address, state, and why and since when the checks fail.
    pub(crate) fn list(&self) -> Answer {
        let Some(health) = self.0.get() else {
            return no_planner();
        };
        let now = Instant::now();
        let mut text = String::new();
        for status in health.status() {
            let _ = writeln!(text, "{} {}", status.target, describe(&status, now));
        }
        (StatusCode::OK, text)
    }

    /// Writes metrics about the checks.
    pub(crate) fn describe(&self, text: &mut Text) {
        let Some(health) = self.0.get() else {
            return;
        };
        let counts = health.counts();
        let name = "health_checks_total";
        text.help(name, "counter", "Health checks by outcome.");
        for (outcome, count) in [
            ("succeeded", counts.succeeded),
            ("failed", counts.failed),
            ("not_made", counts.not_made),
        ] {
            text.sample(name, &format!("{{outcome=\"{outcome}\"}}"), count);
        }
        let says = "Health checks that run now.";
        text.gauge("health_checks_running", says, counts.running);
        let says = "The largest delay with which a check has begun in the last seconds.";
        text.gauge("health_check_lag_seconds", says, counts.lag.as_secs_f64());
        let status = health.status();
        describe_states(text, &status);
        describe_certificates(text, &status);
    }
}

fn describe_states(text: &mut Text, status: &[TargetStatus]) {
    let name = "health_targets";
    text.help(name, "gauge", "Targets by what their checks say.");
    for state in ["unknown", "failing", "up", "down"] {
        let those = status.iter().filter(|status| word(status.state) == state);
        text.sample(name, &format!("{{state=\"{state}\"}}"), those.count());
    }
    let says = "Targets whose last check could not be made, for a reason that is not theirs.";
    let not_made = status.iter().filter(|status| status.not_made).count();
    text.gauge("health_targets_not_checked", says, not_made);
    let says = "Targets that answer, and are unhealthy because they have fallen so often.";
    let damped = status.iter().filter(|status| status.damped).count();
    text.gauge("health_targets_damped", says, damped);
}

fn describe_certificates(text: &mut Text, status: &[TargetStatus]) {
    let known = |status: &TargetStatus| {
        let expires = status.certificate_expires?;
        let since = expires.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some((status.target, since.as_secs()))
    };
    let known: Vec<(IpAddr, u64)> = status.iter().filter_map(known).collect();
    let name = "health_certificate_expiry_timestamp_seconds";
    if !known.is_empty() {
        let says = "When the certificate that the target showed last expires, as a Unix time.";
        text.help(name, "gauge", says);
    }
    for (target, expires) in known {
        text.sample(name, &format!("{{target=\"{target}\"}}"), expires);
    }
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

fn word(state: TargetState) -> &'static str {
    match state {
        TargetState::Unknown => "unknown",
        TargetState::Failing => "failing",
        TargetState::Up => "up",
        TargetState::Down { .. } => "down",
    }
}
