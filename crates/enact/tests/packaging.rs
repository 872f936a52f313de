//! What is shipped beside the program fits the program: the alert rules and the dashboard name
//! metrics that exist, docs/operate.md has every alert, each alert has a test for `promtool`, and
//! the default fleet file is one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet};

use control_plane::Fleet;
use serde_json::Value;

const METRICS: &str = include_str!("../../../docs/metrics.md");
const OPERATE: &str = include_str!("../../../docs/operate.md");
const ALERTS: &str = include_str!("../packaging/alerts.yml");
const ALERT_TESTS: &str = include_str!("../packaging/alerts_test.yml");
const DASHBOARD: &str = include_str!("../packaging/dashboard.json");
const FLEET: &str = include_str!("../packaging/fleet.toml");

/// Words with a `_` that are no metrics: `PromQL`'s own, and Grafana's.
const WORDS: [&str; 4] = ["group_left", "label_values", "__rate_interval", "__all"];

/// The metrics of the page's tables, with their labels.
fn metrics() -> BTreeMap<&'static str, Vec<&'static str>> {
    let rows = METRICS
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(metric, _)| match metric.split_once('{') {
        Some((name, labels)) => (name, labels.trim_end_matches('}').split(", ").collect()),
        None => (metric, Vec::new()),
    })
    .collect()
}

/// The expressions of the alert rules.
fn rules() -> Vec<&'static str> {
    let after = ALERTS.split("expr: ").skip(1);
    after
        .map(|text| {
            let end = ["\n        for:", "\n        labels:"].map(|end| text.find(end));
            text[..end.into_iter().flatten().min().unwrap()].trim()
        })
        .collect()
}

/// The expressions and queries of the dashboard.
fn queries(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text) if key == "expr" || key == "query" => {
                        into.push(text.clone());
                    }
                    _ => queries(value, into),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| queries(value, into)),
        _ => {}
    }
}

/// What is wrong with the metrics and labels of an expression.
fn mistakes(expression: &str) -> Vec<String> {
    let metrics = metrics();
    let mut mistakes = Vec::new();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    // Texts in quotes are values of labels.
    for (at, part) in expression.split('"').enumerate() {
        let words = part.split(|c| !is_word(c));
        let unknown = words.filter(|word| {
            word.contains('_') && !metrics.contains_key(word) && !WORDS.contains(word)
        });
        if at % 2 == 0 {
            mistakes.extend(unknown.map(|word| format!("{word} is no metric")));
        }
    }
    for (name, labels) in &metrics {
        for (at, _) in expression.match_indices(&format!("{name}{{")) {
            let (selector, _) = expression[at + name.len() + 1..].split_once('}').unwrap();
            mistakes.extend(wrong_labels(name, labels, selector));
        }
    }
    mistakes
}

/// What is wrong with a selector such as `job="enact",outcome=~"failed|dangling"`.
fn wrong_labels(name: &str, labels: &[&str], selector: &str) -> Vec<String> {
    let mut mistakes = Vec::new();
    for matcher in selector.split(',') {
        let (label, value) = matcher.split_once('=').unwrap();
        if ["job", "instance"].contains(&label) {
            continue;
        }
        if !labels.contains(&label) {
            mistakes.push(format!("{name} has no label {label}"));
        }
        let values = value.trim_matches(['~', '"']).split('|');
        let unknown = values.filter(|value| !METRICS.contains(&format!("`{value}`")));
        mistakes.extend(unknown.map(|value| format!("no {label} of {name} is {value}")));
    }
    mistakes
}

#[test]
fn the_rules_and_the_dashboard_name_metrics_and_labels_that_exist() {
    let mut all: Vec<String> = rules().into_iter().map(Into::into).collect();
    assert!(all.len() > 20, "the rules are read");
    let rules = all.len();
    queries(&serde_json::from_str(DASHBOARD).unwrap(), &mut all);
    assert!(all.len() > rules + 20, "the dashboard is read");
    for expression in all {
        assert_eq!(mistakes(&expression), [""; 0], "in {expression}");
    }
}

/// The check above finds each kind of mistake.
#[test]
fn a_wrong_name_is_found() {
    for (expression, says) in [
        (
            "rate(dns_querys_total[5m]) > 0",
            "dns_querys_total is no metric",
        ),
        ("enact_ready{role=\"all\"}", "enact_ready has no label role"),
        (
            "dns_queries_total{outcome=~\"failed|broken\"}",
            "no outcome of dns_queries_total is broken",
        ),
    ] {
        assert!(
            mistakes(expression).contains(&says.to_owned()),
            "{expression}"
        );
    }
}

#[test]
fn every_alert_is_in_the_page_with_what_to_do_and_has_a_test() {
    let names = ALERTS.split("- alert: ").skip(1).map(|rule| {
        let severity = rule.split("severity: ").nth(1).unwrap();
        let word = |text: &'static str| text.split_whitespace().next().unwrap();
        (word(rule), word(severity))
    });
    let alerts: BTreeSet<_> = names.collect();
    let rows = OPERATE.lines().filter(|line| line.starts_with("| `Enact"));
    let rows = rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert!(cells[3].ends_with('.') && cells[4].ends_with('.'), "{row}");
        (cells[1].trim_matches('`'), cells[2])
    });
    assert_eq!(rows.collect::<BTreeSet<_>>(), alerts);
    for (alert, _) in alerts {
        let test = format!("alertname: {alert}\n");
        assert_eq!(ALERT_TESTS.matches(&test).count(), 1, "{alert}");
    }
}

#[test]
fn the_default_fleet_file_has_a_zone_to_serve() {
    let fleet = Fleet::parse(FLEET, "fleet.toml".as_ref()).unwrap();
    assert_eq!(fleet.dns_zones().len(), 1);
    assert_eq!(fleet.endpoints().len(), 1);
}
