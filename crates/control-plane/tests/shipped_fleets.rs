//! The fleets under `examples/fleets` load and get through their scripts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed step is a failed test"
)]

use std::collections::HashSet;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use control_plane::{Fleet, HealthSource, Planned, Planner, ScriptedHealth};
use plan_store::{MemoryStore, Pin, Plan, PlanStore, RecordSet, Retention};

fn fleets() -> Vec<(PathBuf, Fleet)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fleets");
    let files = fs::read_dir(folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    paths
        .map(|path| (path.clone(), Fleet::load(&path).unwrap()))
        .collect()
}

/// Those on documentation addresses, which play a script.
fn scripted() -> impl Iterator<Item = (PathBuf, Fleet)> {
    let fleets = fleets().into_iter();
    fleets.filter(|(path, _)| !path.ends_with("loopback.toml"))
}

fn fleet(name: &str) -> Fleet {
    let mut fleets = fleets().into_iter();
    let (_, fleet) = fleets.find(|(path, _)| path.ends_with(name)).expect(name);
    fleet
}

/// The plans that the Planner makes of a fleet and its script.
fn plans(fleet: &Fleet) -> Vec<Arc<Plan>> {
    let store = MemoryStore::new(Retention::newest(99));
    let mut planner = Planner::new(store.clone(), fleet.clone());
    let mut source = ScriptedHealth::new(fleet);
    let last = fleet.health_script().last().map_or(1, |step| step.at);
    let ticks = (1..=last).map(|_| planner.tick(&source.read().unwrap()).unwrap());
    let published = ticks.filter_map(|planned| match planned {
        Planned::Published { generation } => Some(store.pin(generation).unwrap()),
        _ => None,
    });
    published.map(|pin| Arc::clone(pin.plan())).collect()
}

fn drawn(records: &RecordSet) -> HashSet<IpAddr> {
    let drawn = records.targets().filter(|target| target.weight > 0);
    drawn.map(|target| target.address).collect()
}

#[test]
fn each_script_changes_something_and_takes_no_endpoint_beyond_the_limit() {
    for (path, fleet) in scripted() {
        let plans = plans(&fleet);
        let (path, first) = (path.display(), &plans[0]);
        assert!(plans.len() >= 4, "{path}: {} plans", plans.len());
        for (name, records) in plans.iter().flat_map(|plan| plan.endpoints()) {
            let all = drawn(first.records(name).unwrap());
            let lost = all.difference(&drawn(records)).count();
            // So no run of an example stops at a suspicion.
            assert!(lost * 100 <= all.len() * 30, "{path}: {name} loses {lost}");
        }
        assert_eq!(plans.last(), Some(first), "{path}: all is well in the end");
    }
}

#[test]
fn every_endpoint_has_four_targets_in_three_zones_on_documentation_addresses() {
    let prefixes = ["192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:"];
    for (path, fleet) in scripted() {
        for endpoint in fleet.endpoints() {
            let (targets, path) = (endpoint.targets(), path.display());
            assert!(targets.len() >= 4, "{path}: {}", endpoint.name());
            let zones: HashSet<&str> = targets.iter().map(|t| t.zone.as_str()).collect();
            assert_eq!(zones.len(), 3, "{path}: {}", endpoint.name());
            for target in targets {
                let address = target.address.to_string();
                assert!(
                    prefixes.iter().any(|p| address.starts_with(p)),
                    "{path}: {address}"
                );
            }
        }
    }
}

#[test]
fn every_endpoint_lies_in_one_of_its_fleets_dns_zones() {
    for (path, fleet) in fleets() {
        for endpoint in fleet.endpoints() {
            let name = endpoint.name();
            let zones = fleet.dns_zones().iter();
            let held = zones.filter(|zone| name.is_below(&zone.apex)).count();
            assert_eq!(held, 1, "{}: {name}", path.display());
        }
    }
}

#[test]
fn the_shipped_fleets_are_these() {
    assert_eq!(fleets().len(), 3);
    let loopback = fleet("loopback.toml");
    assert!(
        loopback
            .targets()
            .map(|t| t.address)
            .all(|a| a.is_loopback())
    );
    assert_eq!(fleet("small.toml").endpoints().len(), 3);
    let region = fleet("dynamodb-us-east-1.toml");
    let names: HashSet<&str> = region
        .endpoints()
        .iter()
        .map(|e| e.name().as_str())
        .collect();
    assert!(names.contains("dynamodb.us-east-1.amazonaws.com"));
    assert_eq!(names.len(), 12);
}
