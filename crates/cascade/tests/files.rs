//! Files of parameters and of timelines: an error names the mistake and its place.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed step is a failed test"
)]

use std::fmt::Write as _;
use std::path::Path;

use cascade::{DnsTimeline, Error, Parameters, Source, SourceKind, Switch, Time};

fn refused(text: &str) -> String {
    Parameters::parse(text, Path::new("p.toml"))
        .unwrap_err()
        .to_string()
}

#[test]
fn a_mistake_in_a_parameter_file_is_named_with_its_place() {
    let field = |value: &str| format!("[dns]\nnegative_ttl = {value}\n");
    let whole = |value: &str, unit: &str, source: &str| {
        field(&format!(
            "{{ value = {value}, unit = \"{unit}\", source = \"{source}\" }}"
        ))
    };
    let cases = [
        ("[dns\n".to_owned(), "p.toml:1:5: "),
        ("[network_x]\n".into(), "p.toml:1:2: there is no section `network_x`"),
        ("dns = 3\n".into(), "p.toml:1:7: `dns` is not a section; write `[dns]`, and its parameters below"),
        ("[dns]\nttl = 3\n".into(), "p.toml:2:1: there is no parameter `dns.ttl`"),
        (field("900"), "p.toml:2:16: invalid type: integer `900`, expected `dns.negative_ttl` with its unit and source, written `{ value = "),
        (field("{ value = 900, unit = \"s\" }"), "p.toml:2:16: `dns.negative_ttl` has no source; write"),
        (field("{ value = 900, why = \"s\" }"), "p.toml:2:31: `dns.negative_ttl` has no field `why`"),
        (whole("900", "min", "assumed: x"), "p.toml:2:38: `dns.negative_ttl` is in `s`, not `min`; convert the value"),
        (whole("900", "s", "a guess"), "does not say where the value is from; write `published: `"),
        (whole("900", "s", "assumed: "), "does not say where the value is from; write `published: `"),
        (whole("\\\"900\\\"", "s", "assumed: x"), "p.toml:2:"),
        (whole("'900'", "s", "assumed: x"), "p.toml:2:26: `dns.negative_ttl` is not a number; give 30 to 86400 s"),
        (whole("0x10", "s", "assumed: x"), "p.toml:2:26: `dns.negative_ttl` = 16 is out of bounds; give 30 to 86400 s"),
        (
            field("{ value = 900, unit = 3, source = \"assumed: x\" }"),
            "p.toml:2:38: `dns.negative_ttl` is in `s`, not ``; convert the value",
        ),
        (
            field("{ value = 900, unit = \"s\", source = 3 }"),
            "p.toml:2:52: the source of `dns.negative_ttl` does not say where the value is from; write `published: `",
        ),
        (whole("nan", "s", "assumed: x"), "NaN is out of bounds; give 30 to 86400 s"),
        (whole("1e9", "s", "assumed: x"), "`dns.negative_ttl` = 1000000000 is out of bounds; give 30 to 86400 s"),
        ("[switches]\nfailover = 3\n".into(), "p.toml:2:1: there is no parameter `switches.failover`"),
        (
            "[switches]\nfailover_off = { value = \"25:00\", unit = \"UTC\", source = \"assumed: x\" }\n".into(),
            "p.toml:2:26: `switches.failover_off` is not a time; write \"09:25\", \"21T11:05\" or \"never\"",
        ),
    ];
    for (text, says) in cases {
        let said = refused(&text);
        assert!(said.contains(says), "{text}{said}");
    }
}

#[test]
fn all_mistakes_of_a_parameter_file_are_found_in_their_order() {
    let text = "[switches]\nno = 1\n[dns]\nresolvers = 3\n\
                negative_ttl = { value = 1, unit = 's', source = 'assumed: x' }\n[of]\nus = 1\n";
    let mistakes = Parameters::mistakes(text, Path::new("p.toml"));
    let places = mistakes.iter().map(|mistake| match mistake {
        Error::Bad { line, column, .. } => (*line, *column),
        other => panic!("{other}"),
    });
    assert_eq!(
        places.collect::<Vec<_>>(),
        [(2, 1), (4, 13), (5, 26), (6, 2)]
    );
    let first = Parameters::parse(text, Path::new("p.toml")).unwrap_err();
    assert_eq!(first.to_string(), mistakes[0].to_string());
    assert!(Parameters::mistakes("", Path::new("p.toml")).is_empty());
}

#[test]
fn parameters_that_a_file_leaves_out_keep_their_values() {
    let text = "[switches]\nfailover_off = { value = \"never\", unit = \"UTC\", source = \"assumed: what if\" }\n";
    let parameters = Parameters::parse(text, Path::new("p.toml")).unwrap();
    assert_eq!(parameters.switch(Switch::FailoverOff), None);
    assert_eq!(
        parameters.switch(Switch::FailoverOn),
        Some(Time::of_day(21, 9))
    );
    assert_eq!(parameters.get("dns.negative_ttl"), Some(900.0));
    let listed = parameters
        .list_all()
        .iter()
        .find(|it| it.name == "switches.failover_off");
    let source = Source {
        kind: SourceKind::Assumed,
        why: "what if".into(),
    };
    assert_eq!(listed.unwrap().source, source);
    assert_eq!(
        parameters.list_all().len(),
        Parameters::default().list_all().len()
    );
}

#[test]
fn each_parameter_has_a_description_and_a_source() {
    for it in Parameters::default().list_all() {
        assert!(!it.about.is_empty() && !it.source.why.is_empty(), "{it:?}");
    }
}

#[test]
fn a_parameter_is_changed_within_its_bounds_only() {
    let with = |name, value| Parameters::default().with(name, value);
    assert_eq!(
        with("demand.scale", 2.0).unwrap().get("demand.scale"),
        Some(2.0)
    );
    let said = with("demand.scale", -1.0).unwrap_err().to_string();
    assert_eq!(
        said,
        "parameter `demand.scale`: -1 is out of bounds; give 0 to 20 ratio"
    );
    let said = with("demand.size", 1.0).unwrap_err().to_string();
    assert!(
        said.starts_with("parameter `demand.size`: there is no parameter of this name"),
        "{said}"
    );
}

#[test]
fn a_mistake_in_a_timeline_is_named_with_its_place() {
    let mut many = String::new();
    for at in 0..10_001u32 {
        let answer = ["empty", "current"][at as usize % 2];
        let _ = writeln!(many, "{},{answer}", Time::from_seconds(at));
    }
    let cases = [
        (
            String::new(),
            "dns.csv:1:1: the file is empty; begin with `at,answer`",
        ),
        ("# only this\n".into(), "dns.csv:1:1: the file is empty"),
        (
            "06:48,empty\n".into(),
            "dns.csv:1:1: the header is missing; begin with `at,answer`",
        ),
        (
            "at,answer\n  06:48\n".into(),
            "dns.csv:2:3: `06:48` is no change; write a time, a comma",
        ),
        (
            "at,answer\n6.48,empty\n".into(),
            "dns.csv:2:1: `6.48` is no time; write 09:25",
        ),
        (
            "at,answer\n06:48,gone\n".into(),
            "dns.csv:2:7: `gone` is no answer; write current",
        ),
        (
            "at,answer\n06:48,empty\n\n# then\n06:48,current\n".into(),
            "dns.csv:5:1: 06:48 is not later than 06:48; put the changes in order",
        ),
        (
            format!("at,answer\n{many}"),
            "there are more than 10000 changes; leave some out",
        ),
    ];
    for (text, says) in cases {
        let said = DnsTimeline::parse(&text, Path::new("dns.csv"))
            .unwrap_err()
            .to_string();
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let load = |path: &str| Parameters::load(Path::new(path)).unwrap_err();
    assert!(matches!(load("no-such.toml"), Error::Unreadable { .. }));
    assert!(
        load("no-such.toml")
            .to_string()
            .starts_with("no-such.toml cannot be read")
    );
    assert!(matches!(load("src"), Error::Unreadable { .. }));
}

#[test]
fn steps_that_make_no_timeline_are_refused() {
    use cascade::DnsAnswer::Empty;
    let anchors = [(1, Time::BEGIN), (9, Time::DELETED)];
    let from = |steps: &[usize], anchors: &[(usize, Time)]| {
        DnsTimeline::from_steps(steps.iter().map(|&step| (step, Empty)), anchors)
    };
    assert!(from(&[1, 5, 40], &anchors).is_ok());
    for (steps, anchors, says) in [
        (
            &[5, 4][..],
            &anchors[..],
            "in the order in which they were taken",
        ),
        (&[5], &anchors[..1], "two anchors or more"),
        (
            &[5],
            &[(9, Time::BEGIN), (1, Time::DELETED)],
            "each later than the last",
        ),
        (
            &[5],
            &[(1, Time::DELETED), (9, Time::BEGIN)],
            "each later than the last",
        ),
    ] {
        let said = from(steps, anchors).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
    }
}
