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
#[cfg(feature = "schema")]
mod schema;
mod source;
mod spelling;
mod values;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::iter;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plan_store::{EndpointName, RecordSet, Retention, StaticRecords, Target};

use self::source::Source;
use crate::{CheckedTarget, FleetError, HealthCheck, OwnCheck};

#[cfg(feature = "schema")]
pub use self::schema::fleet_schema;

/// The endpoints with their targets, and the settings of the control plane.
///
/// # The file
/// The file is TOML and has at most [`Fleet::MAX_BYTES`] bytes. `docs/fleet.md` lists its
/// fields. A field that is not listed there is refused.
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
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
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
    /// The servers that may transfer it, at most [`DnsZone::MAX_SECONDARIES`].
    pub secondaries: Vec<DnsSecondary>,
    /// Its static records, from a zone file.
    pub records: Arc<ZoneRecords>,
}

/// A server that transfers a zone, and then answers for it too.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DnsSecondary {
    /// Where it asks from, and where it gets NOTIFY.
    pub address: IpAddr,
    /// The port on which it gets NOTIFY.
    pub port: u16,
    /// Whether it gets NOTIFY.
    pub notify: bool,
    /// The name of the key that it signs with.
    pub tsig_key: Option<EndpointName>,
}

/// The static records of a zone, by name.
pub type ZoneRecords = BTreeMap<EndpointName, StaticRecords>;

/// Notes that a zone file cannot be read, at this byte of the text, which names it. Gives other
/// errors back.
fn unreadable_records(
    text: &Source<'_>,
    at: usize,
    error: FleetError,
) -> Result<ZoneRecords, FleetError> {
    let FleetError::Unreadable { file, source } = error else {
        return Err(error);
    };
    let file = file.display();
    let mistake =
        format!("`records`: {file} cannot be read: {source}; give the path of a zone file");
    text.mistake(at, mistake);
    Ok(ZoneRecords::new())
}

/// Reads the records of a zone of this fleet from a zone file. The fleet has everything but
/// the records.
pub type ReadRecords<'r> = dyn Fn(&Fleet, &DnsZone, &Path) -> Result<ZoneRecords, FleetError> + 'r;

impl DnsZone {
    /// Most name servers of a zone, as in the DNS server.
    pub const MAX_NAME_SERVERS: usize = 13;

    /// Most addresses of a name server, as in the DNS server.
    pub const MAX_ADDRESSES: usize = 8;

    /// Most secondaries of a zone.
    pub const MAX_SECONDARIES: usize = 32;
}

/// An endpoint of a fleet. A clone shares the targets.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FleetEndpoint {
    name: EndpointName,
    ttl: u32,
    fail: FailPolicy,
    min_healthy_percent: u8,
    /// How its targets are checked that say nothing else, if not as the fleet.
    check: Option<Arc<OwnCheck>>,
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
    pub check: Option<Arc<OwnCheck>>,
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

    /// Reads a fleet file that names no zone files.
    ///
    /// # Errors
    /// [`FleetError::Unreadable`], [`FleetError::TooLarge`], and
    /// [`FleetError::Mistakes`] with the mistakes in it.
    pub fn load(path: &Path) -> Result<Self, FleetError> {
        let text = read_text(path)?;
        Self::parse(&text, path)
    }

    /// Reads a fleet file, and with `read` the zone files that it names.
    ///
    /// # Errors
    /// As [`Fleet::load`], and those of `read`.
    pub fn load_with(path: &Path, read: &ReadRecords<'_>) -> Result<Self, FleetError> {
        let text = read_text(path)?;
        Self::parse_with(&text, path, read)
    }

    /// Reads a fleet that names no zone files from a text; `origin` is the file that error
    /// messages name.
    ///
    /// # Errors
    /// [`FleetError::Mistakes`] with the mistakes in it.
    pub fn parse(text: &str, origin: &Path) -> Result<Self, FleetError> {
        let source = Source::new(text, origin);
        let Some((fleet, zone_files)) = checks::fleet(&source) else {
            return Err(source.into_error());
        };
        for (at, _) in zone_files.into_iter().flatten() {
            let mistake = "`records` is a zone file, which this program does not read; serve the fleet with `enact`, or leave it out";
            source.mistake(at, mistake);
        }
        source.without_mistakes(fleet)
    }

    /// Reads a fleet from a text, and with `read` the zone files that it names, relative to
    /// `origin`.
    ///
    /// # Errors
    /// As [`Fleet::parse`], and those of `read`. A zone file that cannot be read is a mistake in
    /// the text, which names it.
    pub fn parse_with(
        text: &str,
        origin: &Path,
        read: &ReadRecords<'_>,
    ) -> Result<Self, FleetError> {
        let source = Source::new(text, origin);
        let Some((mut fleet, zone_files)) = checks::fleet(&source) else {
            return Err(source.into_error());
        };
        let folder = origin.parent().unwrap_or(Path::new(""));
        let zones = fleet.dns_zones.iter().zip(&zone_files);
        let records = zones.map(|(zone, file)| {
            let Some((at, path)) = file else {
                return Ok(ZoneRecords::new());
            };
            let read = read(&fleet, zone, &folder.join(path));
            read.or_else(|error| unreadable_records(&source, *at, error))
        });
        let records = records.collect::<Result<Vec<_>, _>>()?;
        for (zone, records) in fleet.dns_zones.iter_mut().zip(records) {
            zone.records = Arc::new(records);
        }
        checks::are_not_too_many(&source, &fleet);
        source.without_mistakes(fleet)
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
        let own = target.check.as_ref().map(|own| own.check());
        own.unwrap_or(&self.health_check)
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

    /// The names with static records, with these, in the order of the names in each zone.
    pub fn static_records(&self) -> impl Iterator<Item = (&EndpointName, &StaticRecords)> {
        self.dns_zones.iter().flat_map(|zone| &*zone.records)
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

    /// The same with these targets drained as well.
    pub(crate) fn with_drained(&self, is_drained: impl Fn(&FleetTarget) -> bool) -> Self {
        if !self.targets.iter().any(&is_drained) {
            return self.clone();
        }
        let drain = |target: &FleetTarget| FleetTarget {
            drained: target.drained || is_drained(target),
            ..target.clone()
        };
        Self {
            targets: self.targets.iter().map(drain).collect(),
            ..self.clone()
        }
    }

    /// Has the targets checked as `file` says, which is the same endpoint. Returns those that
    /// are checked in another way than before: how before, and how now.
    pub(crate) fn check_as(&mut self, file: &Self) -> Vec<(CheckedTarget, CheckedTarget)> {
        let pairs = self.targets.iter().zip(file.targets());
        let mut is_same = pairs.map(|(one, other)| CheckedTarget::from(one) == other.into());
        if self.targets.len() == file.targets.len() && is_same.all(|is_same| is_same) {
            return Vec::new();
        }
        let checks = file.targets().iter().map(|t| (t.address, &t.check));
        let checks: HashMap<_, _> = checks.collect();
        let check = |before: &FleetTarget| FleetTarget {
            check: checks
                .get(&before.address)
                .map_or_else(|| before.check.clone(), |check| (*check).clone()),
            ..before.clone()
        };
        let now: Arc<[_]> = self.targets.iter().map(check).collect();
        let pairs = self.targets.iter().zip(&*now);
        let pairs = pairs.map(|(before, now)| (before.into(), now.into()));
        let changed: Vec<(CheckedTarget, CheckedTarget)> =
            pairs.filter(|(before, now)| before != now).collect();
        if !changed.is_empty() {
            self.targets = now;
        }
        changed
    }

    /// How the target with this address is checked, as far as the file says.
    fn check_of(&self, address: IpAddr) -> Option<Arc<OwnCheck>> {
        let mut targets = self.targets.iter();
        let named = targets.find(|target| target.address == address);
        named.map_or(&self.check, |target| &target.check).clone()
    }

    /// An endpoint that serves what these records say. Zones and tiers are not known. The
    /// targets are checked as the fleet file says, if it has the endpoint.
    pub(crate) fn of_records(
        name: &EndpointName,
        records: &RecordSet,
        file: Option<&Self>,
    ) -> Self {
        let target = |target: Target| FleetTarget {
            address: target.address,
            zone: String::new(),
            capacity: target.weight.max(1).into(),
            weight: if target.weight == 0 { 0 } else { u8::MAX },
            tier: 0,
            drained: target.weight == 0,
            check: file.and_then(|file| file.check_of(target.address)),
        };
        Self {
            name: name.clone(),
            ttl: records.ttl(),
            fail: FailPolicy::default(),
            min_healthy_percent: 0,
            check: file.and_then(|file| file.check.clone()),
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

/// The text of a fleet file.
fn read_text(path: &Path) -> Result<String, FleetError> {
    let unreadable = |source| FleetError::Unreadable {
        file: path.to_owned(),
        source,
    };
    let bytes = read_to_bound(path).map_err(unreadable)?;
    if bytes.len() as u64 > Fleet::MAX_BYTES {
        let file = path.to_owned();
        return Err(FleetError::TooLarge { file });
    }
    String::from_utf8(bytes).map_err(|error| source::not_utf8(error.as_bytes(), path))
}

/// The file's bytes, but at most one more than a fleet file may have.
fn read_to_bound(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(Fleet::MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The name and all names above it, the longest first.
pub(crate) fn above(name: &str) -> impl Iterator<Item = &str> {
    iter::successors(Some(name), |name| Some(name.split_once('.')?.1))
}
