//! What the guard refuses, and what a confirmation lets pass.

use control_plane::{Fleet, Health, PlanError, Planned, Planner};

use crate::{FOUR, capacity, fleet, health, latest, planner, published, unchanged, unhealthy};

/// The result of a tick from all healthy to `health`.
fn step(fleet: Fleet, health: &Health) -> Result<Planned, String> {
    let (mut planner, store) = planner(fleet);
    planner.tick(&crate::health(&[])).unwrap();
    let result = planner.tick(health).map_err(|error| error.to_string());
    let plans = store.generations().len();
    assert_eq!(plans, if result.is_ok() { 2 } else { 1 });
    result
}

#[test]
fn the_guard_counts_each_endpoint_by_itself_and_small_ones_too() {
    let two = &FOUR[..2];
    let zero = health(&[("192.0.2.1", capacity(0)), ("192.0.2.2", capacity(0))]);
    let refused = [
        (
            30,
            FOUR,
            unhealthy(&["192.0.2.1", "192.0.2.2"]),
            "2 of 4 targets",
        ),
        (30, two, unhealthy(&["192.0.2.1"]), "1 of 2 targets"),
        (49, two, unhealthy(&["192.0.2.2"]), "1 of 2 targets"),
        (24, FOUR, unhealthy(&["192.0.2.2"]), "1 of 4 targets"),
        (0, FOUR, unhealthy(&["192.0.2.2"]), "1 of 4 targets"),
        // Weight 0 is as good as absent.
        (30, FOUR, zero, "2 of 4 targets"),
    ];
    for (allowed, targets, health, says) in refused {
        let error = step(fleet(allowed, &[("db.example", targets)]), &health).unwrap_err();
        assert!(error.contains(says), "`{error}` does not say `{says}`");
        assert!(error.contains("endpoint db.example"), "{error}");
        assert!(error.contains(&format!("{allowed} %")), "{error}");
    }
    let allowed = [
        (25, FOUR, unhealthy(&["192.0.2.1"])),
        (50, two, unhealthy(&["192.0.2.2"])),
        (0, FOUR, health(&[("192.0.2.1", capacity(1))])),
        (
            100,
            FOUR,
            unhealthy(&["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        ),
    ];
    for (allowed, targets, health) in allowed {
        let result = step(fleet(allowed, &[("db.example", targets)]), &health);
        assert_eq!(result, Ok(published(2)), "{allowed} %");
    }
}

#[test]
fn a_large_endpoint_does_not_hide_a_small_one() {
    let small: &[_] = &[("192.0.2.1", 100, 100), ("192.0.2.9", 100, 100)];
    let endpoints = [
        ("a.example", FOUR),
        ("b.example", small),
        ("c.example", small),
    ];
    let error = step(fleet(30, &endpoints), &unhealthy(&["192.0.2.1"])).unwrap_err();
    assert!(
        error.contains("1 of 2 targets from endpoint b.example"),
        "{error}"
    );
    assert!(error.contains("from 2 endpoints in all"), "{error}");
}

#[test]
fn a_target_that_was_drained_before_may_go() {
    let mut targets = FOUR.to_vec();
    targets[0].2 = 0;
    let before = fleet(30, &[("db.example", &targets)]);
    let (mut planner, _store) = planner(before);
    planner.tick(&health(&[])).unwrap();
    planner.set_fleet(fleet(0, &[("db.example", &FOUR[1..])]));
    assert_eq!(planner.tick(&health(&[])).unwrap(), published(2));
    // The targets that can be drawn are the ones that count: 1 of 3.
    planner.set_fleet(fleet(33, &[("db.example", &FOUR[2..])]));
    let error = planner.tick(&health(&[])).unwrap_err().to_string();
    assert!(error.contains("1 of 3 targets"), "{error}");
}

#[test]
fn another_fleet_is_guarded_too_and_an_endpoint_that_goes_counts_in_full() {
    let (mut planner, store) = planner(fleet(99, &[("a.example", FOUR), ("b.example", FOUR)]));
    planner.tick(&health(&[])).unwrap();
    planner.set_fleet(fleet(99, &[("b.example", FOUR), ("c.example", FOUR)]));
    let error = planner.tick(&health(&[])).unwrap_err();
    assert!(
        matches!(&error, PlanError::TooManyRemoved { endpoint, removed: 4, of: 4, allowed_percent: 99, endpoints: 1 } if endpoint.as_str() == "a.example"),
        "{error}"
    );
    assert!(planner.confirm());
    assert_eq!(planner.tick(&health(&[])).unwrap(), published(2));
    let names: Vec<_> = latest(&store)
        .endpoints()
        .map(|(name, _)| name.to_string())
        .collect();
    assert_eq!(names, ["b.example", "c.example"]);
}

#[test]
fn a_confirmation_is_for_the_refused_plan_and_works_once() {
    let (mut planner, store) = planner(fleet(30, &[("db.example", FOUR)]));
    let (all_well, two) = (health(&[]), unhealthy(&["192.0.2.1", "192.0.2.2"]));
    let other_two = unhealthy(&["192.0.2.3", "192.0.2.4"]);
    planner.tick(&all_well).unwrap();
    assert!(!planner.confirm(), "nothing to confirm");

    // Refused until confirmed, however often.
    for _ in 0..3 {
        planner.tick(&two).unwrap_err();
    }
    // A confirmation is not for another plan, and is void after it.
    assert!(planner.confirm());
    for refused in [&other_two, &other_two, &two, &two] {
        planner.tick(refused).unwrap_err();
    }
    assert_eq!(store.generations().len(), 1);

    // It is for the plan that was refused, and works once.
    assert!(planner.confirm());
    assert_eq!(planner.tick(&two).unwrap(), published(2));
    assert!(!planner.confirm(), "used up");
    assert_eq!(planner.tick(&all_well).unwrap(), published(3));
    planner.tick(&two).unwrap_err();

    // It is void once the store's plan is the desired one again.
    assert!(planner.confirm());
    assert_eq!(planner.tick(&all_well).unwrap(), unchanged(3));
    planner.tick(&two).unwrap_err();
}

/// An operator confirms a plan, and the fleet file is read again before the next tick.
#[test]
fn a_confirmation_outlasts_another_fleet_that_wants_the_same_plan() {
    let here = || fleet(30, &[("db.example", FOUR)]);
    let (mut planner, _) = planner(here());
    let two = unhealthy(&["192.0.2.1", "192.0.2.2"]);
    planner.tick(&health(&[])).unwrap();
    planner.tick(&two).unwrap_err();
    assert!(planner.confirm());
    planner.set_fleet(here());
    assert_eq!(planner.tick(&two).unwrap(), published(2));
}

#[test]
fn the_guard_judges_from_the_stores_plan_and_not_from_what_this_planner_published() {
    let (mut planner, store) = planner(fleet(60, &[("db.example", FOUR)]));
    planner.tick(&health(&[])).unwrap();
    // Another Planner takes two of the four away.
    let mut other = Planner::new(store, fleet(60, &[("db.example", &FOUR[..2])]));
    assert_eq!(other.tick(&health(&[])).unwrap(), published(2));
    // The other two instead: half of what this Planner published, all that is there.
    let error = planner.tick(&unhealthy(&["192.0.2.1", "192.0.2.2"]));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("2 of 2 targets"), "{error}");
}

#[test]
fn exactly_the_allowed_share_may_go_and_no_target_more() {
    let ten: Vec<_> = (1..=10).map(|n| format!("192.0.2.{n}")).collect();
    let targets: Vec<_> = ten.iter().map(|address| (address.as_str(), 1, 1)).collect();
    for (allowed, down, may_go) in [
        (30, 2, true),
        (30, 3, true),
        (30, 4, false),
        (29, 3, false),
        (39, 3, true),
        (39, 4, false),
        (0, 0, true),
        (0, 1, false),
        (90, 9, true),
    ] {
        let down: Vec<_> = ten[..down].iter().map(String::as_str).collect();
        let mut all = unhealthy(&down);
        // A plan of another weight, so that there is something to publish.
        if down.is_empty() {
            all = health(&[("192.0.2.10", capacity(2))]);
        }
        let result = step(fleet(allowed, &[("db.example", &targets)]), &all);
        assert_eq!(
            result.is_ok(),
            may_go,
            "{} of 10 at {allowed} %: {result:?}",
            down.len()
        );
    }
}
