//! Answers as text: at most 80 columns where names allow it, and no colours.
//!
//! Texts that come from targets or persons are shown without control characters.

use std::fmt::Write as _;

use crate::api::{self, harmless};
use crate::text::{counted, counted_names, suspicion, wrapped};

/// Adds a line. Writing to a string does not fail.
macro_rules! line {
    ($text:expr, $($format:tt)*) => {{
        let _ = writeln!($text, "{}", wrapped(&harmless(&format!($($format)*))));
    }};
}

pub(super) fn status(status: &api::Status) -> String {
    let mut text = String::new();
    let ready = if status.ready { "ready" } else { "not ready" };
    line!(
        text,
        "{ready}, role {}, enact {}",
        status.role,
        status.version
    );
    for part in &status.parts {
        line!(text, "  {part}");
    }
    let plans = &status.generations;
    let number = |generation: Option<u32>| generation.map_or("none".into(), |g| g.to_string());
    line!(
        text,
        "plans     newest {}, active {}, answered from {}",
        number(plans.newest),
        number(plans.active),
        number(plans.answered)
    );
    let held = match plans.held {
        0 => String::new(),
        held => format!("{held} of them held, "),
    };
    line!(
        text,
        "endpoints {} active, {held}{} behind the newest active plan",
        plans.endpoints,
        plans.behind
    );
    line!(text, "fleet     {}", status.fleet_hash);
    match &status.planner {
        Some(planner) => show_planner(&mut text, planner),
        None => line!(text, "No Planner plans here: ask the process that leads."),
    }
    text
}

fn show_planner(text: &mut String, planner: &api::PlannerStatus) {
    let targets = &planner.targets;
    line!(
        text,
        "targets   {} up, {} down, {} failing, {} unknown",
        targets.up,
        targets.down,
        targets.failing,
        targets.unknown
    );
    show_freeze(text, planner);
    show_drains(text, &planner.drains);
    show_held(text, "Held: confirm ID or reject ID", &planner.held);
    show_held(
        text,
        "Rejected: the endpoint keeps what it has",
        &planner.rejected,
    );
    show_names(
        text,
        "Fail open: too few targets are healthy",
        &planner.fail_open,
    );
    show_names(text, "Not served yet: first checks run", &planner.awaited);
    if planner.suspected > 0 {
        text.push('\n');
        line!(
            text,
            "Suspicion: so many targets fell at once that the checks may be at fault"
        );
        let until = planner.suspected_until.as_deref();
        line!(text, "  {}", suspicion(planner.suspected, until));
    }
    show_not_up(text, &planner.not_up);
}

fn show_freeze(text: &mut String, planner: &api::PlannerStatus) {
    if let Some(freeze) = &planner.freeze {
        text.push('\n');
        line!(text, "FROZEN since {} by {}", freeze.at, freeze.by);
        if !freeze.why.is_empty() {
            line!(text, "  {}", freeze.why);
        }
        line!(
            text,
            "  {} would change after a thaw",
            counted(planner.waiting, "name")
        );
    }
}

fn show_drains(text: &mut String, drains: &[api::Drain]) {
    if !drains.is_empty() {
        text.push('\n');
        line!(text, "Drained");
    }
    for drain in drains {
        let what = match &drain.scope {
            api::Scope::Target(address) => format!("target {address}"),
            api::Scope::Zone(zone) => format!("zone {zone}"),
        };
        line!(text, "  {what} {}", until(drain));
        if !drain.order.why.is_empty() {
            line!(text, "    {}", drain.order.why);
        }
    }
}

/// How long a drain lasts, and whose it is.
fn until(drain: &api::Drain) -> String {
    let until = drain.until.as_deref().unwrap_or("undrain");
    format!("until {until}, by {}", drain.order.by)
}

fn show_not_up(text: &mut String, not_up: &[api::Target]) {
    if !not_up.is_empty() {
        text.push('\n');
        line!(text, "Targets that are not up");
    }
    for target in not_up {
        line!(text, "  {}", describe(target));
    }
}

fn show_held(text: &mut String, title: &str, all: &[api::Held]) {
    if !all.is_empty() {
        text.push('\n');
        line!(text, "{title}");
    }
    for held in all {
        line!(text, "  {}  {}", held.id, held.endpoint);
        line!(text, "    since {}: {}", held.since, held.reason);
    }
}

fn show_names(text: &mut String, title: &str, names: &[String]) {
    if !names.is_empty() {
        text.push('\n');
        line!(text, "{title}");
    }
    for name in names {
        line!(text, "  {name}");
    }
}

/// A target in a line.
pub(super) fn describe(target: &api::Target) -> String {
    let mut text = format!("{:<15} {}", target.address, target.state);
    if let Some(since) = &target.since {
        let _ = write!(text, " since {since}");
    }
    if target.damped {
        text += ", kept out: it falls too often";
    }
    if target.not_checked {
        text += ", not checked";
    }
    if let Some(error) = &target.error {
        let _ = write!(text, ": {error}");
    }
    if let Some(check) = &target.check {
        let _ = write!(text, " ({check})");
    }
    text
}

pub(super) fn endpoint(endpoint: &api::Endpoint) -> String {
    let mut text = String::new();
    line!(text, "{}", endpoint.name);
    match (endpoint.generation, endpoint.ttl) {
        (Some(generation), Some(ttl)) => line!(text, "  plan {generation}, TTL {ttl} s"),
        _ => line!(text, "  no plan is active"),
    }
    if endpoint.fails_open {
        line!(text, "  fail open: too few targets are healthy");
    }
    if let Some(held) = &endpoint.held {
        line!(text, "  held {} since {}", held.id, held.since);
        line!(text, "    {}", held.reason);
    }
    for target in &endpoint.targets {
        let served = match target.served {
            Some(weight) => format!("weight {weight:>3}"),
            None => "not served".into(),
        };
        let zone = target.zone.as_deref().unwrap_or("not in the fleet file");
        let tier = match target.tier {
            Some(tier @ 1..) => format!(", tier {tier}"),
            _ => String::new(),
        };
        let drained = if target.drained { ", drained" } else { "" };
        line!(text, "  {}", describe(&target.target));
        line!(text, "    {served}, {zone}{tier}{drained}");
    }
    text
}

pub(super) fn target(details: &api::TargetDetails) -> String {
    let mut text = String::new();
    let mut drained = String::new();
    for drain in &details.drains {
        let with = match &drain.scope {
            api::Scope::Target(_) => String::new(),
            api::Scope::Zone(zone) => format!(" with zone {zone}"),
        };
        let _ = write!(drained, ", drained{with} {}", until(drain));
    }
    if details.drained_by_file {
        drained += ", drained by the fleet file";
    }
    for target in [&details.target].into_iter().chain(&details.others) {
        line!(text, "{}{drained}", describe(target));
        if let Some(since) = &target.error_since {
            line!(text, "  this error since {since}");
        }
    }
    for endpoint in &details.endpoints {
        line!(text, "  {endpoint}");
    }
    text
}

pub(super) fn done(done: &api::Done) -> String {
    let mut text = String::new();
    line!(text, "{}", done.done);
    show_held(&mut text, "Held: confirm ID or reject ID", &done.held);
    text
}

pub(super) fn changes(all: &api::Changes) -> String {
    let mut text = String::new();
    for change in &all.changes {
        let word = match change.kind.as_str() {
            "changed" => "",
            kind => kind,
        };
        line!(text, "{} {word}", change.endpoint);
        if let (Some(before), Some(after)) = (change.ttl_before, change.ttl_after)
            && before != after
        {
            line!(text, "  TTL {before} -> {after}");
        }
        for target in &change.targets {
            let address = &target.address;
            match (target.weight_before, target.weight_after) {
                (Some(before), Some(after)) => {
                    line!(text, "  ~ {address:<15} weight {before} -> {after}");
                }
                (None, Some(after)) => line!(text, "  + {address:<15} weight {after}"),
                (before, _) => line!(text, "  - {address:<15} weight {}", before.unwrap_or(0)),
            }
        }
    }
    show_held(&mut text, "Held: waits for a confirmation", &all.held);
    match (all.changes.len(), all.held.len()) {
        (0, 0) => line!(text, "nothing changes"),
        (changed, held) => {
            text.push('\n');
            line!(text, "names: {changed} changed, {held} held");
        }
    }
    text
}

pub(super) fn history(history: &api::History) -> String {
    let mut text = String::new();
    for plan in &history.plans {
        let (at, author) = (&plan.at, &plan.author);
        line!(
            text,
            "{:>6}  {at}  {author}, {}",
            plan.generation,
            counted_names(plan.names, plan.endpoints)
        );
        line!(text, "        {}", plan.cause);
    }
    if history.plans.is_empty() {
        line!(text, "no plan has been published");
    }
    text
}
