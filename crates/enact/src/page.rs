//! The status page: one page of HTML that needs nothing else, and no script.
//!
//! maud escapes all texts. The page follows the reader's light or dark theme, and on a phone
//! wide tables scroll by themselves.

use std::time::SystemTime;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::api;
use crate::text::{counted, counted_names, suspicion};

/// So many endpoints are on the page at most, and so many plans.
pub(crate) const MOST_ENDPOINTS: usize = 200;
pub(crate) const MOST_PLANS: usize = 50;

const STYLE: &str = include_str!("page.css");

/// The page of this status.
pub(crate) fn page(
    status: &api::Status,
    endpoints: &[api::Endpoint],
    plans: &[api::Published],
) -> String {
    let now = api::time(SystemTime::now());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Without it, browsers ask for an icon.
                link rel="icon" href="data:,";
                title { "enact: " (if status.ready { "ready" } else { "not ready" }) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "enact" }
                    (ready(status))
                    p.quiet {
                        "role " (status.role) ", version " (status.version) ", fleet "
                        code { (status.fleet_hash) } ", as of " (now)
                    }
                }
                main {
                    @for part in &status.parts {
                        p.notice { (part) }
                    }
                    @if let Some(planner) = &status.planner {
                        (notices(planner))
                    }
                    (numbers(status))
                    @if let Some(planner) = &status.planner {
                        (held("Held changes", "Decide with enact confirm ID or enact reject ID.", &planner.held))
                        (held("Rejected changes", "The endpoint keeps what it has.", &planner.rejected))
                        (drains(&planner.drains))
                        (targets(&planner.not_up))
                    }
                    (endpoint_table(endpoints, status.generations.endpoints))
                    (timeline(plans))
                }
            }
        }
    };
    page.into_string()
}

fn ready(status: &api::Status) -> Markup {
    html! {
        @if status.ready {
            p.badge.good { "ready" }
        } @else {
            p.badge.bad { "not ready" }
        }
    }
}

fn notices(planner: &api::PlannerStatus) -> Markup {
    html! {
        @if let Some(freeze) = &planner.freeze {
            p.notice.bad {
                strong { "Frozen" } " since " (freeze.at) " by " (freeze.by)
                @if !freeze.why.is_empty() { ": " (freeze.why) }
                ". " (counted(planner.waiting, "name")) " would change after a thaw."
            }
        }
        @if planner.suspected > 0 {
            p.notice.bad {
                strong { "Suspicion" }
                ": so many targets fell at once that the checks may be at fault. "
                (suspicion(planner.suspected, planner.suspected_until.as_deref())) "."
            }
        }
    }
}

fn numbers(status: &api::Status) -> Markup {
    let plans = &status.generations;
    let number = |generation: Option<u32>| generation.map_or("none".into(), |g| g.to_string());
    html! {
        section {
            h2 { "Now" }
            dl {
                (pair("newest plan", &number(plans.newest)))
                (pair("active plan", &number(plans.active)))
                (pair("answered from", &number(plans.answered)))
                (pair("endpoints", &plans.endpoints.to_string()))
                @if plans.held > 0 {
                    (pair("of them held", &plans.held.to_string()))
                }
                (pair("endpoints behind", &plans.behind.to_string()))
                @if let Some(planner) = &status.planner {
                    (pair("targets up", &planner.targets.up.to_string()))
                    (pair("down", &planner.targets.down.to_string()))
                    (pair("failing", &planner.targets.failing.to_string()))
                    (pair("unknown", &planner.targets.unknown.to_string()))
                    (pair("fail open", &planner.fail_open.len().to_string()))
                    (pair("not served yet", &planner.awaited.len().to_string()))
                }
            }
            @if status.planner.is_none() {
                p.quiet { "No Planner plans in this process: look at the one that leads." }
            }
        }
    }
}

fn pair(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// A table that scrolls by itself on a narrow screen.
fn table(columns: &[&str], rows: impl Iterator<Item = Markup>) -> Markup {
    html! {
        div.wide {
            table {
                thead { tr { @for column in columns { th { (column) } } } }
                tbody { @for row in rows { tr { (row) } } }
            }
        }
    }
}

fn held(title: &str, hint: &str, all: &[api::Held]) -> Markup {
    let row = |held: &api::Held| {
        html! {
            td { code { (held.id) } }
            td { (held.endpoint) }
            td { (held.reason) }
            td { (held.since) }
        }
    };
    let columns = ["id", "endpoint", "reason", "since"];
    html! {
        @if !all.is_empty() {
            section {
                h2 { (title) }
                p.quiet { (hint) }
                (table(&columns, all.iter().map(row)))
            }
        }
    }
}

fn drains(all: &[api::Drain]) -> Markup {
    let row = |drain: &api::Drain| {
        html! {
            td {
                @match &drain.scope {
                    api::Scope::Target(address) => { (address) }
                    api::Scope::Zone(zone) => { "zone " (zone) }
                }
            }
            td { (drain.until.as_deref().unwrap_or("undrain")) }
            td { (drain.order.by) }
            td { (drain.order.why) }
        }
    };
    let columns = ["what", "until", "by", "reason"];
    html! {
        @if !all.is_empty() {
            section {
                h2 { "Drains" }
                (table(&columns, all.iter().map(row)))
            }
        }
    }
}

fn targets(not_up: &[api::Target]) -> Markup {
    let row = |target: &api::Target| {
        html! {
            td { (target.address) }
            td { (state(target)) }
            td { (target.since.as_deref().unwrap_or_default()) }
            td { (target.error.as_deref().unwrap_or_default()) }
        }
    };
    let columns = ["target", "state", "since", "last error"];
    html! {
        @if !not_up.is_empty() {
            section {
                h2 { "Targets that are not up" }
                (table(&columns, not_up.iter().map(row)))
            }
        }
    }
}

fn state(target: &api::Target) -> Markup {
    let class = match target.state.as_str() {
        "up" => "good",
        "down" => "bad",
        _ => "quiet",
    };
    html! {
        span class=(class) { (target.state) }
        @if target.damped { ", falls too often" }
        @if target.not_checked { ", not checked" }
    }
}

fn endpoint_table(endpoints: &[api::Endpoint], active: usize) -> Markup {
    html! {
        section {
            h2 { "Endpoints" }
            @if active > endpoints.len() {
                p.quiet {
                    "The first " (endpoints.len()) ", those with trouble first. "
                    "enact status NAME shows any of them."
                }
            }
            @for endpoint in endpoints {
                details open[endpoints.len() <= 5] {
                    summary {
                        strong { (endpoint.name) } " "
                        span.quiet { (served(endpoint)) }
                        @if endpoint.fails_open { " " span.bad { "fail open" } }
                        @if endpoint.held.is_some() { " " span.bad { "held" } }
                    }
                    (target_table(&endpoint.targets))
                }
            }
        }
    }
}

/// How many of its targets get traffic, and from which plan.
fn served(endpoint: &api::Endpoint) -> String {
    let all = endpoint.targets.len();
    let drawn = endpoint
        .targets
        .iter()
        .filter(|target| target.served > Some(0));
    let drawn = drawn.count();
    match endpoint.generation {
        Some(generation) => {
            let all = counted(all, "target");
            format!("{drawn} of {all}, plan {generation}")
        }
        None => "no plan is active".into(),
    }
}

fn target_table(targets: &[api::EndpointTarget]) -> Markup {
    let row = |target: &api::EndpointTarget| {
        html! {
            td { (target.target.address) }
            td { (target.zone.as_deref().unwrap_or("not in the file")) }
            td { @if let Some(tier) = target.tier { (tier) } }
            td { (state(&target.target)) @if target.drained { ", drained" } }
            td {
                @match target.served {
                    Some(weight) => { (weight) }
                    None => { "not served" }
                }
            }
        }
    };
    let columns = ["target", "zone", "tier", "state", "weight"];
    table(&columns, targets.iter().map(row))
}

fn timeline(plans: &[api::Published]) -> Markup {
    html! {
        @if !plans.is_empty() {
            section {
                h2 { "Last plans" }
                ol.timeline {
                    @for plan in plans {
                        li class=(kind(&plan.author)) {
                            strong { "plan " (plan.generation) } " "
                            span.quiet { (plan.at) ", " (counted_names(plan.names, plan.endpoints)) }
                            br;
                            (plan.author) ": " (plan.cause)
                        }
                    }
                }
            }
        }
    }
}

/// The class of a plan by its author.
fn kind(author: &str) -> &'static str {
    match author {
        "health" => "health",
        _ => "order",
    }
}
