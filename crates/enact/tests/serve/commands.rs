//! The commands, as a person gives them to a running process.

use super::hostile::{answer, connect, post};
use super::*;

fn status(serve: &Serve) -> serde_json::Value {
    serde_json::from_str(&serve.tell(&["status", "--json"])).unwrap()
}

fn json(serve: &Serve, arguments: &[&str]) -> serde_json::Value {
    let output = serve.command(arguments);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// A fleet file that keeps plans to return to.
pub(crate) fn keeping(fleet: &str) -> String {
    format!("[store]\nkeep_newest = 50\n{fleet}")
}

/// An endpoint with six targets in three zones, and one with two. Quick checks, default limits.
pub(crate) fn zones() -> (Targets, FleetFile, Serve) {
    let targets = Targets::start(1..=6);
    let endpoints = [("a", &[1, 2, 3, 4, 5, 6][..]), ("b", &[1, 2][..])];
    let fleet = FleetFile::new(
        &new_socket().display().to_string().replace('/', "-"),
        &keeping(&targets.fleet(&endpoints)),
    );
    let serve = Serve::start(&["--fleet", fleet.path()]);
    (targets, fleet, serve)
}

#[test]
fn status_shows_plans_targets_and_why_one_is_down() {
    let (mut targets, _fleet, serve) = zones();
    let shown = serve.tell(&["status"]);
    assert!(shown.starts_with("ready, role all, enact "), "{shown}");
    assert!(shown.contains("targets   6 up, 0 down"), "{shown}");
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    targets.end(&[3]);
    serve.ask_until("a.re.example.", has(&[1, 2, 4, 5, 6]));
    let target = Targets::address(3).to_string();
    let shown = serve.tell(&["status"]);
    assert!(
        shown.contains(&format!("{target:<15} down since ")),
        "{shown}"
    );
    let shown = serve.tell(&["status", &target]);
    assert!(shown.contains("connection refused"), "{shown}");
    assert!(shown.ends_with("  a.re.example\n"), "{shown}");
    let endpoint = json(&serve, &["status", "a.re.example", "--json"]);
    let of = |n: u8| {
        let address = Targets::address(n).to_string();
        let targets = endpoint["targets"].as_array().unwrap();
        targets
            .iter()
            .find(|t| t["address"] == address.as_str())
            .unwrap()
            .clone()
    };
    assert_eq!(
        (of(3)["state"].as_str(), of(3)["served"].as_u64()),
        (Some("down"), None)
    );
    assert_eq!(
        (of(4)["state"].as_str(), of(4)["zone"].as_str()),
        (Some("up"), Some("z1"))
    );
    assert!(of(4)["served"].as_u64().unwrap() > 0);
    for unknown in ["c.re.example", "127.1.2.3", "no name", "../status"] {
        assert_eq!(
            serve.command(&["status", unknown]).status.code(),
            Some(2),
            "{unknown}"
        );
    }
    serve.end();
}

#[test]
fn a_drained_zone_leaves_and_comes_back_and_the_last_target_waits_for_a_confirmation() {
    let (_targets, _fleet, serve) = zones();
    // Targets 3 and 6 are in zone z0, 1 and 4 in z1.
    serve.tell(&["drain", "--zone", "z0", "--why", "rack work", "--for", "1h"]);
    serve.ask_until("a.re.example.", has(&[1, 2, 4, 5]));
    let drain = &status(&serve)["planner"]["drains"][0];
    assert_eq!(
        (drain["zone"].as_str(), drain["why"].as_str()),
        (Some("z0"), Some("rack work"))
    );
    let uid = uid();
    assert!(
        drain["by"]
            .as_str()
            .unwrap()
            .contains(&format!("uid {uid}")),
        "{drain}"
    );
    serve.tell(&["undrain", "--zone", "z0"]);
    serve.ask_until("a.re.example.", has(&[1, 2, 3, 4, 5, 6]));
    // One target of two goes at once, the last one waits, and its end withdraws the change.
    let (one, two) = (
        Targets::address(1).to_string(),
        Targets::address(2).to_string(),
    );
    serve.tell(&["drain", &one]);
    serve.ask_until("b.re.example.", has(&[2]));
    let told = json(&serve, &["drain", &two, "--json"]);
    assert_eq!(told["held"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["held"][0]["endpoint"], "b.re.example");
    serve.ask_until("a.re.example.", has(&[3, 4, 5, 6]));
    assert!(has(&[2])(&serve.ask("b.re.example.")));
    serve.tell(&["undrain", &two]);
    assert_eq!(
        status(&serve)["planner"]["held"].as_array().unwrap().len(),
        0
    );
    // Not under a freeze, which a confirmation would not outlive.
    let told = json(&serve, &["drain", &two, "--json"]);
    let id = told["held"][0]["id"].as_str().unwrap();
    serve.tell(&["freeze"]);
    let refused = serve.command(&["confirm", id]);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("thaw first"), "{error}");
    serve.tell(&["thaw"]);
    // Rejected: the drain stands, and this endpoint keeps its target.
    serve.tell(&["reject", id]);
    let planner = &status(&serve)["planner"];
    assert_eq!(planner["held"].as_array().unwrap().len(), 0, "{planner}");
    assert_eq!(planner["rejected"][0]["id"], id);
    assert!(has(&[2])(&serve.ask("b.re.example.")));
    // The rejection ends with the hold: the same drain later is asked about again.
    serve.tell(&["undrain", &two]);
    let again = json(&serve, &["drain", &two, "--json"]);
    assert_eq!(again["held"][0]["id"], id, "{again}");
    serve.tell(&["reject", id]);
    // Confirmed after all: the answer shows what is held afterwards.
    let told = json(&serve, &["confirm", id, "--json"]);
    assert_eq!(told["held"].as_array().unwrap().len(), 0, "{told}");
    assert_eq!(
        status(&serve)["planner"]["rejected"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
    assert_eq!(serve.command(&["confirm", id]).status.code(), Some(2));
    for (wrong, says) in [
        (&["drain", "--zone", "z9"][..], "its zones are z0, z1, z2"),
        (
            &["drain", "127.1.2.3"],
            "the fleet file has no target 127.1.2.3; `enact status ENDPOINT` lists the targets",
        ),
        (&["drain", &two, "--why", "a\nb"], "the reason is one line"),
        (&["drain", &two, "--for", "0s"], "`for_seconds` is 0"),
        (
            &["undrain", "--zone", "z0"],
            "is not drained by a person; if the fleet file drains it, change the file",
        ),
    ] {
        let output = serve.command(wrong);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?}: {error}");
        assert!(error.contains(says), "{wrong:?}: {error}");
    }
    serve.end();
}

/// The user of this test, as the operating system says it.
pub(crate) fn uid() -> String {
    let output = Command::new("id").arg("-u").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().into()
}

#[test]
fn under_a_freeze_health_is_shown_and_nothing_is_published() {
    let (mut targets, _fleet, serve) = zones();
    serve.tell(&["freeze", "--why", "an incident"]);
    let newest = status(&serve)["generations"]["newest"].clone();
    targets.end(&[6]);
    let deadline = Instant::now() + PATIENCE;
    let planner = loop {
        let planner = status(&serve)["planner"].clone();
        if planner["waiting"] == 1 {
            break planner;
        }
        assert!(Instant::now() < deadline, "{planner}");
    };
    assert_eq!(planner["targets"]["down"], 1);
    assert_eq!(planner["freeze"]["why"], "an incident");
    assert_eq!(status(&serve)["generations"]["newest"], newest);
    assert!(has(&[1, 2, 3, 4, 5, 6])(&serve.ask("a.re.example.")));
    let metrics = serve.get("/metrics");
    assert!(metrics.contains("\nplanner_frozen 1\n"), "{metrics}");
    assert_eq!(
        serve.command(&["freeze"]).status.code(),
        Some(2),
        "it is frozen already"
    );
    serve.tell(&["thaw"]);
    serve.ask_until("a.re.example.", has(&[1, 2, 3, 4, 5]));
    assert_eq!(
        serve.command(&["thaw"]).status.code(),
        Some(2),
        "nothing is frozen"
    );
    serve.end();
}

#[test]
fn plan_says_what_a_file_would_change_and_changes_nothing() {
    let (targets, fleet, serve) = zones();
    let before = status(&serve)["generations"].clone();
    let plan = |file: Option<&FleetFile>| {
        let mut arguments = vec!["plan"];
        arguments.extend(file.map(FleetFile::path));
        let output = serve.command(&arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), text, error)
    };
    let same = (Some(0), "nothing changes\n".to_owned(), String::new());
    assert_eq!(plan(Some(&fleet)), same);
    assert_eq!(plan(None), same);
    let name = format!("plan-{}", new_socket().display()).replace('/', "-");
    let other = FleetFile::new(
        &name,
        &targets.fleet(&[("a", &[1, 2, 3, 4, 5, 9]), ("c", &[1])]),
    );
    let (code, text, _) = plan(Some(&other));
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains(&format!("  + {:<15} weight 255\n", Targets::address(9))),
        "{text}"
    );
    assert!(
        text.contains(&format!("  - {:<15} weight 255\n", Targets::address(6))),
        "{text}"
    );
    assert!(text.contains("c.re.example added\n"), "{text}");
    assert!(text.contains("Held: waits for a confirmation\n"), "{text}");
    assert!(text.contains("  b.re.example\n"), "{text}");
    assert!(text.ends_with("names: 2 changed, 1 held\n"), "{text}");
    other.write(
        &targets
            .fleet(&[("a", &[1])])
            .replace("capacity = 1", "capacity = 0"),
    );
    let (code, _, error) = plan(Some(&other));
    assert_eq!(code, Some(2));
    assert!(error.contains(&format!("{}:", other.path())), "{error}");
    assert!(error.contains("`capacity` is 0"), "{error}");
    assert_eq!(status(&serve)["generations"], before);
    assert_eq!(
        status(&serve)["planner"]["held"].as_array().unwrap().len(),
        0
    );
    serve.end();
}

#[test]
fn history_names_authors_and_an_older_plan_can_return() {
    let (mut targets, fleet, serve) = zones();
    targets.end(&[5]);
    serve.ask_until("a.re.example.", has(&[1, 2, 3, 4, 6]));
    let one = Targets::address(1).to_string();
    serve.tell(&["drain", &one]);
    serve.ask_until("a.re.example.", has(&[2, 3, 4, 6]));
    let history = json(&serve, &["history", "--json"]);
    let plans = history["plans"].as_array().unwrap();
    let authors: Vec<_> = plans
        .iter()
        .map(|plan| plan["author"].as_str().unwrap())
        .collect();
    assert!(authors[0].contains("uid "), "{history}");
    assert!(
        plans[0]["cause"]
            .as_str()
            .unwrap()
            .contains(&format!("drained target {one}")),
        "{history}"
    );
    assert!(authors.contains(&"health"), "{history}");
    assert!(authors.last().unwrap().contains("fleet file"), "{history}");
    // The plan before is returned to, although the drain stands.
    let newest = plans[0]["generation"].as_u64().unwrap();
    let (older, newest) = ((newest - 1).to_string(), newest.to_string());
    let diff = serve.command(&["diff", &older, &newest]);
    assert_eq!(diff.status.code(), Some(1), "{diff:?}");
    let diff = String::from_utf8(diff.stdout).unwrap();
    assert!(
        diff.contains(&format!("  ~ {one:<15} weight 255 -> 0\n")),
        "{diff}"
    );
    assert_eq!(
        serve.command(&["diff", &newest, &newest]).status.code(),
        Some(0)
    );
    serve.tell(&["return", &older]);
    serve.ask_until("a.re.example.", has(&[1, 2, 3, 4, 6]));
    let freeze = status(&serve)["planner"]["freeze"]["why"].clone();
    assert_eq!(freeze, format!("return to plan {older}"));
    let again = json(&serve, &["history", "--json"])["plans"][0]["cause"].clone();
    assert_eq!(again, format!("return to plan {older}"));
    // After the thaw the fleet and the drain count again.
    serve.tell(&["thaw"]);
    serve.ask_until("a.re.example.", has(&[2, 3, 4, 6]));
    // An endpoint that the older plan does not name goes only if that is allowed.
    fleet.write(&keeping(&targets.fleet(&[
        ("a", &[1, 2, 3, 4, 5, 6]),
        ("b", &[1, 2]),
        ("c", &[2]),
    ])));
    serve.signal("HUP");
    serve.ask_until("c.re.example.", has(&[2]));
    let refused = serve.command(&["return", &newest]);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        error.contains("does not have 1 name (c.re.example), which would go"),
        "{error}"
    );
    assert_eq!(status(&serve)["planner"]["freeze"], serde_json::Value::Null);
    serve.tell(&["return", &newest, "--remove-endpoints"]);
    serve.ask_until("c.re.example.", is_missing);
    let kept = json(&serve, &["history", "--json"])["plans"][0]["generation"].clone();
    let refused = serve.command(&["return", "4000000"]);
    assert_eq!(refused.status.code(), Some(2));
    let says = format!(
        "error: plan 4000000 is not in the store; it has plans 1 to {kept} (`keep_newest = 50`)\n"
    );
    assert_eq!(String::from_utf8(refused.stderr).unwrap(), says);
    serve.end();
}

#[test]
fn drains_a_freeze_and_the_history_survive_a_kill() {
    let targets = Targets::start(1..=3);
    let name = format!("kept-{}", new_socket().display()).replace('/', "-");
    let fleet = FleetFile::new(&name, &targets.fleet(&[("a", &[1, 2, 3])]));
    let folder = new_socket().with_extension("store");
    let store = format!("disk:{}", folder.display());
    let arguments = ["--fleet", fleet.path(), "--store", &store];
    let mut serve = Serve::start(&arguments);
    let one = Targets::address(1).to_string();
    serve.tell(&["drain", &one, "--for", "5h", "--why", "rack work"]);
    serve.ask_until("a.re.example.", has(&[2, 3]));
    serve.tell(&["freeze", "--why", "an incident"]);
    let before = status(&serve)["planner"].clone();
    let plans = json(&serve, &["history", "--json"]);
    serve.process.kill().unwrap();
    serve.process.wait().unwrap();
    drop(serve);

    let serve = Serve::start(&arguments);
    assert!(has(&[2, 3])(&serve.ask("a.re.example.")));
    let after = status(&serve)["planner"].clone();
    assert_eq!(after["freeze"], before["freeze"]);
    assert_eq!(after["drains"][0]["why"], "rack work");
    assert!(after["drains"][0]["until"].is_string(), "{after}");
    let deadline = Instant::now() + PATIENCE;
    while json(&serve, &["history", "--json"]) != plans {
        assert!(Instant::now() < deadline, "the history is read in time");
    }
    serve.tell(&["thaw"]);
    serve.tell(&["undrain", &one]);
    serve.ask_until("a.re.example.", has(&[1, 2, 3]));
    serve.end();
    fs::remove_dir_all(folder).unwrap();
}

/// The command sends the zone files: the process opens no file of the client.
#[test]
fn plan_takes_a_fleet_with_a_zone_file() {
    let targets = Targets::start([1]);
    let name = format!("plan-zone-{}", new_socket().display()).replace('/', "-");
    let records = FleetFile::new(&format!("{name}-records"), "mail A 192.0.2.25\n");
    let of_fleet = |records: &FleetFile| {
        let file = records.0.file_name().unwrap().to_str().unwrap();
        let zone = format!("{ZONE}records = \"{file}\"\n");
        targets.fleet(&[("a", &[1])]).replace(ZONE, &zone)
    };
    let fleet = FleetFile::new(&name, &of_fleet(&records));
    let serve = Serve::start(&["--fleet", fleet.path()]);
    assert_eq!(serve.tell(&["plan", fleet.path()]), "nothing changes\n");
    let history = serve.tell(&["history"]);
    assert!(history.contains("2 names (1 endpoint)\n"), "{history}");
    assert!(serve.get("/").contains("2 names (1 endpoint)"));
    let new = FleetFile::new(
        &format!("{name}-new-records"),
        "mail A 192.0.2.25\nnew A 192.0.2.9\n",
    );
    let other = FleetFile::new(&format!("{name}-other"), &of_fleet(&new));
    let output = serve.command(&["plan", other.path()]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("new.re.example"), "{text}");
    let error = || String::from_utf8(serve.command(&["plan", other.path()]).stderr).unwrap();
    new.write("mail A 192.0.2.\n");
    let wrong = error();
    assert!(wrong.contains(&format!("{}:1:", new.path())), "{wrong}");
    other.write(&of_fleet(&new).replace("records = \"", "records = \"no-"));
    let missing = error();
    let place = format!("error: {}:9:11: `records`: ", other.path());
    assert!(missing.starts_with(&place), "{missing}");
    assert!(missing.contains("No such file"), "{missing}");
    // A client that sends no zone file is told, although the file is there.
    let text = serde_json::to_string(&of_fleet(&records)).unwrap();
    let path = serde_json::to_string(fleet.path()).unwrap();
    let body = format!(r#"{{"fleet": {{"name": {path}, "text": {text}}}}}"#);
    let answer = answer(connect(&serve), post("/v1/plan", &body).as_bytes());
    assert!(answer.contains("the zone file is not sent"), "{answer}");
    serve.end();
}

/// An endpoint whose removal is held is served, so it is counted and shown like the others.
#[test]
fn a_held_endpoint_is_counted_and_listed_and_a_drained_target_says_so() {
    let targets = Targets::start(1..=4);
    let name = format!("held-{}", new_socket().display()).replace('/', "-");
    let drained = "[planner]\ndrained_zones = [\"z2\"]\n";
    let with = |endpoints: &[(&str, &[u8])]| format!("{drained}{}", targets.fleet(endpoints));
    let [a, b] = [("a", &[1, 2, 3][..]), ("b", &[4])];
    let fleet = FleetFile::new(&name, &with(&[a, b]));
    let serve = Serve::start(&["--fleet", fleet.path()]);
    serve.ask_until("b.re.example.", has(&[4]));
    let shown = serve.tell(&["status"]);
    assert!(shown.contains("endpoints 2 active, 0 behind"), "{shown}");
    fleet.write(&with(&[a]));
    serve.signal("HUP");
    serve.wait_for("the fleet file is read again");
    let deadline = Instant::now() + PATIENCE;
    while status(&serve)["generations"]["held"] != 1 {
        assert!(Instant::now() < deadline, "{}", status(&serve));
    }
    let shown = serve.tell(&["status"]);
    let line = "endpoints 2 active, 1 of them held, 0 behind the newest active plan\n";
    assert!(shown.contains(line), "{shown}");
    assert!(has(&[4])(&serve.ask("b.re.example.")));
    let [one, two, four] = [1, 2, 4].map(|n| Targets::address(n).to_string());
    let up = format!("up (tcp port {})", targets.port);
    let shown = serve.tell(&["status", &four]);
    assert_eq!(shown, format!("{four:<15} {up}\n  b.re.example\n"));
    let page = serve.get("/");
    let (_, listed) = page.split_once("<h2>Endpoints</h2>").unwrap();
    assert!(listed.contains("b.re.example"), "{listed}");
    let refused = serve.command(&["status", "c.re.example"]);
    let says = "error: there is no endpoint `c.re.example`; there are a.re.example, b.re.example\n";
    assert_eq!(String::from_utf8(refused.stderr).unwrap(), says);

    serve.tell(&["drain", &one]);
    let shown = serve.tell(&["status", &one]);
    let by = format!("{one:<15} {up}, drained until undrain, by ");
    assert!(shown.starts_with(&by), "{shown}");
    serve.tell(&["drain", "--zone", "z1", "--for", "1h"]);
    let shown = serve.tell(&["status", &four]).replace("\n    ", " ");
    // The fleet file does not have the target any more, so it is in no zone.
    assert_eq!(shown, format!("{four:<15} {up}\n  b.re.example\n"));
    let shown = serve.tell(&["status", &one]).replace("\n  ", " ");
    assert!(shown.contains(", drained with zone z1 until 20"), "{shown}");
    let shown = serve.tell(&["status", &two]);
    let by_file = format!("{two:<15} {up}, drained by the fleet file\n");
    assert!(shown.starts_with(&by_file), "{shown}");
    serve.end();
}

/// A person reads the log: no field is in the form that `Debug` gives it.
#[test]
fn the_log_has_no_field_in_the_form_of_a_program() {
    let (_targets, _fleet, serve) = zones();
    let one = Targets::address(1).to_string();
    serve.tell(&["drain", &one, "--why", "rack work"]);
    assert_eq!(serve.command(&["thaw"]).status.code(), Some(2));
    let mut lines = Vec::new();
    while lines
        .iter()
        .all(|line: &String| !line.contains("a command is refused"))
    {
        lines.push(serve.log.recv_timeout(PATIENCE).unwrap());
    }
    let line = lines.iter().find(|line| line.contains("drained target"));
    let line = line.unwrap_or_else(|| panic!("{lines:#?}"));
    assert!(line.contains(" client=process "), "{line}");
    let refused = lines.last().unwrap();
    assert!(
        refused.contains(" command=thaw why=nothing is frozen"),
        "{refused}"
    );
    for line in &lines {
        // Before it is the span, such as `pass{enactor=az1 generation=2}: `.
        let (_, event) = line.rsplit_once("}: ").unwrap_or(("", line));
        let debug = ["Some(", "None", "{", "[", "=\""];
        assert!(debug.iter().all(|form| !event.contains(form)), "{line}");
    }
    serve.end();
}

#[test]
fn a_thaw_replaces_a_damaged_note_of_the_orders() {
    let targets = Targets::start([1]);
    let name = format!("damaged-{}", new_socket().display()).replace('/', "-");
    let fleet = FleetFile::new(&name, &targets.fleet(&[("a", &[1])]));
    let folder = StateFolder::new("damaged");
    let arguments = ["--fleet", fleet.path(), "--store", &folder.store()];
    Serve::start(&arguments).end();
    let store = plan_store_disk::DiskStore::open(&folder.0, plan_store::Retention::newest(2));
    store.unwrap().set_note("orders", b"{}").unwrap();

    let mut process = Serve::spawn(&arguments, Some("info"));
    let (log, _) = lines(process.stderr.take().unwrap(), usize::MAX);
    let serve = Serve::addressed(process, log, false);
    serve.wait_for("the note `orders` in the store is damaged");
    serve.tell(&["thaw"]);
    serve.wait_for(READY);
    let again = serve.command(&["thaw"]);
    assert_eq!(again.status.code(), Some(2), "nothing is frozen");
    serve.end();
}
