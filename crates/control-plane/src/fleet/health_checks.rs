//! Health checks: what a `health_check` table makes of the one around it.
//!
//! # Rules
//! 1. The fleet has a check, an endpoint may have another, and so may a target. A table
//!    takes what it leaves out from the one around it.
//! 2. A table that names another `kind` takes the port, the intervals and the thresholds
//!    from the one around it, and nothing that belongs to the other kind.
//! 3. A field that does not belong to the kind is refused.
//! 4. A table that names a kind without TLS, `http` or `grpc`, has a port for it or takes one
//!    that is not 443. So the default port, which is for TLS, is not asked in plain text.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plan_store::EndpointName;

use super::FleetEndpoint;
use super::file::HealthCheckTable;
use super::reader::Field;
use super::source::Source;
use super::values::{Argument, Flaps, Kind, Method, Name, ServiceName, Trusted};
use super::values::{BodyText, RequestPath, StatusCodes};
use crate::{
    CheckKind, CommandCheck, Damping, GrpcCheck, HealthCheck, HttpCheck, HttpMethod, OwnCheck,
    TlsCheck, Trust,
};

/// The checks of a fleet, its endpoints and its targets. Equal ones are shared.
pub(super) struct Checks {
    /// The check of the fleet; `None` if it has a mistake.
    fleet: Option<Arc<HealthCheck>>,
    known: HashSet<Arc<HealthCheck>>,
    /// Those that are not the fleet's.
    own: HashMap<Arc<HealthCheck>, Arc<OwnCheck>>,
}

impl Checks {
    /// The checks of a file with this check of the fleet.
    pub(super) fn new(source: &Source<'_>, fleet: &Field<HealthCheckTable>) -> Self {
        let mut checks = Self {
            fleet: Some(Arc::default()),
            known: HashSet::new(),
            own: HashMap::new(),
        };
        checks.fleet = checks.inner(source, fleet, checks.fleet.clone());
        checks
    }

    /// The check of this table of an endpoint; `None` if it, or the fleet's, has a mistake.
    pub(super) fn of_endpoint(
        &mut self,
        source: &Source<'_>,
        table: &Field<Box<HealthCheckTable>>,
    ) -> Option<Arc<HealthCheck>> {
        self.inner(source, table, self.fleet.clone())
    }

    /// The check of this table of a target; `None` if it is the fleet's, or has a mistake.
    pub(super) fn of_target(
        &mut self,
        source: &Source<'_>,
        table: &Field<Box<HealthCheckTable>>,
        endpoint: Option<&Arc<HealthCheck>>,
    ) -> Option<Arc<OwnCheck>> {
        let check = self.inner(source, table, endpoint.cloned())?;
        self.own(&check)
    }

    /// This check, if it is not the fleet's.
    pub(super) fn own(&mut self, check: &Arc<HealthCheck>) -> Option<Arc<OwnCheck>> {
        let fleet = self.fleet.as_ref();
        if fleet.is_some_and(|fleet| Arc::ptr_eq(fleet, check)) {
            return None;
        }
        let new = || Arc::new(OwnCheck::new(Arc::clone(check)));
        let own = self.own.entry(Arc::clone(check)).or_insert_with(new);
        Some(Arc::clone(own))
    }

    /// The check of the fleet.
    pub(super) fn into_fleet(self) -> Arc<HealthCheck> {
        self.fleet.unwrap_or_default()
    }

    /// The check of this table inside `outer`. A table that has a mistake, or is inside one,
    /// is not compared with the one around it.
    fn inner(
        &mut self,
        source: &Source<'_>,
        field: &Field<impl AsRef<HealthCheckTable>>,
        outer: Option<Arc<HealthCheck>>,
    ) -> Option<Arc<HealthCheck>> {
        let Some(table) = field.get() else {
            return outer.filter(|_| !field.is_refused());
        };
        let before = source.mistakes.count();
        let check = resolve(source, table.as_ref(), outer.as_deref()?);
        if !field.is_whole() || source.mistakes.count() > before {
            return None;
        }
        if let Some(known) = self.known.get(&check) {
            return Some(Arc::clone(known));
        }
        let check = Arc::new(check);
        self.known.insert(Arc::clone(&check));
        Some(check)
    }
}

/// The check of a table inside `outer`.
fn resolve(source: &Source<'_>, table: &HealthCheckTable, outer: &HealthCheck) -> HealthCheck {
    let interval = table.interval_ms.or(outer.interval, |ms| ms.get());
    let timeout = table.timeout_ms.placed().map(|(at, ms)| (at, ms.get()));
    if let (Some((at, timeout)), Some(interval)) = (timeout, interval)
        && timeout > interval
    {
        let (timeout, interval) = (timeout.as_millis(), interval.as_millis());
        let mistake = format!(
            "`timeout_ms` is {timeout}, more than `interval_ms`, {interval}; use at most {interval}"
        );
        source.mistake(at, mistake);
    }
    let interval = interval.unwrap_or(outer.interval);
    HealthCheck {
        kind: kind(source, table, &outer.kind),
        port: port(source, table, outer.port),
        interval,
        timeout: timeout.map_or(outer.timeout.min(interval), |(_, timeout)| timeout),
        jitter_percent: given(&table.jitter_percent, |percent| percent.get())
            .unwrap_or(outer.jitter_percent),
        rise: given(&table.rise, |rise| rise.get()).unwrap_or(outer.rise),
        fall: given(&table.fall, |fall| fall.get()).unwrap_or(outer.fall),
        damping: damping(source, table, outer.damping),
    }
}

fn port(source: &Source<'_>, table: &HealthCheckTable, outer: u16) -> u16 {
    if let (Some((at, kind)), Field::Missing) = (table.kind.placed(), &table.port)
        && outer == 443
        && kind.is_plain()
    {
        let mistake = format!(
            "a check of kind {:?} would speak plain text to port 443; add `port`, such as 8080",
            kind.name()
        );
        source.mistake(at, mistake);
    }
    given(&table.port, |port| port.get()).unwrap_or(outer)
}

fn damping(
    source: &Source<'_>,
    table: &HealthCheckTable,
    outer: Option<Damping>,
) -> Option<Damping> {
    let outer_flaps = outer.map_or(0, |damping| damping.flaps);
    let flaps = table
        .damp_after
        .or(outer_flaps, |flaps: &Flaps| flaps.get())?;
    if flaps > 0 {
        let half_life = given(&table.damp_half_life_ms, |ms| ms.get());
        let half_life = half_life.or(outer.map(|damping| damping.half_life));
        return Some(Damping {
            flaps,
            half_life: half_life.unwrap_or(Damping::DEFAULT_HALF_LIFE),
        });
    }
    if let Some(at) = table.damp_half_life_ms.at() {
        let mistake = "`damp_half_life_ms` without `damp_after`; add `damp_after`, or leave it out";
        source.mistake(at, mistake);
    }
    None
}

/// The kind with its parameters.
fn kind(source: &Source<'_>, table: &HealthCheckTable, outer: &CheckKind) -> CheckKind {
    let Some(kind) = table.kind.or(kind_of(outer), |kind| *kind) else {
        return outer.clone();
    };
    belong(source, table, kind);
    let outer = Some(outer).filter(|outer| kind_of(outer) == kind);
    match kind {
        Kind::Tcp => CheckKind::Tcp,
        Kind::Tls => {
            let outer = match outer {
                Some(CheckKind::Tls(outer)) => outer.clone(),
                _ => TlsCheck::default(),
            };
            CheckKind::Tls(TlsCheck {
                host: host(table).or(outer.host),
                trust: trust(table).unwrap_or(outer.trust),
            })
        }
        Kind::Http | Kind::Https => {
            let outer = match outer {
                Some(CheckKind::Http(outer)) => outer.clone(),
                _ => HttpCheck::default(),
            };
            let tls = (kind == Kind::Https).then(|| trust(table).or(outer.tls.clone()));
            let tls = tls.map(Option::unwrap_or_default);
            CheckKind::Http(http(source, table, HttpCheck { tls, ..outer }))
        }
        Kind::Grpc | Kind::Grpcs => {
            let outer = match outer {
                Some(CheckKind::Grpc(outer)) => outer.clone(),
                _ => GrpcCheck::default(),
            };
            let tls = (kind == Kind::Grpcs).then(|| trust(table).or(outer.tls));
            let service = given(&table.service, ServiceName::get);
            CheckKind::Grpc(GrpcCheck {
                tls: tls.map(Option::unwrap_or_default),
                host: host(table).or(outer.host),
                service: service.unwrap_or(outer.service),
            })
        }
        Kind::Command => match (table.command.placed(), outer) {
            (Some((at, words)), _) => CheckKind::Command(command(source, at, words)),
            (None, Some(outer)) => outer.clone(),
            (None, None) => {
                if !table.command.is_refused() {
                    let mistake = "`kind` is \"command\", and there is no `command`; add one such as [\"/usr/bin/check\", \"--quick\"]";
                    source.mistake(table.kind.at().unwrap_or(0), mistake);
                }
                CheckKind::Tcp
            }
        },
    }
}

fn http(source: &Source<'_>, table: &HealthCheckTable, outer: HttpCheck) -> HttpCheck {
    let check = HttpCheck {
        tls: outer.tls,
        host: host(table).or(outer.host),
        method: given(&table.method, Method::get).unwrap_or(outer.method),
        path: given(&table.path, RequestPath::get).unwrap_or(outer.path),
        status: given(&table.status, StatusCodes::get).unwrap_or(outer.status),
        body: given(&table.body, BodyText::get).or(outer.body),
    };
    if check.method == HttpMethod::Head && check.body.is_some() {
        let at = table.body.at().or(table.method.at());
        let mistake = "an answer to HEAD has no body to look for `body` in; use `method = \"GET\"`";
        source.mistake(at.unwrap_or(0), mistake);
    }
    check
}

fn command(source: &Source<'_>, at: usize, words: &[Field<Argument>]) -> CommandCheck {
    let program = words.first().and_then(Field::get).map(Argument::get);
    let is_wrong = program.map_or(words.is_empty(), |program| {
        !Path::new(program).is_absolute()
    });
    if is_wrong {
        let mistake = "`command` does not begin with the absolute path of a program; use one such as [\"/usr/bin/check\", \"--quick\"]";
        source.mistake(at, mistake);
    }
    let arguments = words.iter().skip(1).filter_map(Field::get);
    CommandCheck {
        program: PathBuf::from(program.unwrap_or_default()),
        arguments: arguments.map(|word| word.get().to_owned()).collect(),
    }
}

/// Each field that is there belongs to the kind.
fn belong(source: &Source<'_>, table: &HealthCheckTable, kind: Kind) {
    use Kind::{Command, Grpc, Grpcs, Http, Https, Tls};
    let fields: [(&str, Option<usize>, &[Kind]); 8] = [
        ("host", table.host.at(), &[Tls, Http, Https, Grpc, Grpcs]),
        ("trust", table.trust.at(), &[Tls, Https, Grpcs]),
        ("method", table.method.at(), &[Http, Https]),
        ("path", table.path.at(), &[Http, Https]),
        ("status", table.status.at(), &[Http, Https]),
        ("body", table.body.at(), &[Http, Https]),
        ("service", table.service.at(), &[Grpc, Grpcs]),
        ("command", table.command.at(), &[Command]),
    ];
    for (field, at, kinds) in fields {
        let Some(at) = at.filter(|_| !kinds.contains(&kind)) else {
            continue;
        };
        let kinds: Vec<_> = kinds.iter().map(|k| format!("{:?}", k.name())).collect();
        let mistake = format!(
            "`{field}` is not for a check of kind {:?}; leave it out, or set `kind` to {}",
            kind.name(),
            kinds.join(" or ")
        );
        source.mistake(at, mistake);
    }
}

fn kind_of(kind: &CheckKind) -> Kind {
    match kind {
        CheckKind::Tcp => Kind::Tcp,
        CheckKind::Tls(_) => Kind::Tls,
        CheckKind::Http(check) if check.tls.is_some() => Kind::Https,
        CheckKind::Http(_) => Kind::Http,
        CheckKind::Grpc(check) if check.tls.is_some() => Kind::Grpcs,
        CheckKind::Grpc(_) => Kind::Grpc,
        CheckKind::Command(_) => Kind::Command,
    }
}

fn host(table: &HealthCheckTable) -> Option<EndpointName> {
    given(&table.host, |name: &Name| name.get().clone())
}

fn trust(table: &HealthCheckTable) -> Option<Trust> {
    given(&table.trust, Trusted::get)
}

fn given<T, U>(field: &Field<T>, get: impl FnOnce(&T) -> U) -> Option<U> {
    field.get().map(get)
}

/// The longest of these times over all checks of a fleet.
pub(super) fn longest<T: Ord + Copy>(
    fleet: &HealthCheck,
    endpoints: &[FleetEndpoint],
    time: impl Fn(&HealthCheck) -> T,
) -> T {
    let targets = endpoints.iter().flat_map(FleetEndpoint::targets);
    let own = targets.filter_map(|target| target.check.as_ref());
    own.map(|own| time(own.check())).fold(time(fleet), T::max)
}
