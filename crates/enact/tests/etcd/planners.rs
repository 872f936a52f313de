//! Several Planners on one store.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::thread;
use std::time::Duration;

use interop::cluster::{Cluster, wait_until};
use plan_store::{EndpointName, Pin, PlanStore, Target};
use plan_store_etcd::EtcdStore;

use crate::process::{File, Process, Targets, store};

/// A lease that no test outlasts: who leads next, after such a leader, leads because the
/// leader gave its lease up.
const ENDLESS: &str = "3600";

/// What the latest plan has for an endpoint.
fn targets(store: &EtcdStore, endpoint: &str) -> Vec<Target> {
    let endpoint = endpoint.parse().unwrap();
    let latest = store.latest().unwrap();
    let records = latest.and_then(|pin| pin.plan().records(&endpoint).cloned());
    records.map_or(Vec::new(), |records| records.targets().collect())
}

/// Row 10 of the failing operations: two Planners, with one capacity that differs and an
/// endpoint more in one of the files.
#[test]
fn row_10_one_planner_leads_and_the_others_stand_by_and_take_over() {
    let cluster = Cluster::start(1);
    let live = Targets::start(0, [1, 2, 3]);
    let ours = live.fleet(&[("a.example", &[(1, 1), (2, 1)])]);
    let other = live.fleet(&[("a.example", &[(1, 1), (2, 2)]), ("b.example", &[(3, 1)])]);
    let (ours, other) = (File::new("ours", &ours), File::new("other", &other));
    let planner = |file: &File, lease| {
        let arguments = ["--fleet", file.path(), "--lease-ttl", lease];
        Process::start("planner", &cluster, &arguments)
    };

    let first = planner(&ours, ENDLESS);
    first.wait_for("leading");
    first.wait_for("readiness: ready");
    let second = planner(&other, "2");
    second.wait_for("readiness: ready");
    let ready = second.get("/ready");
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    assert!(ready.contains("\nplanner: standing by; "), "{ready}");
    assert_eq!(first.metric("planner_leading"), Some(1.0));
    assert_eq!(second.metric("planner_leading"), Some(0.0));
    // Only the leader knows how full etcd is.
    first.metric_until("etcd_no_space", |full| full < 1.0);
    assert_eq!(second.metric("etcd_no_space"), None);
    let unchanged = "planner_ticks_total{outcome=\"unchanged\"}";
    let so_far = first.metric(unchanged).unwrap();
    first.metric_until(unchanged, |ticks| ticks > so_far + 50.0);
    let store = store(&cluster);
    assert_eq!(store.generations().unwrap().len(), 1, "nobody undoes it");
    assert!(targets(&store, "b.example").is_empty());

    first.end();
    let lines = second.wait_for_lines("leading");
    let said = lines.iter().filter(|line| line.contains("standing by"));
    assert_eq!(
        said.count(),
        0,
        "it was said before it was ready: {lines:#?}"
    );
    wait_until("the second Planner has published", || {
        targets(&store, "b.example").len() == 1
    });

    let third = planner(&ours, ENDLESS);
    third.wait_for("standing by");
    second.kill();
    third.wait_for("leading");
    let weights = |targets: Vec<Target>| -> Vec<u8> { targets.iter().map(|t| t.weight).collect() };
    wait_until("the third Planner has published", || {
        let weights = weights(targets(&store, "a.example"));
        weights.len() == 2 && weights[0] == weights[1]
    });
    third.end();
}

#[test]
fn a_store_on_etcd_is_not_backed_up_here_and_the_answer_says_how() {
    let cluster = Cluster::start(1);
    let live = Targets::start(2, [1]);
    let fleet = File::new("backup", &live.fleet(&[("a.example", &[(1, 1)])]));
    let socket = std::env::temp_dir().join(format!("enact-etcd-{}.sock", std::process::id()));
    let socket = socket.display().to_string();
    let arguments = ["--fleet", fleet.path(), "--admin", &socket];
    let process = Process::start("planner", &cluster, &arguments);
    process.wait_for("readiness: ready");
    let mut command = Command::new(env!("CARGO_BIN_EXE_enact"));
    let output = command
        .args(["backup", "backup", "--admin", &socket])
        .output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("etcdctl snapshot save"), "{error}");
    assert!(error.contains("enact restore-cluster"), "{error}");
    process.end();
}

/// How often the Planner is killed.
const KILLS: u32 = 6;

/// Row 4 of the failing operations, on etcd: what was out stays out, wherever the Planner is
/// killed.
#[test]
fn row_4_a_planner_that_is_killed_at_random_points_brings_nothing_back() {
    let cluster = Cluster::start(1);
    let mut live = Targets::start(1, [1, 2, 3]);
    // Two of three that fall within one window would be suspected, and come back by that rule.
    let calm = "[planner]\nsuspect_percent = 100\n".to_owned();
    let fleet = calm + &live.fleet(&[("a.example", &[(1, 1), (2, 1), (3, 1)])]);
    let fleet = File::new("killed", &fleet);
    let arguments = ["--fleet", fleet.path(), "--lease-ttl", "2"];
    let store = store(&cluster);
    let has = |targets: &[Target], address: Ipv4Addr| {
        let address = IpAddr::from(address);
        targets.iter().any(|target| target.address == address)
    };
    let out = live.address(1);
    let other = live.address(3);
    let in_plan = |address| has(&targets(&store, "a.example"), address);
    let mut planner = Process::start("planner", &cluster, &arguments);
    wait_until("all are in the plan", || {
        [out, other].into_iter().all(in_plan)
    });
    live.end(1);
    wait_until("the target is out", || !in_plan(out));
    let first = store.latest().unwrap().unwrap().generation();
    let mut is_live = true;
    for _ in 0..KILLS {
        // Its health changes while a Planner dies, and the next one starts.
        if is_live {
            live.end(3);
        } else {
            live.begin(3);
        }
        is_live = !is_live;
        thread::sleep(Duration::from_millis(fastrand::u64(..400)));
        planner.kill();
        planner = Process::start("planner", &cluster, &arguments);
        planner.wait_for("leading");
        wait_until("the other target is as it is", || in_plan(other) == is_live);
    }
    let plans = store.generations().unwrap();
    let later = plans.into_iter().filter(|generation| *generation >= first);
    let later: Vec<_> = later.collect();
    assert!(later.len() > KILLS as usize / 2, "{later:?}");
    let endpoint: EndpointName = "a.example".parse().unwrap();
    for generation in later {
        let pin = store.pin(generation).unwrap();
        let records = pin.plan().records(&endpoint).cloned().unwrap();
        let there: Vec<_> = records.targets().collect();
        assert!(
            !has(&there, out),
            "plan {generation} brings it back: {there:?}"
        );
    }
    // The control: a check that succeeds does bring it back.
    live.begin(1);
    wait_until("the target is back", || in_plan(out));
    planner.end();
}
