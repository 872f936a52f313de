//! `report cascade` as a user runs it: its output and its exit status.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::{env, fs, process};

use serde_json::{Value, json};

/// Runs the program, and asserts that it does not panic.
fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_report"));
    let output = command
        .arg("cascade")
        .args(args)
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let said = stderr(&output);
    assert!(!said.contains("panicked"), "{said}");
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The JSON that the program ends with, and its status.
fn report(args: &[&str]) -> (Value, Option<i32>) {
    let output = run(&[args, &["--json"]].concat());
    let printed = stdout(&output);
    let last = printed.lines().last().unwrap();
    (serde_json::from_str(last).unwrap(), output.status.code())
}

/// A file that is deleted when this is dropped.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = env::temp_dir().join(format!("dns-control-plane-{}-{name}", process::id()));
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn the_cascade_meets_the_published_day_and_the_fix_spares_it() {
    let (reported, status) = report(&["--seeds", "7"]);
    assert_eq!(reported["holds"], json!(true), "{reported}");
    assert_eq!(reported["impaired_with_the_fix"], json!([]));
    assert_eq!(reported["architectures"].as_array().unwrap().len(), 6);
    let dns = json!([
        {"at": "06:43:05", "answer": "stale"},
        {"at": "06:48", "answer": "empty"},
        {"at": "09:25", "answer": "current"},
    ]);
    assert_eq!(reported["dns"], dns);
    assert_eq!(status, Some(0));
}

#[test]
fn a_day_that_differs_from_the_published_one_is_shown_and_exits_with_1() {
    let timeline = TempFile::new("dns.csv", b"at,answer\n06:48,empty\n07:00,current\n");
    let parameters = TempFile::new(
        "parameters.toml",
        b"[dns]\nnegative_ttl = { value = 30, unit = 's', source = 'assumed: short' }\n",
    );
    let args = [
        "--seeds",
        "1",
        "--timeline",
        timeline.path(),
        "--parameters",
        parameters.path(),
    ];
    let output = run(&args);
    assert_eq!(output.status.code(), Some(1));
    let shown = stdout(&output);
    assert!(
        shown.contains("  current until 06:48 empty, 07:00 current\n"),
        "{shown}"
    );
    assert!(shown.contains("✗ DynamoDB"), "{shown}");
}

#[test]
fn the_cascade_refuses_bad_files_and_arguments() {
    let refused = |args: &[&str], says: &str| {
        let output = run(args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
        assert_eq!(stdout(&output), "", "{args:?}");
    };
    refused(&["--seeds", "0"], "1..=100000");
    refused(&["--timeline", "no-such.csv"], "no-such.csv cannot be read");
    let file = TempFile::new("bad.toml", b"[dns]\nttl = 5\n");
    refused(
        &["--parameters", file.path()],
        ":2:1: there is no parameter `dns.ttl`",
    );
}
