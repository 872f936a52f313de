//! When a tick publishes, and when it does not.

use std::net::IpAddr;
use std::sync::Arc;

use control_plane::{Health, PlanError, Planner, TargetHealth, TargetState};
use plan_store::{Generation, MemoryStore, Plan, PlanStore, RecordSet, Target};

use crate::{
    FOUR, at, capacity, down, fleet, health, held, latest, planner, published, serves, unchanged,
    unhealthy,
};

#[test]
fn a_plan_is_published_on_a_change_and_only_then() {
    let (mut planner, store) = planner(fleet(30, &[("db.example", FOUR)]));
    let one_down = unhealthy(&["192.0.2.1"]);
    assert_eq!(planner.tick(&health(&[])).unwrap(), published(1));
    assert_eq!(planner.tick(&health(&[])).unwrap(), unchanged(1));
    assert_eq!(planner.tick(&one_down).unwrap(), published(2));
    assert_eq!(planner.status().newest, Generation::new(2));
    assert_eq!(planner.tick(&one_down).unwrap(), unchanged(2));
    // Reports that come to the same weights are no change.
    let same = health(&[("192.0.2.2", capacity(100)), ("192.0.2.1", down())]);
    assert_eq!(planner.tick(&same).unwrap(), unchanged(2));
    // What counts is the store, not what this Planner published.
    store.republish(Generation::FIRST).unwrap();
    assert_eq!(planner.tick(&one_down).unwrap(), published(4));
    assert_eq!(store.generations().len(), 4);
}

#[test]
fn a_plan_shares_unchanged_records_with_the_plan_before() {
    let other: &[_] = &[("192.0.2.9", 1, 1)];
    let (mut planner, store) = planner(fleet(30, &[("a.example", FOUR), ("b.example", other)]));
    let _ = planner.tick(&health(&[])).unwrap();
    let before = latest(&store);
    let _ = planner.tick(&unhealthy(&["192.0.2.1"])).unwrap();
    let after = latest(&store);
    let shared = |name: &str| {
        let name = name.parse().unwrap();
        Arc::ptr_eq(
            before.records(&name).unwrap(),
            after.records(&name).unwrap(),
        )
    };
    assert!(shared("b.example"), "unchanged");
    assert!(!shared("a.example"), "changed");
}

#[test]
fn an_empty_reading_changes_nothing() {
    let (mut planner, store) = planner(fleet(30, &[("db.example", FOUR)]));
    let refuses = |planner: &mut Planner<MemoryStore>| {
        let error = planner.tick(&Health::new::<IpAddr>(at(0), [])).unwrap_err();
        assert!(matches!(error, PlanError::NoHealth), "{error}");
    };
    refuses(&mut planner);
    assert_eq!(store.generations(), []);
    assert_eq!(
        planner.tick(&unhealthy(&["192.0.2.1"])).unwrap(),
        published(1)
    );
    // Taken for a reading, it would make all targets healthy again.
    refuses(&mut planner);
    assert_eq!(store.generations().len(), 1);
}

/// A change of the time to live alone is a change.
#[test]
fn another_ttl_is_published() {
    let text = |ttl| {
        format!(
            "[[endpoint]]\nname = \"a.example\"\nttl = {ttl}\n\
             target = [{{ address = \"192.0.2.1\", zone = \"z\", capacity = 1 }}]"
        )
    };
    let (mut planner, store) = planner(crate::parse(&text(5)));
    planner.tick(&health(&[])).unwrap();
    planner.set_fleet(crate::parse(&text(6)), at(0));
    assert_eq!(planner.tick(&health(&[])).unwrap(), published(2));
    assert_eq!(serves(&store, "a"), "1");
    let plan = latest(&store);
    assert!(plan.endpoints().all(|(_, records)| records.ttl() == 6));
}

/// Another process publishes an endpoint that this Planner's fleet does not have.
#[test]
fn an_endpoint_of_another_planner_is_not_taken_away() {
    let (mut planner, store) = planner(fleet(30, &[("a.example", FOUR)]));
    planner.tick(&health(&[])).unwrap();
    let both = fleet(30, &[("a.example", FOUR), ("b.example", FOUR)]);
    let mut other = Planner::new(store.clone(), both);
    assert_eq!(other.tick(&health(&[])).unwrap(), published(2));
    assert_eq!(planner.tick(&health(&[])).unwrap(), unchanged(2));
    assert_eq!(serves(&store, "b"), "1 2 3 4");
    assert_eq!(held(&planner), ["b.example"]);
    // Neither is in the way of the other's health.
    assert_eq!(
        planner.tick(&unhealthy(&["192.0.2.1"])).unwrap(),
        published(3)
    );
    assert_eq!(
        other.tick(&unhealthy(&["192.0.2.1"])).unwrap(),
        unchanged(3)
    );
}

#[test]
fn a_fleet_before_the_first_tick_is_checked_at_once() {
    let (mut planner, _store) = planner(fleet(30, &[("a.example", FOUR)]));
    let other: &[_] = &[("192.0.2.9", 1, 1)];
    planner.set_fleet(fleet(30, &[("a.example", other)]), at(0));
    let watched = planner.watchlist().targets.keys();
    let watched: Vec<_> = watched.map(|target| target.address).collect();
    assert_eq!(watched, ["192.0.2.9".parse::<IpAddr>().unwrap()]);
}

/// The endpoint has not been in a plan, so no target of its first configuration is needed.
#[test]
fn a_new_endpoint_that_changes_before_it_is_served_leaves_no_target_behind() {
    let a = ("a.example", FOUR);
    let (mut planner, store) = planner(fleet(30, &[a]));
    planner.tick(&health(&[])).unwrap();
    let both: &[_] = &[("192.0.2.8", 1, 1), ("192.0.2.9", 1, 1)];
    let unknown = TargetHealth::from(TargetState::Unknown);
    let none = health(&[("192.0.2.8", unknown), ("192.0.2.9", unknown)]);
    planner.set_fleet(fleet(30, &[a, ("b.example", both)]), at(0));
    assert_eq!(planner.tick(&none).unwrap(), unchanged(1));
    planner.set_fleet(fleet(30, &[a, ("b.example", &both[1..])]), at(0));
    assert!(held(&planner).is_empty());
    let first = "192.0.2.8".parse::<IpAddr>().unwrap();
    let watched = &planner.watchlist().targets;
    assert!(watched.keys().all(|target| target.address != first));
    let one = health(&[("192.0.2.9", unknown)]);
    assert_eq!(planner.tick(&one).unwrap(), unchanged(1));
    assert_eq!(serves(&store, "b"), "");
}

/// An operator publishes a plan by hand. What is in it has not answered for that.
#[test]
fn a_plan_of_another_author_proves_no_target() {
    let [three, four] = [&FOUR[..3], FOUR];
    let (mut planner, store) = planner(fleet(30, &[("a.example", three)]));
    planner.tick(&health(&[])).unwrap();
    planner.set_fleet(fleet(30, &[("a.example", four)]), at(0));
    let fails = health(&[("192.0.2.4", TargetState::Failing.into())]);
    assert_eq!(planner.tick(&fails).unwrap(), unchanged(1));
    let targets = (1..=4).map(|last| Target::new([192, 0, 2, last].into(), 255));
    let records = RecordSet::new(latest(&store).endpoints().next().unwrap().1.ttl(), targets);
    let plan = Plan::new([("a.example".parse().unwrap(), records.unwrap())]).unwrap();
    store.publish(Arc::new(plan)).unwrap();
    assert_eq!(planner.tick(&fails).unwrap(), published(3));
    assert_eq!(serves(&store, "a"), "1 2 3");
}

#[test]
fn a_capacity_counts_as_long_as_it_is_reported() {
    let (mut planner, store) = planner(fleet(30, &[("a.example", &FOUR[..2])]));
    for (reports, expected) in [
        (&[("192.0.2.1", capacity(50))][..], [128, 255]),
        (&[], [255, 255]),
    ] {
        planner.tick(&health(reports)).unwrap();
        let plan = latest(&store);
        let (_, records) = plan.endpoints().next().unwrap();
        let weights: Vec<_> = records.targets().map(|target| target.weight).collect();
        assert_eq!(weights, expected);
    }
}
