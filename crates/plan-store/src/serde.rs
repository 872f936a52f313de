//! Plans and their parts as data, with the feature `serde`.
//!
//! | type | as data |
//! |---|---|
//! | [`Generation`] | its number |
//! | [`EndpointName`] | its text |
//! | [`Target`] | `address` and `weight` |
//! | [`RecordSet`] | `ttl` and `targets` |
//! | [`Plan`] | a list of pairs of key and value, so that a key may be of any type |
//!
//! What is read goes through the constructors, so it is as valid as what is built.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{EndpointName, Generation, Key, Plan, RecordSet, Target, Value};

impl Serialize for Generation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Generation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        let out_of_bounds = || {
            let last = Generation::MAX;
            D::Error::custom(format!("generation {number} is not in 1..={last}"))
        };
        Self::new(number).ok_or_else(out_of_bounds)
    }
}

impl Serialize for EndpointName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_str().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EndpointName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Target", deny_unknown_fields)]
struct TargetData {
    address: IpAddr,
    weight: u8,
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { address, weight } = *self;
        TargetData { address, weight }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let TargetData { address, weight } = Deserialize::deserialize(deserializer)?;
        Ok(Self { address, weight })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "RecordSet", deny_unknown_fields)]
struct RecordSetData {
    ttl: u32,
    targets: Vec<Target>,
}

impl Serialize for RecordSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (ttl, targets) = (self.ttl(), self.targets().collect());
        RecordSetData { ttl, targets }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RecordSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let RecordSetData { ttl, targets } = Deserialize::deserialize(deserializer)?;
        Self::new(ttl, targets).map_err(D::Error::custom)
    }
}

impl<K: Key + Serialize, V: Value + Serialize> Serialize for Plan<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.endpoints().map(|(key, value)| (key, &**value)))
    }
}

impl<'de, K: Key + Deserialize<'de>, V: Value + Deserialize<'de>> Deserialize<'de> for Plan<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let endpoints = Vec::<(K, V)>::deserialize(deserializer)?;
        Self::new(endpoints).map_err(D::Error::custom)
    }
}
