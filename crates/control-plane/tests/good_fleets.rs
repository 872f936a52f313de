//! Fleet files in order: what they say is taken, and what they leave out is as the
//! reference page says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

use std::path::Path;
use std::time::Duration;

use control_plane::{
    ChangeLimits, CheckKind, CommandCheck, DnsSecondary, FailPolicy, Fleet, FleetTarget, GrpcCheck,
    HealthCheck, HttpCheck, HttpMethod, Timings, TlsCheck, Trust, Watchlist,
};
use plan_store::Retention;

const SMALL: &str = r#"
    [[endpoint]]
    name = "db.example"
    target = [{ address = "192.0.2.1", zone = "z1", capacity = 100 }]
"#;

fn parse(text: &str) -> Fleet {
    Fleet::parse(text, Path::new("fleet.toml")).unwrap()
}

#[test]
fn what_a_file_leaves_out_is_as_documented() {
    let fleet = parse(SMALL);
    let millis = Duration::from_millis;
    assert_eq!(fleet.timings().planner_interval, millis(1000));
    assert_eq!(fleet.timings().backoff_first, millis(50));
    assert_eq!(fleet.timings().backoff_max, millis(5000));
    assert_eq!(fleet.timings().recheck, millis(1000));
    let limits = ChangeLimits {
        max_removal_percent: 34,
        suspect_percent: 50,
        suspect_for: millis(30_000),
    };
    assert_eq!(fleet.change_limits(), limits);
    assert_eq!(fleet.retention(), Retention::newest(3));
    assert_eq!(fleet.health_script(), []);
    assert_eq!(**fleet.health_check(), HealthCheck::default());
    let endpoint = &fleet.endpoints()[0];
    assert_eq!((endpoint.ttl(), endpoint.min_healthy_percent()), (5, 0));
    assert_eq!(endpoint.fail(), FailPolicy::All);
    let target = &endpoint.targets()[0];
    assert_eq!(
        (target.weight, target.tier, target.drained),
        (255, 0, false)
    );
}

/// A check ends before the next one begins.
#[test]
fn the_time_out_that_a_file_leaves_out_is_at_most_the_interval() {
    for (interval, timeout) in [(100, 100), (500, 500), (2000, 500)] {
        let fleet = parse(&format!(
            "[health_check]\ninterval_ms = {interval}\n{SMALL}"
        ));
        assert_eq!(fleet.health_check().timeout, Duration::from_millis(timeout));
    }
}

#[test]
fn a_target_is_drained_by_its_weight_or_by_its_zone() {
    let fleet = parse(
        r#"
        [planner]
        drained_zones = ["z2", "z3"]
        [[endpoint]]
        name = "db.example"
        fail = "drained"
        min_healthy_percent = 40
        target = [
            { address = "192.0.2.1", zone = "z1", capacity = 1 },
            { address = "192.0.2.2", zone = "z2", capacity = 1, tier = 3 },
            { address = "192.0.2.3", zone = "z1", capacity = 1, weight = 0 },
        ]
        [[endpoint]]
        name = "all-in-one.example"
        fail = "last"
        target = [{ address = "192.0.2.9", zone = "z3", capacity = 1 }]
        "#,
    );
    let endpoint = &fleet.endpoints()[0];
    let drained: Vec<_> = endpoint.targets().iter().map(|t| t.drained).collect();
    assert_eq!(drained, [false, true, true]);
    assert_eq!(endpoint.targets()[1].tier, 3);
    assert_eq!(endpoint.fail(), FailPolicy::Drained);
    assert_eq!(endpoint.min_healthy_percent(), 40);
    assert_eq!(fleet.endpoints()[1].fail(), FailPolicy::Last);
}

#[test]
fn what_a_file_says_is_taken() {
    let fleet = parse(
        r#"
        timings = { planner_interval_ms = 1, backoff_first_ms = 2, backoff_max_ms = 3, recheck_ms = 600_000 }
        planner = { max_removal_percent = 100, suspect_percent = 1, suspect_for_ms = 0 }
        store = { keep_newest = 10_000 }
        [[endpoint]]
        name = "DB.example."
        ttl = 0
        [[endpoint.target]]
        address = "2001:db8::1"
        zone = "z1"
        capacity = 1_000_000
        weight = 1
        [[health]]
        at = 9
        target = "2001:db8:0::1"
        capacity = 0
        [[health]]
        at = 1
        target = "2001:db8::1"
        healthy = false
        "#,
    );
    let millis = Duration::from_millis;
    let timings = Timings {
        planner_interval: millis(1),
        backoff_first: millis(2),
        backoff_max: millis(3),
        recheck: millis(600_000),
    };
    assert_eq!(fleet.timings(), timings);
    let limits = ChangeLimits {
        max_removal_percent: 100,
        suspect_percent: 1,
        suspect_for: millis(0),
    };
    assert_eq!(fleet.change_limits(), limits);
    assert_eq!(fleet.retention(), Retention::newest(10_000));
    let endpoint = &fleet.endpoints()[0];
    assert_eq!(
        (endpoint.name().as_str(), endpoint.ttl()),
        ("db.example", 0)
    );
    let target = FleetTarget {
        address: "2001:db8::1".parse().unwrap(),
        zone: "z1".to_owned(),
        capacity: 1_000_000,
        weight: 1,
        tier: 0,
        drained: false,
        check: None,
    };
    assert_eq!(endpoint.targets(), [target]);
    let steps: Vec<_> = fleet.health_script().iter().collect();
    let said: Vec<_> = steps
        .iter()
        .map(|s| (s.at, s.healthy, s.capacity))
        .collect();
    assert_eq!(said, [(1, Some(false), None), (9, None, Some(0))]);
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_accepted() {
    let text = format!("\u{feff}{}", SMALL.replace('\n', "\r\n"));
    assert_eq!(parse(&text), parse(SMALL));
}

/// The fleet's check, then that of the target, if the endpoint and the target have these
/// tables.
fn checks(fleet: &str, endpoint: &str, target: &str) -> [HealthCheck; 2] {
    let table = |table: &str| match table {
        "" => String::new(),
        fields => format!("health_check = {{ {fields} }}"),
    };
    let own = if target.is_empty() { "" } else { ", " };
    let fleet = parse(&format!(
        "{}\n[[endpoint]]\nname = \"a.example\"\n{}\n\
         target = [{{ address = \"192.0.2.1\", zone = \"z\", capacity = 1{own}{} }}]",
        table(fleet),
        table(endpoint),
        table(target),
    ));
    let target = &fleet.endpoints()[0].targets()[0];
    let of_target = HealthCheck::clone(fleet.check_of(target));
    [HealthCheck::clone(fleet.health_check()), of_target]
}

#[test]
fn a_check_of_each_kind_is_as_the_file_says_and_else_as_documented() {
    let kind = |fields: &str| checks(fields, "", "")[0].kind.clone();
    let host = || Some("b.example".parse().unwrap());
    assert_eq!(kind("kind = \"tcp\""), CheckKind::Tcp);
    assert_eq!(kind("kind = \"tls\""), CheckKind::Tls(TlsCheck::default()));
    let tls = TlsCheck {
        host: host(),
        trust: Trust::Any,
    };
    let fields = "kind = \"tls\", host = \"B.example.\", trust = \"any\"";
    assert_eq!(kind(fields), CheckKind::Tls(tls));
    assert_eq!(
        kind("kind = \"http\", port = 80"),
        CheckKind::Http(HttpCheck::default())
    );
    let CheckKind::Http(https) = kind(
        "kind = \"https\", host = \"b.example\", trust = \"/ca.pem\", method = \"POST\", \
         path = \"/a?b=%20\", status = \"200, 404,500-503\", body = \"well\"",
    ) else {
        panic!("another kind");
    };
    assert_eq!(https.tls, Some(Trust::File("/ca.pem".into())));
    assert_eq!((https.host, https.method), (host(), HttpMethod::Post));
    assert_eq!(https.path.as_str(), "/a?b=%20");
    assert_eq!(https.status.to_string(), "200,404,500-503");
    let among = [199, 200, 201, 404, 499, 500, 503, 504].map(|s| https.status.contains(s));
    assert_eq!(among, [false, true, false, true, false, true, true, false]);
    assert_eq!(https.body.as_deref(), Some("well"));
    assert_eq!(
        kind("kind = \"grpc\", port = 443"),
        CheckKind::Grpc(GrpcCheck::default())
    );
    let grpcs = GrpcCheck {
        tls: Some(Trust::System),
        host: None,
        service: "s".into(),
    };
    let fields = "kind = \"grpcs\", service = \"s\"";
    assert_eq!(kind(fields), CheckKind::Grpc(grpcs));
    let command = CommandCheck {
        program: "/bin/check".into(),
        arguments: vec!["-x".into(), String::new()],
    };
    let fields = "kind = \"command\", command = [\"/bin/check\", \"-x\", \"\"]";
    assert_eq!(kind(fields), CheckKind::Command(command));
}

#[test]
fn a_table_takes_what_it_leaves_out_from_the_one_around_it() {
    let fleet = "kind = \"https\", port = 8443, path = \"/up\", interval_ms = 300, rise = 5";
    let [of_fleet, of_target] = checks(fleet, "", "");
    assert_eq!(of_target, of_fleet);
    assert_eq!(of_fleet.timeout, Duration::from_millis(300));

    // The endpoint changes the path, and the target the port.
    let [_, of_target] = checks(fleet, "path = \"/other\"", "port = 9443, fall = 1");
    let CheckKind::Http(http) = &of_target.kind else {
        panic!("{of_target:?}");
    };
    assert_eq!(http.path.as_str(), "/other");
    assert_eq!(http.tls, Some(Trust::System));
    let numbers = |check: &HealthCheck| (check.port, check.rise, check.fall);
    assert_eq!(numbers(&of_target), (9443, 5, 1));
    assert_eq!(of_target.interval, Duration::from_millis(300));

    // Another kind begins anew, and keeps port, intervals and thresholds.
    let [_, of_target] = checks(fleet, "kind = \"http\"", "");
    assert_eq!(of_target.kind, CheckKind::Http(HttpCheck::default()));
    assert_eq!(numbers(&of_target), (8443, 5, 3));
    let [_, of_target] = checks(fleet, "kind = \"tcp\"", "kind = \"https\"");
    let CheckKind::Http(http) = of_target.kind else {
        panic!("{of_target:?}");
    };
    assert_eq!(http.path.as_str(), "/");
}

#[test]
fn damping_is_off_unless_a_number_of_falls_turns_it_on() {
    let damping = |fleet: &str, target: &str| {
        let [_, of_target] = checks(fleet, "", target);
        let damping = of_target.damping;
        damping.map(|damping| (damping.flaps, damping.half_life.as_secs()))
    };
    assert_eq!(damping("", ""), None);
    assert_eq!(damping("damp_after = 3", ""), Some((3, 60)));
    assert_eq!(damping("damp_after = 1", ""), Some((1, 60)));
    let both = "damp_after = 3, damp_half_life_ms = 5000";
    assert_eq!(damping(both, "port = 1"), Some((3, 5)));
    assert_eq!(damping(both, "damp_half_life_ms = 9000"), Some((3, 9)));
    assert_eq!(damping(both, "damp_after = 0"), None);
}

/// The slowest check of a fleet decides for how long the Planner waits.
#[test]
fn the_windows_of_a_fleet_are_those_of_its_slowest_check() {
    let target = |last: u8, interval: u32| {
        format!(
            "{{ address = \"192.0.2.{last}\", zone = \"z\", capacity = 1, \
             health_check = {{ interval_ms = {interval}, jitter_percent = 0, fall = 2 }} }}"
        )
    };
    let targets = [target(1, 1000), target(2, 7000), target(3, 2000)].join(", ");
    let fleet = parse(&format!(
        "[[endpoint]]\nname = \"a.example\"\ntarget = [{targets}]"
    ));
    assert_eq!(fleet.detection(), Duration::from_millis(2 * 7000 + 500));
    assert_eq!(fleet.first_round(), Duration::from_secs(15));
}

/// Those that check it alike share one check.
#[test]
fn an_address_may_be_at_several_endpoints() {
    let endpoint = |name: &str, check: &str| {
        format!(
            "[[endpoint]]\nname = \"{name}.example\"\nhealth_check = {{ {check} }}\n\
             target = [{{ address = \"192.0.2.1\", zone = \"z\", capacity = 1 }}]\n"
        )
    };
    let fleet = parse(&[endpoint("b", "port = 7"), endpoint("a", "port = 7")].concat());
    let list = Watchlist::of(&fleet);
    let watched = list.targets.values().next().unwrap();
    assert_eq!(watched.check.port, 7);
    assert_eq!(
        watched.endpoint.as_str(),
        "b.example",
        "the first of the file"
    );
    assert_eq!(list.targets.len(), 1);
    let others = [endpoint("c", "rise = 1"), endpoint("d", "port = 443")].concat();
    let fleet = parse(&[endpoint("b", "port = 7"), others].concat());
    assert_eq!(
        Watchlist::of(&fleet).targets.len(),
        3,
        "each in its own way"
    );
}

#[test]
fn a_secondary_listens_on_port_53_and_gets_notify_unless_the_file_says_otherwise() {
    let fleet = parse(
        r#"
        [[dns_zone]]
        apex = "example"
        name_server = [{ name = "ns.test" }]
        secondary = [
            { address = "192.0.2.53" },
            { address = "2001:db8::53", port = 5353, notify = false, tsig_key = "Key.Example." },
        ]
        [[endpoint]]
        name = "db.example"
        target = [{ address = "192.0.2.1", zone = "z", capacity = 1 }]
        "#,
    );
    let secondary = |address: &str, port, notify, key: Option<&str>| DnsSecondary {
        address: address.parse().unwrap(),
        port,
        notify,
        tsig_key: key.map(|key| key.parse().unwrap()),
    };
    assert_eq!(
        fleet.dns_zones()[0].secondaries,
        [
            secondary("192.0.2.53", 53, true, None),
            secondary("2001:db8::53", 5353, false, Some("key.example")),
        ]
    );
}
