//! Plans and their parts as data, with the feature `serde`.
//!
//! | type | as data |
//! |---|---|
//! | [`Generation`] | its number |
//! | [`EndpointName`] | its text |
//! | [`Target`] | `address` and `weight` |
//! | [`Rrset`] | `type`, `ttl` and `data`, a list of the records' bytes |
//! | [`RecordSet`] | `ttl` and `targets`, and `records`, a list of RRsets |
//! | [`Plan`] | a list of pairs of key and value, so that a key may be of any type |
//!
//! What is read goes through the constructors, so it is as valid as what is built.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{EndpointName, Generation, Key, Plan, RecordSet, Rrset, StaticRecords, Target, Value};

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
#[serde(rename = "Rrset", deny_unknown_fields)]
struct RrsetData {
    r#type: u16,
    ttl: u32,
    data: Vec<Vec<u8>>,
}

impl Serialize for Rrset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (r#type, ttl) = (self.record_type(), self.ttl());
        let data = self.data().map(<[u8]>::to_vec).collect();
        RrsetData { r#type, ttl, data }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Rrset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let RrsetData { r#type, ttl, data } = Deserialize::deserialize(deserializer)?;
        Self::new(r#type, ttl, data).map_err(D::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "RecordSet", deny_unknown_fields)]
struct RecordSetData {
    ttl: u32,
    targets: Vec<Target>,
    #[serde(default)]
    records: Vec<Rrset>,
}

impl Serialize for RecordSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RecordSetData {
            ttl: self.ttl(),
            targets: self.targets().collect(),
            records: self.static_records().rrsets().to_vec(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RecordSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let RecordSetData {
            ttl,
            targets,
            records,
        } = Deserialize::deserialize(deserializer)?;
        let records = StaticRecords::new(records).map_err(D::Error::custom)?;
        if targets.is_empty() && !records.is_empty() {
            return Self::without_targets(records).map_err(D::Error::custom);
        }
        let targets = Self::new(ttl, targets).map_err(D::Error::custom)?;
        targets
            .with_static_records(records)
            .map_err(D::Error::custom)
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
