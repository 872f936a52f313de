//! A medium that fails: the store refuses changes with an error, serves what it has, and goes on
//! when the medium works again.

use plan_store::{Activation, PlanStore, Retention};
use plan_store_disk::{DiskStore, Error};

use crate::medium::Medium;
use crate::world::{Content, pass, plan, publish_next};

const KEEP: Retention = Retention::newest(2);

fn begun(medium: &Medium) -> DiskStore {
    let store = DiskStore::on(medium.opener(), KEEP).unwrap();
    for _ in 0..3 {
        publish_next(&store);
        let _ = pass(&store);
    }
    store
}

/// A fault at each write and sync of a publish, a walk and a sweep; for once, or for long.
#[test]
fn a_change_that_fails_is_not_there_and_the_next_one_is() {
    let mut failures = [0; 3];
    for times in [1, 3, i64::MAX] {
        for after in 0..40 {
            let medium = Medium::new(Vec::new(), 0, 0);
            let store = begun(&medium);
            medium.fail(after, times);
            let before = Content::of(&store);
            let published = store.publish(plan(4));
            if published.is_err() {
                failures[0] += 1;
                assert_eq!(Content::of(&store), before, "publish, {times} × at {after}");
            }
            if published.is_err() && times == i64::MAX {
                assert!(store.health().is_err());
                assert!(matches!(
                    store.set_note("note", b"x"),
                    Err(Error::NotWritten { .. })
                ));
            }
            let before = Content::of(&store);
            let pin = store.latest().unwrap().unwrap();
            let outcomes: Vec<_> = store.activate_all(&pin).map(|(_, o)| o).collect();
            let failed = |o: &Result<Activation, _>| matches!(o, Err(_) | Ok(Activation::Unknown));
            if outcomes.iter().any(failed) {
                failures[1] += 1;
                assert!(outcomes.iter().all(failed));
                assert_eq!(Content::of(&store), before, "walk, {times} × at {after}");
            }
            drop(pin);
            let applied = *store.generations().last().unwrap();
            failures[2] += u32::from(store.sweep(applied).is_err());

            medium.heal();
            if published.is_err() {
                assert_eq!(publish_next(&store).get(), 4);
            }
            let _ = pass(&store);
            assert!(store.health().is_ok());
            let after_all = Content::of(&store);
            drop(store);
            let again = Medium::new(medium.live(), 0, 0);
            let again = DiskStore::on(again.opener(), KEEP).unwrap();
            assert_eq!(
                Content::of(&again),
                after_all,
                "reopened, {times} × at {after}"
            );
        }
    }
    println!("{failures:?} publishes, walks and sweeps failed");
    assert!(failures.iter().all(|&count| count > 20), "{failures:?}");
}

/// What a process leaves behind that ends while its medium fails.
#[test]
fn a_process_that_ends_while_the_medium_fails_loses_nothing_acknowledged() {
    for after in 0..40 {
        let medium = Medium::new(Vec::new(), 0, 0);
        let store = begun(&medium);
        let before = Content::of(&store);
        medium.fail(after, i64::MAX);
        let published = store.publish(plan(4)).is_ok();
        drop(store);
        let again = Medium::new(medium.live(), 0, 0);
        let again = DiskStore::on(again.opener(), KEEP).unwrap();
        let found = Content::of(&again);
        // A publish that failed may be there after a restart, as its error says.
        assert!(
            found.generations.starts_with(&before.generations),
            "{found:?}"
        );
        assert!(!published || found.generations.len() > before.generations.len());
        let active = |content: &Content| {
            content
                .states
                .iter()
                .map(|s| s.standing.active())
                .collect::<Vec<_>>()
        };
        assert_eq!(active(&found), active(&before));
    }
}

#[test]
fn a_medium_that_cannot_be_opened_is_an_error() {
    for after in 0..3 {
        let medium = Medium::new(Vec::new(), 0, 0);
        medium.fail(after, i64::MAX);
        let error = DiskStore::on(medium.opener(), KEEP).unwrap_err();
        assert!(error.to_string().contains("free space"), "{error}");
    }
}
