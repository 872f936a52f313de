//! The examples as people run them: their output and their exit status.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::{env, fs, process};

use tinyjson::JsonValue;

/// The examples that run the drill.
const DRILLS: [&str; 2] = ["buggy_enactors", "fixed_enactors"];

const BIG_FLEET: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/examples/fleets/dynamodb-us-east-1.toml"
);

fn command(example: &str, args: &[&str]) -> Command {
    // Cargo builds the examples in a folder beside the running test's folder.
    let test = env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap().join("examples");
    let path = folder
        .join(example)
        .with_extension(env::consts::EXE_EXTENSION);
    assert!(
        path.exists(),
        "run `cargo build --examples` first: {}",
        path.display()
    );
    let mut command = Command::new(path);
    command.args(args).env_remove("RUST_LOG");
    command
}

/// Runs an example. It must not panic.
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

fn parsed(json: &str) -> JsonValue {
    json.parse().unwrap()
}

/// The JSON at the end of an example's output, and its exit status.
fn report(example: &str, args: &[&str]) -> (JsonValue, Option<i32>) {
    let output = run(example, &[args, &["--json"]].concat());
    let printed = stdout(&output);
    let last = printed.lines().last().unwrap();
    (parsed(last), output.status.code())
}

/// Asserts that both drills end with status 2 and an error that contains these words.
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
fn the_outage_is_shown_and_reported() {
    let reported = parsed(
        r#"{
        "variant": "incident, lock per endpoint",
        "violations": ["Monotonic", "ActiveKept", "NeverEmpty", "Progress"],
        "stuck": true,
        "passes": 10,
        "published": 7,
        "swept": 4
        }"#,
    );
    for args in [&[] as &[&str], &["--fleet", BIG_FLEET]] {
        assert_eq!(report("buggy_enactors", args), (reported.clone(), Some(0)));
    }
    let shown = stdout(&run("buggy_enactors", &[]));
    assert!(shown.contains("● active 5→2 ×3"), "{shown}");
    assert!(
        shown.contains("✗ ActiveKept: api.shop.example: active plan 2 is deleted (by step 38)")
    );
    assert!(
        shown.contains("Stuck: no Enactor could apply a new plan until a person repaired"),
        "{shown}"
    );
}

#[test]
fn the_fix_is_shown_and_reported() {
    let reported = parsed(
        r#"{
        "variant": "memory store",
        "violations": [],
        "stuck": false,
        "passes": 7,
        "published": 6,
        "swept": 3
        }"#,
    );
    for args in [&[] as &[&str], &["--fleet", BIG_FLEET]] {
        assert_eq!(report("fixed_enactors", args), (reported.clone(), Some(0)));
    }
    let shown = stdout(&run("fixed_enactors", &[]));
    assert!(shown.contains("● STALE: 2 < 5"), "{shown}");
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
    assert_eq!(reported["violations"], parsed("[]"));
    assert_eq!(reported["stuck"], parsed("false"));
}

#[test]
fn running_freely_the_buggy_enactors_end_up_stuck() {
    // They get stuck and end by themselves, long before 600 s are over.
    let (reported, status) = report("buggy_enactors", &["--free-running", "600"]);
    assert_eq!((&reported["stuck"], status), (&parsed("true"), Some(0)));
    let violations: &Vec<JsonValue> = reported["violations"].get().unwrap();
    for invariant in ["Monotonic", "ActiveKept", "NeverEmpty", "Progress"] {
        let invariant = JsonValue::String(invariant.into());
        assert!(violations.contains(&invariant), "{reported:?}");
    }
}

#[test]
fn bad_arguments_are_refused_by_name() {
    let cases: [(&[&str], &[&str]); 12] = [
        (&["--speed", "9"], &["'--speed'"]),
        (&["-x"], &["'-x'"]),
        (&["fleet.toml"], &["\"fleet.toml\""]),
        (&["--fleet"], &["missing argument", "'--fleet'"]),
        (&["--json=yes"], &["--json", "yes"]),
        (&["--seed", "x"], &["--seed x: give an integer from 0"]),
        (&["--seed", "-1"], &["--seed -1: give an integer from 0"]),
        (&["--seed"], &["missing argument", "'--seed'"]),
        (
            &["--free-running", "0"],
            &["--free-running 0:", "1 to 86400"],
        ),
        (&["--free-running", "86401"], &["86401:", "1 to 86400"]),
        (&["--free-running", "1.5"], &["1.5:", "1 to 86400"]),
        (&["--free-running"], &["missing argument"]),
    ];
    for (args, says) in cases {
        assert_refused(args, says);
        assert_refused(args, &["error: ", "; see --help"]);
    }
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
    assert_refused(&["--fleet", file.path()], &["at least two targets"]);
}

#[test]
fn the_log_is_written_on_request_to_standard_error() {
    for example in DRILLS {
        let logging = |wanted| {
            let mut command = command(example, &[]);
            checked(command.env("RUST_LOG", wanted).output().unwrap())
        };
        let (quiet, logged) = (logging(""), logging("info"));
        assert_eq!(stderr(&quiet), "");
        assert_eq!(stdout(&quiet), stdout(&logged));
        let log = stderr(&logged);
        assert!(log.contains("publish generation=1 names=3"), "{log}");
        assert!(log.contains("sweep applied=5 plans=deleted 1 2"), "{log}");

        let refused = logging("a=b=c");
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains("RUST_LOG=a=b=c"));
    }
}

#[test]
fn a_reader_that_stops_early_does_no_harm() {
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
fn help_explains_the_exit_status_and_the_log() {
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
fn the_diagram_and_what_follows_it_fit_into_the_terminal() {
    for example in DRILLS {
        for (columns, width) in [(None, 80), (Some("60"), 60), (Some("100"), 100)] {
            for args in [&[] as &[&str], &["--fleet", BIG_FLEET]] {
                let mut command = command(example, args);
                command.env_remove("COLUMNS");
                if let Some(columns) = columns {
                    command.env("COLUMNS", columns);
                }
                let shown = stdout(&checked(command.output().unwrap()));
                for line in shown.lines() {
                    assert!(line.chars().count() <= width, "{width}: {line}\n{shown}");
                }
            }
        }
    }
}

#[test]
fn the_plan_store_example_tells_its_story() {
    let output = run("plan_store", &[]);
    assert_eq!(output.status.code(), Some(0));
    let story = "\
The slow Enactor picks up plan 2.
The quick Enactor activates plan 3: it is the first plan there.
The quick Enactor activates plan 4: it replaces plan 3.
The quick Enactor activates plan 5: it replaces plan 4.
The slow Enactor activates plan 2: stale, plan 5 is newer.
A sweep deletes plans 1 and 3.
It keeps plans 2 and 4.
db.example resolves to 192.0.2.5, from plan 5.
";
    assert_eq!(stdout(&output), story);
}

#[test]
fn the_plan_store_example_takes_no_arguments() {
    let output = run("plan_store", &["--bogus"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    let said = stderr(&output);
    assert!(
        said.contains("--bogus: this example takes no arguments"),
        "{said}"
    );
}

#[cfg(feature = "loom")]
#[test]
fn explore_refuses_bad_arguments_by_name() {
    let cases: [(&[&str], &str); 8] = [
        (&["--bogus"], "'--bogus'"),
        (&["incident"], "\"incident\""),
        (&["--protocol"], "missing argument"),
        (
            &["--protocol", "x"],
            "--protocol x: there is no such protocol; give one of incident,",
        ),
        (
            &["--invariant", "x"],
            "--invariant x: there is no such invariant; give one of Monotonic,",
        ),
        (&["--bound", "4"], "--bound 4: give 1, 2 or 3"),
        (&["--html"], "missing argument"),
        // Refused before the exploration.
        (
            &["--html", "no-such-folder/page.html"],
            "--html no-such-folder/page.html: ",
        ),
    ];
    for (args, says) in cases {
        let output = run("explore", args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(says) && said.contains("see --help"), "{said}");
        assert_eq!(stdout(&output), "", "{args:?}");
    }
}

#[cfg(feature = "loom")]
#[test]
fn explore_draws_the_actors_that_take_part_and_fits() {
    let mut command = command("explore", &[]);
    let output = checked(command.env_remove("COLUMNS").output().unwrap());
    let shown = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let lines = shown.lines().map(|line| line.split_whitespace().collect());
    let names: Vec<Vec<_>> = lines
        .filter(|line: &Vec<_>| line.first() == Some(&"P"))
        .collect();
    assert_eq!(names, [["P", "E1", "E2", "R"]], "{shown}");
    for line in shown.lines() {
        assert!(line.chars().count() <= 80, "{line}\n{shown}");
    }
}
