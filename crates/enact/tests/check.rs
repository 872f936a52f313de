//! `enact check`, completions and man pages, as a person runs them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed step is a failed test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const BAD: &str = r#"[health_check]
rise = 0
[[dns_zone]]
apex = "example"
name_server = [{ name = "ns.test" }]
[[endpoint]]
name = "a.example"
target = [{ address = "192.0.2.1", zone = "z", capacity = 0 }]
"#;

/// A directory of this test's own. It is removed when this value is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("enact-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.into_os_string().into_string().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn enact(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_enact"));
    command.args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn all_mistakes_of_all_files_are_printed_in_their_order() {
    let scratch = Scratch::new("check");
    let (bad, missing) = (scratch.file("bad.toml", BAD), "/no/such/fleet.toml");
    let good = scratch.file("good.toml", &BAD.replace("= 0", "= 1"));
    let output = enact(&["check", &bad, &good, missing]);
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    let lines: Vec<_> = text.lines().collect();
    let begins = [
        format!("{bad}:2:8: `rise` is 0; use an integer from 1 to 100"),
        format!("{bad}:8:59: `capacity` is 0; use an integer from 1 to 1000000"),
        format!("{good}: good; 1 endpoint, 1 target"),
        format!("{missing} cannot be read; give the path of a fleet file in TOML: No such file"),
    ];
    assert_eq!(lines.len(), begins.len(), "{text}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(
            line.starts_with(&begin),
            "`{line}` does not begin with `{begin}`"
        );
    }
    assert_eq!(enact(&["check", &good]).status.code(), Some(0));
    assert_eq!(enact(&["check"]).status.code(), Some(2));
}

#[test]
fn a_report_in_json_has_what_the_help_says() {
    let scratch = Scratch::new("check-json");
    let bad = scratch.file("bad.toml", BAD);
    let good = scratch.file("good.toml", &BAD.replace("= 0", "= 1"));
    let output = enact(&["check", "--json", &bad, &good, "/no/such"]);
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = report["files"].as_array().unwrap();
    let mistakes = files[0]["mistakes"].as_array().unwrap();
    let second = serde_json::json!({
        "line": 8,
        "column": 59,
        "field": "endpoint.target.capacity",
        "message": "`capacity` is 0; use an integer from 1 to 1000000",
    });
    assert_eq!((mistakes.len(), &mistakes[1]), (2, &second));
    let fine = serde_json::json!({
        "file": good,
        "kind": "fleet",
        "ok": true,
        "endpoints": 1,
        "targets": 1,
        "names": null,
        "mistakes": [],
        "more_mistakes": 0,
    });
    assert_eq!(files[1], fine);
    assert_eq!(files[2]["mistakes"][0]["line"], Value::Null);
    // The help names each key, and no other.
    let help = stdout(&enact(&["check", "--help"]));
    let objects = [&report, &files[0], &mistakes[0]];
    for key in objects
        .iter()
        .flat_map(|object| object.as_object().unwrap().keys())
    {
        assert!(help.contains(&format!(" {key}")), "{key}");
    }
}

#[test]
fn zone_files_and_files_of_parameters_are_checked_too() {
    let scratch = Scratch::new("check-kinds");
    let zone = "www 300 IN A 192.0.2.80\n@ MX 10 www\n";
    let good = scratch.file("shop.example.zone", zone);
    let origin = scratch.file("db.shop", &format!("$ORIGIN shop.example.\n{zone}"));
    let bad = scratch.file(
        "other.zone",
        &format!("{zone}www.net. A 192.0.2.1\nx CNAME x\n"),
    );
    let unknown = scratch.file("no..name.zone", zone);
    let number = "[dns]\nresolvers = { value = 9, unit = 'resolvers', source = 'assumed: few' }\n";
    let parameters = scratch.file("what-if.toml", number);
    let many = scratch.file("wrong.toml", "[dns]\nresolvers = 9\nno = 1\n[dms]\n");
    let output = enact(&["check", &good, &origin, &bad, &unknown, &parameters, &many]);
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    let begins = [
        format!("{good}: good; 2 names with records"),
        format!("{origin}: good; 2 names with records"),
        format!("{bad}:3:1: www.net is outside of zone other; remove the record"),
        format!("{bad}:4:1: the alias x.other leads into a loop"),
        format!("{unknown}:1:1: the zone of this file is not known; begin it with"),
        format!("{parameters}: good; parameters of the simulation"),
        format!("{many}:2:13: invalid type: integer `9`, expected `dns.resolvers` with its unit"),
        format!("{many}:3:1: there is no parameter `dns.no`"),
        format!("{many}:4:2: there is no section `dms`"),
    ];
    assert_eq!(text.lines().count(), begins.len(), "{text}");
    for (line, begin) in text.lines().zip(begins) {
        assert!(
            line.starts_with(&begin),
            "`{line}` does not begin with `{begin}`"
        );
    }
    let output = enact(&["check", "--json", &good, &parameters]);
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |file: usize| {
        (
            &report["files"][file]["kind"],
            &report["files"][file]["names"],
        )
    };
    assert_eq!(of(0), (&Value::from("zone"), &Value::from(2)));
    assert_eq!(of(1), (&Value::from("parameters"), &Value::Null));
}

/// A file that cannot be served is not good.
#[test]
fn check_and_serve_load_a_file_in_the_same_way() {
    let scratch = Scratch::new("check-serve");
    let zoneless = "[[endpoint]]\nname = \"a.example\"\ntarget = [{ address = \"192.0.2.1\", zone = \"z\", capacity = 1 }]\n";
    for text in [BAD, zoneless] {
        let file = scratch.file("fleet.toml", text);
        let (checked, served) = (
            enact(&["check", &file]),
            enact(&["serve", "--fleet", &file]),
        );
        let first = stdout(&checked).lines().next().unwrap().to_owned();
        let said = String::from_utf8(served.stderr).unwrap();
        assert!(said.contains(&first), "`{said}` does not say `{first}`");
        assert_eq!(
            (checked.status.code(), served.status.code()),
            (Some(2), Some(2))
        );
    }
}

/// A pipe is as narrow as a terminal.
#[test]
fn the_help_fits_into_80_columns_and_each_command_has_its_own_description() {
    let help = stdout(&enact(&["--help"]));
    let commands = help.split("Commands:").nth(1).unwrap().lines();
    let commands = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands: Vec<_> = commands
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| !word.starts_with('-'))
        .collect();
    assert!(commands.len() >= 14, "{commands:?}");
    let mut descriptions = std::collections::BTreeSet::new();
    for command in &commands {
        for (flag, is_long) in [("--help", true), ("-h", false)] {
            let help = stdout(&enact(&[command, flag]));
            let wide = help.lines().find(|line| line.chars().count() > 80);
            assert_eq!(wide, None, "{command} {flag}");
            let first = help.lines().next().unwrap_or_default().to_owned();
            assert!(
                !is_long || *command == "help" || descriptions.insert(first),
                "{help}"
            );
        }
    }
    let wide = help.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
    for says in [
        "Let held changes take effect",
        "Keep what the endpoint has, in place of held changes",
    ] {
        assert!(descriptions.contains(says), "{descriptions:#?}");
    }
}

#[test]
fn completions_and_man_pages_name_each_command() {
    let scratch = Scratch::new("man");
    let help = stdout(&enact(&["--help"]));
    let commands = help.split("Commands:").nth(1).unwrap().lines();
    let commands = commands.skip(1).take_while(|line| !line.is_empty());
    // The further lines of a description are further to the right.
    let commands = commands.filter(|line| !line.starts_with("   "));
    let commands = commands.filter_map(|line| line.split_whitespace().next());
    let commands: Vec<_> = commands.filter(|command| *command != "help").collect();
    assert!(commands.len() >= 5, "{commands:?}");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&enact(&["completions", shell]));
        assert!(commands.iter().all(|c| script.contains(c)), "{shell}");
    }
    let directory = scratch.0.to_str().unwrap();
    assert_eq!(enact(&["man", directory]).status.code(), Some(0));
    // Man pages escape hyphens.
    let page = |name: &str| {
        let page = fs::read_to_string(scratch.0.join(name)).unwrap();
        page.replace("\\-", "-")
    };
    for command in commands {
        assert!(page("enact.1").contains(command), "{command}");
        assert!(
            page(&format!("enact-{command}.1")).contains(".SH NAME"),
            "{command}"
        );
    }
    let absent = scratch.0.join("absent");
    let failed = enact(&["man", absent.to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(2));
    assert!(
        String::from_utf8(failed.stderr)
            .unwrap()
            .contains("No such file")
    );
}
