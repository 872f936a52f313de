//! The layout of a fleet file. Each value comes with its place in the text.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use plan_store::{EndpointName, Retention};
use serde::Deserialize;

use super::reader::Field;
use super::values::{
    Address, Argument, BodyText, Capacity, CheckCount, Fail, Flaps, Kind, Method, Millis, Name,
    NameOrWildcard, Percent, PlanCount, Port, Reading, ReportedCapacity, RequestPath, ServiceName,
    StatusCodes, Tier, Trusted, Ttl, Weight, ZoneFile, ZoneName,
};
use super::{ChangeLimits, DnsSecondary, FleetTarget, HealthStep, Timings};
use crate::OwnCheck;

/// A list of values, each with its place.
type List<T> = Field<Vec<Field<T>>>;

/// A fleet: the endpoints with their targets, and the settings of the control plane.
#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct FleetFile {
    /// The pace of the Planner and the Enactors.
    #[serde(default)]
    pub(super) timings: Field<TimingsTable>,
    /// How much may change at once.
    #[serde(default)]
    pub(super) planner: Field<PlannerTable>,
    /// How plans are kept.
    #[serde(default)]
    pub(super) store: Field<StoreTable>,
    /// How targets are checked.
    #[serde(default)]
    pub(super) health_check: Field<HealthCheckTable>,
    /// A zone that the DNS server answers for. `enact serve` needs at least one.
    #[serde(default)]
    pub(super) dns_zone: List<DnsZoneTable>,
    /// A DNS name that the control plane owns.
    pub(super) endpoint: List<EndpointTable>,
    /// A step of a script that replaces health checks, for examples and tests. `enact serve`
    /// does not use it.
    #[serde(default)]
    pub(super) health: List<HealthStepTable>,
}

/// A piece of the file that has one endpoint.
#[derive(Deserialize)]
#[serde(expecting = "a table")]
pub(super) struct EndpointPiece {
    pub(super) endpoint: List<EndpointTable>,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table")]
#[allow(
    clippy::struct_field_names,
    reason = "the file's own names, unit included"
)]
pub(super) struct TimingsTable {
    /// From one tick of the Planner to the next.
    planner_interval_ms: Field<Millis<1>>,
    /// An Enactor's wait after a first failed pass.
    pub(super) backoff_first_ms: Field<Millis<1>>,
    /// An Enactor's longest wait, after any number of failed passes. At least
    /// `backoff_first_ms`.
    pub(super) backoff_max_ms: Field<Millis<1>>,
    /// After how long without a wake-up an Enactor looks at the store.
    recheck_ms: Field<Millis<1>>,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct PlannerTable {
    /// The largest share of an endpoint's targets that a new fleet file may take away without
    /// a confirmation, if the endpoint has four or more. One with three or fewer may lose all but
    /// the last, whatever this number is. The default lets one zone of three be drained, and 100
    /// lets everything pass.
    max_removal_percent: Field<Percent<0, 100>>,
    /// If more than this share of all targets becomes unhealthy within one detection window,
    /// the checks are suspected. 100 turns this off.
    suspect_percent: Field<Percent<1, 100>>,
    /// How long the removal of suspected targets waits.
    suspect_for_ms: Field<Millis<0>>,
    /// The targets in these availability zones are drained. Each is the `zone` of a target.
    pub(super) drained_zones: List<ZoneName>,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct StoreTable {
    /// How many of the newest plans a sweep keeps. Another number counts after a restart.
    keep_newest: Field<PlanCount>,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(super) struct HealthCheckTable {
    /// What is asked of a target.
    pub(super) kind: Field<Kind>,
    /// The port of the connections. A table that names the kind `http` or `grpc` needs one,
    /// unless a table around it has another than 443. A command gets it in its environment.
    pub(super) port: Field<Port>,
    /// From the beginning of one check of a target to the beginning of the next.
    pub(super) interval_ms: Field<Millis<100>>,
    /// How long a check may take, at most `interval_ms`. The default is `interval_ms` if that
    /// is less.
    pub(super) timeout_ms: Field<Millis<10>>,
    /// How far an interval may deviate.
    pub(super) jitter_percent: Field<Percent<0, 50>>,
    /// How many checks in a row must succeed for a target to be healthy again.
    pub(super) rise: Field<CheckCount>,
    /// How many checks in a row must fail for a target to be unhealthy.
    pub(super) fall: Field<CheckCount>,
    /// After how many falls in quick succession a target is kept out for a while. 0 turns this
    /// off, and 1 keeps it out after each fall.
    pub(super) damp_after: Field<Flaps>,
    /// How long the memory of half of the falls lasts. Only with `damp_after`.
    pub(super) damp_half_life_ms: Field<Millis<1000, 3_600_000>>,
    /// The `Host` header, the authority, and the name in the certificate. The default is the
    /// endpoint's name. Not for `tcp` and `command`.
    pub(super) host: Field<Name>,
    /// Whose certificates are accepted: those of the system's authorities, any, or those of the
    /// authorities in a PEM file, given by its absolute path. For `tls`, `https` and `grpcs`.
    pub(super) trust: Field<Trusted>,
    /// The method of the request, for `http` and `https`.
    pub(super) method: Field<Method>,
    /// The path of the request with its query, for `http` and `https`.
    pub(super) path: Field<RequestPath>,
    /// The status codes that are a success, as codes and ranges from 100 to 599. For `http` and
    /// `https`.
    pub(super) status: Field<StatusCodes>,
    /// A text of at most 200 bytes that must be in the first 64 KiB of the body, for `http` and
    /// `https`. Not with the method `HEAD`.
    pub(super) body: Field<BodyText>,
    /// The gRPC service; the empty text is the whole server. For `grpc` and `grpcs`.
    pub(super) service: Field<ServiceName>,
    /// The absolute path of a program, and its arguments. For `command`, which needs it.
    pub(super) command: List<Argument>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct DnsZoneTable {
    /// The name at the top. No two zones have the same.
    pub(super) apex: Field<Name>,
    /// How long resolvers may keep the zone's SOA and NS records.
    #[serde(default)]
    ttl: Field<Ttl>,
    /// How long resolvers may keep the answers *no such name* and *no such records*.
    #[serde(default)]
    negative_ttl: Field<Ttl>,
    /// A zone file (RFC 1035) with the static records of the zone: all that are neither targets
    /// nor made from this table. The path is relative to the fleet file.
    #[serde(default)]
    pub(super) records: Field<ZoneFile>,
    /// The zone's name servers.
    pub(super) name_server: List<NameServerTable>,
    /// The secondaries, which transfer the zone from here. No two have the same address.
    #[serde(default)]
    pub(super) secondary: List<SecondaryTable>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct NameServerTable {
    /// Its name.
    pub(super) name: Field<Name>,
    /// Its IP addresses: required if the name lies inside the zone, and not allowed if it does
    /// not.
    #[serde(default)]
    pub(super) addresses: List<Address>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct SecondaryTable {
    /// Where it asks from, and where it gets NOTIFY.
    pub(super) address: Field<Address>,
    /// The port on which it gets NOTIFY.
    #[serde(default)]
    port: Field<Port>,
    /// Whether it gets NOTIFY.
    #[serde(default)]
    notify: Field<bool>,
    /// The name of the key that it signs with, in the file of `--tsig-keys`. Without it, the
    /// address is enough.
    #[serde(default)]
    tsig_key: Field<Name>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct EndpointTable {
    /// The name, which lies in one of the zones, if there are any. No two endpoints have the
    /// same, and none has that of a name server with `addresses`.
    pub(super) name: Field<NameOrWildcard>,
    /// How long resolvers may keep the answer.
    #[serde(default)]
    pub(super) ttl: Field<Ttl>,
    /// What the endpoint serves when none of its targets is healthy: `all` of the lowest tier,
    /// those that were healthy `last`, or healthy `drained` targets if there are any.
    #[serde(default)]
    pub(super) fail: Field<Fail>,
    /// If less than this share of a tier is healthy, the tier is served whole. Not with `fail =
    /// "last"`.
    #[serde(default)]
    pub(super) min_healthy_percent: Field<Percent<0, 100>>,
    /// How the targets of this endpoint are checked. It takes what it leaves out from the
    /// fleet's table.
    #[serde(default)]
    pub(super) health_check: Field<Box<HealthCheckTable>>,
    /// An address that serves the endpoint: a load balancer or a server. At most 1,024 of each
    /// address family, and at least one of each that is there has a `weight` above 0.
    pub(super) target: List<TargetTable>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct TargetTable {
    /// An IPv4 or IPv6 address, unicast and not reserved. No two targets of an endpoint have the
    /// same.
    pub(super) address: Field<Address>,
    /// The availability zone.
    pub(super) zone: Field<ZoneName>,
    /// How much the target can serve, relative to the others.
    pub(super) capacity: Field<Capacity>,
    /// The operator's preference. 0 drains the target: it gets no traffic.
    #[serde(default)]
    weight: Field<Weight>,
    /// A target of a higher tier serves only if the tiers below have none that is healthy.
    #[serde(default)]
    tier: Field<Tier>,
    /// How this target is checked. It takes what it leaves out from the endpoint's table.
    #[serde(default)]
    pub(super) health_check: Field<Box<HealthCheckTable>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct HealthStepTable {
    /// The first reading that the step applies to.
    pub(super) at: Field<Reading>,
    /// The address of a target, at every endpoint that has it.
    pub(super) target: Field<Address>,
    /// Whether it is healthy; as before if left out. A step has `healthy` or `capacity`.
    #[serde(default)]
    pub(super) healthy: Field<bool>,
    /// What it can serve; as before if left out.
    #[serde(default)]
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

impl SecondaryTable {
    /// The default of `port`.
    pub(super) const PORT: u16 = 53;

    /// The secondary, if its address could be read.
    pub(super) fn secondary(&self) -> Option<DnsSecondary> {
        Some(DnsSecondary {
            address: self.address.get()?.get(),
            port: self.port.get().map_or(Self::PORT, |port| port.get()),
            notify: self.notify.get().copied().unwrap_or(true),
            tsig_key: self.tsig_key.get().map(|name| name.get().clone()),
        })
    }
}

impl TargetTable {
    /// The target, if these zones are drained and it is checked in this way; `None` if
    /// something is missing.
    pub(super) fn target(
        self,
        drained: &HashSet<String>,
        check: Option<Arc<OwnCheck>>,
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
