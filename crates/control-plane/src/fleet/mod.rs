//! The fleet: the endpoints and their targets, as the operator describes them.
//!
//! A [`Fleet`] is always valid: [`Fleet::parse`] checks everything before anything
//! is planned from it. Reading a file takes these steps:
//! 1. `pieces` cuts the text, so that a large file needs little memory.
//! 2. `reader` makes tables of a piece. `file` is the layout of the tables, and `values`
//!    checks each value by itself.
//! 3. `checks` compares values with each other: duplicates, addresses that no
//!    endpoint has, bounds that cross. `health_checks` does so for the checks of the
//!    fleet, its endpoints and its targets.
//!
//! No step stops at a mistake: `mistakes` collects them, and `source` gives each its place
//! and its field.

mod checks;
mod file;
mod health_checks;
mod mistakes;
mod pieces;
mod reader;
mod source;
mod values;

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plan_store::{EndpointName, RecordSet, Retention, Target};

use self::source::Source;
use crate::{FleetError, HealthCheck};

/// The endpoints with their targets, and the settings of the control plane.
///
/// # The file
/// The file is TOML and has at most [`Fleet::MAX_BYTES`] bytes. All numbers are
/// integers. A field that is not listed here is refused.
///
/// | field | values | default | says |
/// |---|---|---|---|
/// | `timings.planner_interval_ms` | 1 to 600,000 | 1,000 | from one tick of the Planner to the next |
/// | `timings.backoff_first_ms` | 1 to 600,000 | 50 | an Enactor's wait after a first failed pass |
/// | `timings.backoff_max_ms` | `backoff_first_ms` to 600,000 | 5,000 | an Enactor's longest wait, after any number of failed passes |
/// | `timings.recheck_ms` | 1 to 600,000 | 1,000 | after how long without a wake-up an Enactor looks at the store |
/// | `planner.max_removal_percent` | 0 to 100 | 34 | the largest share of an endpoint's targets that a new fleet file may take away without a confirmation; the default lets one zone of three be drained, and 100 lets everything pass |
/// | `planner.suspect_percent` | 1 to 100 | 50 | if more than this share of all targets becomes unhealthy within one detection window, the checks are suspected; 100 turns this off |
/// | `planner.suspect_for_ms` | 0 to 600,000 | 30,000 | how long the removal of suspected targets waits |
/// | `planner.drained_zones` | zones of targets | none | the targets in these availability zones are drained |
/// | `store.keep_newest` | 1 to 10,000 | 3 | how many of the newest plans a sweep keeps |
/// | `health_check` | | | how targets are checked; see below |
/// | `endpoint.health_check` | | the fleet's | how the targets of this endpoint are checked |
/// | `endpoint.target.health_check` | | the endpoint's | how this target is checked |
/// | `health_check.kind` | `"tcp"`, `"tls"`, `"http"`, `"https"`, `"grpc"`, `"grpcs"`, `"command"` | `"tcp"` | what is asked of a target: see [`CheckKind`](crate::CheckKind) |
/// | `health_check.port` | 1 to 65,535 | 443 | the port of the connections; a table that names the kind `http` or `grpc` needs one, unless a table around it has another than 443 |
/// | `health_check.interval_ms` | 100 to 600,000 | 1,000 | from the beginning of one check of a target to the next |
/// | `health_check.timeout_ms` | 10 to `interval_ms` | 500, or `interval_ms` if that is less | how long a check may take |
/// | `health_check.jitter_percent` | 0 to 50 | 10 | how far an interval may deviate |
/// | `health_check.rise` | 1 to 100 | 2 | how many checks in a row must succeed for a target to be healthy again |
/// | `health_check.fall` | 1 to 100 | 3 | how many checks in a row must fail for a target to be unhealthy |
/// | `health_check.damp_after` | 0 to 100 | 0 | after how many falls a target that flaps is kept out for a while: see [`Damping`](crate::Damping); 0 turns this off, 1 keeps it out after each fall |
/// | `health_check.damp_half_life_ms` | 1,000 to 3,600,000 | 60,000 | how long the memory of half of the falls lasts |
/// | `health_check.host` | a DNS name | the endpoint's name | `Host` header, authority, and name in the certificate; not for `tcp` and `command` |
/// | `health_check.trust` | `"system"`, `"any"`, a path | `"system"` | whose certificates are accepted: those of the system's authorities, any, those of the authorities in a PEM file; for `tls`, `https`, `grpcs` |
/// | `health_check.method` | `"GET"`, `"HEAD"`, `"POST"`, `"OPTIONS"` | `"GET"` | for `http`, `https` |
/// | `health_check.path` | a path | `"/"` | the path and the query of the request, for `http`, `https` |
/// | `health_check.status` | codes and ranges | `"200-299"` | the status codes that are a success, such as `"200-299,404"`, for `http`, `https` |
/// | `health_check.body` | 1 to 200 bytes | none | a text that must be in the first 64 KiB of the body, for `http`, `https` |
/// | `health_check.service` | a name | `""` | the gRPC service; `""` is the whole server; for `grpc`, `grpcs` |
/// | `health_check.command` | texts | | the absolute path of a program and its arguments, for `command` |
/// | `dns_zone` | | none | the zones of the endpoints, for a DNS server |
/// | `dns_zone.apex` | a DNS name | | unique |
/// | `dns_zone.ttl` | 0 to 604,800 | 3,600 | how long resolvers may keep the zone's SOA and NS records, in seconds |
/// | `dns_zone.negative_ttl` | 0 to 604,800 | 5 | how long resolvers may keep the answers *no such name* and *no such records*, in seconds |
/// | `dns_zone.name_server` | 1 to 13 | | the zone's name servers |
/// | `dns_zone.name_server.name` | a DNS name | | |
/// | `dns_zone.name_server.addresses` | at most 8 IP addresses | none | required if the name lies inside the zone, and not allowed if it does not |
/// | `endpoint` | at least one | | the endpoints |
/// | `endpoint.name` | a DNS name | | unique; in one of the zones, if there are any |
/// | `endpoint.ttl` | 0 to 604,800 | 5 | how long resolvers may keep the answer, in seconds |
/// | `endpoint.fail` | `"all"`, `"last"`, `"drained"` | `"all"` | what the endpoint serves when none of its targets is healthy: see [`FailPolicy`] |
/// | `endpoint.min_healthy_percent` | 0 to 100 | 0 | if less than this share of a tier is healthy, the tier is served whole; not with `fail = "last"` |
/// | `endpoint.target` | at least one | | the endpoint's targets, at most 1,024 of each address family |
/// | `endpoint.target.address` | an IPv4 or IPv6 address | | unicast, not reserved; unique at an endpoint |
/// | `endpoint.target.zone` | 1 to 64 characters | | the availability zone |
/// | `endpoint.target.tier` | 0 to 255 | 0 | a target of a higher tier serves only if the tiers below have none that is healthy |
/// | `endpoint.target.capacity` | 1 to 1,000,000 | | how much the target can serve, relative to the others |
/// | `endpoint.target.weight` | 0 to 255 | 255 | the operator's preference; 0 drains the target: it gets no traffic; at least one in each family is above 0 |
/// | `health` | | none | the script of [`ScriptedHealth`](crate::ScriptedHealth) |
/// | `health.at` | 1 to 1,000,000 | | the first reading that the step applies to |
/// | `health.target` | a target's address | | the target, at every endpoint that has it |
/// | `health.healthy` | true or false | as before | at least one of `healthy` and `capacity` is required |
/// | `health.capacity` | 0 to 1,000,000 | as before | |
///
/// # Health checks
/// A `health_check` table of an endpoint or a target takes what it leaves out from the one
/// around it. If it names another `kind`, it takes the port, the intervals and the
/// thresholds, and nothing that belongs to the other kind. An address has one health, so it
/// is checked in the same way at all endpoints that have it. `host` is then the name of the
/// first of them, if no table sets it.
///
/// ```
/// # use std::path::Path;
/// # use control_plane::{Fleet, FleetError};
/// let text = r#"
///     [[endpoint]]
///     name = "db.example"
///     [[endpoint.target]]
///     address = "192.0.2.1"
///     zone = "use1-az1"
///     capacity = 100
/// "#;
/// let fleet = Fleet::parse(text, Path::new("fleet.toml"))?;
/// assert_eq!(fleet.endpoints()[0].name().as_str(), "db.example");
///
/// let error = Fleet::parse(&text.replace("100", "0"), Path::new("fleet.toml")).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "fleet.toml:7:16: `capacity` is 0; use an integer from 1 to 1000000"
/// );
/// # Ok::<(), FleetError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fleet {
    endpoints: Vec<FleetEndpoint>,
    timings: Timings,
    change_limits: ChangeLimits,
    retention: Retention,
    health_check: Arc<HealthCheck>,
    detection: Duration,
    first_round: Duration,
    health_script: Vec<HealthStep>,
    dns_zones: Vec<DnsZone>,
}

/// How much may change without a delay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ChangeLimits {
    /// The largest share of an endpoint's targets, in per cent, that a new fleet may
    /// take away without a confirmation.
    pub max_removal_percent: u8,
    /// If more than this share of all targets, in per cent, becomes unhealthy within
    /// one [detection window](Fleet::detection), the checks are suspected.
    pub suspect_percent: u8,
    /// How long the removal of suspected targets waits.
    pub suspect_for: Duration,
}

/// What an endpoint serves when none of its targets is healthy. It never serves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum FailPolicy {
    /// All targets of the lowest tier but the drained ones (*fail open*): if every
    /// target looks unhealthy, assume that the health checks are at fault.
    #[default]
    All,
    /// The targets that were healthy last: those that became unhealthy within one
    /// [detection window](Fleet::detection) before the last one did.
    Last,
    /// The drained targets that are healthy; if there are none, as [`FailPolicy::All`].
    Drained,
}

/// A zone that a DNS server answers for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DnsZone {
    /// The name at the top.
    pub apex: EndpointName,
    /// How long resolvers may keep its SOA and NS records, in seconds.
    pub ttl: u32,
    /// How long resolvers may keep the answers *no such name* and *no such
    /// records*, in seconds.
    pub negative_ttl: u32,
    /// Its name servers with their addresses; at least one and at most
    /// [`DnsZone::MAX_NAME_SERVERS`].
    pub name_servers: Vec<(EndpointName, Vec<IpAddr>)>,
}

impl DnsZone {
    /// Most name servers of a zone, as in the DNS server.
    pub const MAX_NAME_SERVERS: usize = 13;

    /// Most addresses of a name server, as in the DNS server.
    pub const MAX_ADDRESSES: usize = 8;
}

/// An endpoint of a fleet. A clone shares the targets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FleetEndpoint {
    name: EndpointName,
    ttl: u32,
    fail: FailPolicy,
    min_healthy_percent: u8,
    targets: Arc<[FleetTarget]>,
}

/// A target as the operator describes it. The Planner makes a
/// [`plan_store::Target`] of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FleetTarget {
    /// The address.
    pub address: IpAddr,
    /// Its availability zone.
    pub zone: String,
    /// How much it can serve, relative to the endpoint's other targets.
    pub capacity: u32,
    /// The operator's preference.
    pub weight: u8,
    /// It serves only if the tiers below have no target that is healthy.
    pub tier: u8,
    /// Whether it gets no traffic: its weight is 0, or its zone is drained.
    pub drained: bool,
    /// How it is checked, if not as the [fleet](Fleet::health_check).
    pub check: Option<Arc<HealthCheck>>,
}

/// The intervals of the Planner and the Enactors.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timings {
    /// From one tick of the Planner to the next.
    pub planner_interval: Duration,
    /// An Enactor's wait after a first failed pass.
    pub backoff_first: Duration,
    /// An Enactor's longest wait, after any number of failed passes.
    pub backoff_max: Duration,
    /// After how long without a wake-up an Enactor looks at the store.
    pub recheck: Duration,
}

/// One step of the health script: what holds from a reading on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HealthStep {
    /// The first reading that it applies to, from 1.
    pub at: u32,
    /// The target, at every endpoint that has it.
    pub target: IpAddr,
    /// Whether it is healthy; `None` leaves that as it was.
    pub healthy: Option<bool>,
    /// What it can serve; `None` leaves that as it was.
    pub capacity: Option<u32>,
}

impl Fleet {
    /// Most bytes of a fleet file, 64 MiB: enough for as many endpoints as a
    /// plan may have, and few enough to read at once.
    pub const MAX_BYTES: u64 = 64 << 20;

    /// Reads a fleet file.
    ///
    /// # Errors
    /// [`FleetError::Unreadable`], [`FleetError::TooLarge`], and
    /// [`FleetError::Mistakes`] with the mistakes in it.
    pub fn load(path: &Path) -> Result<Self, FleetError> {
        let unreadable = |source| FleetError::Unreadable {
            file: path.to_owned(),
            source,
        };
        let bytes = read_to_bound(path).map_err(unreadable)?;
        if bytes.len() as u64 > Self::MAX_BYTES {
            let file = path.to_owned();
            return Err(FleetError::TooLarge { file });
        }
        match str::from_utf8(&bytes) {
            Ok(text) => Self::parse(text, path),
            Err(_) => Err(source::not_utf8(&bytes, path)),
        }
    }

    /// Reads a fleet from a text; `origin` is the file that error messages name.
    ///
    /// # Errors
    /// [`FleetError::Mistakes`] with the mistakes in it.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, FleetError> {
        let source = Source::new(text, origin);
        checks::fleet(&source).ok_or_else(|| source.into_error())
    }

    /// The endpoints, in the order of the file; at least one.
    pub fn endpoints(&self) -> &[FleetEndpoint] {
        &self.endpoints
    }

    /// The targets of all endpoints, in the order of the file. A target that serves several
    /// endpoints is there once for each.
    pub fn targets(&self) -> impl Iterator<Item = &FleetTarget> {
        self.endpoints.iter().flat_map(FleetEndpoint::targets)
    }

    /// The intervals of the Planner and the Enactors.
    pub fn timings(&self) -> Timings {
        self.timings
    }

    /// How much may change without a delay.
    pub fn change_limits(&self) -> ChangeLimits {
        self.change_limits
    }

    /// How many plans a sweep keeps.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// How targets are checked, but for those that have a check of their own.
    pub fn health_check(&self) -> &Arc<HealthCheck> {
        &self.health_check
    }

    /// How this target is checked.
    pub fn check_of<'a>(&'a self, target: &'a FleetTarget) -> &'a Arc<HealthCheck> {
        target.check.as_ref().unwrap_or(&self.health_check)
    }

    /// The longest [detection window](HealthCheck::detection) of all targets.
    pub fn detection(&self) -> Duration {
        self.detection
    }

    /// The longest [first round](HealthCheck::first_round) of all targets.
    pub fn first_round(&self) -> Duration {
        self.first_round
    }

    /// The zones that a DNS server answers for, in the order of the file.
    pub fn dns_zones(&self) -> &[DnsZone] {
        &self.dns_zones
    }

    /// The health script, sorted by reading. Steps at the same reading are in the
    /// order of the file.
    pub fn health_script(&self) -> &[HealthStep] {
        &self.health_script
    }
}

impl FleetEndpoint {
    /// How long resolvers may keep the answer if the file does not say, in
    /// seconds: short, so that clients soon see a change of the targets.
    pub const DEFAULT_TTL: u32 = 5;

    /// Its name.
    pub fn name(&self) -> &EndpointName {
        &self.name
    }

    /// How long resolvers may keep the answer, in seconds.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// What it serves when none of its targets is healthy.
    pub fn fail(&self) -> FailPolicy {
        self.fail
    }

    /// If less than this share of a tier is healthy, in per cent, the tier is served
    /// whole.
    pub fn min_healthy_percent(&self) -> u8 {
        self.min_healthy_percent
    }

    /// Its targets, in the order of the file; at least one.
    pub fn targets(&self) -> &[FleetTarget] {
        &self.targets
    }

    /// An endpoint that serves what these records say. No fleet file describes it, so
    /// zones and tiers are not known.
    pub(crate) fn of_records(name: &EndpointName, records: &RecordSet) -> Self {
        let target = |target: Target| FleetTarget {
            address: target.address,
            zone: String::new(),
            capacity: target.weight.max(1).into(),
            weight: if target.weight == 0 { 0 } else { u8::MAX },
            tier: 0,
            drained: target.weight == 0,
            check: None,
        };
        Self {
            name: name.clone(),
            ttl: records.ttl(),
            fail: FailPolicy::default(),
            min_healthy_percent: 0,
            targets: records.targets().map(target).collect(),
        }
    }
}

impl Default for ChangeLimits {
    fn default() -> Self {
        Self {
            max_removal_percent: 34,
            suspect_percent: 50,
            suspect_for: Duration::from_secs(30),
        }
    }
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            planner_interval: Duration::from_secs(1),
            backoff_first: Duration::from_millis(50),
            backoff_max: Duration::from_secs(5),
            recheck: Duration::from_secs(1),
        }
    }
}

/// The file's bytes, but at most one more than a fleet file may have.
fn read_to_bound(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(Fleet::MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
