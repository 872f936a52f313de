//! What the control plane has done, in Prometheus' text format.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use control_plane::{Pass, PassError, PlanError, Planned, Status};
use dns_server::{Counts, Outcome};

use crate::backing::Backing;
use crate::cli::Role;

/// How many ticks and passes had which outcome.
#[derive(Default)]
pub(crate) struct Tally {
    published: AtomicU64,
    unchanged: AtomicU64,
    waiting: AtomicU64,
    not_planned: AtomicU64,
    applied: AtomicU64,
    stale: AtomicU64,
    failed: AtomicU64,
}

impl Tally {
    pub(crate) fn planned(&self, planned: &Result<Planned, PlanError>) {
        count(match planned {
            Ok(Planned::Published { .. }) => &self.published,
            Ok(Planned::Unchanged { .. }) => &self.unchanged,
            Ok(Planned::FirstRound { .. }) => &self.waiting,
            Err(_) => &self.not_planned,
        });
    }

    pub(crate) fn passed(&self, pass: &Result<Pass, PassError>) {
        count(match pass {
            Ok(Pass::Applied { .. }) => &self.applied,
            Ok(Pass::Stale { .. } | Pass::StaleAtStart { .. }) => &self.stale,
            Ok(Pass::NoPlan) => return,
            Err(_) => &self.failed,
        });
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// All metrics of the parts that run here, in Prometheus' text format.
pub(crate) fn text(
    role: Role,
    store: &impl Backing,
    server: Option<&Counts>,
    tally: &Tally,
    planner: Option<&Status>,
) -> Text {
    let mut text = Text(String::new());
    if let Some(counts) = server {
        describe_server(&mut text, counts);
    }
    store.describe(&mut text);
    if role.includes(Role::Planner) {
        describe_planner(&mut text, tally);
    }
    if let Some(status) = planner {
        describe_status(&mut text, status);
    }
    if role.includes(Role::Enactor) {
        describe_enactors(&mut text, tally);
    }
    text
}

fn describe_server(text: &mut Text, counts: &Counts) {
    text.help("dns_queries_total", "counter", "Queries by outcome.");
    for outcome in Outcome::ALL {
        let label = format!("{{outcome=\"{}\"}}", outcome.name());
        text.sample("dns_queries_total", &label, counts.of(outcome));
    }
    let says = "Panics while a query was answered. The thread went on.";
    text.help("dns_panics_total", "counter", says);
    text.sample("dns_panics_total", "", counts.panics);
    let says = "TCP connections that could not be taken.";
    text.help("dns_tcp_failures_total", "counter", says);
    text.sample("dns_tcp_failures_total", "", counts.tcp_failures);
    text.help(
        "dns_activations_seen_total",
        "counter",
        "How often an endpoint was first answered from a newer plan, summed over the threads.",
    );
    text.sample("dns_activations_seen_total", "", counts.activations_seen);
    if let (Some(generation), Some(age)) = (counts.generation, counts.age) {
        let says = "The newest generation that a query was answered from.";
        text.gauge("dns_served_generation", says, generation.get());
        let says = "How long ago that generation was first answered from.";
        text.gauge("dns_served_age_seconds", says, age.as_secs_f64());
    }
}

fn describe_planner(text: &mut Text, tally: &Tally) {
    text.help(
        "planner_ticks_total",
        "counter",
        "The Planner's ticks by outcome.",
    );
    for (outcome, count) in [
        ("published", &tally.published),
        ("unchanged", &tally.unchanged),
        ("first_round", &tally.waiting),
        ("failed", &tally.not_planned),
    ] {
        let label = format!("{{outcome=\"{outcome}\"}}");
        text.sample("planner_ticks_total", &label, count.load(Ordering::Relaxed));
    }
}

fn describe_status(text: &mut Text, status: &Status) {
    let says = "Changes of the fleet file that wait for a confirmation.";
    text.gauge("planner_held_changes", says, status.held.len());
    if !status.held.is_empty() {
        let says = "For how long the change with this id has been held.";
        text.help("planner_held_change_seconds", "gauge", says);
    }
    for held in &status.held {
        let label = format!("{{id=\"{}\",endpoint=\"{}\"}}", held.id, held.endpoint);
        let seconds = held.since.elapsed().as_secs();
        text.sample("planner_held_change_seconds", &label, seconds);
    }
    let says = "Endpoints that serve unhealthy targets, because too few are healthy.";
    text.gauge("planner_fail_open_endpoints", says, status.fail_open.len());
    let says = "New endpoints that are in no plan yet, because their targets are not checked.";
    text.gauge("planner_awaited_endpoints", says, status.awaited.len());
    let says = "Unhealthy targets that are served, because so many became unhealthy at once.";
    text.gauge("planner_suspected_targets", says, status.suspected);
}

fn describe_enactors(text: &mut Text, tally: &Tally) {
    text.help(
        "enactor_passes_total",
        "counter",
        "The Enactors' passes by outcome.",
    );
    for (outcome, count) in [
        ("applied", &tally.applied),
        ("stale", &tally.stale),
        ("failed", &tally.failed),
    ] {
        let label = format!("{{outcome=\"{outcome}\"}}");
        text.sample(
            "enactor_passes_total",
            &label,
            count.load(Ordering::Relaxed),
        );
    }
}

/// Metrics as they are written.
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn into_string(self) -> String {
        self.0
    }

    pub(crate) fn help(&mut self, name: &str, kind: &str, says: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {says}\n# TYPE {name} {kind}");
    }

    /// A gauge of one sample.
    pub(crate) fn gauge(&mut self, name: &str, says: &str, value: impl std::fmt::Display) {
        self.help(name, "gauge", says);
        self.sample(name, "", value);
    }

    pub(crate) fn sample(&mut self, name: &str, label: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "{name}{label} {value}");
    }
}
