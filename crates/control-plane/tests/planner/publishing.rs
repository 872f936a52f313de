//! When a tick publishes, and when it does not.

use std::sync::Arc;

use control_plane::{Health, PlanError, Planner};
use plan_store::{Generation, MemoryStore, PlanStore};

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
        let error = planner.tick(&Health::new(at(0), [])).unwrap_err();
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
