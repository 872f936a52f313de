//! The examples as people run them: what they print, and the status they end
//! with.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::{env, fs, process};

use serde_json::{Value, json};

/// The examples that run the drill.
const DRILLS: [&str; 2] = ["buggy_enactors", "fixed_enactors"];

const BIG_FLEET: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/examples/fleets/dynamodb-us-east-1.toml"
);

fn command(example: &str, args: &[&str]) -> Command {
    // Built beside the folder of the test that is running.
    let test = env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().join("examples");
    let path = folder
        .join(example)
        .with_extension(env::consts::EXE_EXTENSION);
    assert!(
        path.exists(),
        "`cargo build --examples` first: {}",
        path.display()
    );
    let mut command = Command::new(path);
    command.args(args).env_remove("RUST_LOG");
    command
}

/// Runs an example, which must not panic, whatever is wrong.
fn run(example: &str, args: &[&str]) -> Output {
    checked(command(example, args).output().unwrap())
}

fn checked(output: Output) -> Output {
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

/// The JSON that an example ends with, and its status.
fn report(example: &str, args: &[&str]) -> (Value, Option<i32>) {
    let output = run(example, &[args, &["--json"]].concat());
    let printed = stdout(&output);
    let last = printed.lines().last().unwrap();
    (serde_json::from_str(last).unwrap(), output.status.code())
}

/// Asserts that both drills end with status 2 and say these things.
fn assert_refused(args: &[&str], says: &[&str]) {
    for example in DRILLS {
        let output = run(example, args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        for words in says {
            assert!(said.contains(words), "{args:?}: {said}");
        }
        assert_eq!(stdout(&output), "", "{args:?}");
    }
}

/// A file that is there as long as this.
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
fn the_outage_is_shown_and_reported() {
    let reported = json!({
        "variant": "incident, lock per endpoint",
        "violations": ["Monotonic", "ActiveKept", "NeverEmpty", "Progress"],
        "stuck": true,
        "passes": 10,
        "published": 7,
        "swept": 4,
    });
    for args in [&[] as &[&str], &["--fleet", BIG_FLEET]] {
        assert_eq!(report("buggy_enactors", args), (reported.clone(), Some(0)));
    }
    let shown = stdout(&run("buggy_enactors", &[]));
    assert!(
        shown.contains("  31 │            ● activate 5→2 ×3    │"),
        "{shown}"
    );
    assert!(
        shown.contains("✗ ActiveKept: api.shop.example: active plan 2 is deleted (by step 38)")
    );
    assert!(
        shown.ends_with("until a person repaired the endpoints by hand.\n"),
        "{shown}"
    );
}

#[test]
fn the_fix_is_shown_and_reported() {
    let reported = json!({
        "variant": "memory store",
        "violations": [],
        "stuck": false,
        "passes": 7,
        "published": 6,
        "swept": 3,
    });
    for args in [&[] as &[&str], &["--fleet", BIG_FLEET]] {
        assert_eq!(report("fixed_enactors", args), (reported.clone(), Some(0)));
    }
    let shown = stdout(&run("fixed_enactors", &[]));
    assert!(
        shown.contains("  31 │            ● STALE: 2 < 5       │"),
        "{shown}"
    );
    assert!(
        shown.ends_with("No invariant broke.\nA new plan can be applied.\n"),
        "{shown}"
    );
}

#[test]
fn a_seed_repeats_the_run_to_the_letter() {
    for example in DRILLS {
        let args = ["--seed", "7", "--json"];
        let (first, again) = (run(example, &args), run(example, &args));
        assert_eq!(stdout(&first), stdout(&again));
        assert_eq!(first.status.code(), Some(0));
        assert!(!stdout(&first).is_empty());
    }
}

#[test]
fn running_freely_the_fixed_enactors_break_nothing() {
    let (reported, _) = report("fixed_enactors", &["--free-running", "1"]);
    assert_eq!(reported["violations"], json!([]));
    assert_eq!(reported["stuck"], json!(false));
}

#[test]
fn running_freely_the_buggy_enactors_end_up_stuck() {
    // They end by themselves, long before that.
    let (reported, status) = report("buggy_enactors", &["--free-running", "600"]);
    assert_eq!((&reported["stuck"], status), (&json!(true), Some(0)));
    let violations = reported["violations"].as_array().unwrap();
    for invariant in ["Monotonic", "ActiveKept", "NeverEmpty", "Progress"] {
        assert!(violations.contains(&json!(invariant)), "{reported}");
    }
}

#[test]
fn bad_arguments_are_refused_by_name() {
    assert_refused(&["--speed", "9"], &["--speed", "Usage:"]);
    assert_refused(&["fleet.toml"], &["fleet.toml", "Usage:"]);
    assert_refused(&["--seed", "x"], &["--seed", "x"]);
    assert_refused(&["--seed", "-1"], &["-1"]);
    assert_refused(&["--free-running", "0"], &["--free-running", "1..=86400"]);
    assert_refused(
        &["--free-running", "86401"],
        &["--free-running", "1..=86400"],
    );
    assert_refused(&["--fleet"], &["--fleet"]);
}

#[test]
fn a_fleet_file_that_is_not_there_is_named() {
    assert_refused(
        &["--fleet", "no-such.toml"],
        &["no-such.toml cannot be read"],
    );
    let folder = env!("CARGO_MANIFEST_DIR");
    assert_refused(&["--fleet", folder], &[folder, "cannot be read"]);
}

#[test]
fn a_mistake_in_a_fleet_file_is_named_with_its_place() {
    let endpoint = "[[endpoint]]\nname = \"a.example\"\n";
    let target = "{ address = \"192.0.2.1\", zone = \"z1\", capacity = 1 }";
    let cases: [(&str, Vec<u8>, &str); 5] = [
        ("empty", Vec::new(), ":1:1: "),
        ("syntax", b"[[endpoint]\n".to_vec(), ":1:12: "),
        (
            "field",
            b"[store]\nkeep = 3\n".to_vec(),
            ":2:1: unknown field `keep`",
        ),
        (
            "twice",
            format!("{endpoint}target = [{target},\n{target}]\n").into(),
            ":4:",
        ),
        ("bytes", b"[store]\n\xff\n".to_vec(), ":2:1: "),
    ];
    for (name, content, says) in cases {
        let file = TempFile::new(&format!("{name}.toml"), &content);
        assert_refused(&["--fleet", file.path()], &[file.path(), says]);
    }
}

#[test]
fn a_fleet_with_nothing_to_plan_is_refused() {
    let target = "{ address = \"192.0.2.1\", zone = \"z1\", capacity = 1 }";
    let fleet = format!("[[endpoint]]\nname = \"a.example\"\ntarget = [{target}]\n");
    let file = TempFile::new("single.toml", fleet.as_bytes());
    assert_refused(&["--fleet", file.path()], &["two targets or more"]);
}

#[test]
fn the_log_is_on_request_and_beside_the_report() {
    for example in DRILLS {
        let logging = |wanted| {
            let mut command = command(example, &[]);
            checked(command.env("RUST_LOG", wanted).output().unwrap())
        };
        let (quiet, logged) = (logging(""), logging("info"));
        assert_eq!(stderr(&quiet), "");
        assert_eq!(stdout(&quiet), stdout(&logged));
        let log = stderr(&logged);
        assert!(log.contains("publish generation=1 endpoints=3"), "{log}");
        assert!(log.contains("sweep applied=5 deleted=[#1, #2]"), "{log}");

        let refused = logging("a=b=c");
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains("RUST_LOG=a=b=c"));
    }
}

#[test]
fn who_stops_reading_does_no_harm() {
    for example in DRILLS {
        let mut command = command(example, &["--json"]);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = checked(child.wait_with_output().unwrap());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    }
}

#[test]
fn help_tells_of_the_status_and_of_the_log() {
    for example in DRILLS {
        let output = run(example, &["--help"]);
        assert_eq!(output.status.code(), Some(0));
        for words in [
            "--fleet",
            "--free-running",
            "--seed",
            "--json",
            "RUST_LOG",
            "status",
        ] {
            assert!(stdout(&output).contains(words), "{words}");
        }
    }
}

#[test]
fn the_library_in_one_sitting_ends_well() {
    let output = run("plan_store", &[]);
    assert_eq!(output.status.code(), Some(0));
    let printed = stdout(&output);
    assert!(
        printed.contains("slow Enactor,  plan 2: Stale { newer: #5 }"),
        "{printed}"
    );
    assert!(
        printed.lines().last().unwrap().contains("192.0.2.5"),
        "{printed}"
    );
}
