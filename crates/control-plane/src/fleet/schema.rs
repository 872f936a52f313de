//! The JSON Schema of fleet files, for editors and for the reference page.
//!
//! Names, types, bounds and descriptions come from the types that read the file: `file` and
//! `values`. Defaults come from the code that uses them. Only the examples are written here.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::file::{DnsZoneTable, FleetFile, SecondaryTable, StoreTable};
use super::reader::Field;
use super::values::{
    Address, Argument, BodyText, Bounded, Fail, Kind, Method, Millis, Name, NameOrWildcard,
    RequestPath, ServiceName, StatusCodes, Trusted, ZoneFile, ZoneName,
};
use super::{ChangeLimits, DnsZone, FleetEndpoint, Timings};
use crate::{Damping, HealthCheck, HttpCheck, HttpPath};

/// The JSON Schema of fleet files, draft 7.
///
/// It knows each value and its bounds. It does not compare values with each other:
/// [`Fleet::parse`](crate::Fleet::parse) does.
pub fn fleet_schema() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings
        .into_generator()
        .into_root_schema_for::<FleetFile>();
    schema.insert("title".into(), "Fleet".into());
    let mut schema = schema.to_value();
    for (path, name, value) in additions() {
        for field in fields_at(&mut schema, path) {
            if let Some(field) = field.as_object_mut() {
                field.insert(name.into(), value.clone());
            }
        }
    }
    schema
}

/// The schemas of the field with this path. The fields of a `health_check` are there three
/// times.
fn fields_at<'a>(schema: &'a mut Value, path: &str) -> Vec<&'a mut Value> {
    let is_check = path.starts_with("health_check.");
    let mut found = Vec::new();
    collect(schema, "", path, is_check, &mut found);
    found
}

fn collect<'a>(
    schema: &'a mut Value,
    here: &str,
    path: &str,
    anywhere: bool,
    found: &mut Vec<&'a mut Value>,
) {
    let is_list = schema.get("items").is_some();
    let table = if is_list {
        schema.get_mut("items")
    } else {
        Some(schema)
    };
    let fields = table.and_then(|table| table.get_mut("properties"));
    for (name, field) in fields.and_then(Value::as_object_mut).into_iter().flatten() {
        let inner = if here.is_empty() {
            name.clone()
        } else {
            format!("{here}.{name}")
        };
        if inner == path || (anywhere && inner.ends_with(&format!(".{path}"))) {
            found.push(field);
        } else {
            collect(field, &inner, path, anywhere, found);
        }
    }
}

/// What the types do not say: the path of a field, the keyword, and its value.
fn additions() -> Vec<(&'static str, &'static str, Value)> {
    let defaults = defaults()
        .into_iter()
        .map(|(path, value)| (path, "default", value));
    let examples = examples().into_iter();
    let examples = examples.map(|(path, value)| (path, "examples", json!([value])));
    let lengths = [
        ("endpoint", "minItems", json!(1)),
        ("endpoint.target", "minItems", json!(1)),
        ("dns_zone.name_server", "minItems", json!(1)),
        (
            "dns_zone.name_server",
            "maxItems",
            json!(DnsZone::MAX_NAME_SERVERS),
        ),
        (
            "dns_zone.name_server.addresses",
            "maxItems",
            json!(DnsZone::MAX_ADDRESSES),
        ),
        (
            "dns_zone.secondary",
            "maxItems",
            json!(DnsZone::MAX_SECONDARIES),
        ),
        ("health_check.command", "minItems", json!(1)),
    ];
    defaults.chain(examples).chain(lengths).collect()
}

/// What the file means if it does not have a field.
fn defaults() -> Vec<(&'static str, Value)> {
    let ms = |time: std::time::Duration| json!(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let (timings, limits) = (Timings::default(), ChangeLimits::default());
    let (check, http) = (HealthCheck::default(), HttpCheck::default());
    vec![
        ("timings.planner_interval_ms", ms(timings.planner_interval)),
        ("timings.backoff_first_ms", ms(timings.backoff_first)),
        ("timings.backoff_max_ms", ms(timings.backoff_max)),
        ("timings.recheck_ms", ms(timings.recheck)),
        (
            "planner.max_removal_percent",
            json!(limits.max_removal_percent),
        ),
        ("planner.suspect_percent", json!(limits.suspect_percent)),
        ("planner.suspect_for_ms", ms(limits.suspect_for)),
        ("planner.drained_zones", json!([])),
        ("store.keep_newest", json!(StoreTable::KEEP_NEWEST)),
        ("health_check.kind", json!(Kind::Tcp.name())),
        ("health_check.port", json!(check.port)),
        ("health_check.interval_ms", ms(check.interval)),
        ("health_check.timeout_ms", ms(check.timeout)),
        ("health_check.jitter_percent", json!(check.jitter_percent)),
        ("health_check.rise", json!(check.rise)),
        ("health_check.fall", json!(check.fall)),
        ("health_check.damp_after", json!(0)),
        (
            "health_check.damp_half_life_ms",
            ms(Damping::DEFAULT_HALF_LIFE),
        ),
        ("health_check.trust", json!("system")),
        ("health_check.method", json!(http.method.as_str())),
        ("health_check.path", json!(http.path.as_str())),
        ("health_check.status", json!(http.status.to_string())),
        ("health_check.service", json!("")),
        ("dns_zone.ttl", json!(DnsZoneTable::TTL)),
        ("dns_zone.negative_ttl", json!(DnsZoneTable::NEGATIVE_TTL)),
        ("dns_zone.name_server.addresses", json!([])),
        ("dns_zone.secondary", json!([])),
        ("dns_zone.secondary.port", json!(SecondaryTable::PORT)),
        ("dns_zone.secondary.notify", json!(true)),
        ("endpoint.ttl", json!(FleetEndpoint::DEFAULT_TTL)),
        ("endpoint.fail", json!("all")),
        ("endpoint.min_healthy_percent", json!(0)),
        ("endpoint.target.weight", json!(u8::MAX)),
        ("endpoint.target.tier", json!(0)),
    ]
}

/// A value for each field.
fn examples() -> Vec<(&'static str, Value)> {
    vec![
        ("timings.planner_interval_ms", json!(500)),
        ("timings.backoff_first_ms", json!(100)),
        ("timings.backoff_max_ms", json!(10_000)),
        ("timings.recheck_ms", json!(2000)),
        ("planner.max_removal_percent", json!(50)),
        ("planner.suspect_percent", json!(40)),
        ("planner.suspect_for_ms", json!(60_000)),
        ("planner.drained_zones", json!(["eu-west-1a"])),
        ("store.keep_newest", json!(10)),
        ("health_check.kind", json!("https")),
        ("health_check.port", json!(8443)),
        ("health_check.interval_ms", json!(2000)),
        ("health_check.timeout_ms", json!(1000)),
        ("health_check.jitter_percent", json!(20)),
        ("health_check.rise", json!(3)),
        ("health_check.fall", json!(2)),
        ("health_check.damp_after", json!(3)),
        ("health_check.damp_half_life_ms", json!(120_000)),
        ("health_check.host", json!("api.example.com")),
        ("health_check.trust", json!("/etc/enact/ca.pem")),
        ("health_check.method", json!("HEAD")),
        ("health_check.path", json!("/healthz?deep=1")),
        ("health_check.status", json!("200-299,404")),
        ("health_check.body", json!("\"status\":\"ok\"")),
        ("health_check.service", json!("shop.Orders")),
        (
            "health_check.command",
            json!(["/usr/local/bin/check", "--quick"]),
        ),
        ("dns_zone.apex", json!("example.com")),
        ("dns_zone.ttl", json!(86_400)),
        ("dns_zone.negative_ttl", json!(30)),
        ("dns_zone.records", json!("example.com.zone")),
        ("dns_zone.name_server.name", json!("ns1.example.com")),
        (
            "dns_zone.name_server.addresses",
            json!(["192.0.2.53", "2001:db8::53"]),
        ),
        ("dns_zone.secondary.address", json!("198.51.100.53")),
        ("dns_zone.secondary.port", json!(5353)),
        ("dns_zone.secondary.notify", json!(false)),
        ("dns_zone.secondary.tsig_key", json!("key.example.com")),
        ("endpoint.name", json!("api.example.com")),
        ("endpoint.ttl", json!(10)),
        ("endpoint.fail", json!("last")),
        ("endpoint.min_healthy_percent", json!(50)),
        ("endpoint.target.address", json!("192.0.2.1")),
        ("endpoint.target.zone", json!("eu-west-1a")),
        ("endpoint.target.capacity", json!(100)),
        ("endpoint.target.weight", json!(0)),
        ("endpoint.target.tier", json!(1)),
        ("health.at", json!(3)),
        ("health.target", json!("192.0.2.1")),
        ("health.healthy", json!(false)),
        ("health.capacity", json!(40)),
    ]
}

/// A field has the schema of its value.
impl<T: JsonSchema> JsonSchema for Field<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Gives types of values their schemas.
macro_rules! schemas {
    ($($type:ty => $schema:tt;)+) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )+};
}

/// A label of a DNS name, and a status code or a range of them.
const LABEL: &str = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
const CODES: &str = " *[1-5][0-9]{2} *(- *[1-5][0-9]{2} *)?";

impl<T, const MIN: u32, const MAX: u32> JsonSchema for Bounded<T, MIN, MAX> {
    fn schema_name() -> Cow<'static, str> {
        format!("from_{MIN}_to_{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

impl<const MIN: u32, const MAX: u32> JsonSchema for Millis<MIN, MAX> {
    fn schema_name() -> Cow<'static, str> {
        Bounded::<u64, MIN, MAX>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Bounded::<u64, MIN, MAX>::json_schema(generator)
    }
}

schemas! {
    NameOrWildcard => { "type": "string", "title": "a DNS name, or a wildcard", "maxLength": 254, "pattern": format!("^(\\*\\.)?{LABEL}(\\.{LABEL})*\\.?$") };
    Name => { "type": "string", "title": "a DNS name", "maxLength": 254, "pattern": format!("^{LABEL}(\\.{LABEL})*\\.?$") };
    Address => { "type": "string", "title": "an IP address", "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }] };
    ZoneName => { "type": "string", "title": "a text of 1 to 64 printable characters", "minLength": 1, "maxLength": 64, "pattern": "^[^\\u0000-\\u001f\\u007f]*$" };
    Fail => { "type": "string", "enum": ["all", "last", "drained"] };
    Kind => { "type": "string", "enum": Kind::ALL.map(|(name, _)| name) };
    Trusted => { "type": "string", "title": "\"system\", \"any\", or an absolute path", "pattern": "^(system|any|/.*)$" };
    Method => { "type": "string", "enum": ["GET", "HEAD", "POST", "OPTIONS"] };
    RequestPath => { "type": "string", "title": "a path of at most 1,024 visible ASCII characters", "maxLength": HttpPath::MAX, "pattern": "^/[!$-;=?-~]*$" };
    StatusCodes => { "type": "string", "title": "codes and ranges", "pattern": format!("^{CODES}(,{CODES})*$") };
    BodyText => { "type": "string", "title": "a text of 1 to 200 bytes", "minLength": 1, "maxLength": 200 };
    ZoneFile => { "type": "string", "title": "a path", "minLength": 1 };
    ServiceName => { "type": "string", "title": "a text of at most 200 bytes", "maxLength": 200 };
    Argument => { "type": "string", "title": "a text of at most 1,000 bytes", "maxLength": 1000 };
}
