//! Laws that hold for all parameters, timelines and seeds.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::Path;

use cascade::{
    Architecture, Counts, DnsAnswer, DnsTimeline, Outcome, Parameters, Scenario, Series, Service,
    Switch, Time, simulate, study,
};
use proptest::prelude::*;

/// Some parameters that change a day much.
const VARIED: [(&str, f64, f64); 10] = [
    ("demand.scale", 0.0, 3.0),
    ("dns.negative_ttl", 30.0, 3600.0),
    ("droplets.count", 20.0, 300.0),
    ("droplets.work", 0.5, 20.0),
    ("droplets.time_out", 30.0, 300.0),
    ("launches.persistence", 0.0, 1.0),
    ("network.capacity", 300.0, 3000.0),
    ("balancers.count", 10.0, 100.0),
    ("lambda.capacity", 0.5, 3.0),
    ("containers.launched", 0.5, 3.0),
];

fn parameters() -> impl Strategy<Value = Parameters> {
    let shares = prop::array::uniform::<_, 10>(0.0..=1.0f64);
    shares.prop_map(|shares| {
        let varied = VARIED.iter().zip(shares);
        varied.fold(
            Parameters::default(),
            |parameters, ((name, least, most), share)| {
                parameters
                    .with(name, least + share * (most - least))
                    .unwrap()
            },
        )
    })
}

fn timeline() -> impl Strategy<Value = DnsTimeline> {
    let answers = [DnsAnswer::Current, DnsAnswer::Stale, DnsAnswer::Empty];
    let step = (1..60usize, prop::sample::select(answers.to_vec()));
    prop::collection::vec(step, 0..8).prop_map(|steps| {
        let mut at = 0;
        let steps = steps.into_iter().map(|(gap, answer)| {
            at += gap;
            (at, answer)
        });
        let anchors = [(0, Time::BEGIN), (100, Time::of_day(16, 0))];
        DnsTimeline::from_steps(steps, &anchors).unwrap()
    })
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let architecture = prop::sample::select(Architecture::ALL.to_vec());
    (timeline(), parameters(), architecture).prop_map(|(dns, parameters, architecture)| Scenario {
        dns,
        parameters,
        architecture,
    })
}

/// All series of the day, each with its name.
fn all_series(day: &Outcome) -> impl Iterator<Item = (Service, &Series)> {
    day.services.iter().flat_map(|service| {
        let series = service.series.iter().chain([&service.impairment]);
        series.map(|series| (service.service, series))
    })
}

/// The same days on one thread and on several.
#[test]
fn a_study_is_the_same_on_any_number_of_threads() {
    let scenario = Scenario::october_2025();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build()
            .unwrap()
            .install(|| study(&scenario, 5, &|_| {}))
    };
    let one = on(1);
    assert_eq!(one, on(4));
    assert_eq!(one.seeds, 5);
}

#[test]
fn progress_counts_each_day_once() {
    let counted = std::sync::Mutex::new(Vec::new());
    study(&Scenario::october_2025(), 4, &|done| {
        counted.lock().unwrap().push(done);
    });
    let mut counted = counted.into_inner().unwrap();
    counted.sort_unstable();
    assert_eq!(counted, [1, 2, 3, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Each request that arrived was served, failed, or waits.
    #[test]
    fn requests_are_conserved(scenario in scenario(), seed: u64) {
        for service in simulate(&scenario, seed).services {
            let Counts { arrived, served, failed, waiting } = service.counts;
            prop_assert_eq!(arrived, served + failed + waiting, "{}", service.service);
        }
    }

    /// No droplet has two leases, nor two requests that count.
    #[test]
    fn leases_never_double(scenario in scenario(), seed: u64) {
        let droplets = scenario.parameters.get("droplets.count").unwrap().floor();
        let day = simulate(&scenario, seed);
        let service = day.service(Service::Droplets);
        let leased = service.series.iter().find(|series| series.key == "leased").unwrap();
        for &leased in &leased.values {
            prop_assert!(f64::from(leased) <= droplets);
        }
        #[allow(clippy::cast_precision_loss, reason = "a small count")]
        let waiting = service.counts.waiting as f64;
        prop_assert!(waiting <= droplets);
    }

    #[test]
    fn the_same_seed_gives_the_same_day(scenario in scenario(), seed: u64) {
        prop_assert_eq!(simulate(&scenario, seed), simulate(&scenario, seed));
    }

    /// A mitigation changes nothing before it is switched on.
    #[test]
    fn a_switch_changes_nothing_before_its_time(
        scenario in scenario(),
        switch in prop::sample::select(Switch::ALL.to_vec()),
        minute in 0..1900u32,
        seed: u64,
    ) {
        let at = Time::BEGIN + minute * 60;
        let with = |at| {
            let parameters = scenario.parameters.clone().with_switch(switch, at);
            simulate(&Scenario { parameters, ..scenario.clone() }, seed)
        };
        let (never, then) = (with(None), with(Some(at)));
        let before = (minute * 60 / cascade::STEP) as usize;
        for ((service, never), (_, then)) in all_series(&never).zip(all_series(&then)) {
            prop_assert_eq!(&never.values[..before], &then.values[..before], "{}", service);
        }
    }

    /// Each share is from 0 to 1.
    #[test]
    fn impairments_are_shares(scenario in scenario(), seed: u64) {
        let day = simulate(&scenario, seed);
        for service in &day.services {
            for &value in &service.impairment.values {
                prop_assert!((0.0..=1.0).contains(&value), "{}: {value}", service.service);
            }
        }
        prop_assert!((0.0..=1.0).contains(&day.customers.blast_radius));
    }

    #[test]
    fn a_timeline_is_read_as_it_is_written(timeline in timeline()) {
        let read = DnsTimeline::parse(&timeline.to_csv(), Path::new("dns.csv")).unwrap();
        prop_assert_eq!(read, timeline);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Each parameter is at one of its bounds or at its usual value. The day ends after a
    /// bounded number of events, and each result is finite.
    #[test]
    fn absurd_parameters_end(picks in prop::collection::vec(0..3usize, 100), seed: u64) {
        let mut parameters = Parameters::default();
        let names: Vec<_> = parameters.list_all().iter().map(|it| it.name.clone()).collect();
        for (name, pick) in names.iter().zip(picks) {
            let Some((least, most)) = Parameters::bounds(name) else { continue };
            let value = [least, most, parameters.get(name).unwrap()][pick];
            parameters = parameters.with(name, value).unwrap();
        }
        let scenario = Scenario { parameters, ..Scenario::october_2025() };
        let day = simulate(&scenario, seed);
        prop_assert!(day.events < 50_000_000, "{}", day.events);
        for (service, series) in all_series(&day) {
            prop_assert!(series.values.iter().all(|it| it.is_finite()), "{service}: {}", series.key);
        }
    }
}
