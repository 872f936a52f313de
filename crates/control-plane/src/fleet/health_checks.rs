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

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use plan_store::EndpointName;
use toml::Spanned;

use super::file::{EndpointTable, HealthCheckTable, TargetTable};
use super::source::Source;
use super::values::{Argument, Flaps, Kind, Method, Name, Percent, ServiceName, Trusted};
use super::values::{BodyText, CheckCount, RequestPath, StatusCodes};
use super::{FleetEndpoint, start};
use crate::{
    CheckKind, CommandCheck, Damping, FleetError, GrpcCheck, HealthCheck, HttpCheck, HttpMethod,
    TlsCheck, Trust,
};

/// The check of a table inside `outer`.
pub(super) fn resolve(
    source: &Source<'_>,
    table: &HealthCheckTable,
    outer: &HealthCheck,
) -> Result<HealthCheck, FleetError> {
    let interval = given(table.interval_ms.as_ref(), |ms| ms.get()).unwrap_or(outer.interval);
    let timeout = given(table.timeout_ms.as_ref(), |ms| ms.get());
    if let (Some(at), Some(timeout)) = (&table.timeout_ms, timeout)
        && timeout > interval
    {
        let (timeout, interval) = (timeout.as_millis(), interval.as_millis());
        let mistake = format!(
            "`timeout_ms` is {timeout}, more than `interval_ms`, {interval}; use at most {interval}"
        );
        return Err(source.mistake(start(at), mistake));
    }
    Ok(HealthCheck {
        kind: kind(source, table, &outer.kind)?,
        port: port(source, table, outer.port)?,
        interval,
        timeout: timeout.unwrap_or(outer.timeout.min(interval)),
        jitter_percent: table
            .jitter_percent
            .map_or(outer.jitter_percent, Percent::get),
        rise: table.rise.map_or(outer.rise, CheckCount::get),
        fall: table.fall.map_or(outer.fall, CheckCount::get),
        damping: damping(source, table, outer.damping)?,
    })
}

fn port(source: &Source<'_>, table: &HealthCheckTable, outer: u16) -> Result<u16, FleetError> {
    match (&table.kind, table.port) {
        (_, Some(port)) => Ok(port.get()),
        (Some(kind), None) if outer == 443 && kind.get_ref().is_plain() => {
            let mistake = format!(
                "a check of kind {:?} would speak plain text to port 443; add `port`, such as 8080",
                kind.get_ref().name()
            );
            Err(source.mistake(start(kind), mistake))
        }
        _ => Ok(outer),
    }
}

fn damping(
    source: &Source<'_>,
    table: &HealthCheckTable,
    outer: Option<Damping>,
) -> Result<Option<Damping>, FleetError> {
    let flaps = table.damp_after.map(Flaps::get);
    let flaps = flaps.unwrap_or(outer.map_or(0, |damping| damping.flaps));
    let half_life = given(table.damp_half_life_ms.as_ref(), |ms| ms.get());
    match (flaps, &table.damp_half_life_ms) {
        (0, Some(at)) => {
            let mistake =
                "`damp_half_life_ms` without `damp_after`; add `damp_after`, or leave it out";
            Err(source.mistake(start(at), mistake))
        }
        (0, None) => Ok(None),
        (flaps, _) => {
            let outer = outer.map(|damping| damping.half_life);
            let half_life = half_life.or(outer);
            Ok(Some(Damping {
                flaps: flaps.max(2),
                half_life: half_life.unwrap_or(Damping::DEFAULT_HALF_LIFE),
            }))
        }
    }
}

/// The kind with its parameters.
fn kind(
    source: &Source<'_>,
    table: &HealthCheckTable,
    outer: &CheckKind,
) -> Result<CheckKind, FleetError> {
    let named = table.kind.as_ref().map(|kind| *kind.get_ref());
    let kind = named.unwrap_or(kind_of(outer));
    belong(source, table, kind)?;
    let outer = Some(outer).filter(|outer| kind_of(outer) == kind);
    Ok(match kind {
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
            CheckKind::Http(http(source, table, HttpCheck { tls, ..outer })?)
        }
        Kind::Grpc | Kind::Grpcs => {
            let outer = match outer {
                Some(CheckKind::Grpc(outer)) => outer.clone(),
                _ => GrpcCheck::default(),
            };
            let tls = (kind == Kind::Grpcs).then(|| trust(table).or(outer.tls));
            let service = given(table.service.as_ref(), ServiceName::get);
            CheckKind::Grpc(GrpcCheck {
                tls: tls.map(Option::unwrap_or_default),
                host: host(table).or(outer.host),
                service: service.unwrap_or(outer.service),
            })
        }
        Kind::Command => match (&table.command, outer, &table.kind) {
            (Some(given), ..) => CheckKind::Command(command(source, given)?),
            (None, Some(outer), _) => outer.clone(),
            (None, None, kind) => {
                let mistake = "`kind` is \"command\", and there is no `command`; add one such as [\"/usr/bin/check\", \"--quick\"]";
                return Err(source.mistake(kind.as_ref().map_or(0, start), mistake));
            }
        },
    })
}

fn http(
    source: &Source<'_>,
    table: &HealthCheckTable,
    outer: HttpCheck,
) -> Result<HttpCheck, FleetError> {
    let check = HttpCheck {
        tls: outer.tls,
        host: host(table).or(outer.host),
        method: given(table.method.as_ref(), Method::get).unwrap_or(outer.method),
        path: given(table.path.as_ref(), RequestPath::get).unwrap_or(outer.path),
        status: given(table.status.as_ref(), StatusCodes::get).unwrap_or(outer.status),
        body: given(table.body.as_ref(), BodyText::get).or(outer.body),
    };
    if check.method == HttpMethod::Head && check.body.is_some() {
        let at = table.body.as_ref().map(start);
        let at = at.or(table.method.as_ref().map(start));
        let mistake = "an answer to HEAD has no body to look for `body` in; use `method = \"GET\"`";
        return Err(source.mistake(at.unwrap_or(0), mistake));
    }
    Ok(check)
}

fn command(
    source: &Source<'_>,
    given: &Spanned<Vec<Argument>>,
) -> Result<CommandCheck, FleetError> {
    let mut words = given.get_ref().iter().map(Argument::get);
    match words.next() {
        Some(program) if Path::new(program).is_absolute() => Ok(CommandCheck {
            program: PathBuf::from(program),
            arguments: words.map(str::to_owned).collect(),
        }),
        _ => {
            let mistake = "`command` does not begin with the absolute path of a program; use one such as [\"/usr/bin/check\", \"--quick\"]";
            Err(source.mistake(start(given), mistake))
        }
    }
}

/// Each field that is there belongs to the kind.
fn belong(source: &Source<'_>, table: &HealthCheckTable, kind: Kind) -> Result<(), FleetError> {
    use Kind::{Command, Grpc, Grpcs, Http, Https, Tls};
    let fields: [(&str, Option<usize>, &[Kind]); 8] = [
        (
            "host",
            table.host.as_ref().map(start),
            &[Tls, Http, Https, Grpc, Grpcs],
        ),
        (
            "trust",
            table.trust.as_ref().map(start),
            &[Tls, Https, Grpcs],
        ),
        ("method", table.method.as_ref().map(start), &[Http, Https]),
        ("path", table.path.as_ref().map(start), &[Http, Https]),
        ("status", table.status.as_ref().map(start), &[Http, Https]),
        ("body", table.body.as_ref().map(start), &[Http, Https]),
        ("service", table.service.as_ref().map(start), &[Grpc, Grpcs]),
        ("command", table.command.as_ref().map(start), &[Command]),
    ];
    let wrong = fields.into_iter().find_map(|(field, at, kinds)| {
        Some((field, at?, kinds)).filter(|_| !kinds.contains(&kind))
    });
    let Some((field, at, kinds)) = wrong else {
        return Ok(());
    };
    let kinds: Vec<_> = kinds.iter().map(|k| format!("{:?}", k.name())).collect();
    let mistake = format!(
        "`{field}` is not for a check of kind {:?}; leave it out, or set `kind` to {}",
        kind.name(),
        kinds.join(" or ")
    );
    Err(source.mistake(at, mistake))
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
    given(table.host.as_ref(), |name: &Name| name.get().clone())
}

fn trust(table: &HealthCheckTable) -> Option<Trust> {
    given(table.trust.as_ref(), Trusted::get)
}

fn given<T, U>(value: Option<&Spanned<T>>, get: impl FnOnce(&T) -> U) -> Option<U> {
    value.map(|value| get(value.get_ref()))
}

/// The checks of a fleet's endpoints and targets.
pub(super) struct Checks {
    /// The check of the fleet.
    pub(super) fleet: Arc<HealthCheck>,
    /// How each address is checked, and at which endpoint that stands. Empty if the file
    /// has one check for all.
    known: HashMap<IpAddr, (Option<Arc<HealthCheck>>, EndpointName)>,
    one_for_all: bool,
}

impl Checks {
    /// The checks of a file with this check and these endpoints.
    pub(super) fn new(fleet: HealthCheck, endpoints: &[EndpointTable]) -> Self {
        let has_one = |endpoint: &EndpointTable| {
            let mut targets = endpoint.target.iter();
            endpoint.health_check.is_some() || targets.any(|target| target.health_check.is_some())
        };
        Self {
            fleet: Arc::new(fleet),
            known: HashMap::new(),
            one_for_all: !endpoints.iter().any(has_one),
        }
    }

    /// The check of each target of this endpoint; `None` if it is the fleet's.
    pub(super) fn of_targets(
        &mut self,
        source: &Source<'_>,
        endpoint: &EndpointTable,
    ) -> Result<Vec<Option<Arc<HealthCheck>>>, FleetError> {
        if self.one_for_all {
            return Ok(vec![None; endpoint.target.len()]);
        }
        let of_endpoint = self.inner(source, endpoint.health_check.as_deref(), None)?;
        let mut checks = Vec::with_capacity(endpoint.target.len());
        for target in &endpoint.target {
            let check = self.inner(source, target.health_check.as_deref(), of_endpoint.as_ref())?;
            self.is_one_way(
                source,
                endpoint.name.get_ref().get(),
                target,
                check.as_ref(),
            )?;
            checks.push(check);
        }
        Ok(checks)
    }

    /// The check of this table inside `outer`; `None` if it is the fleet's.
    fn inner(
        &self,
        source: &Source<'_>,
        table: Option<&HealthCheckTable>,
        outer: Option<&Arc<HealthCheck>>,
    ) -> Result<Option<Arc<HealthCheck>>, FleetError> {
        let Some(table) = table else {
            return Ok(outer.cloned());
        };
        let check = resolve(source, table, outer.unwrap_or(&self.fleet))?;
        Ok((check != *self.fleet).then(|| Arc::new(check)))
    }

    /// An address is checked in one way, whatever endpoints have it.
    fn is_one_way(
        &mut self,
        source: &Source<'_>,
        endpoint: &EndpointName,
        target: &TargetTable,
        check: Option<&Arc<HealthCheck>>,
    ) -> Result<(), FleetError> {
        let address = target.address.get_ref().get();
        let here = || (check.cloned(), endpoint.clone());
        let (known, first) = self.known.entry(address).or_insert_with(here);
        if known.as_ref() == check {
            return Ok(());
        }
        let mistake = format!(
            "{address} is checked in another way at endpoint {first}, and an address has one health; give it the same `health_check` at both"
        );
        Err(source.mistake(start(&target.address), mistake))
    }
}

/// The longest of these times over all checks of a fleet.
pub(super) fn longest<T: Ord + Copy>(
    fleet: &HealthCheck,
    endpoints: &[FleetEndpoint],
    time: impl Fn(&HealthCheck) -> T,
) -> T {
    let targets = endpoints.iter().flat_map(FleetEndpoint::targets);
    let own = targets.filter_map(|target| target.check.as_deref());
    own.map(&time).fold(time(fleet), T::max)
}
