//! The Planner through its public interface: what it makes of a fleet and a
//! reading, when it publishes, and what its guard refuses.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::type_complexity, reason = "tables of cases")]

mod guard;
mod laws;
mod lost_replies;
mod publishing;
mod weights;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use control_plane::{Fleet, Health, Planned, Planner, TargetHealth};
use plan_store::{Generation, MemoryStore, Pin, Plan, PlanStore, Retention};

/// A fleet of endpoints, each with targets of these addresses, capacities
/// and weights.
pub(crate) fn fleet(max_removal_percent: u8, endpoints: &[(&str, &[(&str, u32, u8)])]) -> Fleet {
    let mut text = format!("planner = {{ max_removal_percent = {max_removal_percent} }}\n");
    for (name, targets) in endpoints {
        writeln!(text, "[[endpoint]]\nname = \"{name}\"").unwrap();
        for (address, capacity, weight) in *targets {
            writeln!(text, "[[endpoint.target]]\naddress = \"{address}\"").unwrap();
            writeln!(
                text,
                "zone = \"z\"\ncapacity = {capacity}\nweight = {weight}"
            )
            .unwrap();
        }
    }
    Fleet::parse(&text, Path::new("test.toml")).unwrap()
}

pub(crate) const FOUR: &[(&str, u32, u8)] = &[
    ("192.0.2.1", 100, 100),
    ("192.0.2.2", 100, 100),
    ("192.0.2.3", 100, 100),
    ("192.0.2.4", 100, 100),
];

pub(crate) fn down() -> TargetHealth {
    TargetHealth {
        healthy: false,
        capacity: None,
    }
}

pub(crate) fn capacity(capacity: u32) -> TargetHealth {
    TargetHealth {
        healthy: true,
        capacity: Some(capacity),
    }
}

/// A reading that knows of one target that no fleet has, and of these.
pub(crate) fn health(reports: &[(&str, TargetHealth)]) -> Health {
    let elsewhere = ("203.0.113.254", TargetHealth::UNKNOWN);
    let reports = reports.iter().chain([&elsewhere]);
    reports
        .map(|(address, report)| (address.parse().unwrap(), *report))
        .collect()
}

pub(crate) fn unhealthy(addresses: &[&str]) -> Health {
    let reports: Vec<_> = addresses.iter().map(|&a| (a, down())).collect();
    health(&reports)
}

pub(crate) fn planner(fleet: Fleet) -> (Planner<MemoryStore>, MemoryStore) {
    let store = MemoryStore::new(Retention::newest(9));
    (Planner::new(store.clone(), fleet), store)
}

pub(crate) fn latest<S: PlanStore>(store: &S) -> Arc<Plan> {
    Arc::clone(store.latest().unwrap().unwrap().plan())
}

pub(crate) fn published(number: u32) -> Planned {
    let generation = Generation::new(number).unwrap();
    Planned::Published { generation }
}

pub(crate) fn unchanged(number: u32) -> Planned {
    let generation = Generation::new(number).unwrap();
    Planned::Unchanged { generation }
}
