//! The values of a fleet file, each with its bounds.
//!
//! Each type checks its value while the TOML is read, so the TOML crate knows the
//! place of a value that is refused. The message says what the value is and what is
//! expected; [`Source`](super::source::Source) adds the field and the place.

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plan_store::{EndpointName, RecordSet};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use super::FailPolicy;
use crate::{HttpMethod, HttpPath, Statuses, Trust};

/// An integer from `MIN` to `MAX`.
#[derive(Clone, Copy)]
pub(super) struct Bounded<T, const MIN: u32, const MAX: u32>(T);

pub(super) type Capacity = Bounded<u32, 1, 1_000_000>;
pub(super) type ReportedCapacity = Bounded<u32, 0, 1_000_000>;
pub(super) type Weight = Bounded<u8, 0, 255>;
pub(super) type Tier = Bounded<u8, 0, 255>;
pub(super) type Ttl = Bounded<u32, 0, { RecordSet::MAX_TTL }>;
pub(super) type Port = Bounded<u16, 1, 65_535>;
pub(super) type CheckCount = Bounded<u8, 1, 100>;
pub(super) type Flaps = Bounded<u8, 0, 100>;
pub(super) type PlanCount = Bounded<u32, 1, 10_000>;
pub(super) type Reading = Bounded<u32, 1, 1_000_000>;
pub(super) type Percent<const MIN: u32, const MAX: u32> = Bounded<u8, MIN, MAX>;

/// A duration in milliseconds. At most ten minutes: a control plane that sleeps
/// longer looks dead.
#[derive(Clone, Copy)]
pub(super) struct Millis<const MIN: u32, const MAX: u32 = 600_000>(Duration);

/// A DNS name.
pub(super) struct Name(EndpointName);

/// A DNS name, or a wildcard.
pub(super) struct NameOrWildcard(EndpointName);

/// An IPv4 or IPv6 address.
#[derive(Clone, Copy)]
pub(super) struct Address(IpAddr);

/// The name of an availability zone.
pub(super) struct ZoneName(String);

/// What an endpoint serves when none of its targets is healthy.
#[derive(Clone, Copy)]
pub(super) struct Fail(FailPolicy);

/// The kind of a health check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Tcp,
    Tls,
    Http,
    Https,
    Grpc,
    Grpcs,
    Command,
}

/// Which certificates a health check accepts.
pub(super) struct Trusted(Trust);

/// The method of a health check over HTTP.
pub(super) struct Method(HttpMethod);

/// The path of a health check over HTTP.
pub(super) struct RequestPath(HttpPath);

/// The status codes that are a success.
pub(super) struct StatusCodes(Statuses);

/// A text in the body of an answer.
pub(super) struct BodyText(String);

/// The path of a zone file.
pub(super) struct ZoneFile(PathBuf);

/// The name of a gRPC service, or nothing for the whole server.
pub(super) struct ServiceName(String);

/// A part of a command.
pub(super) struct Argument(String);

/// Most characters of a [`ZoneName`].
const MAX_ZONE_NAME: usize = 64;

/// Most characters of a refused text that a message repeats.
pub(super) const MAX_SHOWN: usize = 80;

impl<T, const MIN: u32, const MAX: u32> Bounded<T, MIN, MAX> {
    pub(super) fn get(self) -> T {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> Millis<MIN, MAX> {
    pub(super) fn get(self) -> Duration {
        self.0
    }
}

impl Name {
    pub(super) fn get(&self) -> &EndpointName {
        &self.0
    }
}

impl NameOrWildcard {
    pub(super) fn get(&self) -> &EndpointName {
        &self.0
    }

    pub(super) fn into_inner(self) -> EndpointName {
        self.0
    }
}

impl Address {
    pub(super) fn get(self) -> IpAddr {
        self.0
    }
}

impl Fail {
    pub(super) fn get(self) -> FailPolicy {
        self.0
    }
}

impl Kind {
    pub(super) const ALL: [(&'static str, Self); 7] = [
        ("tcp", Self::Tcp),
        ("tls", Self::Tls),
        ("http", Self::Http),
        ("https", Self::Https),
        ("grpc", Self::Grpc),
        ("grpcs", Self::Grpcs),
        ("command", Self::Command),
    ];

    /// As the fleet file has it.
    pub(super) fn name(self) -> &'static str {
        let all = Self::ALL.into_iter();
        let mut name = all.filter_map(|(name, kind)| (kind == self).then_some(name));
        name.next().unwrap_or_default()
    }

    /// Whether it speaks plain text to a port that its kind alone does not say.
    pub(super) fn is_plain(self) -> bool {
        matches!(self, Self::Http | Self::Grpc)
    }
}

impl Trusted {
    pub(super) fn get(&self) -> Trust {
        self.0.clone()
    }
}

impl Method {
    pub(super) fn get(&self) -> HttpMethod {
        self.0
    }
}

impl RequestPath {
    pub(super) fn get(&self) -> HttpPath {
        self.0.clone()
    }
}

impl StatusCodes {
    pub(super) fn get(&self) -> Statuses {
        self.0.clone()
    }
}

impl BodyText {
    pub(super) fn get(&self) -> String {
        self.0.clone()
    }
}

impl ZoneFile {
    pub(super) fn get(&self) -> &Path {
        &self.0
    }
}

impl ServiceName {
    pub(super) fn get(&self) -> String {
        self.0.clone()
    }
}

impl Argument {
    pub(super) fn get(&self) -> &str {
        &self.0
    }
}

impl ZoneName {
    pub(super) fn get(&self) -> &str {
        &self.0
    }

    pub(super) fn into_inner(self) -> String {
        self.0
    }
}

impl<'de, T: TryFrom<i128>, const MIN: u32, const MAX: u32> Deserialize<'de>
    for Bounded<T, MIN, MAX>
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let integer = Integer::<T, MIN, MAX>(PhantomData);
        deserializer.deserialize_i64(integer).map(Self)
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Millis<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = Bounded::<u64, MIN, MAX>::deserialize(deserializer)?;
        Ok(Self(Duration::from_millis(millis.get())))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let NameOrWildcard(name) = NameOrWildcard::deserialize(deserializer)?;
        if name.is_wildcard() {
            let mistake = format!("`{name}` is a wildcard; only an endpoint may be one");
            return Err(D::Error::custom(mistake));
        }
        Ok(Self(name))
    }
}

impl<'de> Deserialize<'de> for NameOrWildcard {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let address = Text {
            expected: "an IP address such as \"192.0.2.1\" or \"2001:db8::1\"",
            read: |text| text.parse().ok(),
        };
        deserializer.deserialize_str(address).map(Self)
    }
}

impl<'de> Deserialize<'de> for ZoneName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Text {
            expected: "a name of 1 to 64 printable characters",
            read: |text| is_zone_name(text).then(|| text.to_owned()),
        };
        deserializer.deserialize_str(name).map(Self)
    }
}

impl<'de> Deserialize<'de> for Fail {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let policy = Text {
            expected: "\"all\", \"last\" or \"drained\"",
            read: |text| match text {
                "all" => Some(FailPolicy::All),
                "last" => Some(FailPolicy::Last),
                "drained" => Some(FailPolicy::Drained),
                _ => None,
            },
        };
        deserializer.deserialize_str(policy).map(Self)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            expected: "\"tcp\", \"tls\", \"http\", \"https\", \"grpc\", \"grpcs\" or \"command\"",
            read: |text| {
                let mut all = Self::ALL.into_iter();
                all.find_map(|(name, kind)| (name == text).then_some(kind))
            },
        })
    }
}

impl<'de> Deserialize<'de> for Trusted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let trust = Text {
            expected: "\"system\", \"any\", or the absolute path of a PEM file",
            read: |text| match text {
                "system" => Some(Trust::System),
                "any" => Some(Trust::Any),
                path => (Path::new(path).is_absolute() && !path.contains('\0'))
                    .then(|| Trust::File(PathBuf::from(path))),
            },
        };
        deserializer.deserialize_str(trust).map(Self)
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let method = Text {
            expected: "\"GET\", \"HEAD\", \"POST\" or \"OPTIONS\"",
            read: HttpMethod::read,
        };
        deserializer.deserialize_str(method).map(Self)
    }
}

impl<'de> Deserialize<'de> for RequestPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = Text {
            expected: "a path such as \"/health\", of at most 1024 visible ASCII characters; write others as %XX",
            read: HttpPath::read,
        };
        deserializer.deserialize_str(path).map(Self)
    }
}

impl<'de> Deserialize<'de> for StatusCodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let status = Text {
            expected: "codes and ranges from 100 to 599, such as \"200\" or \"200-299,404\"",
            read: Statuses::read,
        };
        deserializer.deserialize_str(status).map(Self)
    }
}

impl<'de> Deserialize<'de> for ZoneFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = Text {
            expected: "the path of a zone file, such as \"shop.example.zone\"",
            read: |text| {
                let is_path = !text.is_empty() && !text.contains('\0');
                is_path.then(|| PathBuf::from(text))
            },
        };
        deserializer.deserialize_str(path).map(Self)
    }
}

impl<'de> Deserialize<'de> for BodyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let body = Text {
            expected: "a text of 1 to 200 bytes",
            read: |text| (1..=200).contains(&text.len()).then(|| text.to_owned()),
        };
        deserializer.deserialize_str(body).map(Self)
    }
}

impl<'de> Deserialize<'de> for ServiceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let service = Text {
            expected: "the name of a gRPC service of at most 200 bytes, or \"\" for the whole server",
            read: |text| (text.len() <= 200).then(|| text.to_owned()),
        };
        deserializer.deserialize_str(service).map(Self)
    }
}

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let argument = Text {
            expected: "texts of at most 1000 bytes without a zero byte",
            read: |text| {
                let fits = text.len() <= 1000 && !text.contains('\0');
                fits.then(|| text.to_owned())
            },
        };
        deserializer.deserialize_str(argument).map(Self)
    }
}

fn is_zone_name(text: &str) -> bool {
    let length = text.chars().count();
    (1..=MAX_ZONE_NAME).contains(&length) && !text.chars().any(char::is_control)
}

/// Reads a [`Bounded`] integer.
struct Integer<T, const MIN: u32, const MAX: u32>(PhantomData<T>);

impl<T: TryFrom<i128>, const MIN: u32, const MAX: u32> Visitor<'_> for Integer<T, MIN, MAX> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an integer from {MIN} to {MAX}")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.visit_i128(number.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.visit_i128(number.into())
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<T, E> {
        let allowed = i128::from(MIN)..=i128::from(MAX);
        match T::try_from(number) {
            Ok(value) if allowed.contains(&number) => Ok(value),
            _ => Err(refused(&number.to_string(), &self)),
        }
    }
}

/// Reads a text of a certain form.
struct Text<T> {
    expected: &'static str,
    read: fn(&str) -> Option<T>,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let shown = || text.chars().take(MAX_SHOWN).collect::<String>();
        (self.read)(text).ok_or_else(|| refused(&format!("{:?}", shown()), &self))
    }
}

fn refused<E: Error>(value: &str, expected: &dyn serde::de::Expected) -> E {
    E::invalid_value(Unexpected::Other(value), expected)
}
