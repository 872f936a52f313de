//! The values of a fleet file, each with its bounds.
//!
//! Each type checks its value while the TOML is read, so the TOML crate knows the
//! place of a value that is refused. The message says what the value is and what is
//! expected; [`Source`](super::source::Source) adds the field and the place.

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::time::Duration;

use plan_store::{EndpointName, RecordSet};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

use super::FailPolicy;

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
pub(super) type PlanCount = Bounded<u32, 1, 10_000>;
pub(super) type Reading = Bounded<u32, 1, 1_000_000>;
pub(super) type Percent<const MIN: u32, const MAX: u32> = Bounded<u8, MIN, MAX>;

/// A duration in milliseconds. At most ten minutes: a control plane that sleeps
/// longer looks dead.
#[derive(Clone, Copy)]
pub(super) struct Millis<const MIN: u32, const MAX: u32 = 600_000>(Duration);

/// A DNS name.
pub(super) struct Name(EndpointName);

/// An IPv4 or IPv6 address.
#[derive(Clone, Copy)]
pub(super) struct Address(IpAddr);

/// The name of an availability zone.
pub(super) struct ZoneName(String);

/// What an endpoint serves when none of its targets is healthy.
#[derive(Clone, Copy)]
pub(super) struct Fail(FailPolicy);

/// Most characters of a [`ZoneName`].
const MAX_ZONE_NAME: usize = 64;

/// Most characters of a refused text that a message repeats.
const MAX_SHOWN: usize = 80;

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
