//! The fleet: what an operator writes down of the endpoints and their targets.
//!
//! A [`Fleet`] cannot be wrong: [`Fleet::parse`] checks all there is to check
//! before anything is planned from it, and names the line of what it refuses.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use plan_store::{EndpointName, Plan, RecordSet, Retention, Target};
use serde::Deserialize;
use toml::Spanned;

use crate::FleetError;

/// The endpoints with their targets, and how the control plane is to treat them.
///
/// # The file
/// TOML, at most [`Fleet::MAX_BYTES`] long. Numbers are whole; a field that is
/// not listed here is refused.
///
/// | field | values | default | says |
/// |---|---|---|---|
/// | `timings.planner_interval_ms` | 1 to 600,000 | 1,000 | from one step of the Planner to the next |
/// | `timings.backoff_first_ms` | 1 to 600,000 | 50 | an Enactor's wait after a first failed pass |
/// | `timings.backoff_max_ms` | `backoff_first_ms` to 600,000 | 5,000 | its longest wait, however many have failed |
/// | `timings.recheck_ms` | 1 to 600,000 | 1,000 | how often an Enactor looks at the store unprompted |
/// | `planner.max_removal_percent` | 0 to 100 | 30 | the share of an endpoint's targets that one plan may take away; 100 turns the guard off |
/// | `store.keep_newest` | 1 to 10,000 | 3 | how many of the newest plans a sweep keeps |
/// | `health_check.interval_ms` | 100 to 600,000 | 1,000 | from one check of a target to the next, for [`TcpChecks`](crate::TcpChecks) |
/// | `health_check.timeout_ms` | 10 to 60,000 | 500 | how long a connection may take |
/// | `health_check.jitter_percent` | 0 to 50 | 10 | how far an interval may be off |
/// | `health_check.rise` | 1 to 100 | 2 | how many checks in a row must succeed for a target to be healthy again |
/// | `health_check.fall` | 1 to 100 | 3 | how many must fail for it to be unhealthy |
/// | `health_check.max_fall_percent` | 1 to 100 | 10 | the share of the targets that may become unhealthy within one interval; one always may |
/// | `health_check.port` | 1 to 65,535 | 443 | the port that is connected to |
/// | `dns_zone` | | none | the zones that the endpoints lie in, for a DNS front |
/// | `dns_zone.apex` | a DNS name | | no two alike |
/// | `dns_zone.ttl` | 0 to 604,800 | 3,600 | how long resolvers may keep its SOA and NS records, in seconds |
/// | `dns_zone.negative_ttl` | 0 to 604,800 | 5 | how long they may keep *no such name* and *no such records*, in seconds |
/// | `dns_zone.name_server` | one at least | | its name servers |
/// | `dns_zone.name_server.name` | a DNS name | | |
/// | `dns_zone.name_server.addresses` | IP addresses | none | must be there if the name lies inside the zone |
/// | `endpoint` | one at least | | the endpoints |
/// | `endpoint.name` | a DNS name | | no two alike |
/// | `endpoint.ttl` | 0 to 604,800 | 5 | how long resolvers may keep the answer, in seconds |
/// | `endpoint.target` | one at least | | its targets, at most 1,024 of each address family |
/// | `endpoint.target.address` | an IPv4 or IPv6 address | | unicast; at an endpoint no two alike |
/// | `endpoint.target.zone` | 1 to 64 characters | | the availability zone, for people |
/// | `endpoint.target.capacity` | 1 to 1,000,000 | | how much it can serve, against the others |
/// | `endpoint.target.weight` | 0 to 255 | 255 | the operator's preference; 0 drains the target; in each family one must be above 0 |
/// | `health` | | none | the script of [`ScriptedHealth`](crate::ScriptedHealth) |
/// | `health.at` | 1 to 1,000,000 | | the reading from which on the step holds |
/// | `health.target` | a target's address | | at every endpoint that has it |
/// | `health.healthy` | true or false | as before | one of these two must be there |
/// | `health.capacity` | 0 to 1,000,000 | as before | |
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
///     "fleet.toml:7:16: `capacity` is 0; give a whole number from 1 to 1000000"
/// );
/// # Ok::<(), FleetError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fleet {
    endpoints: Vec<FleetEndpoint>,
    timings: Timings,
    max_removal_percent: u8,
    retention: Retention,
    health_check: HealthCheck,
    health_script: Vec<HealthStep>,
    dns_zones: Vec<DnsZone>,
}

/// How targets are checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct HealthCheck {
    /// From one check of a target to the next.
    pub interval: Duration,
    /// How long a connection may take.
    pub timeout: Duration,
    /// How far an interval may be off, in per cent.
    pub jitter_percent: u8,
    /// How many checks in a row must succeed for a target to be healthy again.
    pub rise: u8,
    /// How many must fail for it to be unhealthy.
    pub fall: u8,
    /// The share of the targets, in per cent, that may become unhealthy within
    /// one interval; one always may.
    pub max_fall_percent: u8,
    /// The port that is connected to.
    pub port: u16,
}

/// A zone that a DNS front serves.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DnsZone {
    /// The name at the top.
    pub apex: EndpointName,
    /// How long resolvers may keep its SOA and NS records, in seconds.
    pub ttl: u32,
    /// How long they may keep *no such name* and *no such records*, in seconds.
    pub negative_ttl: u32,
    /// Its name servers with their addresses; one at least.
    pub name_servers: Vec<(EndpointName, Vec<IpAddr>)>,
}

/// An endpoint of a fleet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FleetEndpoint {
    name: EndpointName,
    ttl: u32,
    targets: Vec<FleetTarget>,
}

/// A target as the operator has it; what the Planner makes of it is a
/// [`Target`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FleetTarget {
    /// The address.
    pub address: IpAddr,
    /// The availability zone that it stands in.
    pub zone: String,
    /// How much it can serve, against the endpoint's other targets.
    pub capacity: u32,
    /// The operator's preference; 0 drains the target.
    pub weight: u8,
}

/// How often things are done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timings {
    /// From one step of the Planner to the next.
    pub planner_interval: Duration,
    /// An Enactor's wait after a first failed pass.
    pub backoff_first: Duration,
    /// An Enactor's longest wait, however many passes have failed.
    pub backoff_max: Duration,
    /// How often an Enactor looks at the store unprompted.
    pub recheck: Duration,
}

/// One step of the health script: what is so from a reading on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HealthStep {
    /// The first reading, from 1, that it holds for.
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
    /// plan may have, and little enough to read at once.
    pub const MAX_BYTES: u64 = 64 << 20;

    /// Reads a fleet file.
    ///
    /// # Errors
    /// [`FleetError::Unreadable`], [`FleetError::TooLarge`], and
    /// [`FleetError::Mistake`] with the first mistake in it.
    pub fn load(path: &Path) -> Result<Self, FleetError> {
        let unreadable = |reason| FleetError::Unreadable {
            file: path.to_owned(),
            reason,
        };
        let bytes = read_to_bound(path).map_err(unreadable)?;
        if bytes.len() as u64 > Self::MAX_BYTES {
            let file = path.to_owned();
            return Err(FleetError::TooLarge { file });
        }
        match str::from_utf8(&bytes) {
            Ok(text) => Self::parse(text, path),
            Err(_) => Err(not_utf8(&bytes, path)),
        }
    }

    /// Reads a fleet from a text; `origin` is the file that error messages name.
    ///
    /// # Errors
    /// [`FleetError::Mistake`] with the first mistake in it.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, FleetError> {
        let source = Source { file: origin, text };
        match toml::from_str(text) {
            Ok(raw) => source.fleet(&raw),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                Err(source.fault(at, plainly(error.message())))
            }
        }
    }

    /// The endpoints, in the order of the file; one at least.
    pub fn endpoints(&self) -> &[FleetEndpoint] {
        &self.endpoints
    }

    /// How often things are done.
    pub fn timings(&self) -> Timings {
        self.timings
    }

    /// The share of an endpoint's targets, in per cent, that one plan may take
    /// away.
    pub fn max_removal_percent(&self) -> u8 {
        self.max_removal_percent
    }

    /// What a sweep keeps.
    pub fn retention(&self) -> Retention {
        self.retention
    }

    /// How targets are checked.
    pub fn health_check(&self) -> HealthCheck {
        self.health_check
    }

    /// The zones that a DNS front serves, in the order of the file.
    pub fn dns_zones(&self) -> &[DnsZone] {
        &self.dns_zones
    }

    /// The health script by reading; steps at the same reading in the order of
    /// the file.
    pub fn health_script(&self) -> &[HealthStep] {
        &self.health_script
    }
}

impl FleetEndpoint {
    /// How long resolvers may keep the answer if the file does not say, in
    /// seconds: short, so that a change of the targets is soon seen.
    pub const DEFAULT_TTL: u32 = 5;

    /// Its name.
    pub fn name(&self) -> &EndpointName {
        &self.name
    }

    /// How long resolvers may keep the answer, in seconds.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// Its targets, in the order of the file; one at least.
    pub fn targets(&self) -> &[FleetTarget] {
        &self.targets
    }
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            timeout: Duration::from_millis(500),
            jitter_percent: 10,
            rise: 2,
            fall: 3,
            max_fall_percent: 10,
            port: 443,
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

const DEFAULT_MAX_REMOVAL_PERCENT: u8 = 30;
const DEFAULT_KEEP_NEWEST: u32 = 3;
const DEFAULT_WEIGHT: u8 = u8::MAX;

/// Longest of the timings, ten minutes: a control plane that sleeps longer looks
/// dead.
const MAX_MILLIS: u64 = 600_000;
const MIN_CHECK_MILLIS: u64 = 100;
const TIMEOUT_MILLIS: RangeInclusive<u64> = 10..=60_000;
const DEFAULT_DNS_TTL: u32 = 3600;
const DEFAULT_NEGATIVE_TTL: u32 = 5;
const MAX_KEEP_NEWEST: u32 = 10_000;
const MAX_CAPACITY: u32 = 1_000_000;
const MAX_READING: u32 = 1_000_000;
const MAX_ZONE: usize = 64;

/// The file's bytes; one more than a fleet file may have if there are too many.
fn read_to_bound(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(Fleet::MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The parser's message on one line, without the name of a Rust type.
fn plainly(message: &str) -> String {
    let message = message.replace('\n', ", ");
    message.replace("expected i64", "expected a whole number")
}

fn not_utf8(bytes: &[u8], file: &Path) -> FleetError {
    let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let fault = "the text is not UTF-8 from here on; save the file as UTF-8";
    Source { file, text }.fault(text.len(), fault)
}

// The file as it is written, before the checks. Wherever a check may fail, with
// the place in the text.

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFleet {
    #[serde(default)]
    timings: RawTimings,
    #[serde(default)]
    planner: RawPlanner,
    #[serde(default)]
    store: RawStore,
    #[serde(default)]
    health_check: RawHealthCheck,
    #[serde(default)]
    dns_zone: Vec<RawDnsZone>,
    #[serde(default)]
    endpoint: Vec<RawEndpoint>,
    #[serde(default)]
    health: Vec<Spanned<RawStep>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
#[allow(
    clippy::struct_field_names,
    reason = "the file's own names, unit included"
)]
struct RawTimings {
    planner_interval_ms: Option<Spanned<i64>>,
    backoff_first_ms: Option<Spanned<i64>>,
    backoff_max_ms: Option<Spanned<i64>>,
    recheck_ms: Option<Spanned<i64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawPlanner {
    max_removal_percent: Option<Spanned<i64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawStore {
    keep_newest: Option<Spanned<i64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawHealthCheck {
    interval_ms: Option<Spanned<i64>>,
    timeout_ms: Option<Spanned<i64>>,
    jitter_percent: Option<Spanned<i64>>,
    rise: Option<Spanned<i64>>,
    fall: Option<Spanned<i64>>,
    max_fall_percent: Option<Spanned<i64>>,
    port: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDnsZone {
    apex: Spanned<String>,
    ttl: Option<Spanned<i64>>,
    negative_ttl: Option<Spanned<i64>>,
    #[serde(default)]
    name_server: Vec<RawNameServer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawNameServer {
    name: Spanned<String>,
    #[serde(default)]
    addresses: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEndpoint {
    name: Spanned<String>,
    ttl: Option<Spanned<i64>>,
    #[serde(default)]
    target: Vec<RawTarget>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTarget {
    address: Spanned<String>,
    zone: Spanned<String>,
    capacity: Spanned<i64>,
    weight: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    at: Spanned<i64>,
    target: Spanned<String>,
    healthy: Option<bool>,
    capacity: Option<Spanned<i64>>,
}

/// The text of a fleet file and what the file is called: what it takes to check
/// the one and to say where a mistake is.
struct Source<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn fleet(&self, raw: &RawFleet) -> Result<Fleet, FleetError> {
        let endpoints = self.endpoints(&raw.endpoint)?;
        let health_script = self.health_script(&raw.health, &endpoints)?;
        let percent = raw.planner.max_removal_percent.as_ref();
        let keep = raw.store.keep_newest.as_ref();
        Ok(Fleet {
            endpoints,
            timings: self.timings(&raw.timings)?,
            max_removal_percent: self
                .optional("max_removal_percent", percent, 0..=100)?
                .unwrap_or(DEFAULT_MAX_REMOVAL_PERCENT),
            retention: Retention::newest(
                self.optional("keep_newest", keep, 1..=MAX_KEEP_NEWEST)?
                    .unwrap_or(DEFAULT_KEEP_NEWEST),
            ),
            health_check: self.health_check(&raw.health_check)?,
            health_script,
            dns_zones: self.dns_zones(&raw.dns_zone)?,
        })
    }

    fn health_check(&self, raw: &RawHealthCheck) -> Result<HealthCheck, FleetError> {
        let default = HealthCheck::default();
        let interval = self.optional(
            "interval_ms",
            raw.interval_ms.as_ref(),
            MIN_CHECK_MILLIS..=MAX_MILLIS,
        )?;
        let timeout = self.optional("timeout_ms", raw.timeout_ms.as_ref(), TIMEOUT_MILLIS)?;
        let small = |field, value: &Option<_>, bounds, default| {
            let given = self.optional(field, value.as_ref(), bounds)?;
            Ok::<u8, FleetError>(given.unwrap_or(default))
        };
        Ok(HealthCheck {
            interval: interval.map_or(default.interval, Duration::from_millis),
            timeout: timeout.map_or(default.timeout, Duration::from_millis),
            jitter_percent: small(
                "jitter_percent",
                &raw.jitter_percent,
                0..=50,
                default.jitter_percent,
            )?,
            rise: small("rise", &raw.rise, 1..=100, default.rise)?,
            fall: small("fall", &raw.fall, 1..=100, default.fall)?,
            max_fall_percent: small(
                "max_fall_percent",
                &raw.max_fall_percent,
                1..=100,
                default.max_fall_percent,
            )?,
            port: self
                .optional("port", raw.port.as_ref(), 1..=u16::MAX)?
                .unwrap_or(default.port),
        })
    }

    fn dns_zones(&self, raw: &[RawDnsZone]) -> Result<Vec<DnsZone>, FleetError> {
        let mut zones: Vec<DnsZone> = Vec::with_capacity(raw.len());
        for raw in raw {
            let zone = self.dns_zone(raw)?;
            if zones.iter().any(|other| other.apex == zone.apex) {
                let fault = format!("zone {} is there already; remove one", zone.apex);
                return Err(self.fault(start(&raw.apex), fault));
            }
            zones.push(zone);
        }
        Ok(zones)
    }

    fn dns_zone(&self, raw: &RawDnsZone) -> Result<DnsZone, FleetError> {
        let apex = self.name("apex", &raw.apex)?;
        if raw.name_server.is_empty() {
            let fault = format!("zone {apex} has no name server; add a [[dns_zone.name_server]]");
            return Err(self.fault(start(&raw.apex), fault));
        }
        let ttl = |field, value: &Option<_>, default| {
            let given = self.optional(field, value.as_ref(), 0..=RecordSet::MAX_TTL)?;
            Ok::<_, FleetError>(given.unwrap_or(default))
        };
        let name_server = |raw: &RawNameServer| {
            let name = self.name("name", &raw.name)?;
            let addresses = raw.addresses.iter();
            let addresses = addresses.map(|raw| self.address("addresses", raw));
            Ok((name, addresses.collect::<Result<_, _>>()?))
        };
        Ok(DnsZone {
            ttl: ttl("ttl", &raw.ttl, DEFAULT_DNS_TTL)?,
            negative_ttl: ttl("negative_ttl", &raw.negative_ttl, DEFAULT_NEGATIVE_TTL)?,
            name_servers: raw
                .name_server
                .iter()
                .map(name_server)
                .collect::<Result<_, FleetError>>()?,
            apex,
        })
    }

    fn name(&self, field: &str, raw: &Spanned<String>) -> Result<EndpointName, FleetError> {
        let name = raw.get_ref().parse();
        name.map_err(|error| self.fault(start(raw), format!("`{field}`: {error}")))
    }

    fn timings(&self, raw: &RawTimings) -> Result<Timings, FleetError> {
        let millis = |field, value: &Option<_>, default| {
            let given = self.optional(field, value.as_ref(), 1..=MAX_MILLIS)?;
            Ok::<_, FleetError>(given.map_or(default, Duration::from_millis))
        };
        let default = Timings::default();
        let timings = Timings {
            planner_interval: millis(
                "planner_interval_ms",
                &raw.planner_interval_ms,
                default.planner_interval,
            )?,
            backoff_first: millis(
                "backoff_first_ms",
                &raw.backoff_first_ms,
                default.backoff_first,
            )?,
            backoff_max: millis("backoff_max_ms", &raw.backoff_max_ms, default.backoff_max)?,
            recheck: millis("recheck_ms", &raw.recheck_ms, default.recheck)?,
        };
        if timings.backoff_first <= timings.backoff_max {
            return Ok(timings);
        }
        let given = raw
            .backoff_max_ms
            .as_ref()
            .or(raw.backoff_first_ms.as_ref());
        let fault = format!(
            "`backoff_max_ms` is {}, less than `backoff_first_ms`, {}; give it as much at least",
            timings.backoff_max.as_millis(),
            timings.backoff_first.as_millis()
        );
        Err(self.fault(given.map_or(0, start), fault))
    }

    fn endpoints(&self, raw: &[RawEndpoint]) -> Result<Vec<FleetEndpoint>, FleetError> {
        if raw.is_empty() {
            return Err(self.fault(0, "the fleet has no endpoint; add an [[endpoint]]"));
        }
        if let Some(first_too_many) = raw.get(Plan::MAX_ENDPOINTS) {
            let fault = format!(
                "the fleet has {} endpoints, more than {}; split it over several control planes",
                raw.len(),
                Plan::MAX_ENDPOINTS
            );
            return Err(self.fault(start(&first_too_many.name), fault));
        }
        let mut seen = HashMap::new();
        let mut endpoints = Vec::with_capacity(raw.len());
        for raw in raw {
            let endpoint = self.endpoint(raw)?;
            let at = start(&raw.name);
            if let Some(first) = seen.insert(endpoint.name.clone(), at) {
                let (line, _) = self.place(first);
                let name = &endpoint.name;
                let fault = format!("endpoint {name} is on line {line} already; merge the two");
                return Err(self.fault(at, fault));
            }
            endpoints.push(endpoint);
        }
        Ok(endpoints)
    }

    fn endpoint(&self, raw: &RawEndpoint) -> Result<FleetEndpoint, FleetError> {
        let name = self.name("name", &raw.name)?;
        let ttl = self
            .optional("ttl", raw.ttl.as_ref(), 0..=RecordSet::MAX_TTL)?
            .unwrap_or(FleetEndpoint::DEFAULT_TTL);
        let targets = raw.target.iter().map(|raw| self.target(raw));
        let targets: Vec<FleetTarget> = targets.collect::<Result<_, _>>()?;
        // A record set of all targets is checked like one of a plan.
        let records = targets.iter().map(|t| Target::new(t.address, t.weight));
        match RecordSet::new(&name, ttl, records) {
            Ok(_) => Ok(FleetEndpoint { name, ttl, targets }),
            Err(error) => Err(self.fault(place_of(&error, raw, &targets), error)),
        }
    }

    fn target(&self, raw: &RawTarget) -> Result<FleetTarget, FleetError> {
        let weight = raw.weight.as_ref();
        Ok(FleetTarget {
            address: self.address("address", &raw.address)?,
            zone: self.zone(&raw.zone)?,
            capacity: self.number("capacity", &raw.capacity, 1..=MAX_CAPACITY)?,
            weight: self
                .optional("weight", weight, 0..=u8::MAX)?
                .unwrap_or(DEFAULT_WEIGHT),
        })
    }

    fn zone(&self, raw: &Spanned<String>) -> Result<String, FleetError> {
        let zone = raw.get_ref();
        let length = zone.chars().count();
        if (1..=MAX_ZONE).contains(&length) && !zone.chars().any(char::is_control) {
            return Ok(zone.clone());
        }
        let fault = format!("`zone` is no name; give 1 to {MAX_ZONE} printable characters");
        Err(self.fault(start(raw), fault))
    }

    fn health_script(
        &self,
        raw: &[Spanned<RawStep>],
        endpoints: &[FleetEndpoint],
    ) -> Result<Vec<HealthStep>, FleetError> {
        let targets = endpoints.iter().flat_map(FleetEndpoint::targets);
        let known: HashSet<IpAddr> = targets.map(|target| target.address).collect();
        let steps = raw.iter().map(|raw| self.health_step(raw, &known));
        let mut steps: Vec<HealthStep> = steps.collect::<Result<_, _>>()?;
        steps.sort_by_key(|step| step.at);
        Ok(steps)
    }

    fn health_step(
        &self,
        raw: &Spanned<RawStep>,
        known: &HashSet<IpAddr>,
    ) -> Result<HealthStep, FleetError> {
        let at = start(raw);
        let raw = raw.get_ref();
        let capacity = raw.capacity.as_ref();
        let step = HealthStep {
            at: self.number("at", &raw.at, 1..=MAX_READING)?,
            target: self.address("target", &raw.target)?,
            healthy: raw.healthy,
            capacity: self.optional("capacity", capacity, 0..=MAX_CAPACITY)?,
        };
        if !known.contains(&step.target) {
            let fault = format!(
                "`target` {} is at no endpoint; give the address of one that is",
                step.target
            );
            return Err(self.fault(start(&raw.target), fault));
        }
        if step.healthy.is_none() && step.capacity.is_none() {
            let fault = "the health step changes nothing; add `healthy` or `capacity`";
            return Err(self.fault(at, fault));
        }
        Ok(step)
    }

    fn address(&self, field: &str, raw: &Spanned<String>) -> Result<IpAddr, FleetError> {
        raw.get_ref().parse().map_err(|_| {
            let fault = format!(
                "`{field}` is not an IP address; write it like \"192.0.2.1\" or \"2001:db8::1\""
            );
            self.fault(start(raw), fault)
        })
    }

    fn optional<T: Number>(
        &self,
        field: &str,
        value: Option<&Spanned<i64>>,
        bounds: RangeInclusive<T>,
    ) -> Result<Option<T>, FleetError> {
        value
            .map(|value| self.number(field, value, bounds))
            .transpose()
    }

    fn number<T: Number>(
        &self,
        field: &str,
        value: &Spanned<i64>,
        bounds: RangeInclusive<T>,
    ) -> Result<T, FleetError> {
        match T::try_from(*value.get_ref()) {
            Ok(number) if bounds.contains(&number) => Ok(number),
            _ => {
                let fault = format!(
                    "`{field}` is {}; give a whole number from {} to {}",
                    value.get_ref(),
                    bounds.start(),
                    bounds.end()
                );
                Err(self.fault(start(value), fault))
            }
        }
    }

    /// The mistake at this byte of the text.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "text or an error, whichever is at hand"
    )]
    fn fault(&self, at: usize, fault: impl ToString) -> FleetError {
        let (line, column) = self.place(at);
        FleetError::Mistake {
            file: self.file.to_owned(),
            line,
            column,
            mistake: fault.to_string(),
        }
    }

    /// The line and column of this byte of the text, both from 1.
    fn place(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let column = before.chars().rev().take_while(|&c| c != '\n').count();
        (before.matches('\n').count() + 1, column + 1)
    }
}

/// An integer type that a field may have.
trait Number: TryFrom<i64> + PartialOrd + Display {}
impl<T: TryFrom<i64> + PartialOrd + Display> Number for T {}

/// Where in the text a value begins.
fn start<T>(value: &Spanned<T>) -> usize {
    value.span().start
}

/// Where the mistake is that makes these targets no record set: at the last
/// target with the address that the error names, or at the endpoint's name.
fn place_of(error: &plan_store::Error, raw: &RawEndpoint, targets: &[FleetTarget]) -> usize {
    let at_fault = match error {
        plan_store::Error::DuplicateTarget { address, .. }
        | plan_store::Error::UnusableAddress { address, .. } => targets
            .iter()
            .rposition(|target| target.address == *address),
        _ => None,
    };
    let target = at_fault.and_then(|at| raw.target.get(at));
    start(target.map_or(&raw.name, |target| &target.address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        [[endpoint]]
        name = "db.example"
        target = [{ address = "192.0.2.1", zone = "z1", capacity = 100 }]
    "#;

    fn parse(text: &str) -> Fleet {
        Fleet::parse(text, Path::new("fleet.toml")).unwrap()
    }

    #[test]
    fn what_a_file_leaves_out_is_as_documented() {
        let fleet = parse(SMALL);
        let millis = Duration::from_millis;
        assert_eq!(fleet.timings().planner_interval, millis(1000));
        assert_eq!(fleet.timings().backoff_first, millis(50));
        assert_eq!(fleet.timings().backoff_max, millis(5000));
        assert_eq!(fleet.timings().recheck, millis(1000));
        assert_eq!(fleet.max_removal_percent(), 30);
        assert_eq!(fleet.retention(), Retention::newest(3));
        assert_eq!(fleet.health_script(), []);
        assert_eq!(fleet.endpoints()[0].ttl(), 5);
        assert_eq!(fleet.endpoints()[0].targets()[0].weight, 255);
    }

    #[test]
    fn what_a_file_says_is_taken() {
        let fleet = parse(
            r#"
            timings = { planner_interval_ms = 1, backoff_first_ms = 2, backoff_max_ms = 3, recheck_ms = 600_000 }
            planner = { max_removal_percent = 100 }
            store = { keep_newest = 10_000 }
            [[endpoint]]
            name = "DB.example."
            ttl = 0
            [[endpoint.target]]
            address = "2001:db8::1"
            zone = "z1"
            capacity = 1_000_000
            weight = 1
            [[health]]
            at = 9
            target = "2001:db8:0::1"
            capacity = 0
            [[health]]
            at = 1
            target = "2001:db8::1"
            healthy = false
            "#,
        );
        let millis = Duration::from_millis;
        let timings = Timings {
            planner_interval: millis(1),
            backoff_first: millis(2),
            backoff_max: millis(3),
            recheck: millis(600_000),
        };
        assert_eq!(fleet.timings(), timings);
        assert_eq!(fleet.max_removal_percent(), 100);
        assert_eq!(fleet.retention(), Retention::newest(10_000));
        let endpoint = &fleet.endpoints()[0];
        assert_eq!(
            (endpoint.name().as_str(), endpoint.ttl()),
            ("db.example", 0)
        );
        let target = FleetTarget {
            address: "2001:db8::1".parse().unwrap(),
            zone: "z1".to_owned(),
            capacity: 1_000_000,
            weight: 1,
        };
        assert_eq!(endpoint.targets(), [target]);
        let steps: Vec<_> = fleet.health_script().iter().collect();
        let said: Vec<_> = steps
            .iter()
            .map(|s| (s.at, s.healthy, s.capacity))
            .collect();
        assert_eq!(said, [(1, Some(false), None), (9, None, Some(0))]);
    }

    #[test]
    fn a_byte_order_mark_and_carriage_returns_do_no_harm() {
        let text = format!("\u{feff}{}", SMALL.replace('\n', "\r\n"));
        assert_eq!(parse(&text), parse(SMALL));
    }
}
