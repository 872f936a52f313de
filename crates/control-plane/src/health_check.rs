//! Health checks as the fleet file describes them: what is asked of a target, how often,
//! and how many answers count.
//!
//! These are settings only. The crate `health-checks` makes the checks. Values come from
//! [`Fleet::parse`](crate::Fleet::parse), so they are within the bounds of the fleet file.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use plan_store::EndpointName;

/// How a target is checked.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HealthCheck {
    /// What is asked of the target.
    pub kind: CheckKind,
    /// The port that is connected to. A command gets it in its environment.
    pub port: u16,
    /// From the beginning of one check of a target to the beginning of the next.
    pub interval: Duration,
    /// How long a check may take, at most the interval.
    pub timeout: Duration,
    /// How far an interval may deviate, in per cent.
    pub jitter_percent: u8,
    /// How many checks in a row must succeed for a target to be healthy again.
    pub rise: u8,
    /// How many checks in a row must fail for a target to be unhealthy.
    pub fall: u8,
    /// Whether a target that flaps stays unhealthy for longer.
    pub damping: Option<Damping>,
}

/// What a check asks of a target, and which answer is a success.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum CheckKind {
    /// The target accepts a TCP connection.
    Tcp,
    /// The target completes a TLS handshake with a certificate that is trusted.
    Tls(TlsCheck),
    /// The target answers an HTTP/1.1 request.
    Http(HttpCheck),
    /// The target says `SERVING` in gRPC's health protocol, `grpc.health.v1`.
    Grpc(GrpcCheck),
    /// A command ends with exit status 0.
    Command(CommandCheck),
}

/// A TLS handshake.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct TlsCheck {
    /// The name that the certificate is for. `None` means the endpoint's name.
    pub host: Option<EndpointName>,
    /// Which certificates are accepted.
    pub trust: Trust,
}

/// Which certificates are accepted.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Trust {
    /// Those of the certificate authorities that the operating system trusts.
    #[default]
    System,
    /// Those of the authorities in this PEM file.
    File(PathBuf),
    /// Any, also an expired one or one for another name.
    Any,
}

/// An HTTP/1.1 request.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HttpCheck {
    /// HTTPS with such certificates; `None` means plain HTTP.
    pub tls: Option<Trust>,
    /// The `Host` header, and the name that the certificate is for. `None` means the
    /// endpoint's name.
    pub host: Option<EndpointName>,
    /// The method.
    pub method: HttpMethod,
    /// The path with its query.
    pub path: HttpPath,
    /// The status codes that are a success.
    pub status: Statuses,
    /// A text that must be in the first 64 KiB of the body.
    pub body: Option<String>,
}

/// A call of gRPC's health protocol.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct GrpcCheck {
    /// gRPC over TLS with such certificates; `None` means without TLS.
    pub tls: Option<Trust>,
    /// The authority, and the name that the certificate is for. `None` means the endpoint's
    /// name.
    pub host: Option<EndpointName>,
    /// The service; empty for the whole server.
    pub service: String,
}

/// A command that is run on the checker's machine.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct CommandCheck {
    /// The program, an absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// Flap damping: each fall of a target adds one to its penalty, and the penalty decays by
/// half in each half-life.
///
/// A target whose penalty reaches `flaps` stays unhealthy until the penalty has decayed to
/// half of that. The penalty is at most twice `flaps`, so a target that has recovered waits
/// for at most two half-lives. The source is RFC 2439, section 4.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Damping {
    /// The penalty at which a target is suppressed; at least 1. At 1, each fall keeps the
    /// target out for at least one half-life.
    pub flaps: u8,
    /// How long the penalty takes to decay by half.
    pub half_life: Duration,
}

/// The method of an HTTP request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum HttpMethod {
    /// `GET`
    #[default]
    Get,
    /// `HEAD`: the answer has no body.
    Head,
    /// `POST`, with an empty body.
    Post,
    /// `OPTIONS`
    Options,
}

/// The path of an HTTP request with its query: it begins with `/` and has visible ASCII
/// characters only, but not `#`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct HttpPath(String);

/// A set of HTTP status codes, such as `200-299,404`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

impl HealthCheck {
    /// The detection window: the longest time from a target's failure to the end of the
    /// check that calls it unhealthy.
    pub fn detection(&self) -> Duration {
        let longest = self
            .interval
            .mul_f64(1.0 + f64::from(self.jitter_percent) / 100.0);
        longest * u32::from(self.fall) + self.timeout
    }

    /// How long new targets may be waited for: each is checked once within one interval
    /// and one time-out, and a checker with much to do gets the same again.
    pub fn first_round(&self) -> Duration {
        (self.interval + self.timeout) * 2
    }
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            kind: CheckKind::Tcp,
            port: 443,
            interval: Duration::from_secs(1),
            timeout: Duration::from_millis(500),
            jitter_percent: 10,
            rise: 2,
            fall: 3,
            damping: None,
        }
    }
}

impl Default for HttpCheck {
    fn default() -> Self {
        Self {
            tls: None,
            host: None,
            method: HttpMethod::default(),
            path: HttpPath("/".into()),
            status: Statuses(vec![200..=299]),
            body: None,
        }
    }
}

impl Damping {
    /// The half-life if the fleet file does not say.
    pub const DEFAULT_HALF_LIFE: Duration = Duration::from_mins(1);
}

impl HttpMethod {
    /// As it is in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Options => "OPTIONS",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let all = [Self::Get, Self::Head, Self::Post, Self::Options];
        all.into_iter().find(|method| method.as_str() == text)
    }
}

impl HttpPath {
    /// Most characters.
    pub(crate) const MAX: usize = 1024;

    /// As it is in a request.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let fits = text.starts_with('/') && text.len() <= Self::MAX;
        let is_allowed = |c: char| c.is_ascii_graphic() && !matches!(c, '#' | '"' | '<' | '>');
        (fits && text.chars().all(is_allowed)).then(|| Self(text.to_owned()))
    }
}

impl Statuses {
    /// Whether this status is one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }

    /// Codes and ranges of them with commas in between, all from 100 to 599.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let code = |text: &str| {
            let code = text.trim().parse().ok()?;
            (100..=599).contains(&code).then_some(code)
        };
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (code(first)?, code(last)?);
            (first <= last).then_some(first..=last)
        };
        text.split(',')
            .map(range)
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }
}

/// As the fleet file has it.
impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let (first, last) = (range.start(), range.end());
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

/// What is asked, in a few words: the kind with its port and its path or program.
impl fmt::Display for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.kind {
            CheckKind::Tcp => write!(f, "tcp port {port}"),
            CheckKind::Tls(_) => write!(f, "tls port {port}"),
            CheckKind::Http(http) => {
                let kind = if http.tls.is_some() { "https" } else { "http" };
                write!(f, "{kind} port {port} {}", http.path.as_str())
            }
            CheckKind::Grpc(grpc) => {
                let kind = if grpc.tls.is_some() { "grpcs" } else { "grpc" };
                write!(f, "{kind} port {port}")?;
                match grpc.service.as_str() {
                    "" => Ok(()),
                    service => write!(f, " {service}"),
                }
            }
            CheckKind::Command(command) => write!(f, "command {}", command.program.display()),
        }
    }
}
