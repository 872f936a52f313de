//! The JSON Schema of fleet files: it is shipped as the code has it, the reference page is made
//! from it, and it judges fleet files as the loader does, as far as a schema can.
//!
//! `UPDATE_DOCS=1 cargo test -p enact --test fleet_schema` writes both files anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

#[path = "../../control-plane/tests/fleets/mod.rs"]
mod fleets;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use control_plane::{Fleet, fleet_schema};
use jsonschema::Validator;
use serde_json::{Map, Value};

use fleets::{AN_ENDPOINT, BEFORE, CASES, GOOD, LAYOUTS, spoiled};

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

/// Compares a file of the repository with what it should be, or writes it.
fn holds(path: &str, right: &str) {
    let file = in_repository(path);
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, right).unwrap();
    }
    let says =
        "is not as the code has it; run `UPDATE_DOCS=1 cargo test -p enact --test fleet_schema`";
    assert!(
        fs::read_to_string(&file).unwrap_or_default() == right,
        "{path} {says}"
    );
}

#[test]
fn the_shipped_schema_is_what_the_program_prints() {
    let printed = Command::new(env!("CARGO_BIN_EXE_enact"))
        .arg("schema")
        .output()
        .unwrap();
    assert!(printed.status.success());
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&printed).unwrap(),
        fleet_schema()
    );
    holds("docs/fleet.schema.json", &printed);
}

#[test]
fn the_reference_page_is_made_from_the_schema() {
    let page = fs::read_to_string(in_repository("docs/fleet.md")).unwrap();
    let (begin, end) = ("<!-- reference -->\n", "<!-- end of reference -->\n");
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let reference = reference(&fleet_schema());
    holds(
        "docs/fleet.md",
        &format!("{before}{begin}{reference}{end}{after}"),
    );
}

// -- the schema and the loader ---------------------------------------------------------------

/// The file as JSON, unless it is no TOML.
fn json(text: &str) -> Option<Value> {
    toml::from_str(text).ok()
}

/// How messages say what a schema cannot see, because it compares values.
const COMPARED: &[&str] = &[
    "less than `backoff_first_ms`",
    "is a wildcard, whose checks",
    "already",
    "twice",
    "192.0.2.1 is",
    "unicast",
    "multicast",
    "no machine's address",
    "unspecified",
    "broadcast",
    "reserved",
    "this network",
    "link-local",
    "IPv4 address in IPv6",
    "beside `fail",
    "all A weights",
    "at no endpoint",
    "changes nothing",
    "more than `interval_ms`",
    "no target is in zone",
    "name server",
    "lies in no zone",
    "not for a check of kind",
    "plain text",
    "HEAD",
    "there is no `command`",
    "absolute path of a program",
    "without `damp_after`",
    "\"299-200\"",
];

/// What the schema says of a bad file that it should have refused, or should not have.
fn misjudged(schema: &Validator, text: &str, says: &str) -> Option<String> {
    let is_valid = schema.is_valid(&json(text)?);
    let is_compared = COMPARED.iter().any(|words| says.contains(words));
    // A list that is empty is seen in both ways.
    (is_valid && !is_compared).then(|| format!("accepted ({says}):\n{text}"))
}

#[test]
fn a_schema_sees_each_mistake_in_a_single_value() {
    let schema = jsonschema::validator_for(&fleet_schema()).unwrap();
    let spoiled = CASES
        .iter()
        .map(|(from, to, _, says)| (spoiled(from, to), says.join(" ")));
    let before = BEFORE
        .iter()
        .map(|(before, says)| (format!("{before}{AN_ENDPOINT}"), (*says).to_owned()));
    let cases: Vec<_> = spoiled.chain(before).collect();
    let wrong: Vec<_> = cases
        .iter()
        .filter_map(|(text, says)| misjudged(&schema, text, says))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let refused = cases
        .iter()
        .filter(|(text, _)| json(text).is_some_and(|json| !schema.is_valid(&json)));
    assert!(refused.count() >= 60, "of {}", cases.len());
}

#[test]
fn a_schema_refuses_no_good_fleet() {
    let schema = jsonschema::validator_for(&fleet_schema()).unwrap();
    let files = fs::read_dir(in_repository("examples/fleets")).unwrap();
    let shipped = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let good = LAYOUTS.iter().chain([&GOOD]).map(|text| (*text).to_owned());
    let packaged = fs::read_to_string(in_repository("crates/enact/packaging/fleet.toml")).unwrap();
    for text in shipped.chain(good).chain([packaged]) {
        let json = json(&text).expect(&text);
        let errors: Vec<_> = schema
            .iter_errors(&json)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}:\n{text}");
    }
}

// -- the fields of the schema ----------------------------------------------------------------

/// All fields that have a value of their own, by path.
fn leaves(schema: &Value) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    for (path, table) in tables(schema) {
        for (name, field) in fields(&table) {
            if table_of(field).is_none() {
                leaves.insert(format!("{path}.{name}"), field.clone());
            }
        }
    }
    leaves
}

#[test]
fn each_field_says_what_it_is_and_has_a_valid_example() {
    for (path, field) in leaves(&fleet_schema()) {
        assert!(field["description"].is_string(), "{path}");
        let example = field["examples"].get(0).expect(&path);
        let schema = jsonschema::validator_for(&field).unwrap();
        assert!(schema.is_valid(example), "{path}: {example}");
        if let Some(default) = field.get("default") {
            assert!(schema.is_valid(default), "{path}: {default}");
            assert_ne!(default, example, "{path}: the example shows nothing");
        }
    }
}

/// A small fleet with a field that has this value, and what the field needs beside it.
fn with(path: &str, value: Option<&Value>) -> String {
    let (table, name) = path.rsplit_once('.').unwrap();
    let field = value.map_or(String::new(), |value| format!("{name} = {value}\n"));
    let needs = match name {
        "host" | "trust" => "kind = \"https\"\n",
        "method" | "path" | "status" | "body" => "kind = \"http\"\nport = 80\n",
        "service" => "kind = \"grpc\"\nport = 80\n",
        "damp_half_life_ms" => "damp_after = 3\n",
        _ => "",
    };
    let of = |other: &str| if other == table { field.as_str() } else { "" };
    let addresses = match (table, name) {
        ("dns_zone.name_server", "addresses") => String::new(),
        _ => "name = \"ns.test\"\n".to_owned(),
    };
    let mut text = String::new();
    for other in ["timings", "planner", "store", "health_check"] {
        let needs = if other == table { needs } else { "" };
        let _ = write!(text, "[{other}]\n{needs}{}", of(other));
    }
    let server = if addresses.is_empty() {
        "name = \"ns.test\"\n"
    } else {
        &addresses
    };
    let _ = write!(
        text,
        "[[dns_zone]]\napex = \"example\"\n{}[[dns_zone.name_server]]\n{server}{}\
         [[endpoint]]\nname = \"a.example\"\n{}[[endpoint.target]]\naddress = \"192.0.2.1\"\n\
         zone = \"z\"\ncapacity = 1\n{}",
        of("dns_zone"),
        of("dns_zone.name_server"),
        of("endpoint"),
        of("endpoint.target"),
    );
    text
}

#[test]
fn a_default_means_the_same_as_leaving_the_field_out() {
    let mut count = 0;
    for (path, field) in leaves(&fleet_schema()) {
        let Some(default) = field.get("default") else {
            continue;
        };
        let parse = |value| {
            let text = with(&path, value);
            Fleet::parse(&text, Path::new("f.toml"))
                .unwrap_or_else(|error| panic!("{error}\n{text}"))
        };
        assert_eq!(parse(Some(default)), parse(None), "{path} = {default}");
        count += 1;
    }
    assert!(count >= 30, "{count}");
}

// -- the page --------------------------------------------------------------------------------

fn fields(table: &Value) -> impl Iterator<Item = (&String, &Value)> {
    table["properties"]
        .as_object()
        .into_iter()
        .flat_map(Map::iter)
}

/// The table that a field is, or that its elements are.
fn table_of(field: &Value) -> Option<&Value> {
    let table = field.get("items").unwrap_or(field);
    table.get("properties").map(|_| table)
}

/// All tables by path, without those that are described at another place.
fn tables(schema: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    let mut to_come: Vec<_> = fields(schema)
        .map(|(name, field)| (name.clone(), field))
        .collect();
    to_come.reverse();
    while let Some((path, field)) = to_come.pop() {
        if path.ends_with(".health_check") {
            continue;
        }
        if let Some(table) = table_of(field) {
            let mut table = table.clone();
            table["description"] = field["description"].clone();
            table["type"] = field["type"].clone();
            all.push((path.clone(), table));
            let inner = fields(table_of(field).unwrap());
            let mut inner: Vec<_> = inner
                .map(|(name, field)| (format!("{path}.{name}"), field))
                .collect();
            inner.reverse();
            to_come.extend(inner);
        }
    }
    all
}

/// The reference: a section for each table, a row for each field.
fn reference(schema: &Value) -> String {
    let mut text = String::new();
    for (path, table) in tables(schema) {
        let is_list = table["type"] == "array";
        let (open, close) = if is_list { ("[[", "]]") } else { ("[", "]") };
        let about = cell(&table["description"]);
        let _ = write!(text, "\n### `{open}{path}{close}`\n\n{about}\n\n");
        text += "| key | value | default | example | meaning |\n|---|---|---|---|---|\n";
        let required = table["required"].as_array().cloned().unwrap_or_default();
        for (name, field) in fields(&table) {
            let default = match field.get("default") {
                _ if required.contains(&name.clone().into()) => "required".to_owned(),
                Some(default) => format!("`{default}`"),
                None => "none".to_owned(),
            };
            let example = field["examples"]
                .get(0)
                .map_or(String::new(), |e| format!("`{e}`"));
            let (value, meaning) = (value(name, field), cell(&field["description"]));
            let _ = writeln!(
                text,
                "| `{name}` | {value} | {default} | {example} | {meaning} |"
            );
        }
    }
    text + "\n"
}

/// A text on one line of a table.
fn cell(text: &Value) -> String {
    text.as_str()
        .unwrap_or_default()
        .replace('\n', " ")
        .replace('|', "\\|")
}

/// The type of a field with its bounds and its unit.
fn value(name: &str, field: &Value) -> String {
    if table_of(field).is_some() {
        let list = if field["type"] == "array" {
            "tables"
        } else {
            "a table"
        };
        let bounds = lengths(field);
        return format!("{list}{bounds}, see below");
    }
    if let Some(of) = field.get("items") {
        return format!("a list{}; each is {}", lengths(field), cell(&of["title"]));
    }
    if let Some(values) = field["enum"].as_array() {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        return values.join(", ");
    }
    match field["type"].as_str() {
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("integer") => {
            let unit = match name {
                _ if name.ends_with("_ms") => ", in milliseconds",
                _ if name.ends_with("_percent") => ", in per cent",
                _ if name.ends_with("ttl") => ", in seconds",
                _ => "",
            };
            format!(
                "an integer from {} to {}{unit}",
                field["minimum"], field["maximum"]
            )
        }
        _ => cell(&field["title"]),
    }
}

fn lengths(field: &Value) -> String {
    match (field.get("minItems"), field.get("maxItems")) {
        (Some(least), Some(most)) => format!(", from {least} to {most}"),
        (Some(least), None) => format!(", at least {least}"),
        (None, Some(most)) => format!(", at most {most}"),
        (None, None) => String::new(),
    }
}
