//! The layout of a fleet file. Wherever a later check may refuse a value, the
//! value comes with its place in the text.

use plan_store::{EndpointName, Retention};
use serde::Deserialize;
use std::net::IpAddr;
use toml::Spanned;

use super::values::{
    Address, Capacity, CheckCount, Millis, Name, Percent, PlanCount, Port, Reading,
    ReportedCapacity, Ttl, Weight, ZoneName,
};
use super::{FleetTarget, HealthCheck, HealthStep, Timings};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct FleetFile {
    #[serde(default)]
    pub(super) timings: TimingsTable,
    #[serde(default)]
    pub(super) planner: PlannerTable,
    #[serde(default)]
    pub(super) store: StoreTable,
    #[serde(default)]
    pub(super) health_check: HealthCheckTable,
    #[serde(default)]
    pub(super) dns_zone: Vec<DnsZoneTable>,
    #[serde(default)]
    pub(super) endpoint: Vec<EndpointTable>,
    #[serde(default)]
    pub(super) health: Vec<Spanned<HealthStepTable>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[allow(
    clippy::struct_field_names,
    reason = "the file's own names, unit included"
)]
pub(super) struct TimingsTable {
    planner_interval_ms: Option<Millis<1>>,
    pub(super) backoff_first_ms: Option<Spanned<Millis<1>>>,
    pub(super) backoff_max_ms: Option<Spanned<Millis<1>>>,
    recheck_ms: Option<Millis<1>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct PlannerTable {
    max_removal_percent: Option<Percent<0, 100>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct StoreTable {
    keep_newest: Option<PlanCount>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct HealthCheckTable {
    interval_ms: Option<Millis<100>>,
    timeout_ms: Option<Millis<10, 60_000>>,
    jitter_percent: Option<Percent<0, 50>>,
    rise: Option<CheckCount>,
    fall: Option<CheckCount>,
    max_fall_percent: Option<Percent<1, 100>>,
    port: Option<Port>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct DnsZoneTable {
    pub(super) apex: Spanned<Name>,
    ttl: Option<Ttl>,
    negative_ttl: Option<Ttl>,
    #[serde(default)]
    pub(super) name_server: Vec<NameServerTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct NameServerTable {
    name: Name,
    #[serde(default)]
    addresses: Vec<Address>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct EndpointTable {
    pub(super) name: Spanned<Name>,
    pub(super) ttl: Option<Ttl>,
    #[serde(default)]
    pub(super) target: Vec<TargetTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct TargetTable {
    pub(super) address: Spanned<Address>,
    zone: ZoneName,
    capacity: Capacity,
    weight: Option<Weight>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct HealthStepTable {
    at: Reading,
    pub(super) target: Spanned<Address>,
    pub(super) healthy: Option<bool>,
    pub(super) capacity: Option<ReportedCapacity>,
}

impl TimingsTable {
    pub(super) fn timings(&self) -> Timings {
        let default = Timings::default();
        let spanned =
            |value: &Option<Spanned<Millis<1>>>| value.as_ref().map(|v| v.get_ref().get());
        Timings {
            planner_interval: self
                .planner_interval_ms
                .map_or(default.planner_interval, Millis::get),
            backoff_first: spanned(&self.backoff_first_ms).unwrap_or(default.backoff_first),
            backoff_max: spanned(&self.backoff_max_ms).unwrap_or(default.backoff_max),
            recheck: self.recheck_ms.map_or(default.recheck, Millis::get),
        }
    }
}

impl PlannerTable {
    pub(super) fn max_removal_percent(&self) -> u8 {
        self.max_removal_percent.map_or(30, Percent::get)
    }
}

impl StoreTable {
    pub(super) fn retention(&self) -> Retention {
        Retention::newest(self.keep_newest.map_or(3, PlanCount::get))
    }
}

impl HealthCheckTable {
    pub(super) fn health_check(&self) -> HealthCheck {
        let default = HealthCheck::default();
        HealthCheck {
            interval: self.interval_ms.map_or(default.interval, Millis::get),
            timeout: self.timeout_ms.map_or(default.timeout, Millis::get),
            jitter_percent: self
                .jitter_percent
                .map_or(default.jitter_percent, Percent::get),
            rise: self.rise.map_or(default.rise, CheckCount::get),
            fall: self.fall.map_or(default.fall, CheckCount::get),
            max_fall_percent: self
                .max_fall_percent
                .map_or(default.max_fall_percent, Percent::get),
            port: self.port.map_or(default.port, Port::get),
        }
    }
}

impl DnsZoneTable {
    pub(super) fn ttl(&self) -> u32 {
        self.ttl.map_or(3600, Ttl::get)
    }

    pub(super) fn negative_ttl(&self) -> u32 {
        self.negative_ttl.map_or(5, Ttl::get)
    }
}

impl NameServerTable {
    pub(super) fn name_server(self) -> (EndpointName, Vec<IpAddr>) {
        let addresses = self.addresses.into_iter().map(Address::get);
        (self.name.into_inner(), addresses.collect())
    }
}

impl TargetTable {
    pub(super) fn target(self) -> FleetTarget {
        FleetTarget {
            address: self.address.get_ref().get(),
            zone: self.zone.into_inner(),
            capacity: self.capacity.get(),
            weight: self.weight.map_or(u8::MAX, Weight::get),
        }
    }
}

impl HealthStepTable {
    pub(super) fn step(&self) -> HealthStep {
        HealthStep {
            at: self.at.get(),
            target: self.target.get_ref().get(),
            healthy: self.healthy,
            capacity: self.capacity.map(ReportedCapacity::get),
        }
    }
}
