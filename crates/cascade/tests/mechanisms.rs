//! Each effect has its cause: without the cause, the effect does not happen.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use cascade::{DnsTimeline, Outcome, Parameters, Scenario, Service, Spell, Switch, Time, simulate};

/// The day with some parameters changed, and without some switches.
fn day(changed: &[(&str, f64)], never: &[Switch]) -> Outcome {
    let mut parameters = Parameters::default();
    for &(name, value) in changed {
        parameters = parameters.with(name, value).unwrap();
    }
    for &switch in never {
        parameters = parameters.with_switch(switch, None);
    }
    simulate(
        &Scenario {
            parameters,
            ..Scenario::october_2025()
        },
        1,
    )
}

fn spells(day: &Outcome, service: Service) -> &[Spell] {
    &day.service(service).spells
}

/// The largest value of a series from a time on.
fn most(day: &Outcome, service: Service, key: &str, from: Time) -> f32 {
    let series = day
        .service(service)
        .series
        .iter()
        .find(|it| it.key == key)
        .unwrap();
    let since = ((from.seconds() - Time::BEGIN.seconds()) / cascade::STEP) as usize;
    series.values[since..].iter().copied().fold(0.0, f32::max)
}

/// Half an hour after the name is repaired.
const CALM_AGAIN: Time = Time::of_day(9, 55);

#[test]
fn without_an_outage_no_service_is_impaired() {
    let calm = Scenario {
        dns: DnsTimeline::calm(),
        ..Scenario::october_2025()
    };
    for service in simulate(&calm, 1).services {
        assert_eq!(service.spells, [], "{}", service.service);
    }
}

#[test]
fn without_a_throttle_the_collapse_never_ends() {
    let day = day(&[], &[Switch::DwfmThrottle]);
    assert_eq!(spells(&day, Service::Droplets)[0].recovery, None);
    // The hosts are busy to the end, without any effect.
    assert!(most(&day, Service::Droplets, "queue", Time::of_day(37, 0)) > 3600.0);
}

/// A host that can renew all its droplets within twice the time-out catches up.
#[test]
fn with_half_the_load_the_collapse_does_not_happen() {
    for (name, half) in [("droplets.count", 300.0), ("droplets.work", 3.5)] {
        let day = day(&[(name, half)], &[Switch::DwfmThrottle]);
        let recovery = spells(&day, Service::Droplets)[0].recovery.unwrap();
        assert!(recovery < CALM_AGAIN, "{name}: {recovery}");
    }
}

#[test]
fn with_a_time_out_as_long_as_the_work_the_collapse_does_not_happen() {
    let day = day(&[("droplets.time_out", 210.0)], &[Switch::DwfmThrottle]);
    assert!(spells(&day, Service::Droplets)[0].recovery.unwrap() < CALM_AGAIN);
}

#[test]
fn with_throttling_by_queue_length_the_collapse_does_not_happen() {
    let parameters = Parameters::default()
        .with_switch(Switch::DwfmThrottle, None)
        .with_switch(Switch::QueueThrottle, Some(Time::BEGIN));
    let day = simulate(
        &Scenario {
            parameters,
            ..Scenario::october_2025()
        },
        1,
    );
    assert!(spells(&day, Service::Droplets)[0].recovery.unwrap() < CALM_AGAIN);
}

#[test]
fn with_a_short_negative_ttl_the_name_is_back_at_once() {
    let day = day(&[("dns.negative_ttl", 30.0)], &[]);
    let recovery = spells(&day, Service::DynamoDb)[0].recovery.unwrap();
    assert!(recovery <= Time::of_day(9, 26), "{recovery}");
}

#[test]
fn without_repeated_launches_network_manager_keeps_up() {
    assert_ne!(spells(&day(&[], &[]), Service::NetworkManager), []);
    let day = day(&[("launches.persistence", 0.0)], &[]);
    assert_eq!(spells(&day, Service::NetworkManager), []);
}

/// The services that the flapping impairs, with and without its cause.
#[test]
fn with_network_state_in_time_no_check_flaps_and_no_service_behind_it_is_impaired() {
    let second_wave = |day: &Outcome, service| {
        let spells = spells(day, service).iter();
        spells
            .filter(|spell| spell.onset > Time::of_day(12, 0))
            .count()
    };
    let behind = [
        Service::LoadBalancers,
        Service::Tokens,
        Service::Connect,
        Service::Lambda,
    ];
    let as_it_was = day(&[], &[]);
    let in_time = day(
        &[("network.capacity", 20_000.0), ("network.least_delay", 0.1)],
        &[],
    );
    for service in behind {
        assert_eq!(second_wave(&as_it_was, service), 1, "{service}");
        assert_eq!(second_wave(&in_time, service), 0, "{service}");
    }
}

#[test]
fn the_checker_is_overloaded_by_the_work_that_flapping_makes() {
    let after = Time::of_day(12, 0);
    let overdue = |work| {
        let day = day(&[("balancers.change_work", work)], &[]);
        let out = most(&day, Service::LoadBalancers, "out_growing", after);
        (most(&day, Service::LoadBalancers, "overdue", after), out)
    };
    let ((late, out), (light_late, light_out)) = (overdue(20.0), overdue(0.0));
    assert!(late > 5.0, "{late}");
    assert!(light_late < 0.1, "{light_late}");
    assert!(out > light_out * 1.2, "{out} {light_out}");
}

#[test]
fn with_fail_over_left_on_capacity_stays_out() {
    let day = day(&[], &[Switch::FailoverOff, Switch::FailoverOn]);
    let out = most(
        &day,
        Service::LoadBalancers,
        "out_growing",
        Time::of_day(18, 0),
    );
    assert!(out > 0.1, "{out}");
}

#[test]
fn pollers_stay_down_until_people_start_them() {
    let day = day(&[], &[Switch::PollersRestored]);
    assert_eq!(spells(&day, Service::Lambda)[0].recovery, None);
    assert!(most(&day, Service::Lambda, "pollers", Time::of_day(12, 0)) < 0.05);
}

#[test]
fn containers_and_clusters_wait_for_launches() {
    let day = day(&[], &[Switch::DwfmThrottle]);
    for service in [Service::Containers, Service::RedshiftClusters] {
        assert_eq!(spells(&day, service)[0].recovery, None, "{service}");
    }
}

/// People do not throttle a service that works.
#[test]
fn without_an_outage_launches_are_not_throttled() {
    let calm = Scenario {
        dns: DnsTimeline::calm(),
        ..Scenario::october_2025()
    };
    let day = simulate(&calm, 1);
    let failed = most(&day, Service::Launches, "failed", Time::BEGIN);
    assert!(failed < 0.01, "{failed}");
}
