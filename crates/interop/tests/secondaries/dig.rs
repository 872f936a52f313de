//! A whole transfer by dig has the records that the plan says, and no others.

use std::collections::BTreeSet;
use std::process::Command;

use interop::started;

use crate::primary::{KEY, Primary, ZONE, secret};
use crate::secondary::free_port;

/// What dig prints.
fn dig(primary: &Primary, algorithm: &str, secret: &str, question: &[&str]) -> String {
    let address = primary.address();
    let mut command = Command::new("dig");
    command.arg(format!("@{}", address.ip()));
    command.args(["-p", &address.port().to_string()]);
    command.args(["-y", &format!("{algorithm}:{KEY}:{secret}")]);
    let output = started("dig", command.arg("+norecurse").args(question).output());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text + &String::from_utf8_lossy(&output.stderr)
}

/// The records, without the signatures.
fn records(text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with(';'));
    let fields = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    lines
        .map(fields)
        .filter(|line| !line.contains("TSIG"))
        .collect()
}

#[test]
fn a_whole_transfer_is_the_plan() {
    let mut primary = Primary::start(free_port());
    for plan in 1..=30 {
        primary.serve(plan);
    }
    let text = dig(&primary, "hmac-sha256", &secret(), &[ZONE, "AXFR"]);
    assert!(!text.contains("Couldn't verify"), "{text}");
    let transferred = records(&text);
    let soa =
        "shop.example. 3600 IN SOA ns1.shop.example. hostmaster.shop.example. 30 60 15 604800 5";
    assert_eq!(
        (transferred.first(), transferred.last()),
        (Some(&soa.into()), Some(&soa.into()))
    );
    let mut expected = BTreeSet::from([
        soa.to_owned(),
        "shop.example. 3600 IN NS ns1.shop.example.".into(),
        "ns1.shop.example. 3600 IN A 192.0.2.253".into(),
    ]);
    let plan = primary.plan();
    for (endpoint, records) in plan.endpoints() {
        let ttl = records.ttl();
        let record =
            |target: plan_store::Target| format!("{endpoint}. {ttl} IN A {}", target.address);
        expected.extend(records.targets().map(record));
    }
    assert_eq!(transferred.len(), expected.len() + 1, "each is there once");
    assert_eq!(transferred.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn an_incremental_transfer_is_what_changed() {
    let mut primary = Primary::start(free_port());
    for plan in 1..=4 {
        primary.serve(plan);
    }
    let text = dig(&primary, "hmac-sha256", &secret(), &[ZONE, "IXFR=3"]);
    let soa = |serial| {
        format!(
            "shop.example. 3600 IN SOA ns1.shop.example. hostmaster.shop.example. {serial} 60 15 604800 5"
        )
    };
    let record = |name: &str, plan: u32| format!("{name}.shop.example. 5 IN A 10.0.0.{plan}");
    let expected = [
        soa(4),
        soa(3),
        record("a", 3),
        "m4.shop.example. 5 IN A 10.0.0.0".into(),
        record("z", 3),
        soa(4),
        record("a", 4),
        record("m4", 4),
        record("z", 4),
        soa(4),
    ];
    let changed = records(&text);
    // Plan 0 has no address that a target may have on all systems, but it is one.
    assert_eq!(changed, expected, "{text}");
}

#[test]
fn a_wrong_secret_an_unknown_algorithm_and_no_key_get_nothing() {
    let mut primary = Primary::start(free_port());
    primary.serve(1);
    for (algorithm, secret) in [
        ("hmac-sha256", crate::secondary::wrong_secret()),
        ("hmac-sha512", secret()),
        ("hmac-md5", secret()),
    ] {
        let text = dig(&primary, algorithm, &secret, &[ZONE, "AXFR"]);
        assert!(text.contains("Transfer failed"), "{text}");
        assert!(!text.contains("hostmaster"), "{text}");
    }
    // The answer to a signed query is one that dig can verify.
    let text = dig(&primary, "hmac-sha256", &secret(), &[ZONE, "SOA"]);
    assert!(
        text.contains("hostmaster") && !text.contains("WARNING"),
        "{text}"
    );
    let text = dig(
        &primary,
        "hmac-sha256",
        &crate::secondary::wrong_secret(),
        &[ZONE, "SOA"],
    );
    assert!(text.contains("BADSIG"), "{text}");
}
