//! The layout of a fleet file. Wherever a later check may refuse a value, the
//! value comes with its place in the text.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use plan_store::{EndpointName, Retention};
use serde::Deserialize;
use toml::Spanned;

use super::values::{
    Address, Argument, BodyText, Capacity, CheckCount, Fail, Flaps, Kind, Method, Millis, Name,
    Percent, PlanCount, Port, Reading, ReportedCapacity, RequestPath, ServiceName, StatusCodes,
    Tier, Trusted, Ttl, Weight, ZoneName,
};
use super::{ChangeLimits, FleetTarget, HealthStep, Timings};
use crate::HealthCheck;

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
    suspect_percent: Option<Percent<1, 100>>,
    suspect_for_ms: Option<Millis<0>>,
    #[serde(default)]
    pub(super) drained_zones: Vec<Spanned<ZoneName>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct StoreTable {
    keep_newest: Option<PlanCount>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct HealthCheckTable {
    pub(super) kind: Option<Spanned<Kind>>,
    pub(super) port: Option<Port>,
    pub(super) interval_ms: Option<Spanned<Millis<100>>>,
    pub(super) timeout_ms: Option<Spanned<Millis<10>>>,
    pub(super) jitter_percent: Option<Percent<0, 50>>,
    pub(super) rise: Option<CheckCount>,
    pub(super) fall: Option<CheckCount>,
    pub(super) damp_after: Option<Flaps>,
    pub(super) damp_half_life_ms: Option<Spanned<Millis<1000, 3_600_000>>>,
    pub(super) host: Option<Spanned<Name>>,
    pub(super) trust: Option<Spanned<Trusted>>,
    pub(super) method: Option<Spanned<Method>>,
    pub(super) path: Option<Spanned<RequestPath>>,
    pub(super) status: Option<Spanned<StatusCodes>>,
    pub(super) body: Option<Spanned<BodyText>>,
    pub(super) service: Option<Spanned<ServiceName>>,
    pub(super) command: Option<Spanned<Vec<Argument>>>,
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
    pub(super) name: Spanned<Name>,
    #[serde(default)]
    pub(super) addresses: Vec<Address>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct EndpointTable {
    pub(super) name: Spanned<Name>,
    pub(super) ttl: Option<Ttl>,
    pub(super) fail: Option<Spanned<Fail>>,
    pub(super) min_healthy_percent: Option<Spanned<Percent<0, 100>>>,
    pub(super) health_check: Option<Box<HealthCheckTable>>,
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
    tier: Option<Tier>,
    pub(super) health_check: Option<Box<HealthCheckTable>>,
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
    pub(super) fn change_limits(&self) -> ChangeLimits {
        let default = ChangeLimits::default();
        ChangeLimits {
            max_removal_percent: self
                .max_removal_percent
                .map_or(default.max_removal_percent, Percent::get),
            suspect_percent: self
                .suspect_percent
                .map_or(default.suspect_percent, Percent::get),
            suspect_for: self.suspect_for_ms.map_or(default.suspect_for, Millis::get),
        }
    }
}

impl StoreTable {
    pub(super) fn retention(&self) -> Retention {
        Retention::newest(self.keep_newest.map_or(3, PlanCount::get))
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
        (self.name.into_inner().into_inner(), addresses.collect())
    }
}

impl TargetTable {
    pub(super) fn zone(&self) -> &str {
        self.zone.get()
    }

    /// The target, if these zones are drained and it is checked in this way.
    pub(super) fn target(
        self,
        drained: &HashSet<String>,
        check: Option<Arc<HealthCheck>>,
    ) -> FleetTarget {
        let zone = self.zone.into_inner();
        let weight = self.weight.map_or(u8::MAX, Weight::get);
        FleetTarget {
            address: self.address.get_ref().get(),
            drained: weight == 0 || drained.contains(&zone),
            zone,
            capacity: self.capacity.get(),
            weight,
            tier: self.tier.map_or(0, Tier::get),
            check,
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
