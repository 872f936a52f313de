//! The messages of the admin API, as the server and the commands use them.
//!
//! `docs/commands.md` describes them for others. Times are texts in RFC 3339, in UTC. A field
//! that does not apply is `null`. Within `/v1`, fields may be added, and none is taken away.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

/// An answer that is not the wanted one.
#[derive(Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// What is wrong, and what to do.
    pub(crate) error: String,
}

/// The answer to `GET /v1/status`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) version: String,
    pub(crate) role: String,
    pub(crate) fleet_hash: String,
    pub(crate) ready: bool,
    /// The parts that keep the process from being ready, or stand by.
    pub(crate) parts: Vec<String>,
    pub(crate) generations: Generations,
    /// `null` in a process without a Planner.
    pub(crate) planner: Option<PlannerStatus>,
}

/// Which plans are where.
#[derive(Serialize, Deserialize)]
pub(crate) struct Generations {
    /// The newest plan in the store, as the Planner of this process saw it last.
    pub(crate) newest: Option<u32>,
    /// The newest plan that an endpoint is on.
    pub(crate) active: Option<u32>,
    /// The newest plan that this process's DNS server has answered from.
    pub(crate) answered: Option<u32>,
    /// How many endpoints have an active plan.
    pub(crate) endpoints: usize,
    /// At how many of those a change is held.
    #[serde(default)]
    pub(crate) held: usize,
    /// How many of those are on an older plan than `active`.
    pub(crate) behind: usize,
}

/// What the Planner does and holds back.
#[derive(Serialize, Deserialize)]
pub(crate) struct PlannerStatus {
    pub(crate) targets: TargetCounts,
    /// The targets that are not up, by address; at most [`MOST_TARGETS`].
    pub(crate) not_up: Vec<Target>,
    pub(crate) fail_open: Vec<String>,
    /// New endpoints whose targets have not all been checked.
    pub(crate) awaited: Vec<String>,
    /// How many unhealthy targets are served because so many became unhealthy at once.
    pub(crate) suspected: usize,
    /// Until when.
    pub(crate) suspected_until: Option<String>,
    pub(crate) held: Vec<Held>,
    pub(crate) rejected: Vec<Held>,
    pub(crate) drains: Vec<Drain>,
    pub(crate) freeze: Option<Order>,
    /// How many names are to have other records than in the newest plan.
    pub(crate) waiting: usize,
}

/// So many targets are in a status or a list at most.
pub(crate) const MOST_TARGETS: usize = 1000;
/// So many endpoints are in a list at most.
pub(crate) const MOST_ENDPOINTS: usize = 1000;

/// Targets by state.
#[derive(Serialize, Deserialize, Default)]
pub(crate) struct TargetCounts {
    pub(crate) up: usize,
    pub(crate) down: usize,
    pub(crate) failing: usize,
    pub(crate) unknown: usize,
}

/// What the checks say of a target.
#[derive(Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) address: String,
    /// What is asked of it; `null` if it is not checked here.
    pub(crate) check: Option<String>,
    /// `up`, `down`, `failing` or `unknown`.
    pub(crate) state: String,
    /// Since when it is down.
    pub(crate) since: Option<String>,
    /// Why the last check did not succeed.
    pub(crate) error: Option<String>,
    /// Since when the checks have had that error.
    pub(crate) error_since: Option<String>,
    /// Whether the last check could not be made, for a reason that is not the target's.
    pub(crate) not_checked: bool,
    /// Whether it is kept out because it has fallen so often.
    pub(crate) damped: bool,
}

/// The answer to `GET /v1/targets/ADDRESS`.
#[derive(Serialize, Deserialize)]
pub(crate) struct TargetDetails {
    pub(crate) target: Target,
    /// The same address, as it is checked in other ways.
    #[serde(default)]
    pub(crate) others: Vec<Target>,
    /// The endpoints that have it in the fleet file, or serve it.
    pub(crate) endpoints: Vec<String>,
    /// The drains of persons that are about it.
    #[serde(default)]
    pub(crate) drains: Vec<Drain>,
    /// Whether the fleet file drains it at an endpoint.
    #[serde(default)]
    pub(crate) drained_by_file: bool,
}

/// The answer to `GET /v1/endpoints/NAME`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    /// The plan that it is on; `null` if none is active.
    pub(crate) generation: Option<u32>,
    pub(crate) ttl: Option<u32>,
    pub(crate) fails_open: bool,
    pub(crate) held: Option<Held>,
    /// The targets of the fleet file, and those that are served.
    pub(crate) targets: Vec<EndpointTarget>,
}

/// A target at an endpoint.
#[derive(Serialize, Deserialize)]
pub(crate) struct EndpointTarget {
    #[serde(flatten)]
    pub(crate) target: Target,
    /// Its zone; `null` if the fleet file does not have it at this endpoint.
    pub(crate) zone: Option<String>,
    pub(crate) tier: Option<u8>,
    /// Whether the fleet file or a person drains it.
    pub(crate) drained: bool,
    /// The weight at which it is served, from 0 to 255; `null` if it is not in the answer.
    pub(crate) served: Option<u8>,
}

/// The answer to `GET /v1/endpoints`: endpoints of the fleet file, those with trouble first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Endpoints {
    pub(crate) endpoints: Vec<Endpoint>,
    /// How many there are beyond those.
    pub(crate) more: usize,
}

/// The answer to `GET /v1/targets`: the targets that are checked, those that are not up first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Targets {
    pub(crate) targets: Vec<Target>,
    /// How many there are beyond those.
    pub(crate) more: usize,
}

/// A change that is held.
#[derive(Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) id: String,
    pub(crate) endpoint: String,
    pub(crate) reason: String,
    pub(crate) since: String,
}

/// An order of a person.
#[derive(Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) by: String,
    pub(crate) at: String,
    pub(crate) why: String,
}

/// A drain that is in force.
#[derive(Serialize, Deserialize)]
pub(crate) struct Drain {
    #[serde(flatten)]
    pub(crate) scope: Scope,
    #[serde(flatten)]
    pub(crate) order: Order,
    /// When it is over; `null` for a drain without an end.
    pub(crate) until: Option<String>,
}

/// A target or a zone.
#[derive(Serialize, Deserialize, Clone)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    Target(String),
    Zone(String),
}

/// The body of `POST /v1/confirm` and `POST /v1/reject`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ids {
    pub(crate) ids: Vec<String>,
}

/// The body of `POST /v1/drain`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DrainRequest {
    pub(crate) target: Option<String>,
    pub(crate) zone: Option<String>,
    /// After how many seconds the drain is over.
    pub(crate) for_seconds: Option<u64>,
    #[serde(default)]
    pub(crate) why: String,
}

/// The body of `POST /v1/undrain`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UndrainRequest {
    pub(crate) target: Option<String>,
    pub(crate) zone: Option<String>,
}

/// The body of `POST /v1/freeze`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FreezeRequest {
    #[serde(default)]
    pub(crate) why: String,
}

/// The body of `POST /v1/thaw`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThawRequest {}

/// The body of `POST /v1/return`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReturnRequest {
    pub(crate) generation: u32,
    /// Whether endpoints may go that the older plan does not name.
    #[serde(default)]
    pub(crate) remove_endpoints: bool,
}

/// The body of `POST /v1/plan`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanRequest {
    /// The fleet file to try; without it, the file that the process was started with.
    pub(crate) fleet: Option<FleetText>,
}

/// A fleet file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FleetText {
    /// Its name for error messages.
    pub(crate) name: String,
    pub(crate) text: String,
    /// The texts of the zone files that it names, by the name of the zone.
    #[serde(default)]
    pub(crate) zone_files: BTreeMap<String, String>,
}

/// The answer to a command that changes something.
#[derive(Serialize, Deserialize)]
pub(crate) struct Done {
    /// What happens now, for a person.
    pub(crate) done: String,
    /// The changes that wait for a confirmation afterwards.
    pub(crate) held: Vec<Held>,
}

/// The answer to `POST /v1/plan` and `GET /v1/diff/A/B`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Changes {
    pub(crate) changes: Vec<Change>,
    /// Changes that would wait for a confirmation; always empty for two plans.
    pub(crate) held: Vec<Held>,
}

/// An endpoint that changes.
#[derive(Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) endpoint: String,
    /// `added`, `removed` or `changed`.
    pub(crate) kind: String,
    pub(crate) ttl_before: Option<u32>,
    pub(crate) ttl_after: Option<u32>,
    pub(crate) targets: Vec<TargetChange>,
}

/// A target that changes: its weights, `null` where it is not served.
#[derive(Serialize, Deserialize)]
pub(crate) struct TargetChange {
    pub(crate) address: String,
    pub(crate) weight_before: Option<u8>,
    pub(crate) weight_after: Option<u8>,
}

/// The answer to `GET /v1/history`: the newest plan first.
#[derive(Serialize, Deserialize)]
pub(crate) struct History {
    pub(crate) plans: Vec<Published>,
}

/// A plan that was published.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Published {
    pub(crate) generation: u32,
    pub(crate) at: String,
    /// `health`, `fleet file`, `drain expiry`, or a person; several with commas.
    pub(crate) author: String,
    pub(crate) cause: String,
    /// How many names it changes. `null` for a plan of a version that counted them as endpoints.
    #[serde(default)]
    pub(crate) names: Option<usize>,
    /// How many of them are endpoints.
    pub(crate) endpoints: usize,
}

/// Whether a character may be shown as it is. Control characters steer a terminal, and marks of
/// direction make a line read as another one.
pub(crate) fn is_harmless(c: char) -> bool {
    let is_mark = matches!(
        c,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    !c.is_control() && !is_mark
}

/// A text with a mark in place of each character that may not be shown.
pub(crate) fn harmless(text: &str) -> String {
    let shown = |c: char| if is_harmless(c) { c } else { '\u{fffd}' };
    text.chars().map(shown).collect()
}

/// A time in RFC 3339.
pub(crate) fn time(at: SystemTime) -> String {
    // A time beyond the year 9999 cannot be written.
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    humantime::format_rfc3339_seconds(at.clamp(SystemTime::UNIX_EPOCH, last)).to_string()
}

/// A moment, past or future, as a time in RFC 3339.
pub(crate) fn moment(moment: Instant) -> String {
    let ahead = moment.saturating_duration_since(Instant::now());
    if ahead.is_zero() {
        return past(moment);
    }
    let now = SystemTime::now();
    time(now.checked_add(ahead).unwrap_or(now))
}

/// A moment in the past, as a time in RFC 3339.
pub(crate) fn past(moment: Instant) -> String {
    let now = SystemTime::now();
    time(now.checked_sub(moment.elapsed()).unwrap_or(now))
}
