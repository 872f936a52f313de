//! The layout of a fleet file. Each value comes with its place in the text.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use plan_store::{EndpointName, Retention};
use serde::Deserialize;

use super::reader::Field;
use super::values::{
    Address, Argument, BodyText, Capacity, CheckCount, Fail, Flaps, Kind, Method, Millis, Name,
    Percent, PlanCount, Port, Reading, ReportedCapacity, RequestPath, ServiceName, StatusCodes,
    Tier, Trusted, Ttl, Weight, ZoneName,
};
use super::{ChangeLimits, FleetTarget, HealthStep, Timings};
use crate::HealthCheck;

/// A list of values, each with its place.
type List<T> = Field<Vec<Field<T>>>;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct FleetFile {
    pub(super) timings: Field<TimingsTable>,
    pub(super) planner: Field<PlannerTable>,
    pub(super) store: Field<StoreTable>,
    pub(super) health_check: Field<HealthCheckTable>,
    pub(super) dns_zone: List<DnsZoneTable>,
    pub(super) endpoint: List<EndpointTable>,
    pub(super) health: List<HealthStepTable>,
}

/// A piece of the file that has one endpoint.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct EndpointPiece {
    pub(super) endpoint: List<EndpointTable>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
#[allow(
    clippy::struct_field_names,
    reason = "the file's own names, unit included"
)]
pub(super) struct TimingsTable {
    planner_interval_ms: Field<Millis<1>>,
    pub(super) backoff_first_ms: Field<Millis<1>>,
    pub(super) backoff_max_ms: Field<Millis<1>>,
    recheck_ms: Field<Millis<1>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct PlannerTable {
    max_removal_percent: Field<Percent<0, 100>>,
    suspect_percent: Field<Percent<1, 100>>,
    suspect_for_ms: Field<Millis<0>>,
    pub(super) drained_zones: List<ZoneName>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct StoreTable {
    keep_newest: Field<PlanCount>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct HealthCheckTable {
    pub(super) kind: Field<Kind>,
    pub(super) port: Field<Port>,
    pub(super) interval_ms: Field<Millis<100>>,
    pub(super) timeout_ms: Field<Millis<10>>,
    pub(super) jitter_percent: Field<Percent<0, 50>>,
    pub(super) rise: Field<CheckCount>,
    pub(super) fall: Field<CheckCount>,
    pub(super) damp_after: Field<Flaps>,
    pub(super) damp_half_life_ms: Field<Millis<1000, 3_600_000>>,
    pub(super) host: Field<Name>,
    pub(super) trust: Field<Trusted>,
    pub(super) method: Field<Method>,
    pub(super) path: Field<RequestPath>,
    pub(super) status: Field<StatusCodes>,
    pub(super) body: Field<BodyText>,
    pub(super) service: Field<ServiceName>,
    pub(super) command: List<Argument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct DnsZoneTable {
    pub(super) apex: Field<Name>,
    ttl: Field<Ttl>,
    negative_ttl: Field<Ttl>,
    pub(super) name_server: List<NameServerTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct NameServerTable {
    pub(super) name: Field<Name>,
    pub(super) addresses: List<Address>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct EndpointTable {
    pub(super) name: Field<Name>,
    pub(super) ttl: Field<Ttl>,
    pub(super) fail: Field<Fail>,
    pub(super) min_healthy_percent: Field<Percent<0, 100>>,
    pub(super) health_check: Field<Box<HealthCheckTable>>,
    pub(super) target: List<TargetTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct TargetTable {
    pub(super) address: Field<Address>,
    pub(super) zone: Field<ZoneName>,
    pub(super) capacity: Field<Capacity>,
    weight: Field<Weight>,
    tier: Field<Tier>,
    pub(super) health_check: Field<Box<HealthCheckTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct HealthStepTable {
    pub(super) at: Field<Reading>,
    pub(super) target: Field<Address>,
    pub(super) healthy: Field<bool>,
    pub(super) capacity: Field<ReportedCapacity>,
}

impl AsRef<Self> for HealthCheckTable {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl TimingsTable {
    pub(super) fn timings(&self) -> Timings {
        let default = Timings::default();
        let time = |field: &Field<Millis<1>>| field.value().map(Millis::get);
        Timings {
            planner_interval: time(&self.planner_interval_ms).unwrap_or(default.planner_interval),
            backoff_first: time(&self.backoff_first_ms).unwrap_or(default.backoff_first),
            backoff_max: time(&self.backoff_max_ms).unwrap_or(default.backoff_max),
            recheck: time(&self.recheck_ms).unwrap_or(default.recheck),
        }
    }
}

impl PlannerTable {
    pub(super) fn change_limits(&self) -> ChangeLimits {
        let default = ChangeLimits::default();
        let max_removal = self.max_removal_percent.value().map(Percent::get);
        let suspect = self.suspect_percent.value().map(Percent::get);
        let suspect_for = self.suspect_for_ms.value().map(Millis::get);
        ChangeLimits {
            max_removal_percent: max_removal.unwrap_or(default.max_removal_percent),
            suspect_percent: suspect.unwrap_or(default.suspect_percent),
            suspect_for: suspect_for.unwrap_or(default.suspect_for),
        }
    }
}

impl StoreTable {
    /// How many of the newest plans a sweep keeps if the file does not say.
    pub(super) const KEEP_NEWEST: u32 = 3;

    pub(super) fn retention(&self) -> Retention {
        let newest = self.keep_newest.value().map(PlanCount::get);
        Retention::newest(newest.unwrap_or(Self::KEEP_NEWEST))
    }
}

impl DnsZoneTable {
    /// The `ttl` if the file does not say.
    pub(super) const TTL: u32 = 3600;
    /// The `negative_ttl` if the file does not say.
    pub(super) const NEGATIVE_TTL: u32 = 5;

    pub(super) fn ttl(&self) -> u32 {
        self.ttl.value().map_or(Self::TTL, Ttl::get)
    }

    pub(super) fn negative_ttl(&self) -> u32 {
        self.negative_ttl
            .value()
            .map_or(Self::NEGATIVE_TTL, Ttl::get)
    }
}

impl NameServerTable {
    /// The name server, if it has a name.
    pub(super) fn name_server(&self) -> Option<(EndpointName, Vec<IpAddr>)> {
        let addresses = self.addresses.all().iter().filter_map(Field::value);
        let name = self.name.get()?.get().clone();
        Some((name, addresses.map(Address::get).collect()))
    }
}

impl TargetTable {
    /// The target, if these zones are drained and it is checked in this way; `None` if
    /// something is missing.
    pub(super) fn target(
        self,
        drained: &HashSet<String>,
        check: Option<Arc<HealthCheck>>,
    ) -> Option<FleetTarget> {
        let zone = self.zone.into_inner()?.into_inner();
        let weight = self.weight.value().map_or(u8::MAX, Weight::get);
        Some(FleetTarget {
            address: self.address.value()?.get(),
            drained: weight == 0 || drained.contains(&zone),
            zone,
            capacity: self.capacity.value()?.get(),
            weight,
            tier: self.tier.value().map_or(0, Tier::get),
            check,
        })
    }
}

impl HealthStepTable {
    /// The step, unless something is missing.
    pub(super) fn step(&self) -> Option<HealthStep> {
        Some(HealthStep {
            at: self.at.value()?.get(),
            target: self.target.value()?.get(),
            healthy: self.healthy.value(),
            capacity: self.capacity.value().map(ReportedCapacity::get),
        })
    }
}
