//! Several Planners on one store.

use interop::cluster::{Cluster, wait_until};
use plan_store::{Pin, PlanStore, Target};
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
