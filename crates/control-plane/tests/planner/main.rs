//! The Planner through its public interface: what it makes of a fleet and of readings,
//! when it publishes, and what it holds back.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![allow(clippy::type_complexity, reason = "tables of cases")]
#![allow(clippy::format_push_string, reason = "fleet files built line by line")]

mod configuration;
mod health;
mod history;
mod laws;
mod log;
mod lost_replies;
mod memory;
mod orders;
mod publishing;
mod sim;
mod static_records;
mod suspicion;
mod ways;
mod weights;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use control_plane::{Fleet, Health, Planned, Planner, TargetHealth, TargetState};
use plan_store::{DnsStore, Generation, MemoryStore, Pin, Plan, Retention};

pub(crate) fn parse(text: &str) -> Fleet {
    Fleet::parse(text, Path::new("test.toml")).unwrap()
}

/// A fleet of endpoints, each with targets of these addresses, capacities and weights. The
/// health checks are never suspected.
pub(crate) fn fleet(max_removal_percent: u8, endpoints: &[(&str, &[(&str, u32, u8)])]) -> Fleet {
    let mut text = format!(
        "planner = {{ max_removal_percent = {max_removal_percent}, suspect_percent = 100 }}\n"
    );
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
    parse(&text)
}

pub(crate) const FOUR: &[(&str, u32, u8)] = &[
    ("192.0.2.1", 100, 100),
    ("192.0.2.2", 100, 100),
    ("192.0.2.3", 100, 100),
    ("192.0.2.4", 100, 100),
];

/// The moment at which the tests' time begins.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// So many milliseconds after the tests' time began.
pub(crate) fn at(millis: u64) -> Instant {
    *BEGIN + Duration::from_millis(millis)
}

/// Down since the beginning.
pub(crate) fn down() -> TargetHealth {
    down_since(0)
}

/// Down since this millisecond.
pub(crate) fn down_since(millis: u64) -> TargetHealth {
    let (since, was_up) = (at(millis), true);
    TargetState::Down { since, was_up }.into()
}

pub(crate) fn capacity(capacity: u32) -> TargetHealth {
    TargetHealth {
        state: TargetState::Up,
        capacity: Some(capacity),
    }
}

/// A reading in which all targets of these tests are up but for these.
pub(crate) fn health(reports: &[(&str, TargetHealth)]) -> Health {
    health_at(0, reports)
}

/// The same, at this millisecond.
pub(crate) fn health_at(millis: u64, reports: &[(&str, TargetHealth)]) -> Health {
    let v4 = (1..=20).map(|last| IpAddr::from([192, 0, 2, last]));
    let v6 = (1..=9).map(|last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]));
    let all = v4
        .chain(v6)
        .map(|address| (address, TargetState::Up.into()));
    let reports = reports
        .iter()
        .map(|(address, report)| (address.parse::<IpAddr>().unwrap(), *report));
    Health::new(at(millis), all.chain(reports))
}

pub(crate) fn unhealthy(addresses: &[&str]) -> Health {
    let reports: Vec<_> = addresses.iter().map(|&a| (a, down())).collect();
    health(&reports)
}

pub(crate) fn planner(fleet: Fleet) -> (Planner<MemoryStore>, MemoryStore) {
    let store = MemoryStore::new(Retention::newest(9));
    (Planner::new(store.clone(), fleet), store)
}

pub(crate) fn latest<S: DnsStore>(store: &S) -> Arc<Plan> {
    Arc::clone(store.latest().unwrap().unwrap().plan())
}

/// The endpoints whose change is held.
pub(crate) fn held<S: DnsStore>(planner: &Planner<S>) -> Vec<&str> {
    let held = planner.status().held.iter();
    held.map(|change| change.endpoint.as_str()).collect()
}

/// The endpoints of the latest plan, each with the last parts of its targets' addresses.
/// Targets that are never drawn are in brackets.
pub(crate) fn served<S: DnsStore>(store: &S) -> BTreeMap<String, String> {
    let plan = latest(store);
    let endpoints = plan.endpoints().map(|(name, records)| {
        let targets = records.targets().map(|target| {
            let address = target.address.to_string();
            let last = address.rsplit(['.', ':']).next().unwrap();
            if target.weight == 0 {
                format!("({last})")
            } else {
                last.to_owned()
            }
        });
        let name = name.as_str().split('.').next().unwrap();
        (name.to_owned(), targets.collect::<Vec<_>>().join(" "))
    });
    endpoints.collect()
}

/// What [`served`] has for one endpoint.
pub(crate) fn serves<S: DnsStore>(store: &S, endpoint: &str) -> String {
    served(store).remove(endpoint).unwrap_or_default()
}

pub(crate) fn published(number: u32) -> Planned {
    let generation = Generation::new(number).unwrap();
    Planned::Published { generation }
}

pub(crate) fn unchanged(number: u32) -> Planned {
    let generation = Generation::new(number).unwrap();
    Planned::Unchanged { generation }
}
