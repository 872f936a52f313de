//! Fleet files with a mistake: each is refused with the file, the line, the column,
//! what is wrong and what to write instead.

#![allow(clippy::format_push_string, reason = "a test file built line by line")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod fleets;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::{fs, process};

use control_plane::{DnsZone, Fleet, FleetError, FleetMistake, HealthCheck, chain};

use fleets::{AN_ENDPOINT, BEFORE, CASES, GOOD, LAYOUTS, spoiled};

/// The mistake, if it is the only one. A mistake has no others as its consequence.
fn only(error: &FleetError) -> Option<&FleetMistake> {
    match error {
        FleetError::Mistakes {
            mistakes, more: 0, ..
        } => match &**mistakes {
            [mistake] => Some(mistake),
            _ => None,
        },
        _ => None,
    }
}

/// What is wrong with the refusal of this text, if anything is.
fn fault(text: &str, (line, column): (usize, usize), says: &[&str]) -> Option<String> {
    let error = match Fleet::parse(text, Path::new("some/fleet.toml")) {
        Ok(_) => return Some(format!("accepted:\n{text}")),
        Err(error) => match only(&error) {
            Some(_) => error.to_string(),
            None => return Some(format!("not one mistake in the file: {error:?}")),
        },
    };
    let place = format!("some/fleet.toml:{line}:{column}: ");
    if !error.starts_with(&place) {
        return Some(format!("`{error}` is not at {line}:{column}"));
    }
    if error.contains('\n') {
        return Some(format!("`{error}` is more than a line"));
    }
    let missing = says.iter().find(|words| !error.contains(**words))?;
    Some(format!("`{error}` does not say `{missing}`"))
}

/// One mistake each: a misspelled field is not missing as well.
#[test]
fn a_misspelled_field_is_one_mistake_which_names_the_field() {
    let mut tried = 0;
    for (number, line) in (1..).zip(GOOD.lines()) {
        let (lead, rest) = match line.trim_start_matches('[') {
            rest if rest.len() < line.len() => (line.len() - rest.len(), rest),
            _ => (0, line),
        };
        let key = rest.split([' ', ']']).next().unwrap();
        // The pieces of an endpoint belong to the one before if its header is misspelled.
        if key.len() < 4 || key.contains("endpoint") || key.starts_with('#') {
            continue;
        }
        let typed = [&key[..2], &key[3..]].concat();
        let mut lines: Vec<_> = GOOD.lines().map(str::to_owned).collect();
        lines[number - 1] = line.replacen(key, &typed, 1);
        let says = format!("unknown field `{typed}`; did you mean `{key}`?");
        assert_eq!(fault(&lines.join("\n"), (number, lead + 1), &[&says]), None);
        tried += 1;
    }
    assert!(tried > 12, "{tried}");
    let only = AN_ENDPOINT.replace("[[endpoint]]", "[[endpont]]");
    let says = ["unknown field `endpont`; did you mean `endpoint`?"];
    assert_eq!(fault(&only, (2, 3), &says), None);
}

#[test]
fn the_fleet_that_the_cases_spoil_is_valid() {
    Fleet::parse(GOOD, Path::new("fleet.toml")).unwrap();
}

#[test]
fn a_mistake_is_named_with_its_place_and_the_fix() {
    let faults = CASES
        .iter()
        .filter_map(|(from, to, place, says)| fault(&spoiled(from, to), *place, says));
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_name_may_have_so_many_characters_and_no_more() {
    let zone = |length: usize| {
        let zone = format!("zone = \"{}\"\ncapacity = 100\nweight", "z".repeat(length));
        GOOD.replace("zone = \"z1\"\ncapacity = 100\nweight", &zone)
    };
    Fleet::parse(&zone(64), Path::new("fleet.toml")).unwrap();
    let says = [
        "`zone` is \"zzz",
        "use a name of 1 to 64 printable characters",
    ];
    assert_eq!(fault(&zone(65), (15, 8), &says), None);
    // A message stays short, however long the value.
    let error = Fleet::parse(&zone(100_000), Path::new("fleet.toml")).unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
}

#[test]
fn a_mistake_of_two_lines_is_named_by_the_one_that_is_there() {
    let text = GOOD.replace("backoff_first_ms = 50\n", "backoff_first_ms = 5001\n");
    let text = text.replace("backoff_max_ms = 5000\n", "\n");
    let says = ["`backoff_max_ms` is 5000, less than `backoff_first_ms`, 5001"];
    assert_eq!(fault(&text, (3, 20), &says), None);
}

#[test]
fn a_fleet_of_nothing_is_refused() {
    for text in [
        "",
        "# Nothing yet.\n",
        "endpoint = []",
        "[store]\nkeep_newest = 3\n",
    ] {
        let says = ["the fleet has no endpoint", "add an [[endpoint]]"];
        assert_eq!(fault(text, (1, 1), &says), None);
    }
}

#[test]
fn a_mistake_with_a_place_comes_before_one_of_the_whole_file() {
    let error = Fleet::parse("[store]\nkeep = 3\n", Path::new("fleet.toml")).unwrap_err();
    let error = error.to_string();
    assert!(
        error.starts_with("fleet.toml:2:1: unknown field `keep`"),
        "{error}"
    );
    assert!(error.contains("and one more mistake"), "{error}");
}

#[test]
fn more_targets_than_a_record_set_holds_are_refused() {
    let fleet = |targets: u32| {
        let mut text = String::from("[[endpoint]]\nname = \"a.example\"\n");
        for i in 0..targets {
            let address = Ipv4Addr::from_bits(0x0a00_0000 + i);
            text += &format!("[[endpoint.target]]\naddress = \"{address}\"\n");
            text += "zone = \"z1\"\ncapacity = 1\n";
        }
        text
    };
    Fleet::parse(&fleet(1024), Path::new("fleet.toml")).unwrap();
    let says = ["endpoint a.example: there are 1025 A targets, more than 1024"];
    assert_eq!(fault(&fleet(1025), (2, 8), &says), None);
}

/// A path of this test run's own.
fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", process::id()))
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let missing = scratch("missing.toml");
    let directory = scratch("directory.toml");
    fs::create_dir_all(&directory).unwrap();
    for (path, reason) in [(&missing, "No such file"), (&directory, "directory")] {
        let error = Fleet::load(path).unwrap_err();
        assert!(matches!(error, FleetError::Unreadable { .. }), "{error}");
        let error = chain(&error);
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(error.contains(reason), "`{error}` does not say `{reason}`");
        assert!(error.contains("give the path of a fleet file"), "{error}");
    }
    fs::remove_dir(&directory).unwrap();
}

#[test]
fn a_file_that_is_not_utf_8_is_named_with_the_place() {
    let path = scratch("latin-1.toml");
    fs::write(&path, b"# Fleet\n# f\xfcr alle\n").unwrap();
    let error = Fleet::load(&path).unwrap_err().to_string();
    fs::remove_file(&path).unwrap();
    let place = format!("{}:2:4: ", path.display());
    assert!(error.starts_with(&place), "{error}");
    assert!(error.contains("not UTF-8"), "{error}");
    assert!(error.contains("save the file as UTF-8"), "{error}");
}

#[test]
fn a_file_may_have_so_many_bytes_and_no_more() {
    let path = scratch("large.toml");
    // Not UTF-8 from the first byte on, so that nothing parses 64 MiB.
    fs::write(&path, [0xff]).unwrap();
    let load = |bytes| {
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(bytes).unwrap();
        Fleet::load(&path).unwrap_err()
    };
    let as_large_as_may_be = load(Fleet::MAX_BYTES);
    let too_large = load(Fleet::MAX_BYTES + 1);
    fs::remove_file(&path).unwrap();
    assert!(
        matches!(as_large_as_may_be, FleetError::Mistakes { .. }),
        "{as_large_as_may_be}"
    );
    assert!(
        matches!(too_large, FleetError::TooLarge { .. }),
        "{too_large}"
    );
    let said = too_large.to_string();
    assert!(said.contains("67108864 bytes"), "{said}");
}

#[test]
fn a_mistake_in_the_health_checks_or_the_zones_is_named() {
    for (before, says) in BEFORE {
        let text = format!("{before}{AN_ENDPOINT}");
        let error = Fleet::parse(&text, Path::new("f.toml")).unwrap_err();
        assert!(only(&error).is_some(), "{error:?}");
        let error = error.to_string();
        let says = format!("f.toml:{says}");
        assert!(error.starts_with(&says), "`{error}` does not say `{says}`");
    }
    let fleet = Fleet::parse(AN_ENDPOINT, Path::new("f.toml")).unwrap();
    assert_eq!(**fleet.health_check(), HealthCheck::default());
    assert_eq!(fleet.dns_zones(), []);
}

#[test]
fn a_zone_with_too_many_name_servers_or_addresses_is_refused() {
    let parse = |servers: usize, addresses: usize| {
        let mut text = String::from("[[dns_zone]]\napex = \"b.example\"\n");
        for server in 1..=servers {
            let addresses: Vec<_> = (1..=addresses)
                .map(|n| format!("\"192.0.2.{n}\""))
                .collect();
            text += &format!(
                "[[dns_zone.name_server]]\nname = \"n{server}.b.example\"\naddresses = [{}]\n",
                addresses.join(", ")
            );
        }
        text += "[[endpoint]]\nname = \"b.example\"\ntarget = [{ address = \"192.0.2.1\", zone = \"z\", capacity = 1 }]\n";
        Fleet::parse(&text, Path::new("f.toml")).map_err(|error| error.to_string())
    };
    parse(DnsZone::MAX_NAME_SERVERS, DnsZone::MAX_ADDRESSES).unwrap();
    let error = parse(14, 8).unwrap_err();
    let says = "f.toml:43:8: zone b.example has 14 name servers; use at most 13";
    assert!(error.starts_with(says), "`{error}` does not say `{says}`");
    let error = parse(2, 9).unwrap_err();
    let says = "f.toml:4:8: name server n1.b.example has 9 addresses; use at most 8";
    assert!(error.starts_with(says), "`{error}` does not say `{says}`");
}

/// Of the fleet, its endpoints and its targets.
#[test]
fn a_mistake_in_an_inner_health_check_is_named() {
    let text = |fleet: &str, of_a: &str, of_b: &str, target: &str| {
        format!(
            "health_check = {{ {fleet} }}\n\
             [[endpoint]]\nname = \"a.example\"\nhealth_check = {{ {of_a} }}\n\
             target = [{{ address = \"192.0.2.1\", zone = \"z\", capacity = 1 }}]\n\
             [[endpoint]]\nname = \"b.example\"\nhealth_check = {{ {of_b} }}\n\
             target = [{{ address = \"192.0.2.1\", zone = \"z\", capacity = 1, {target} }}]\n"
        )
    };
    let http = "kind = \"http\", port = 80";
    let plain = "kind = \"http\"";
    for (text, says) in [
        (
            text("", "interval_ms = 400, timeout_ms = 500", "", ""),
            "4:50: `timeout_ms` is 500, more than `interval_ms`, 400; use at most 400",
        ),
        (
            text("interval_ms = 400", "timeout_ms = 401", "", ""),
            "4:31: `timeout_ms` is 401, more than `interval_ms`, 400",
        ),
        (
            text(http, "service = \"s\"", "", ""),
            "4:28: `service` is not for a check of kind \"http\"",
        ),
        (
            text("", plain, "", ""),
            "4:25: a check of kind \"http\" would speak plain text to port 443; add `port`, such as 8080",
        ),
        (
            text("port = 443", "", "kind = \"grpc\"", ""),
            "8:25: a check of kind \"grpc\" would speak plain text to port 443; add `port`",
        ),
        (
            text("", http, http, "health_check = { prot = 1 }"),
            "9:79: unknown field `prot`",
        ),
        (
            text("", http, http, "health_check = { port = 0 }"),
            "9:86: `port` is 0; use an integer from 1 to 65535",
        ),
    ] {
        let error = Fleet::parse(&text, Path::new("f.toml")).unwrap_err();
        assert!(only(&error).is_some(), "{error:?}");
        let error = error.to_string();
        let says = format!("f.toml:{says}");
        assert!(error.starts_with(&says), "`{error}` does not say `{says}`");
    }
}

/// What [`Fleet::parse`] says of a text with mistakes: place, field, and how the message
/// begins.
fn all_mistakes(text: &str) -> Vec<(usize, usize, Option<String>, String)> {
    match Fleet::parse(text, Path::new("f.toml")).unwrap_err() {
        FleetError::Mistakes {
            mistakes, more: 0, ..
        } => mistakes
            .into_iter()
            .map(|m| (m.line, m.column, m.field, m.message))
            .collect(),
        error => panic!("{error:?}"),
    }
}

/// A fleet file with many mistakes.
const MISTAKEN: &str = r#"[health_check]
interval_ms = 100
timeout_ms = 60000
[planner]
drained_zones = ["z9", ""]
maximum = 3
[[dns_zone]]
apex = "example"
name_server = [{ name = "ns.example" }]
[[endpoint]]
name = "a.test"
[[endpoint.target]]
address = "240.0.0.1"
zone = "z1"
capacity = 0
[[endpoint.target]]
zone = 7
[[endpoint]]
name = "b.example"
ttl = -1
target = [
    { address = "192.0.2.1", zone = "z1", capacity = 1, wait = 1 },
    { address = "192.0.2.2", zone = "z1" },
]
[[endpoint]]
name = "B.example"
target = [{ address = "192.0.2.3", zone = "z1", capacity = 1, weight = 0 }]
[store]
keep_newest = 0
[[health]]
at = 1
target = "192.0.2.9"
healthy = "yes"
"#;

/// The places, the fields and the beginnings of the messages of [`MISTAKEN`].
#[rustfmt::skip] // One mistake, one line.
const MISTAKES: [(usize, usize, &str, &str); 17] = [
    (3, 14, "health_check.timeout_ms", "`timeout_ms` is 60000, more than"),
    (5, 24, "planner.drained_zones", "`drained_zones` is \"\"; use a name"),
    (6, 1, "planner.maximum", "unknown field `maximum`; use one of"),
    (9, 25, "dns_zone.name_server.name", "name server ns.example lies inside"),
    (11, 8, "endpoint.name", "endpoint a.test lies in no zone of the file"),
    (13, 11, "endpoint.target.address", "240.0.0.1 is reserved"),
    (15, 12, "endpoint.target.capacity", "`capacity` is 0; use an integer"),
    (16, 1, "endpoint.target", "missing field `address`; add it"),
    (16, 1, "endpoint.target", "missing field `capacity`; add it"),
    (17, 8, "endpoint.target.zone", "`zone` is integer `7`; use a name"),
    (20, 7, "endpoint.ttl", "`ttl` is -1; use an integer"),
    (22, 57, "endpoint.target.wait", "unknown field `wait`"),
    (23, 5, "endpoint.target", "missing field `capacity`; add it"),
    (26, 8, "endpoint.name", "endpoint b.example is on line 19 already"),
    (26, 8, "endpoint.name", "endpoint b.example: all A weights are 0"),
    (29, 15, "store.keep_newest", "`keep_newest` is 0"),
    (33, 11, "health.healthy", "`healthy` is string \"yes\"; use a boolean"),
];

#[test]
fn row_18_all_mistakes_are_found_in_the_order_of_the_file() {
    let found = all_mistakes(MISTAKEN);
    for (found, (line, column, field, says)) in found.iter().zip(MISTAKES) {
        let place = (found.0, found.1, found.2.as_deref());
        assert_eq!(place, (line, column, Some(field)), "{found:?}");
        assert!(found.3.starts_with(says), "{found:?}");
    }
    assert_eq!(found.len(), MISTAKES.len(), "{found:#?}");
    // The text of the error has the first, and says how many there are.
    let error = Fleet::parse(MISTAKEN, Path::new("f.toml")).unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("f.toml:3:14: `timeout_ms` is"), "{error}");
    let ends = "(and 16 more mistakes; `enact check` lists all)";
    assert!(error.ends_with(ends), "{error}");
}

/// Nothing else is said of a file that is no TOML: each endpoint has its first mistake.
#[test]
fn mistakes_in_the_syntax_hide_all_others() {
    let text = GOOD.replace("ttl = 5", "ttl = 999999999");
    let text = text.replace("capacity = 100\nweight", "capacity =\nweight");
    let found = all_mistakes(&text);
    let places: Vec<_> = found.iter().map(|m| (m.0, m.1, m.2.is_none())).collect();
    assert_eq!(places, [(16, 11, true)], "{found:?}");
}

#[test]
fn so_many_mistakes_are_kept_and_the_others_are_counted() {
    let mut text = String::from("[[endpoint]]\nname = \"a.example\"\ntarget = [\n");
    for _ in 0..1200 {
        text += "{ address = \"192.0.2\", zone = \"z\", capacity = 1 },\n";
    }
    text += "]\n";
    match Fleet::parse(&text, Path::new("f.toml")).unwrap_err() {
        FleetError::Mistakes { mistakes, more, .. } => {
            assert_eq!((mistakes.len(), more), (1000, 200));
        }
        error => panic!("{error:?}"),
    }
}

#[test]
fn endpoints_may_be_laid_out_in_any_way() {
    let usual = Fleet::parse(LAYOUTS[0], Path::new("f.toml")).unwrap();
    for layout in LAYOUTS {
        let fleet = Fleet::parse(layout, Path::new("f.toml")).expect(layout);
        assert_eq!(fleet, usual, "{layout}");
        // A mistake in each endpoint is at its place.
        let spoiled = layout.replace("capacity = 1", "capacity = 0");
        let places = spoiled.match_indices('0').filter_map(|(at, _)| {
            let before = spoiled[..at].strip_suffix("capacity = ")?;
            let column = at - before.rfind('\n').map_or(0, |at| at + 1) + 1;
            Some((before.matches('\n').count() + 1, column))
        });
        let places: Vec<_> = places.collect();
        let found = all_mistakes(&spoiled);
        let found_at: Vec<_> = found.iter().map(|m| (m.0, m.1)).collect();
        assert_eq!(found_at, places, "{spoiled}");
        let field = Some("endpoint.target.capacity");
        assert!(found.iter().all(|m| m.2.as_deref() == field), "{found:?}");
    }
}

/// As TOML has it.
#[test]
fn endpoints_may_not_be_laid_out_in_two_ways_at_once() {
    let found = all_mistakes(&format!("endpoint = []{}", LAYOUTS[0]));
    let places: Vec<_> = found.iter().map(|m| (m.0, m.1)).collect();
    assert_eq!(places, [(2, 3)], "{found:?}");
}

/// Nothing in a file gets into the terminal as it is.
#[test]
fn a_message_is_one_short_line_whatever_the_file_says() {
    let long = format!("{} = 1", "k".repeat(5000));
    for (text, says) in [
        (
            "\"a\\nb\\u001b[31m\" = 1",
            "f.toml:1:1: unknown field `a\\nb\\u{1b}[31m`; use one of",
        ),
        (long.as_str(), "f.toml:1:1: unknown field `kkkk"),
        ("\u{feff}nope = 1", "f.toml:1:1: unknown field `nope`"),
        (
            "endpoint = 3",
            "f.toml:1:12: `endpoint` is integer `3`; use a list",
        ),
        (
            "[endpoint]\nname = \"a\"",
            "f.toml:1:1: `endpoint` is one table; use a list of tables, as with [[endpoint]]",
        ),
    ] {
        let error = Fleet::parse(text, Path::new("f.toml")).unwrap_err();
        let first = error.to_string().lines().next().unwrap().to_owned();
        assert!(first.starts_with(says), "`{first}` does not say `{says}`");
        assert!(first.len() < 300, "{first}");
    }
}

/// Deeper than any stack, were it read by recursion.
#[test]
fn a_file_that_is_nested_without_end_is_refused() {
    let deep = 50_000;
    for text in [
        format!("a = {}", "[".repeat(deep)),
        format!("a = {}{}", "[".repeat(deep), "]".repeat(deep)),
        format!("a = {}1{}", "{a = ".repeat(deep), "}".repeat(deep)),
        format!("{}a = 1", "a.".repeat(deep)),
        format!("[[endpoint]]\n{}a = 1", "a.".repeat(deep)),
        format!("[[endpoint]]\n[endpoint.{}a]", "a.".repeat(deep)),
    ] {
        let error = Fleet::parse(&text, Path::new("f.toml")).unwrap_err();
        let says = "lists or tables are nested too deeply";
        assert!(error.to_string().contains(says), "{error}");
    }
}
