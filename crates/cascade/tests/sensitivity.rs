//! Which parameters the recoveries depend on.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::Path;
use std::sync::Mutex;

use cascade::{
    PUBLISHED, Parameter, Parameters, Scenario, Sensitivity, Service, SourceKind, SpanEnd, Switch,
    Time, sensitivity, sensitivity_days, simulate,
};

/// The scenario of October with these parameters assumed and all others published, so
/// that few are varied.
fn assuming(names: &[&str]) -> Scenario {
    let line = |it: &Parameter| {
        let (section, key) = it.name.split_once('.').unwrap();
        let value = match it.unit {
            "UTC" => format!("{:?}", it.value),
            _ => it.value.clone(),
        };
        let kind = if names.contains(&it.name.as_str()) {
            "assumed"
        } else {
            "published"
        };
        let unit = it.unit;
        format!(
            "{section}.{key} = {{ value = {value}, unit = \"{unit}\", source = \"{kind}: x\" }}\n"
        )
    };
    let parameters = Parameters::default();
    let file: String = parameters.list_all().iter().map(line).collect();
    Scenario {
        parameters: Parameters::parse(&file, Path::new("p.toml")).unwrap(),
        ..Scenario::october_2025()
    }
}

fn names(found: &Sensitivity) -> Vec<&str> {
    let influences = found.influences.iter();
    influences.map(|it| it.parameter.name.as_str()).collect()
}

fn place(service: Service, wave: u8) -> usize {
    let is = |it: &cascade::Published| (it.service, it.wave) == (service, wave);
    PUBLISHED.iter().position(is).unwrap()
}

#[test]
fn assumed_parameters_are_varied_and_the_strongest_comes_first() {
    let assumed = [
        "redshift.clusters",
        "droplets.restart_time",
        "tables.catch_up",
    ];
    let scenario = assuming(&assumed);
    let done = Mutex::new(Vec::new());
    let found = sensitivity(&scenario, 2, &|days| done.lock().unwrap().push(days));
    let mut done = done.into_inner().unwrap();
    done.sort_unstable();
    let days: Vec<_> = (1..=sensitivity_days(&scenario, 2)).collect();
    assert_eq!((done, days.len()), (days, 14));

    assert_eq!(found.seeds, 2);
    assert_eq!(names(&found).first(), Some(&"droplets.restart_time"));
    assert!(
        found
            .influences
            .is_sorted_by(|a, b| a.strength() >= b.strength())
    );
    let all: Vec<_> = found
        .influences
        .iter()
        .map(|it| it.parameter.value.clone())
        .collect();
    assert_eq!(all.len(), 3);

    // The same days, one by one.
    let restarts = &found.influences[0];
    let span = place(Service::Droplets, 0);
    let recovery = |value: f64| {
        let scenario = scenario.clone();
        let parameters = scenario.parameters.with("droplets.restart_time", value);
        let scenario = Scenario {
            parameters: parameters.unwrap(),
            ..scenario
        };
        [1, 2].map(|seed| {
            let day = simulate(&scenario, seed);
            day.service(Service::Droplets)
                .spells
                .last()
                .unwrap()
                .recovery
                .unwrap()
                .minutes()
        })
    };
    let base = recovery(190.0);
    for (shift, value) in [
        (restarts.less[span], 190.0 * 0.8),
        (restarts.more[span], 190.0 * 1.2),
    ] {
        let varied = recovery(value);
        let mut by = [varied[0] - base[0], varied[1] - base[1]];
        by.sort_by(f64::total_cmp);
        assert!((shift.minutes - by[0]).abs() < 1e-9, "{shift:?}, {by:?}");
        assert_eq!(shift.end, SpanEnd::Recovers);
        assert!(shift.minutes.abs() > 5.0, "{shift:?}");
    }
    assert!(restarts.less[span].minutes < 0.0 && restarts.more[span].minutes > 0.0);

    // Replicas have nothing to do with restarts.
    assert!(restarts.less[place(Service::GlobalTables, 0)].minutes.abs() < 1e-9);
    let mean = restarts.more.iter().map(|it| it.minutes).sum::<f64>() / 15.0;
    assert!((restarts.mean_more() - mean).abs() < 1e-9);
    let (_, less, more) = restarts.moved_most().unwrap();
    let most = less.minutes.abs().max(more.minutes.abs());
    let all = restarts.less.iter().chain(&restarts.more);
    assert!(all.into_iter().all(|it| it.minutes.abs() <= most));
}

#[test]
fn a_wave_that_does_not_come_and_an_outage_that_does_not_end_are_marked() {
    let found = sensitivity(&assuming(&["tokens.capacity", "launches.shed"]), 1, &|_| {});
    let of = |name: &str| {
        found
            .influences
            .iter()
            .find(|it| it.parameter.name == name)
            .unwrap()
    };
    // With more capacity, STS has no second wave in the afternoon.
    let second = place(Service::Tokens, 2);
    let spared = of("tokens.capacity").more[second];
    assert_eq!(spared.end, SpanEnd::Spared);
    assert!(spared.minutes < 0.0, "{spared:?}");
    // With fewer launches let in, Network Manager has work for longer, so checks flap again
    // when fail-over is on again.
    let balancers = place(Service::LoadBalancers, 0);
    let lasts = of("launches.shed").less[balancers];
    assert_eq!(lasts.end, SpanEnd::Lasts);
    let rest = Time::END.minutes_since(PUBLISHED[balancers].recovery);
    assert!((lasts.minutes - rest).abs() < 5.0, "{lasts:?}");
}

#[test]
fn the_same_on_any_number_of_threads() {
    let scenario = assuming(&["droplets.restart_time", "lambda.late"]);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().unwrap();
        pool.install(|| sensitivity(&scenario, 2, &|_| {}))
    };
    assert_eq!(on(1), on(4));
}

#[test]
fn for_a_switch_the_time_since_the_deletion_is_varied() {
    let scenario = assuming(&["switches.network_shed"]);
    let found = sensitivity(&scenario, 1, &|_| {});
    let recovery = |at: Time| {
        let mut scenario = scenario.clone();
        let parameters = scenario.parameters.clone();
        scenario.parameters = parameters.with_switch(Switch::NetworkShed, Some(at));
        let day = simulate(&scenario, 1);
        let last = day.service(Service::Launches).spells.last().copied();
        last.unwrap().recovery.unwrap().minutes()
    };
    let base = recovery(Time::of_day(15, 30));
    // 8 h 42 min after 06:48, and a fifth less and more of that.
    let fifth = (8 * 60 + 42) * 60 / 5;
    let [early, late] = [15 * 3600 + 30 * 60 - fifth, 15 * 3600 + 30 * 60 + fifth];
    let [early, late] = [early, late].map(|at| recovery(Time::from_seconds(at)) - base);
    let (launches, shed) = (place(Service::Launches, 0), &found.influences[0]);
    assert!(
        (shed.less[launches].minutes - early).abs() < 1e-9,
        "{early}"
    );
    assert!((shed.more[launches].minutes - late).abs() < 1e-9, "{late}");
    assert!(early.abs() > 60.0, "{early}");
}

/// Published parameters, and those of unused architectures, are not varied.
#[test]
fn only_assumed_parameters_in_use_are_varied() {
    let scenario = Scenario::october_2025();
    let all = scenario.parameters.list_all().iter();
    let assumed = all.filter(|it| it.source.kind == SourceKind::Assumed);
    let at_play = assumed.filter(|it| !it.name.starts_with("architecture."));
    assert_eq!(sensitivity_days(&scenario, 1), 1 + 2 * at_play.count());
    let elsewhere = Scenario {
        architecture: cascade::Architecture::CELLS,
        ..scenario.clone()
    };
    assert_eq!(
        sensitivity_days(&elsewhere, 1),
        sensitivity_days(&scenario, 1) + 2 * 7
    );
}
