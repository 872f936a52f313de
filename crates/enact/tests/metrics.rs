//! The metrics of a process, from its first scrape on: all that docs/metrics.md has for its
//! role, and nothing else.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PAGE: &str = include_str!("../../../docs/metrics.md");

/// The metrics of these roles in the page's tables: name and type.
fn page(roles: &[&str]) -> BTreeSet<(String, String)> {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`').split('{').next().unwrap();
        let is_shown = cells[3] == "every" || roles.contains(&cells[3]);
        is_shown.then(|| (name.to_owned(), cells[2].to_owned()))
    })
    .collect()
}

/// A process that waits for its first plan. It is killed when this value is dropped.
struct Serve(Child);

impl Drop for Serve {
    fn drop(&mut self) {
        // It has ended already if the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first scrape of a process with these arguments.
fn first_scrape(arguments: &[&str]) -> String {
    let fleet = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/fleets/small.toml"
    );
    let mut process = Command::new(env!("CARGO_BIN_EXE_enact"))
        .args(["serve", "--fleet", fleet, "--listen", "127.0.0.1:0"])
        .args(["--metrics", "127.0.0.1:0"])
        .args(arguments)
        .env_remove("RUST_LOG")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(process.stderr.take().unwrap());
    let _process = Serve(process);
    let mut lines = log.lines().map(Result::unwrap);
    // A process that fails ends its log.
    let line = lines.find(|line| line.contains("serving metrics")).unwrap();
    let (_, address) = line.split_once("url=http://").unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    write!(client, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    text
}

/// The metrics of a scrape: name and type.
fn shown(scrape: &str) -> BTreeSet<(String, String)> {
    let types = scrape
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, kind)| (name.into(), kind.into()))
        .collect()
}

#[test]
fn a_process_with_all_roles_shows_all_metrics_at_once() {
    let scrape = first_scrape(&["--store", "memory"]);
    let expected = page(&["planner", "enactor", "front"]);
    assert!(expected.len() > 25, "the page is read");
    assert_eq!(shown(&scrape), expected);
    for line in [
        "enact_ready 0",
        "enact_part_up{part=\"enactor az1\"} 0",
        "fleet_refused 0",
        "dns_served_generation 0",
        "dns_served_age_seconds NaN",
        "planner_generation 0",
        "planner_held_changes 0",
        "enactor_generation 0",
        "plans_in_store 0",
    ] {
        assert!(scrape.lines().any(|l| l == line), "no `{line}` in {scrape}");
    }
}

#[test]
fn a_process_with_a_state_folder_shows_its_metrics_too() {
    let folder = std::env::temp_dir().join(format!("enact-metrics-{}", std::process::id()));
    let scrape = first_scrape(&["--store", &format!("disk:{}", folder.display())]);
    // Left behind in the folder for temporary files at worst.
    let _ = std::fs::remove_dir_all(&folder);
    assert_eq!(
        shown(&scrape),
        page(&["planner", "enactor", "front", "disk"])
    );
    assert!(scrape.contains("\ndisk_store_writable 1\n"), "{scrape}");
}

/// Without a cluster too: nothing listens on the address.
#[cfg(feature = "etcd")]
#[test]
fn a_process_on_etcd_shows_the_metrics_of_its_role_at_once() {
    for role in ["planner", "enactor", "front"] {
        let store = "etcd://127.0.0.1:1/test";
        let scrape = first_scrape(&["--store", store, "--role", role]);
        assert_eq!(shown(&scrape), page(&[role, "etcd"]), "{role}");
        assert!(scrape.contains("\netcd_connected 0\n"), "{scrape}");
    }
}
